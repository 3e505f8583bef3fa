//! The outcome of a claim, and the rule that finds it.

use crate::{Act, Arm, Claim, Missing, Order, Quantity, Reading, Readings, Value, left_out};

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
    /// It was measured, and a control did not come out: the instrument proves nothing.
    ControlFailed {
        /// Which quantity, and what it read.
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
            Verdict::NotMeasured { .. } | Verdict::ControlFailed { .. } => "not_measured",
            Verdict::Error(_) => "error",
        }
    }

    /// Whether the claim holds, with or without a caveat.
    pub fn holds(&self) -> bool {
        matches!(self, Verdict::Holds | Verdict::HoldsWith(_))
    }

    /// Judges what both arms of `claim` read, which stood in their own places or were `order`ed
    /// otherwise.
    ///
    /// First it must be sure that the instrument read what the claim lists, and that each act was
    /// done: an experiment that was not made says nothing. Then every control must have come out,
    /// and only then a contradiction counts.
    pub(crate) fn judge(claim: &Claim, order: Order, readings: &Readings) -> Verdict {
        let (experiment, control) = (&readings.experiment, &readings.control);
        let verdict = not_as_listed(claim, experiment, control)
            .or_else(|| not_done(claim, order, readings))
            .or_else(|| no_value(order, readings))
            .or_else(|| contradiction(claim, order, readings));
        verdict.unwrap_or_else(|| match experiment.reservations() {
            Some(reservations) => Verdict::HoldsWith(reservations),
            None => Verdict::Holds,
        })
    }
}

/// The error of readings that do not have exactly the quantities and the acts of the claim: they
/// come from a broken set-up.
fn not_as_listed(claim: &Claim, experiment: &Reading, control: &Reading) -> Option<Verdict> {
    for reading in [experiment, control] {
        let listed = |name: &str| claim.quantities.iter().any(|it| it.name == name);
        if let Some(stranger) = reading.values.keys().find(|name| !listed(name)) {
            return Some(Verdict::Error(format!(
                "the instrument read `{stranger}`, which the claim does not list"
            )));
        }
        let missing = |it: &&Quantity| {
            let has_no_value = reading.without_value.iter().any(|name| name == it.name);
            let is_read = reading.values.contains_key(it.name) || has_no_value;
            !is_read && !reading.leaves_out_quantity(it.name)
        };
        if let Some(quantity) = claim.quantities.iter().find(missing) {
            let name = quantity.name;
            return Some(Verdict::Error(format!(
                "the instrument did not read `{name}`"
            )));
        }
        let listed = |does: &str| claim.acts.iter().any(|it| it.does == does);
        if let Some(stranger) = reading.acts.keys().find(|does| !listed(does)) {
            return Some(Verdict::Error(format!(
                "there is evidence of the act `{stranger}`, which the claim does not list"
            )));
        }
        let missing =
            |it: &&Act| !reading.acts.contains_key(it.does) && !reading.leaves_out_act(it.does);
        if let Some(act) = claim.acts.iter().find(missing) {
            let does = act.does;
            return Some(Verdict::Error(format!(
                "nobody looked for the evidence of the act `{does}`"
            )));
        }
    }
    left_out::fault(claim, experiment, control).map(Verdict::Error)
}

/// The verdict where an act was not done, or was done in a control that must not do it. What breaks
/// the set-up comes before what chance denied.
fn not_done(claim: &Claim, order: Order, readings: &Readings) -> Option<Verdict> {
    let mut denied = None;
    for (reading, arm) in [
        (&readings.experiment, order.first()),
        (&readings.control, order.second()),
    ] {
        let asked_for = |act: &&Act| !reading.leaves_out_act(act.does);
        for act in claim.acts.iter().filter(asked_for) {
            let shown = reading.acts.get(act.does) == Some(&true);
            let right = arm.choose(shown, act.may_be_in_control(shown));
            match shown {
                _ if right => {}
                shown => {
                    let why = match shown {
                        true => done_in_control(act),
                        false => without_effect(act, arm),
                    };
                    match act.missing {
                        Missing::Broken => return Some(Verdict::Error(why)),
                        Missing::NotMeasured(enable) => {
                            let enable = enable.to_owned();
                            denied.get_or_insert(Verdict::NotMeasured { why, enable });
                        }
                    }
                }
            }
        }
    }
    denied
}

fn done_in_control(act: &Act) -> String {
    let (does, who, evidence) = (act.does, act.who, act.evidence);
    format!(
        "the control did what only the experiment does: {who} {does}; the evidence is there: \
         {evidence}"
    )
}

fn without_effect(act: &Act, arm: Arm) -> String {
    let Act {
        does,
        who,
        evidence,
        ..
    } = act;
    let arm = arm.choose("experiment", "control");
    let call = act.call.map_or(String::new(), |call| format!(" ({call})"));
    format!(
        "an act had no effect in the {arm}: {who} {does}{call}; its evidence is missing: {evidence}"
    )
}

/// The verdict where a counter that another is divided by did not move, as a clock that is too
/// coarse for the experiment does not.
fn no_value(order: Order, readings: &Readings) -> Option<Verdict> {
    let arms = [
        (&readings.experiment, order.first()),
        (&readings.control, order.second()),
    ];
    let mut unknown = arms.iter().flat_map(|(reading, arm)| {
        let names = reading.without_value.iter();
        names.map(|name| (name, arm.choose("experiment", "control")))
    });
    let (name, arm) = unknown.next()?;
    Some(Verdict::NotMeasured {
        why: format!("`{name}` has no value in the {arm}: what it is divided by did not move"),
        enable: "use a kernel whose clocks and counters are fine enough for it".to_owned(),
    })
}

/// A control that did not come out, whatever other quantities say; else a contradiction.
fn contradiction(claim: &Claim, order: Order, readings: &Readings) -> Option<Verdict> {
    let mut verdict = None;
    let read = |it: &&Quantity| !readings.experiment.leaves_out_quantity(it.name);
    for quantity in claim.quantities.iter().filter(read) {
        let observed = readings.experiment.values.get(quantity.name)?;
        let control = readings.control.values.get(quantity.name)?;
        match compare(quantity, observed, control) {
            Quality::AsPredicted => {}
            Quality::Contradicts => verdict = Some(Verdict::Refuted),
            Quality::Blind => return Some(blind(quantity, order, observed, control)),
        }
    }
    verdict
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

fn blind(quantity: &Quantity, order: Order, observed: &Value, control: &Value) -> Verdict {
    let place = match order {
        Order::AsClaimed => "",
        Order::Exchanged => " (experiment and control are exchanged)",
    };
    Verdict::ControlFailed {
        why: format!(
            "the control failed: `{}` read {control} where {} was due (the experiment read \
             {observed}), so the instrument proves nothing{place}",
            quantity.name, quantity.control
        ),
        enable: "run it again on a quiet machine; if it repeats, report it with the JSON document"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
