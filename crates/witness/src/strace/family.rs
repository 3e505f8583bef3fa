//! The processes and threads of an arm: who is whose child, and how they are called.

use proof::record::{Outcome, Recorded, TracedCall, cut};

/// The children in which an instrument is tried before it is used.
const TRIALS: [&str; 2] = ["self-check", "pinned"];

/// How many children are named one by one.
const NAMED: usize = 8;

/// A process or a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    pid: i32,
    parent: i32,
    is_thread: bool,
    name: String,
}

/// The process that runs an arm, and all that come from it, in the order of their birth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    members: Vec<Member>,
}

impl Family {
    /// The family of the process that makes the first of these calls of an arm.
    pub fn of(arm: &str, calls: &[&Recorded]) -> Family {
        let first = calls.first().map(|recorded| Member {
            pid: recorded.call.pid,
            parent: 0,
            is_thread: false,
            name: arm.to_owned(),
        });
        let mut family = Family {
            members: first.into_iter().collect(),
        };
        for recorded in calls.iter().skip(1) {
            let call = &recorded.call;
            let Some(member) = family.members.iter_mut().find(|it| it.pid == call.pid) else {
                continue;
            };
            let named = named(call).unwrap_or(&recorded.who);
            if member.parent != 0 && !named.is_empty() {
                named.clone_into(&mut member.name);
            }
            if let Some(pid) = call.child() {
                family.members.push(Member {
                    pid,
                    parent: call.pid,
                    is_thread: call.text.contains("CLONE_THREAD"),
                    name: recorded.who.clone(),
                });
            }
        }
        family
    }

    /// Its name; none where this process is no member.
    pub fn name(&self, pid: i32) -> Option<&str> {
        let member = self.members.iter().find(|member| member.pid == pid)?;
        Some(&member.name)
    }

    /// Who is whose child, a line for each that has children: those of one name stand together.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for parent in &self.members {
            for (is_thread, word) in [(false, "is the parent of"), (true, "has the threads")] {
                let of_parent = |it: &&Member| {
                    let is_child = it.parent == parent.pid && it.is_thread == is_thread;
                    is_child && !is_trial(&it.name)
                };
                let children: Vec<&Member> = self.members.iter().filter(of_parent).collect();
                let word = match children.len() {
                    1 => word.trim_end_matches('s'),
                    _ => word,
                };
                if !children.is_empty() {
                    let (pid, name) = (parent.pid, &parent.name);
                    lines.push(format!("{pid} {name} {word} {}", roll(&children)));
                }
            }
        }
        lines
    }
}

/// Whether this is the name of a child in which an instrument is tried.
pub fn is_trial(name: &str) -> bool {
    TRIALS.contains(&name)
}

/// The name that a call gives its caller.
fn named(call: &TracedCall) -> Option<&str> {
    let is_done = matches!(call.outcome, Outcome::Done(_));
    let name = call.text.strip_prefix("PR_SET_NAME, \"")?;
    let (name, _) = name.split_once('"')?;
    (is_done && call.name == "prctl").then(|| cut(name))
}

/// The names of these, each with the numbers of those who bear it.
fn roll(members: &[&Member]) -> String {
    let mut roll = String::new();
    let mut last = "";
    for member in members.iter().take(NAMED) {
        let comma = if roll.is_empty() { "" } else { ", " };
        roll += comma;
        if last != member.name {
            roll += &format!("{} ", member.name);
        }
        roll += &member.pid.to_string();
        last = &member.name;
    }
    match members.len().saturating_sub(NAMED) {
        0 => roll,
        more => format!("{roll} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use proof::record::{Arm, Recording, read};

    use super::*;

    #[test]
    fn a_family_has_the_names_that_its_members_took_and_no_trial() {
        let trace = r#"
1  prctl(PR_SET_NAME, "experiment") = 0
1  clone(flags=SIGCHLD) = 2
2  prctl(PR_SET_NAME, "self-check") = 0
1  clone(flags=SIGCHLD) = 3
3  prctl(PR_SET_NAME, "first thread") = 0
3  clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 4
4  prctl(PR_SET_NAME, "second thread") = 0
1  clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 5
1  clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 6
"#;
        let recording = Recording::sort(read(trace));
        let calls: Vec<&Recorded> = recording.calls(Arm::Experiment).collect();
        let family = Family::of("experiment", &calls);
        assert_eq!(
            family.lines(),
            [
                "1 experiment is the parent of first thread 3",
                "1 experiment has the threads experiment 5, 6",
                "3 first thread has the thread second thread 4",
            ]
        );
    }
}
