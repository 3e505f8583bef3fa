//! What is shown of a claim's trace, and what is said of it.

use std::collections::BTreeSet;

use claim::{Act, Call, Claim, InControl, MEASURER};
use harness::seccomp::equivalents;
use proof::record::{Arm, Recorded, cut};

use super::lessons::WRITTEN;

/// What is shown of a trace: the calls that a step speaks of, and no other.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Further options for strace.
    pub options: &'static [&'static str],
    /// What is said of the calls.
    pub steps: Vec<Step>,
}

/// A call, and what is said above the first of its kind in each arm. Of several steps of one and
/// the same call the first is said of its first occurrence, the second of its second, and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The call, with a part of its arguments as strace prints them.
    pub call: Call,
    /// The name of who makes it; none where anybody may. [`MEASURER`] is the process of the arm.
    pub who: Option<&'static str>,
    /// Whether it is a step of the control alone.
    pub only_in_control: bool,
    /// What it does.
    pub says: String,
}

/// A lesson that somebody has written for a claim.
pub struct Written {
    /// The claim's id.
    pub claim: &'static str,
    /// Further options for strace.
    pub options: &'static [&'static str],
    /// A call, a part of its arguments, and what it does.
    pub steps: &'static [(&'static str, &'static str, &'static str)],
}

impl Step {
    /// Whether this call of an arm is the one that the step speaks of.
    pub fn is(&self, arm: Arm, recorded: &Recorded) -> bool {
        let is_actor = self.who.is_none_or(|who| match who {
            MEASURER => recorded.who == arm.name(),
            who => recorded.who == cut(who),
        });
        let is_of_arm = arm == Arm::Control || !self.only_in_control;
        is_actor && is_of_arm && recorded.call.is(self.call.name, self.call.argument)
    }
}

impl Lesson {
    /// The lesson that was written for the claim, or one that its acts make.
    pub fn of(claim: &Claim) -> Lesson {
        match WRITTEN.iter().find(|written| written.claim == claim.id) {
            Some(written) => {
                let steps = written.steps.iter();
                let step = |&(name, argument, says): &(&'static str, &'static str, &str)| Step {
                    call: Call { name, argument },
                    who: None,
                    only_in_control: false,
                    says: says.to_owned(),
                };
                Lesson {
                    options: written.options,
                    steps: steps.map(step).collect(),
                }
            }
            None => Lesson {
                options: &[],
                steps: claim.acts.iter().flat_map(steps_of_act).collect(),
            },
        }
    }

    /// The system calls to trace.
    pub fn calls(&self) -> BTreeSet<&'static str> {
        let names = self.steps.iter().map(|step| step.call.name);
        names.flat_map(equivalents).collect()
    }
}

/// An act in a sentence, and what stands in its place in the control.
fn steps_of_act(act: &Act) -> Vec<Step> {
    let Act { does, who, .. } = *act;
    let first = who
        .chars()
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    let said = match who.contains(' ') {
        true => first.unwrap_or_default() + who.get(1..).unwrap_or_default(),
        false => format!("`{who}`"),
    };
    let own = act.call.map(|call| Step {
        call,
        who: Some(who),
        only_in_control: false,
        says: format!("{said} {does}."),
    });
    let instead = match act.control {
        InControl::Instead(name, argument) => Some(Step {
            call: Call { name, argument },
            who: Some(who),
            only_in_control: true,
            says: format!("Only the experiment {does}; this is done instead."),
        }),
        InControl::Same | InControl::Not | InControl::Either => None,
    };
    own.into_iter().chain(instead).collect()
}
