//! What a claim says that it does, held against what was recorded of it.

use std::collections::BTreeSet;
use std::fmt::Write;

use harness::seccomp::equivalents;
use serde::Deserialize;

use super::recording::{Arm, Recorded, Recording, cut};
use super::trace::{Outcome, TracedCall};

/// Who acts where it is the process that measures; it bears the name of its arm.
const MEASURER: &str = "the measuring process";
/// Stands for anything between two parts of an argument.
const ANYTHING: &str = " … ";
/// How many calls a fault quotes at most.
const QUOTED: usize = 3;

/// An act as `witness list --json` describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Act {
    /// What is done, as a clause without a subject.
    pub does: String,
    /// Who does it.
    pub by: String,
    /// The system call; none where it is done in memory.
    pub call: Option<String>,
    /// A part of the call as strace prints it.
    #[serde(default)]
    pub argument: Option<String>,
    /// How often at least.
    pub times: usize,
    /// What becomes of it in the control.
    pub in_control: InControl,
}

/// What becomes of an act in the control.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum InControl {
    /// The word `same` or `not`.
    Word(Word),
    /// Another call stands in its place.
    Instead {
        /// Its name.
        call: String,
        /// A part of the call as strace prints it.
        argument: String,
    },
}

/// What becomes of an act in the control, where no other call stands in its place.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// It is done there, too.
    Same,
    /// It is left out.
    Not,
    /// It may be done or not.
    Either,
}

/// A call that is looked for, and from whom.
struct Wanted<'a> {
    who: &'a str,
    call: &'a str,
    argument: &'a str,
}

impl Act {
    /// What is wrong about this act in a recording; nothing where it is as declared. An act in
    /// memory leaves nothing in a recording, but what stands in its place in the control may.
    pub fn faults(&self, recording: &Recording) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |arm, wanted: &Wanted<'_>, least: usize, most: usize| {
            let seen = wanted.count(recording, arm);
            if seen < least || seen > most {
                let least = if seen < least { least } else { most };
                faults.push(wanted.fault(recording, arm, seen, least));
            }
        };
        if let InControl::Instead { call, argument } = &self.in_control {
            let instead = Wanted {
                who: &self.by,
                call,
                argument,
            };
            expect(Arm::Control, &instead, 1, usize::MAX);
        }
        let Some(wanted) = self.wanted() else {
            return faults;
        };
        expect(Arm::Experiment, &wanted, self.times, usize::MAX);
        match &self.in_control {
            InControl::Word(Word::Same) => expect(Arm::Control, &wanted, self.times, usize::MAX),
            InControl::Word(Word::Not) | InControl::Instead { .. } => {
                expect(Arm::Control, &wanted, 0, 0);
            }
            InControl::Word(Word::Either) => {}
        }
        faults
    }

    /// The system calls by which it was done in the experiment: a library may make `clone3` where
    /// the act says `clone`.
    pub fn names<'a>(&self, recording: &'a Recording) -> BTreeSet<&'a str> {
        let wanted = self.wanted();
        let calls = recording.calls(Arm::Experiment);
        let done = calls.filter(|recorded| {
            let wanted = wanted.as_ref();
            wanted.is_some_and(|wanted| wanted.is_done_by(recorded, Arm::Experiment))
        });
        done.map(|recorded| recorded.call.name.as_str()).collect()
    }

    fn wanted(&self) -> Option<Wanted<'_>> {
        Some(Wanted {
            who: &self.by,
            call: self.call.as_deref()?,
            argument: self.argument.as_deref().unwrap_or(""),
        })
    }

    /// The calls that this act speaks of.
    pub fn calls(&self) -> impl Iterator<Item = &str> {
        let instead = match &self.in_control {
            InControl::Instead { call, .. } => Some(call.as_str()),
            InControl::Word(_) => None,
        };
        self.call.as_deref().into_iter().chain(instead)
    }
}

impl Wanted<'_> {
    /// How often it was done in an arm.
    fn count(&self, recording: &Recording, arm: Arm) -> usize {
        let calls = recording.calls(arm);
        calls
            .filter(|recorded| self.is_done_by(recorded, arm))
            .count()
    }

    /// Whether this call of an arm is the one that is wanted, and was done.
    fn is_done_by(&self, recorded: &Recorded, arm: Arm) -> bool {
        let who = match self.who {
            MEASURER => arm.name(),
            who => cut(who),
        };
        recorded.who == who && recorded.call.does(self.call, self.argument)
    }

    /// Says how often it was seen, how often it should have been, and what was seen of its kind.
    fn fault(&self, recording: &Recording, arm: Arm, seen: usize, wanted: usize) -> String {
        let (arm_name, who) = (arm.name(), self.who);
        let mut fault = format!(
            "{arm_name}: {}({}) by {who}: {seen} times instead of {wanted}",
            self.call, self.argument
        );
        let names = equivalents(self.call);
        let kin = recording.calls(arm);
        let kin = kin.filter(|recorded| names.contains(&recorded.call.name.as_str()));
        for Recorded { who, call } in kin.take(QUOTED) {
            // Writing to a String cannot fail.
            let _ = write!(fault, "\n    {who}: {}({}", call.name, call.text);
        }
        fault
    }
}

impl TracedCall {
    /// Whether it is the call of this name, or one that does the same, and has this argument: a
    /// part of what strace(1) prints, in which ` … ` stands for anything between two parts.
    pub fn is(&self, name: &str, argument: &str) -> bool {
        equivalents(name).contains(&self.name.as_str()) && has_parts(&self.text, argument)
    }

    /// Whether it is this call, and was done. One that failed was not, unless the argument names
    /// the error; a connection that is under way is on its way.
    pub fn does(&self, name: &str, argument: &str) -> bool {
        let done = match &self.outcome {
            Outcome::Done(_) | Outcome::Unanswered => true,
            Outcome::Failed(error) => error == "EINPROGRESS" || argument.contains(error),
        };
        done && self.is(name, argument)
    }
}

/// Whether the parts of an argument stand in a call's text, in this order. A part that begins or
/// ends with a letter or a digit is not found inside a longer word.
fn has_parts(text: &str, argument: &str) -> bool {
    let mut rest = text;
    argument.split(ANYTHING).all(|part| {
        let found = find_word(rest, part);
        rest = found.map_or("", |end| &rest[end..]);
        found.is_some()
    })
}

/// Where the first occurrence of `part` ends that is not inside a longer word.
fn find_word(text: &str, part: &str) -> Option<usize> {
    let in_word = |character: Option<char>| {
        character.is_some_and(|character| character.is_alphanumeric() || character == '_')
    };
    let cuts = |before: Option<char>, after: Option<char>| in_word(before) && in_word(after);
    text.match_indices(part)
        .map(|(start, _)| start)
        .find_map(|start| {
            let end = start + part.len();
            let (before, after) = (
                text[..start].chars().next_back(),
                text[end..].chars().next(),
            );
            let inside = cuts(before, part.chars().next()) || cuts(part.chars().next_back(), after);
            (!inside).then_some(end)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::trace::read;

    /// The trace of a claim whose "asker" asks twice in the experiment, and opens in the control.
    const TRACE: &str = r#"
1  clone(child_stack=NULL, flags=SIGCHLD) = 2
2  prctl(PR_SET_NAME, "experiment") = 0
2  clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 3
3  prctl(PR_SET_NAME, "asker") = 0
3  fcntl(4, F_SETFL, O_RDWR|O_APPEND) = 0
3  fcntl(4, F_SETFL, O_RDWR|O_APPEND) = 0
3  fcntl(4, F_SETFL, O_RDWR|O_DIRECT) = -1 EINVAL (Invalid argument)
2  write(4, "x", 1) = 1
2  prctl(PR_SET_NAME, "control") = 0
3  openat(AT_FDCWD, "/proc/self/fd/4", O_RDWR|O_CLOEXEC) = 5
2  write(4, "x", 1) = 1
"#;

    /// The faults of the act that this JSON describes, beside its first words.
    fn faults(changes: &str) -> Vec<String> {
        let mut act = serde_json::json!({
            "does": "asks for O_APPEND", "by": "asker", "call": "fcntl",
            "argument": "F_SETFL, O_RDWR|O_APPEND", "times": 2, "evidence": "fdinfo",
            "in_control": {"call": "open", "argument": "/proc/self/fd/ … O_RDWR"},
        });
        let changes: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(changes).unwrap();
        act.as_object_mut().unwrap().extend(changes);
        let act: Act = serde_json::from_value(act).unwrap();
        act.faults(&Recording::sort(read(TRACE)))
    }

    #[test]
    fn an_act_as_declared_has_no_fault() {
        assert_eq!(faults("{}"), [""; 0]);
        let in_both = r#"{"by": "the measuring process", "call": "write", "argument": "",
                          "times": 1, "in_control": "same"}"#;
        assert_eq!(faults(in_both), [""; 0]);
        let refused = r#"{"argument": "O_DIRECT … EINVAL", "times": 1}"#;
        assert_eq!(faults(refused), [""; 0]);
    }

    #[test]
    fn an_act_that_is_not_as_declared_has_a_fault() {
        for (changes, fault) in [
            (
                r#"{"times": 3}"#,
                "experiment: fcntl(F_SETFL, O_RDWR|O_APPEND) by asker: 2 times instead of 3",
            ),
            (
                r#"{"by": "other"}"#,
                "experiment: fcntl(F_SETFL, O_RDWR|O_APPEND) by other: 0 times",
            ),
            // It failed.
            (
                r#"{"argument": "O_DIRECT", "times": 1}"#,
                "experiment: fcntl(O_DIRECT) by asker: 0 times",
            ),
            (
                r#"{"argument": "O_APP", "times": 1}"#,
                "experiment: fcntl(O_APP) by asker: 0 times",
            ),
            (
                r#"{"argument": "O_APPEND … F_SETFL"}"#,
                "by asker: 0 times instead of 2",
            ),
            (
                r#"{"in_control": "same"}"#,
                "control: fcntl(F_SETFL, O_RDWR|O_APPEND) by asker: 0 times instead of 2",
            ),
            (
                r#"{"in_control": {"call": "dup2", "argument": ""}}"#,
                "control: dup2() by asker: 0 times instead of 1",
            ),
            (
                r#"{"by": "the measuring process", "call": "write", "argument": "", "times": 1,
                    "in_control": "not"}"#,
                "control: write() by the measuring process: 1 times instead of 0",
            ),
        ] {
            let faults = faults(changes);
            assert!(
                faults.iter().any(|found| found.contains(fault)),
                "{changes}: {faults:?}"
            );
        }
    }

    #[test]
    fn a_fault_quotes_what_was_seen_of_its_kind() {
        let faults = faults(r#"{"by": "other", "in_control": "not"}"#);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("\n    asker: fcntl(4, F_SETFL, O_RDWR|O_APPEND) = 0"));
    }
}
