//! A lie, and what a claim may say under it.

use std::fmt;

use nix::errno::Errno;

use crate::document::{Claim, Document, Verdict};
use crate::program::Finished;

/// How a system call is answered without being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 0, as if it were done.
    Zero,
    /// This error.
    Fails(Errno),
    /// EINTR at the first call of each process, as if a signal had come; the next is done.
    Interrupted,
}

/// One system call that is answered without being done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lie {
    /// The call; several, with commas between, where they are answered alike.
    pub call: String,
    /// Its answer.
    pub answer: Answer,
}

/// What came out of a claim that ran under a lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The verdict's name, or how the program ended without one.
    pub said: String,
    /// What must not be, if there is something.
    pub fault: Option<String>,
}

impl Lie {
    /// The call `call`, answered so.
    pub fn new(call: &str, answer: Answer) -> Lie {
        Lie {
            call: call.to_owned(),
            answer,
        }
    }

    /// Whether an act that is this call cannot have been done. What is interrupted can be done
    /// again. Where clone3 is not there, the C library makes a clone; where pidfd_send_signal is
    /// not, `child` sends the same signal with kill.
    pub fn denies(&self) -> bool {
        let has_a_second_way = ["clone3", "pidfd_send_signal"].contains(&self.call.as_str());
        match self.answer {
            Answer::Zero => true,
            Answer::Fails(errno) => !(has_a_second_way && errno == Errno::ENOSYS),
            Answer::Interrupted => false,
        }
    }
}

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = &self.call;
        match self.answer {
            Answer::Zero => write!(f, "{call}=0"),
            Answer::Fails(errno) => write!(f, "{call}={errno:?}"),
            Answer::Interrupted => write!(f, "{call}=EINTR once"),
        }
    }
}

/// What the call of a lie is to the claim that it is told to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// The act that is this call: it cannot have been done.
    pub act: Option<String>,
    /// Whether the claim is about this call, so that it is refuted by a kernel that answers so.
    pub is_object: bool,
}

/// Judges a run of one claim under a lie, of which these processes were `left`.
pub fn judge(role: &Role, run: &Finished, left: &[String]) -> Trial {
    let claim = run.read().and_then(Document::into_claim);
    let said = match &claim {
        Ok(claim) => claim.verdict.to_string(),
        Err(_) => run.status.to_string(),
    };
    let fault = if run.late {
        Some(format!("not at its end after {} s", run.took.as_secs()))
    } else if !left.is_empty() {
        Some(format!("left processes: {}", left.join(", ")))
    } else {
        match &claim {
            Ok(claim) => verdict_fault(role, claim),
            Err(_) => silence_fault(run),
        }
    };
    Trial { said, fault }
}

/// What is wrong about a program that printed no document. It may say that it cannot work here.
fn silence_fault(run: &Finished) -> Option<String> {
    let (status, stderr) = (run.status, run.stderr.trim().replace('\n', " "));
    if stderr.contains("panicked") {
        Some(format!("a panic: {stderr}"))
    } else if run.status.code() == Some(2) && !stderr.is_empty() {
        None
    } else {
        Some(format!("no document, {status}: {stderr}"))
    }
}

fn verdict_fault(role: &Role, claim: &Claim) -> Option<String> {
    let verdict = claim.verdict;
    let why = claim.why.as_deref().unwrap_or("");
    match (verdict, &role.act) {
        (Verdict::Refuted, _) if !role.is_object => {
            Some("refuted, and the call is not what the claim is about".to_owned())
        }
        (Verdict::Holds | Verdict::HoldsWith, Some(act)) => {
            Some(format!("{verdict} without its act: {act}"))
        }
        _ if why.contains("panicked") => Some(format!("a panic: {why}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::Duration;

    #[test]
    fn an_act_with_a_second_way_can_be_done_without_the_call() {
        let denies = |call, answer| Lie::new(call, answer).denies();
        for call in ["clone3", "pidfd_send_signal"] {
            assert!(!denies(call, Answer::Fails(Errno::ENOSYS)), "{call}");
            assert!(denies(call, Answer::Fails(Errno::EPERM)), "{call}");
            assert!(denies(call, Answer::Zero), "{call}");
        }
        assert!(denies("openat", Answer::Fails(Errno::ENOSYS)));
        assert!(!denies("openat", Answer::Interrupted));
    }

    /// A run that ended with this status.
    fn run(status: i32, stdout: &str, stderr: &str) -> Finished {
        Finished {
            status: ExitStatus::from_raw(status << 8),
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
            took: Duration::from_secs(1),
            late: false,
        }
    }

    fn document(verdict: &str, why: &str) -> Finished {
        let claim =
            serde_json::json!({"id": "a", "verdict": verdict, "why": why, "duration_ms": 1.0});
        run(0, &serde_json::json!({"claims": [claim]}).to_string(), "")
    }

    fn fault(role: &Role, run: &Finished) -> Option<String> {
        judge(role, run, &[]).fault
    }

    #[test]
    fn a_claim_that_holds_whatever_happens_is_found() {
        let (bystander, actor) = (
            Role::default(),
            Role {
                act: Some("asks for more".to_owned()),
                is_object: true,
            },
        );
        for verdict in ["holds", "holds_with"] {
            assert_eq!(fault(&bystander, &document(verdict, "")), None);
            let found = fault(&actor, &document(verdict, "")).unwrap();
            assert_eq!(found, format!("{verdict} without its act: asks for more"));
        }
        for verdict in ["error", "not_measured"] {
            assert_eq!(fault(&actor, &document(verdict, "EPERM")), None);
        }
    }

    #[test]
    fn only_the_object_of_a_claim_may_refute_it() {
        let object = Role {
            act: None,
            is_object: true,
        };
        assert_eq!(fault(&object, &document("refuted", "")), None);
        assert!(fault(&Role::default(), &document("refuted", "")).is_some());
    }

    #[test]
    fn no_end_no_panic_and_nothing_left_are_demanded() {
        let role = Role::default();
        let holds = document("holds", "");
        assert_eq!(
            judge(&role, &holds, &["reader".to_owned()]).fault.unwrap(),
            "left processes: reader"
        );
        let late = Finished {
            late: true,
            ..document("holds", "")
        };
        assert!(fault(&role, &late).unwrap().contains("not at its end"));
        let panicked = document("error", "fork reader: panicked: index out of bounds");
        assert!(fault(&role, &panicked).unwrap().contains("a panic"));
        assert!(fault(&role, &run(101, "", "thread 'main' panicked at")).is_some());
    }

    #[test]
    fn a_program_without_a_document_must_say_why() {
        let role = Role::default();
        assert_eq!(fault(&role, &run(2, "", "witness: fork: EAGAIN")), None);
        assert!(fault(&role, &run(2, "", "")).is_some());
        assert!(fault(&role, &run(1, "", "")).is_some());
        let killed = Finished {
            status: ExitStatus::from_raw(11),
            ..run(0, "", "")
        };
        assert!(fault(&role, &killed).unwrap().contains("SIGSEGV"));
    }
}
