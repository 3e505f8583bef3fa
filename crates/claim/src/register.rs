//! The list of claims, in a stable order, refused as a whole if one of them is no claim.

use std::{collections::HashSet, error::Error, fmt};

use crate::Claim;

/// A topic: what belongs together and is run together.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// Stable name, the crate's: `open-files`.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// Its claims, in the order in which they are best read.
    pub claims: &'static [Claim],
}

/// Topics whose claims have all been checked.
#[derive(Clone, Debug)]
pub struct Register {
    topics: Vec<Topic>,
}

impl Register {
    /// Accepts `topics` if each claim is one: its id unique, its topic right, every quantity with a
    /// control that excludes what the experiment predicts.
    ///
    /// # Errors
    /// The first claim that is not, and why.
    pub fn new(topics: &[Topic]) -> Result<Self, RegisterError> {
        let mut ids = HashSet::new();
        for topic in topics {
            for claim in topic.claims {
                let refuse = |why: String| Err(RegisterError { id: claim.id, why });
                if !ids.insert(claim.id) {
                    return refuse("the id is taken".to_owned());
                }
                if claim.topic != topic.name {
                    return refuse(format!("topic {} listed under {}", claim.topic, topic.name));
                }
                if claim.quantities.is_empty() {
                    return refuse("it predicts nothing".to_owned());
                }
                let mut names = HashSet::new();
                for quantity in claim.quantities {
                    if !names.insert(quantity.name) {
                        return refuse(format!("quantity `{}` stands twice", quantity.name));
                    }
                    if !quantity.experiment.excludes(&quantity.control) {
                        return refuse(format!(
                            "quantity `{}` has no control: {} for the experiment, {} for the control",
                            quantity.name, quantity.experiment, quantity.control
                        ));
                    }
                }
            }
        }
        Ok(Register {
            topics: topics.to_vec(),
        })
    }

    /// The topics, in order.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Every claim, in order.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> + Clone {
        self.topics.iter().flat_map(|topic| topic.claims)
    }

    /// The claim called `id`.
    pub fn get(&self, id: &str) -> Option<&Claim> {
        self.claims().find(|claim| claim.id == id)
    }
}

/// Why a list of claims was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterError {
    /// The claim at fault.
    pub id: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "claim `{}` does not register: {}", self.id, self.why)
    }
}

impl Error for RegisterError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Prediction, Quantity, Reading};
    use std::time::Duration;

    const fn claim(id: &'static str, quantities: &'static [Quantity]) -> Claim {
        Claim {
            id,
            topic: "t",
            statement: "",
            measures: "",
            control: "",
            notes: &[],
            needs: &[],
            syscalls: &[],
            man: &[],
            quantities,
            limit: Duration::from_secs(1),
            measure: |_| Ok(Reading::counters()),
        }
    }

    const GOOD: &[Quantity] = &[Quantity {
        name: "n",
        unit: "",
        experiment: Prediction::Count(1),
        control: Prediction::AtLeast(2.0),
    }];
    const BLIND: &[Quantity] = &[Quantity {
        name: "n",
        unit: "",
        experiment: Prediction::Count(2),
        control: Prediction::AtLeast(2.0),
    }];

    fn register(claims: &'static [Claim]) -> Result<Register, RegisterError> {
        Register::new(&[Topic {
            name: "t",
            title: "",
            claims,
        }])
    }

    #[test]
    fn a_claim_whose_control_could_come_out_alike_is_refused() {
        const CLAIMS: &[Claim] = &[claim("good", GOOD), claim("blind", BLIND)];
        let error = register(CLAIMS).expect_err("refused");
        assert_eq!(error.id, "blind");
        assert!(error.why.contains("no control"), "{error}");
    }

    #[test]
    fn ids_are_unique_and_quantities_are_there() {
        const TWICE: &[Claim] = &[claim("one", GOOD), claim("one", GOOD)];
        const EMPTY: &[Claim] = &[claim("one", &[])];
        assert!(register(TWICE).is_err());
        assert!(register(EMPTY).is_err());
        assert!(register(&[]).is_ok());
    }
}
