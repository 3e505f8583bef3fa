//! The sentences that the acts of a claim make.

use claim::{Act, Call, InControl};
use proof::record::Arm;

use super::lesson::Step;

/// What a call declares that is not to return.
const NO_RETURN: &str = "= ?";

/// What the acts of a claim say of one and the same call of an arm. A trace cannot tell them apart.
struct Said {
    call: Call,
    who: &'static str,
    /// What the experiment does, where the control makes this call instead.
    instead_of: Vec<&'static str>,
    does: Vec<&'static str>,
    /// Whether it is what sleeps elsewhere, and returned.
    returned: bool,
}

/// The steps that the acts of a claim make. Of a call that two acts match the act with the longer
/// argument speaks.
pub fn steps_of_acts(acts: &[Act]) -> Vec<Step> {
    let arms = [Arm::Experiment, Arm::Control];
    let mut steps: Vec<Step> = arms.into_iter().flat_map(|arm| of_arm(arm, acts)).collect();
    steps.sort_by_key(|step| std::cmp::Reverse(step.call.argument.len()));
    steps
}

fn of_arm(arm: Arm, acts: &[Act]) -> Vec<Step> {
    let mut all: Vec<Said> = Vec::new();
    for act in acts {
        let is_done = arm == Arm::Experiment || act.control == InControl::Same;
        if let Some(call) = act.call.filter(|_| is_done) {
            said_of(&mut all, call, act.who).does.push(act.does);
        }
        let instead = match act.control {
            InControl::Instead(name, argument) => Some(Call { name, argument }),
            InControl::Same | InControl::Not | InControl::Either => None,
        };
        if let Some(call) = instead.filter(|_| arm == Arm::Control) {
            said_of(&mut all, call, act.who).instead_of.push(act.does);
        }
        let mut calls = act.call.into_iter().chain(instead);
        if let Some(Call { name, .. }) = calls.find(|call| call.argument.contains(NO_RETURN)) {
            let call = Call { name, argument: "" };
            said_of(&mut all, call, act.who).returned = true;
        }
    }
    let steps = all.iter().map(|said| Step {
        call: said.call,
        who: Some(said.who),
        arm: Some(arm),
        says: said.sentences(),
    });
    steps.collect()
}

/// What has been said of this call, to say more of it.
fn said_of<'a>(all: &'a mut Vec<Said>, call: Call, who: &'static str) -> &'a mut Said {
    let place = all.iter().position(|it| (it.call, it.who) == (call, who));
    let place = place.unwrap_or_else(|| {
        all.push(Said {
            call,
            who,
            instead_of: Vec::new(),
            does: Vec::new(),
            returned: false,
        });
        all.len() - 1
    });
    &mut all[place]
}

impl Said {
    fn sentences(&self) -> String {
        let who = subject(self.who);
        let mut sentences = Vec::new();
        if !self.instead_of.is_empty() {
            let alone = self.instead_of.join(". Only the experiment ");
            sentences.push(format!(
                "Only the experiment {alone}; this is done instead."
            ));
        }
        if !self.does.is_empty() {
            let does = self.does.join("; by the same call it also ");
            sentences.push(format!("{who} {does}."));
        }
        if self.returned && sentences.is_empty() {
            sentences.push(format!("{who} returns from {}.", self.call.name));
        }
        sentences.join(" ")
    }
}

/// What is done, by whom: who acts twice in a row is named once.
pub fn clauses(acts: &[(String, &str)]) -> String {
    let mut last = "";
    let clauses = acts.iter().map(|(who, does)| {
        let is_named = last == who;
        last = who;
        match is_named {
            true => (*does).to_owned(),
            false => format!("{who} {does}"),
        }
    });
    clauses.collect::<Vec<_>>().join("; ")
}

/// Who acts: the name that ps(1) shows, marked as one, or words such as `the measuring process`.
pub fn actor(who: &str) -> String {
    let are_words = ["the ", "a ", "each "]
        .iter()
        .any(|word| who.starts_with(word));
    match are_words {
        true => who.to_owned(),
        false => format!("`{who}`"),
    }
}

/// Who acts, as a sentence begins with it.
fn subject(who: &str) -> String {
    let who = actor(who);
    let mut letters = who.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

#[cfg(test)]
mod tests {
    use claim::{Does, MEASURER};

    use super::*;

    const FLOCK: Act = Does("sleeps in flock")
        .call("flock", "LOCK_EX")
        .by("a worker")
        .in_control(InControl::Instead("futex", "FUTEX_WAIT"));
    const FCNTL: Act = Does("sleeps in fcntl")
        .call("fcntl", "F_SETLKW")
        .by("a worker")
        .in_control(InControl::Instead("futex", "FUTEX_WAIT"));
    const FIRST: Act = Does("connects").call("connect", "");
    const AGAIN: Act = Does("connects twice at once")
        .call("connect", "")
        .in_control(InControl::Either);
    const LEVEL: Act = Does("watches by level")
        .call("epoll_ctl", "EPOLLIN,")
        .by("worker")
        .in_control(InControl::Instead("epoll_ctl", "EPOLLEXCLUSIVE"));
    const EXCLUSIVE: Act = Does("watches exclusively")
        .call("epoll_ctl", "EPOLLEXCLUSIVE")
        .by("worker");

    /// What is said of a call in an arm.
    fn says(arm: Arm, acts: &[Act], name: &str) -> String {
        let steps = steps_of_acts(acts);
        let is_meant = |step: &&Step| step.arm == Some(arm) && step.call.name == name;
        let mut says = steps.iter().filter(is_meant);
        says.next()
            .map(|step| step.says.clone())
            .unwrap_or_default()
    }

    #[test]
    fn what_stands_in_the_place_of_two_acts_is_said_of_both() {
        assert_eq!(
            says(Arm::Control, &[FLOCK, FCNTL], "futex"),
            "Only the experiment sleeps in flock. Only the experiment sleeps in fcntl; this is \
             done instead."
        );
        assert_eq!(says(Arm::Experiment, &[FLOCK, FCNTL], "futex"), "");
        assert_eq!(
            says(Arm::Control, &[LEVEL, EXCLUSIVE], "epoll_ctl"),
            "Only the experiment watches by level; this is done instead. `worker` watches \
             exclusively."
        );
    }

    #[test]
    fn of_what_the_control_may_leave_out_nothing_is_said_there() {
        assert_eq!(
            says(Arm::Experiment, &[FIRST, AGAIN], "connect"),
            "The measuring process connects; by the same call it also connects twice at once."
        );
        assert_eq!(
            says(Arm::Control, &[FIRST, AGAIN], "connect"),
            "The measuring process connects."
        );
    }

    #[test]
    fn who_acts_is_named_as_ps_shows_it() {
        let of = |who| (actor(who), "waits");
        assert_eq!(
            clauses(&[
                of(MEASURER),
                of("first writer"),
                of("first writer"),
                of("the lock")
            ]),
            "the measuring process waits; `first writer` waits; waits; the lock waits"
        );
        assert_eq!(subject("each thread"), "Each thread");
        assert_eq!(subject("first writer"), "`first writer`");
    }
}
