//! What is shown of a claim's trace, and what is said of it.

use std::collections::BTreeSet;

use claim::{Act, Call, Claim, InControl, MEASURER};
use harness::seccomp::equivalents;
use proof::record::{Arm, Recorded, TracedCall, cut};

use super::lessons::WRITTEN;

/// What is shown of a trace: the calls that a step speaks of, and no other.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Further options for strace.
    pub options: &'static [&'static str],
    /// What is said of the calls.
    pub steps: Vec<Step>,
    /// What is done without a call, and leaves no trace.
    in_memory: Vec<Act>,
}

/// A call, and what is said above the first of its kind in each arm. Of a call that two steps
/// match the first of them speaks. Of several steps of one and the same call the first is said of
/// its first occurrence, the second of its second, and so on.
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
        let is_meant = !is_probe(&recorded.call) || self.call.argument.contains(PROBED);
        let does = recorded.call.does(self.call.name, self.call.argument);
        is_actor && is_of_arm && is_meant && does
    }

    /// Whether the two speak of one and the same call, of the same caller.
    pub fn is_of_call_of(&self, other: &Step) -> bool {
        let of = |step: &Step| (step.call, step.who, step.only_in_control);
        of(self) == of(other)
    }
}

/// The port that a datagram socket names as its peer, to ask whether there is a network: nothing is
/// sent to it.
const PROBED: &str = "htons(9)";

/// Whether the call asks for a network, and makes no connection of the claim.
fn is_probe(call: &TracedCall) -> bool {
    call.name == "connect" && call.text.contains(PROBED)
}

impl Lesson {
    /// The lesson that was written for the claim, or one that its acts make.
    pub fn of(claim: &Claim) -> Lesson {
        let step = |&(name, argument, says): &(&'static str, &'static str, &str)| Step {
            call: Call { name, argument },
            who: None,
            only_in_control: false,
            says: says.to_owned(),
        };
        let written = WRITTEN.iter().find(|written| written.claim == claim.id);
        let acts_in_memory = claim.acts.iter().filter(|act| act.call.is_none());
        Lesson {
            options: written.map_or(&[], |it| it.options),
            steps: written.map_or_else(
                || steps_of_acts(claim.acts),
                |it| it.steps.iter().map(step).collect(),
            ),
            in_memory: acts_in_memory.copied().collect(),
        }
    }

    /// What is said of an arm that makes none of the calls.
    pub fn says_of_no_call(&self, arm: Arm) -> String {
        let is_done = |act: &&Act| {
            let in_control = matches!(act.control, InControl::Same | InControl::Either);
            arm == Arm::Experiment || in_control
        };
        let acts = self.in_memory.iter().filter(is_done);
        let acts: Vec<String> = acts
            .map(|act| format!("{} {}", act.who, act.does))
            .collect();
        match acts.is_empty() {
            true => "No such call is made here.".to_owned(),
            false => format!(
                "No system call shows it: {}. That is done in memory.",
                acts.join("; ")
            ),
        }
    }

    /// The system calls to trace. What a close(2) closes tells the call that opened it.
    pub fn calls(&self) -> BTreeSet<&'static str> {
        let names = self.steps.iter().map(|step| step.call.name);
        let mut calls: BTreeSet<&str> = names.flat_map(equivalents).collect();
        if calls.contains("close") {
            calls.extend(equivalents("openat"));
        }
        calls
    }
}

/// What a call declares that is not to return.
const NO_RETURN: &str = "= ?";

/// The steps that the acts of a claim make. Two acts that a trace cannot tell apart are one step,
/// and of a call that two acts match the act with the longer argument speaks.
fn steps_of_acts(acts: &[Act]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for act in acts {
        for step in steps_of_act(act) {
            match steps.iter_mut().find(|other| other.is_of_call_of(&step)) {
                Some(other) if other.says != step.says => {
                    other.says.pop();
                    other.says += &format!("; by the same call it also {}.", act.does);
                }
                Some(_) => {}
                None => steps.push(step),
            }
        }
    }
    steps.sort_by_key(|step| std::cmp::Reverse(step.call.argument.len()));
    steps
}

/// An act in a sentence, and what stands in its place in the control; of a call that is not to
/// return also where it returned.
fn steps_of_act(act: &Act) -> Vec<Step> {
    let Act { does, who, .. } = *act;
    let own = act.call.map(|call| Step {
        call,
        who: Some(who),
        only_in_control: false,
        says: format!("{} {does}.", subject(who)),
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
    let steps: Vec<Step> = own.into_iter().chain(instead).collect();
    let sleeps = |step: &&Step| step.call.argument.contains(NO_RETURN);
    let returned = steps.iter().find(sleeps).map(|step| Step {
        call: Call {
            name: step.call.name,
            argument: "",
        },
        who: Some(who),
        only_in_control: false,
        says: format!("The same call of `{who}`, where it returned."),
    });
    steps.into_iter().chain(returned).collect()
}

/// Who acts, as a sentence begins with it.
fn subject(who: &str) -> String {
    let mut letters = who.chars();
    match letters.next() {
        Some(first) if who.contains(' ') => first.to_uppercase().to_string() + letters.as_str(),
        _ => format!("`{who}`"),
    }
}
