//! What is shown of a claim's trace, and what is said of it.

use std::collections::BTreeSet;

use claim::{Act, Call, Claim, InControl, MEASURER};
use harness::seccomp::equivalents;
use proof::record::{Arm, Recorded, TracedCall, cut};

use super::lessons::{ADDED, Added, IN_ORDER, WRITTEN};
use super::words::{actor, clauses, steps_of_acts};

/// What is shown of a trace: the calls that a step speaks of, and no other.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Further options for strace.
    pub options: &'static [&'static str],
    /// What is said of the calls.
    pub steps: Vec<Step>,
    /// Whether the order of calls tells more than how many are alike.
    pub keeps_order: bool,
    /// What the claim does, with a call or without.
    acts: &'static [Act],
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
    /// The arm of which it is a step; none where it is one of both.
    pub arm: Option<Arm>,
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
        let is_meant = !is_probe(&recorded.call) || self.call.argument.contains(PROBED);
        let does = recorded.call.does(self.call.name, self.call.argument);
        is_actor && self.is_of(arm) && is_meant && does
    }

    /// Whether it is a step of this arm.
    pub fn is_of(&self, arm: Arm) -> bool {
        self.arm.is_none_or(|of| of == arm)
    }

    /// Whether the two speak of one and the same call, of the same caller.
    pub fn is_of_call_of(&self, other: &Step) -> bool {
        let of = |step: &Step| (step.call, step.who, step.arm);
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

/// What no act does that a trace shows: its own tracer stops each of its calls.
const UNTRACED: &str = "without a tracer";

impl Lesson {
    /// The lesson that was written for the claim, or one that its acts make, and what was added to
    /// either.
    pub fn of(claim: &Claim) -> Lesson {
        let step = |&(name, argument, says): &(&'static str, &'static str, &str)| Step {
            call: Call { name, argument },
            who: None,
            arm: None,
            says: says.to_owned(),
        };
        let written = WRITTEN.iter().find(|written| written.claim == claim.id);
        let added = ADDED.iter().filter(|added| added.claim == claim.id);
        let mut steps: Vec<Step> = added.flat_map(Added::steps).collect();
        let others = written.map_or_else(
            || steps_of_acts(claim.acts),
            |it| it.steps.iter().map(step).collect(),
        );
        // Words that were added for a call stand in the place of others.
        let is_told = |step: &Step| steps.iter().any(|other| other.is_of_call_of(step));
        let others: Vec<Step> = others.into_iter().filter(|step| !is_told(step)).collect();
        steps.extend(others);
        Lesson {
            options: written.map_or(&[], |it| it.options),
            steps,
            keeps_order: written.is_some() || IN_ORDER.contains(&claim.id),
            acts: claim.acts,
        }
    }

    /// What is said below the calls of an arm: what is done there without a call, and what only the
    /// experiment does.
    pub fn says_at_the_end(&self, arm: Arm, has_calls: bool) -> Vec<String> {
        let in_memory = |act: &&Act| act.call.is_none() && !act.does.contains(UNTRACED);
        let is_done = |act: &&Act| arm == Arm::Experiment || act.control == InControl::Same;
        let done = self.acts.iter().filter(in_memory).filter(is_done);
        let done: Vec<(String, &str)> = done.map(|act| (actor(act.who), act.does)).collect();
        let is_left_out = |act: &&Act| arm == Arm::Control && act.control == InControl::Not;
        let left_out = self.acts.iter().filter(is_left_out);
        let left_out: Vec<_> = left_out.map(|act| (actor(act.who), act.does)).collect();
        let mut said = Vec::new();
        match (has_calls, done.is_empty()) {
            (true, true) => {}
            (false, true) => said.push("No such call is made here.".to_owned()),
            (true, false) => said.push(format!(
                "What the calls above do not show: {}.",
                clauses(&done)
            )),
            (false, false) => said.push(format!(
                "No system call shows it: {}. That is done in memory.",
                clauses(&done)
            )),
        }
        if !left_out.is_empty() {
            said.push(format!("Only in the experiment: {}.", clauses(&left_out)));
        }
        said
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
