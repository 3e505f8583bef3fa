//! The outcome of a claim, and the rule that finds it.

use crate::{Quantity, Reading, Value};

/// What became of a claim. A broken set-up is no verdict on the kernel; it is kept apart as
/// [`Verdict::Error`] so that a report can still list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every quantity came out as predicted, and so did its control.
    Holds,
    /// It holds, under a reservation that belongs to the claim.
    HoldsWith(String),
    /// The control worked and the experiment contradicts the prediction.
    Refuted,
    /// It could not be measured here: why, and how to have it measured.
    NotMeasured {
        /// What was refused or came out wrong.
        why: String,
        /// What a person can do about it.
        enable: String,
    },
    /// The set-up broke: what went wrong.
    Error(String),
}

impl Verdict {
    /// The name that stands in the JSON document.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::HoldsWith(_) => "holds_with",
            Verdict::Refuted => "refuted",
            Verdict::NotMeasured { .. } => "not_measured",
            Verdict::Error(_) => "error",
        }
    }

    /// Whether the claim holds, with or without a caveat.
    pub fn holds(&self) -> bool {
        matches!(self, Verdict::Holds | Verdict::HoldsWith(_))
    }

    /// Judges the readings of both arms, quantity by quantity; the worst outcome counts.
    ///
    /// Readings that do not have exactly the claim's quantities come from a broken set-up.
    pub(crate) fn judge(
        quantities: &[Quantity],
        experiment: &Reading,
        control: &Reading,
    ) -> Verdict {
        let listed = |name: &str| quantities.iter().any(|quantity| quantity.name == name);
        let mut names = experiment.values.keys().chain(control.values.keys());
        if let Some(stranger) = names.find(|name| !listed(name)) {
            return Verdict::Error(format!(
                "the instrument read `{stranger}`, which the claim does not list"
            ));
        }
        let mut verdict = match &experiment.caveat {
            Some(caveat) => Verdict::HoldsWith(caveat.clone()),
            None => Verdict::Holds,
        };
        for quantity in quantities {
            let (Some(observed), Some(control_observed)) = (
                experiment.values.get(quantity.name),
                control.values.get(quantity.name),
            ) else {
                return Verdict::Error(format!("the instrument did not read `{}`", quantity.name));
            };
            match compare(quantity, observed, control_observed) {
                Quality::AsPredicted => {}
                Quality::Contradicts => verdict = Verdict::Refuted,
                Quality::Blind if verdict == Verdict::Refuted => {}
                Quality::Blind => verdict = blind(quantity, observed, control_observed),
            }
        }
        verdict
    }
}

enum Quality {
    AsPredicted,
    Contradicts,
    Blind,
}

/// A reading contradicts the prediction only if the instrument is known to work: the control read
/// what it must, or the two arms read exactly what was predicted of the other.
fn compare(quantity: &Quantity, observed: &Value, control: &Value) -> Quality {
    let experiment_met = quantity.experiment.allows(observed);
    let control_met = quantity.control.allows(control);
    let exchanged = quantity.control.allows(observed) && quantity.experiment.allows(control);
    match (experiment_met, control_met) {
        (true, true) => Quality::AsPredicted,
        (false, true) => Quality::Contradicts,
        (false, false) if exchanged => Quality::Contradicts,
        _ => Quality::Blind,
    }
}

fn blind(quantity: &Quantity, observed: &Value, control: &Value) -> Verdict {
    Verdict::NotMeasured {
        why: format!(
            "the control failed: `{}` read {control} where {} was due (the experiment read \
             {observed}), so the instrument proves nothing",
            quantity.name, quantity.control
        ),
        enable: "run it again on a quiet machine; if it repeats, report it with the JSON document"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Name;

    const WAKEUPS: Quantity = Name("wakeups").count(1, 8);

    fn reading(wakeups: u64) -> Reading {
        Reading::counters().with(&WAKEUPS, wakeups)
    }

    fn judge(experiment: &Reading, control: &Reading) -> Verdict {
        Verdict::judge(&[WAKEUPS], experiment, control)
    }

    #[test]
    fn holds_only_with_a_working_control() {
        let verdict = |experiment, control| judge(&reading(experiment), &reading(control)).name();
        assert_eq!(verdict(1, 8), "holds");
        assert_eq!(
            verdict(1, 1),
            "not_measured",
            "a blind instrument proves nothing"
        );
        assert_eq!(
            verdict(8, 8),
            "refuted",
            "the control worked, the kernel disagrees"
        );
        assert_eq!(verdict(8, 1), "refuted", "exchanged");
        assert_eq!(verdict(5, 5), "not_measured", "neither arm is as predicted");
        assert_eq!(
            verdict(0, 0),
            "not_measured",
            "an instrument that always reads 0"
        );
    }

    #[test]
    fn a_missing_quantity_is_a_broken_set_up() {
        for (experiment, control) in [
            (Reading::counters(), reading(8)),
            (reading(1), Reading::counters()),
        ] {
            let broken = "the instrument did not read `wakeups`";
            assert_eq!(judge(&experiment, &control), Verdict::Error(broken.into()));
        }
    }

    #[test]
    fn a_quantity_that_the_claim_does_not_list_is_a_broken_set_up() {
        const STRANGER: Quantity = Name("sleeps").count(1, 8);
        for (experiment, control) in [
            (reading(1).with(&STRANGER, 1u64), reading(8)),
            (reading(1), reading(8).with(&STRANGER, 8u64)),
        ] {
            let broken = "the instrument read `sleeps`, which the claim does not list";
            assert_eq!(judge(&experiment, &control), Verdict::Error(broken.into()));
        }
    }

    #[test]
    fn a_caveat_survives_only_while_the_claim_holds() {
        let (experiment, control) = (reading(1).caveat("but"), reading(8));
        let holds = Verdict::HoldsWith("but".into());
        assert_eq!(judge(&experiment, &control), holds);
        assert_eq!(judge(&control, &experiment), Verdict::Refuted);
    }
}
