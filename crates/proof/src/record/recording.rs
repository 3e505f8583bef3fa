//! A trace by arm: who made which call in the experiment, and who in the control.

use std::collections::HashMap;

use super::trace::{Event, Outcome, TracedCall};

/// The longest name of a thread, in bytes: what is longer the kernel cuts off (PR_SET_NAME).
const NAME_LENGTH: usize = 15;

/// The two set-ups of a claim. The process that runs an arm calls itself by the arm's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arm {
    /// What the claim speaks about.
    Experiment,
    /// What must come out otherwise.
    Control,
}

/// The calls of a run, by arm and in the order in which they were entered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    calls: Vec<(Arm, Recorded)>,
}

/// A call with the name of the process or thread that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its name when it entered the call, as ps(1) shows it.
    pub who: String,
    /// The call.
    pub call: TracedCall,
}

impl Arm {
    /// Its name, which is that of the process that runs it.
    pub fn name(self) -> &'static str {
        match self {
            Arm::Experiment => "experiment",
            Arm::Control => "control",
        }
    }

    fn announced_by(call: &TracedCall) -> Option<Arm> {
        let (named, name) = new_name(call, "")?;
        let mut arms = [Arm::Experiment, Arm::Control].into_iter();
        arms.find(|arm| named == call.pid && arm.name() == name)
    }
}

impl Recording {
    /// Sorts the events of a trace. An arm lasts from its announcement, `PR_SET_NAME` of the
    /// process that measures, to the next one or to that process's end. A run that measures a claim
    /// more than once gives the calls of all its turns.
    pub fn sort(events: Vec<Event>) -> Recording {
        let mut recording = Recording::default();
        let mut names: HashMap<i32, String> = HashMap::new();
        let mut arm: Option<(Arm, i32)> = None;
        for event in events {
            let call = match event {
                Event::Call(call) => call,
                Event::End(pid) => {
                    arm = arm.filter(|&(_, measurer)| measurer != pid);
                    names.remove(&pid);
                    continue;
                }
            };
            if let Some(begun) = Arm::announced_by(&call) {
                arm = Some((begun, call.pid));
            }
            let who = names.get(&call.pid).cloned().unwrap_or_default();
            if let Some((pid, name)) = new_name(&call, &who) {
                names.insert(pid, name);
            }
            if let Some((arm, _)) = arm {
                recording.calls.push((arm, Recorded { who, call }));
            }
        }
        recording
    }

    /// The calls of one arm.
    pub fn calls(&self, arm: Arm) -> impl Iterator<Item = &Recorded> {
        let of_arm = move |(of, _): &&(Arm, Recorded)| *of == arm;
        self.calls.iter().filter(of_arm).map(|(_, call)| call)
    }
}

/// Whom a call of `who` gives a name, and which: itself by prctl or by a new program, a child by a
/// fork.
fn new_name(call: &TracedCall, who: &str) -> Option<(i32, String)> {
    if let Some(child) = call.child() {
        return Some((child, who.to_owned()));
    }
    let name = match (call.name.as_str(), &call.outcome) {
        ("prctl", Outcome::Done(_)) => quoted(call.text.strip_prefix("PR_SET_NAME, ")?)?,
        ("execve", Outcome::Done(_)) => quoted(&call.text)?.rsplit('/').next()?,
        _ => return None,
    };
    Some((call.pid, cut(name).to_owned()))
}

/// What stands between the quotation marks with which the text begins.
fn quoted(text: &str) -> Option<&str> {
    let (text, _) = text.strip_prefix('"')?.split_once('"')?;
    Some(text)
}

/// As much of a name as the kernel keeps.
pub fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME_LENGTH);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::trace::read;

    fn who_made(trace: &str, arm: Arm) -> Vec<(String, String)> {
        let recording = Recording::sort(read(trace));
        let calls = recording.calls(arm);
        calls
            .map(|recorded| (recorded.who.clone(), recorded.call.name.clone()))
            .collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(who, call): &(&str, &str)| ((*who).to_owned(), (*call).to_owned());
        pairs.iter().map(owned).collect()
    }

    const TRACE: &str = r#"
1  execve("target/witness", ["witness"], 0x7f) = 0
1  read(3, "", 1) = 0
1  clone(child_stack=NULL, flags=SIGCHLD) = 2
2  prctl(PR_SET_NAME, "experiment") = 0
2  clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>
3  read(4, "h", 1) = 1
2  <... clone resumed>) = 3
3  prctl(PR_SET_NAME, "a name of many words") = 0
3  write(4, "e", 1) = 1
1  read(3, "", 1) = 0
2  prctl(PR_SET_NAME, "control") = 0
3  write(4, "l", 1) = 1
2  execve("/bin/true", ["true"], 0x7f) = 0
2  read(5, "l", 1) = 1
2  +++ exited with 0 +++
1  read(3, "", 1) = 0
"#;

    #[test]
    fn each_call_has_its_arm_and_its_caller() {
        assert_eq!(
            who_made(TRACE, Arm::Experiment),
            pairs(&[
                // What announces an arm is made under the old name.
                ("witness", "prctl"),
                ("experiment", "clone"),
                ("experiment", "read"),
                ("experiment", "prctl"),
                ("a name of many ", "write"),
                ("witness", "read"),
            ])
        );
        assert_eq!(
            who_made(TRACE, Arm::Control),
            pairs(&[
                ("experiment", "prctl"),
                ("a name of many ", "write"),
                ("control", "execve"),
                ("true", "read"),
            ])
        );
    }
}
