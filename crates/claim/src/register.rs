//! The list of claims, in a stable order, refused as a whole if one of them is not a valid claim.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;

use crate::Claim;

/// Columns of a line in which a claim's finding stands behind its id.
const LINE: usize = 80;

/// A topic: what belongs together and is run together. Made by [`Topic::new`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Topic {
    /// Stable name, the crate's: `open-files`.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// Its claims, in the order in which they are best read.
    pub claims: &'static [Claim],
    /// The chapter to read on, a path in the repository.
    pub chapter: Option<&'static str>,
    /// Whether its claims run where none is named.
    pub is_in_tour: bool,
}

impl Topic {
    /// A topic of claims, each of which says everything that no claim can do without.
    ///
    /// A topic is a constant, so that a claim which leaves something out does not compile:
    ///
    /// ```compile_fail,E0080
    /// use claim::{Claim, Name, Topic};
    ///
    /// const CLAIM: Claim = Claim {
    ///     id: "no-control",
    ///     statement: "It has two predictions and does not say what its control is.",
    ///     measures: "nothing",
    ///     quantities: &[Name("n").count(1, 2)],
    ///     ..Claim::DEFAULT
    /// };
    /// const TOPIC: Topic = Topic::new("t", "a topic", &[CLAIM]);
    /// ```
    ///
    /// # Panics
    /// Where a claim has no id, statement, description, control, act or quantity.
    pub const fn new(name: &'static str, title: &'static str, claims: &'static [Claim]) -> Self {
        let mut rest = claims;
        while let [claim, others @ ..] = rest {
            assert!(!claim.id.is_empty(), "a claim has no `id`");
            assert!(!claim.statement.is_empty(), "a claim has no `statement`");
            assert!(!claim.measures.is_empty(), "a claim has no `measures`");
            assert!(!claim.control.is_empty(), "a claim has no `control`");
            assert!(!claim.acts.is_empty(), "a claim has no `acts`");
            assert!(!claim.quantities.is_empty(), "a claim has no `quantities`");
            rest = others;
        }
        Topic {
            name,
            title,
            claims,
            chapter: None,
            is_in_tour: true,
        }
    }

    /// The same topic, with the chapter to read on: its path in the repository.
    #[must_use]
    pub const fn with_chapter(mut self, chapter: &'static str) -> Self {
        self.chapter = Some(chapter);
        self
    }

    /// The same topic, beside the tour: its claims run where they or the topic are named.
    #[must_use]
    pub const fn beside_the_tour(mut self) -> Self {
        self.is_in_tour = false;
        self
    }
}

/// Topics whose claims have all been checked.
#[derive(Clone, Debug)]
pub struct Register {
    topics: Vec<Topic>,
}

impl Register {
    /// Accepts `topics` if each claim is valid: its id unique, no quantity and no act listed twice,
    /// at most one of the quantities the main one, its finding a line, each quantity with a control
    /// that excludes what the experiment predicts, each act with evidence, and at least one that
    /// the control does not do.
    ///
    /// # Errors
    /// The first claim that is not valid, and why.
    pub fn new(topics: &[Topic]) -> Result<Self, RegisterError> {
        let mut ids = HashSet::new();
        for topic in topics {
            for claim in topic.claims {
                let refuse = |why: String| Err(RegisterError { id: claim.id, why });
                if !ids.insert(claim.id) {
                    return refuse("the id is taken".to_owned());
                }
                let mut names = HashSet::new();
                for quantity in claim.quantities {
                    if !names.insert(quantity.name) {
                        return refuse(format!("quantity `{}` stands twice", quantity.name));
                    }
                    if !quantity.experiment.excludes(&quantity.control) {
                        return refuse(format!(
                            "quantity `{}` has no control: {} for the experiment, \
                             {} for the control",
                            quantity.name, quantity.experiment, quantity.control
                        ));
                    }
                }
                if claim.quantities.iter().filter(|it| it.is_main).count() > 1 {
                    return refuse("more than one quantity is the main one".to_owned());
                }
                if let Some(surprise) = claim.surprise {
                    let width = "  : ".len() + claim.id.len() + surprise.finding().len();
                    if width > LINE {
                        return refuse(format!("its finding takes {width} columns of {LINE}"));
                    }
                }
                if let Some(why) = fault_of_acts(claim) {
                    return refuse(why);
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

    /// Every claim with its topic, in order.
    pub fn claims(&self) -> impl Iterator<Item = (&Topic, &Claim)> + Clone {
        self.topics
            .iter()
            .flat_map(|topic| topic.claims.iter().map(move |claim| (topic, claim)))
    }

    /// The claim called `id`, with its topic.
    pub fn get(&self, id: &str) -> Option<(&Topic, &Claim)> {
        self.claims().find(|(_, claim)| claim.id == id)
    }
}

/// What is wrong with the acts of `claim`; none where they are in order.
fn fault_of_acts(claim: &Claim) -> Option<String> {
    let mut deeds = HashSet::new();
    for act in claim.acts {
        let does = act.does;
        if !deeds.insert(does) {
            return Some(format!("act `{does}` stands twice"));
        }
        if act.evidence.is_empty() {
            return Some(format!("act `{does}` has no evidence"));
        }
    }
    // Else the two arms would do the same, and could not come out differently.
    let differs = claim.acts.iter().any(|act| !act.may_be_in_control(true));
    (!differs).then(|| "the control does everything that the experiment does".to_owned())
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
    use crate::Prediction::{AtLeast, Count};
    use crate::{Act, Does, InControl, Name, Quantity, Reading, Surprise};

    const GOOD: Quantity = Name("n").predict(Count(1), AtLeast(2.0));
    const ALONE: Act = Does("opens")
        .call("openat", "")
        .shown_by("fdinfo")
        .in_control(InControl::Not);
    const BLIND: Quantity = Name("n").predict(Count(2), AtLeast(2.0));

    const fn claim(id: &'static str, quantities: &'static [Quantity]) -> Claim {
        Claim {
            id,
            statement: "It is so.",
            measures: "nothing",
            control: "nothing",
            acts: &[ALONE],
            quantities,
            measure: |_| Ok(Reading::counters()),
            ..Claim::DEFAULT
        }
    }

    fn register(claims: &'static [Claim]) -> Result<Register, RegisterError> {
        Register::new(&[Topic::new("t", "", claims)])
    }

    #[test]
    fn a_claim_whose_control_could_come_out_alike_is_refused() {
        const CLAIMS: &[Claim] = &[claim("good", &[GOOD]), claim("blind", &[BLIND])];
        let error = register(CLAIMS).expect_err("refused");
        assert_eq!(error.id, "blind");
        assert!(error.why.contains("no control"), "{error}");
    }

    #[test]
    fn ids_are_unique() {
        const TWICE: &[Claim] = &[claim("one", &[GOOD]), claim("one", &[GOOD])];
        assert!(register(TWICE).is_err());
        assert!(register(&[]).is_ok());
    }

    #[test]
    fn a_quantity_listed_twice_is_refused() {
        const CLAIMS: &[Claim] = &[claim("twice", &[GOOD, GOOD])];
        let error = register(CLAIMS).expect_err("refused");
        assert_eq!(error.why, "quantity `n` stands twice");
    }

    #[test]
    fn one_quantity_at_most_is_the_main_one() {
        const SECOND: Quantity = Name("m").count(1, 2);
        const ONE: &[Claim] = &[claim("one", &[GOOD, SECOND.main()])];
        const TWO: &[Claim] = &[claim("two", &[GOOD.main(), SECOND.main()])];
        assert!(register(ONE).is_ok());
        let name = |claim: &Claim| claim.main_quantity().map(|quantity| quantity.name);
        assert_eq!(name(&ONE[0]), Some("m"));
        assert_eq!(name(&claim("none", &[GOOD, SECOND])), Some("n"));
        let error = register(TWO).expect_err("refused");
        assert_eq!(error.why, "more than one quantity is the main one");
    }

    #[test]
    fn a_finding_is_a_line() {
        const SHORT: Surprise = Surprise::Small("it is so");
        const LONG: Surprise = Surprise::Great(
            "it is so and so on, and on, and on, and on, and on, and on, and on, on, an",
        );
        const fn with(surprise: Surprise) -> Claim {
            Claim {
                surprise: Some(surprise),
                ..claim("found", &[GOOD])
            }
        }
        const RIGHT: &[Claim] = &[with(SHORT)];
        const WRONG: &[Claim] = &[with(LONG)];
        assert!(register(RIGHT).is_ok());
        let error = register(WRONG).expect_err("refused");
        assert_eq!(error.why, "its finding takes 83 columns of 80");
    }

    #[test]
    fn acts_have_evidence_and_one_of_them_is_the_experiments_alone() {
        const SHOWN: Act = Does("closes").call("close", "3").shown_by("EBADF");
        const fn with(acts: &'static [Act]) -> Claim {
            Claim {
                acts,
                ..claim("acts", &[GOOD])
            }
        }
        const RIGHT: &[Claim] = &[with(&[SHOWN, ALONE])];
        const SAME: &[Claim] = &[with(&[SHOWN])];
        const TWICE: &[Claim] = &[with(&[ALONE, ALONE])];
        const BARE: &[Claim] = &[with(&[Does("closes").call("close", "3")])];
        assert!(register(RIGHT).is_ok());
        for (claims, why) in [
            (SAME, "the control does everything that the experiment does"),
            (TWICE, "act `opens` stands twice"),
            (BARE, "act `closes` has no evidence"),
        ] {
            assert_eq!(register(claims).expect_err("refused").why, why);
        }
    }

    #[test]
    fn a_claim_is_found_with_its_topic() {
        const CLAIMS: &[Claim] = &[claim("good", &[GOOD])];
        let register = register(CLAIMS).expect("registers");
        let found = register.get("good").expect("there");
        assert_eq!((found.0.name, found.1.id), ("t", "good"));
        assert!(register.get("bad").is_none());
    }

    #[test]
    #[should_panic(expected = "a claim has no `quantities`")]
    fn a_claim_without_quantities_is_refused() {
        const CLAIMS: &[Claim] = &[claim("empty", &[])];
        Topic::new("t", "", CLAIMS);
    }
}
