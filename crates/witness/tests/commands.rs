//! A kernel that lies about one command of a call alone, and about no other.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use proof::document::{Document, Verdict};
use proof::lies::{Answer, Lie, tell};
use proof::witness::Witness;

/// A lie ends a claim well before its own limit of 30 s.
const LIMIT: Duration = Duration::from_secs(25);

/// What became of `claim` where this command answers 0 and does nothing.
fn verdict(claim: &str, command: &str) -> Result<Verdict> {
    let witness = Witness::at(Path::new(env!("CARGO_BIN_EXE_witness")));
    let lie = Lie::new(command, Answer::Zero);
    let run = tell(&lie, &witness.measure([claim]), LIMIT)?;
    assert!(!run.late, "{claim}, {command}: it does not end");
    let document: Document = run.read()?;
    Ok(document.claims[0].verdict)
}

/// The claim rests on the command: the lie is neither believed nor taken for the kernel's answer.
#[test]
fn what_an_act_rests_on_is_missed() -> Result<()> {
    for (claim, command) in [
        ("access-mode", "fcntl(F_SETFL)"),
        ("access-mode", "fcntl(F_GETFL)"),
        ("access-mode", "fcntl(F_DUPFD_CLOEXEC)"),
        ("status-flags", "fcntl(F_SETFL)"),
        ("status-flags", "fcntl(F_SETFD)"),
        ("lock-owners", "fcntl(F_SETFL)"),
        ("lock-owners", "fcntl(F_SETLK)"),
        ("lock-owners", "fcntl(F_OFD_SETLK)"),
        ("any-frame-will-do", "madvise(MADV_NOHUGEPAGE)"),
        ("pages-need-no-contiguity", "madvise(MADV_DONTNEED)"),
        (
            "epoll-registers-the-description",
            "epoll_ctl(EPOLL_CTL_ADD)",
        ),
        ("unfair-against-ticket", "futex(FUTEX_WAKE)"),
        ("preempted-holder-collapse", "futex(FUTEX_WAKE)"),
        ("busy-wait-burns-cpu", "futex(FUTEX_WAKE)"),
        ("query-tells-duplicates", "fcntl(F_DUPFD_QUERY)"),
        ("guard-needs-no-mapping", "madvise(MADV_GUARD_INSTALL)"),
    ] {
        let verdict = verdict(claim, command)?;
        let is_missed = matches!(verdict, Verdict::Error | Verdict::NotMeasured);
        assert!(is_missed, "{claim}, {command}: {verdict:?}");
    }
    Ok(())
}

/// Whatever command of fcntl lies, nothing is refuted.
#[test]
fn no_command_of_fcntl_refutes() -> Result<()> {
    for claim in [
        "access-mode",
        "lock-owners",
        "status-flags",
        "ways-to-share",
    ] {
        for command in [
            "F_GETFD",
            "F_GETFL",
            "F_GETLK",
            "F_OFD_GETLK",
            "F_SETFD",
            "F_SETLK",
        ] {
            let verdict = verdict(claim, &format!("fcntl({command})"))?;
            assert_ne!(verdict, Verdict::Refuted, "{claim}, {command}");
        }
    }
    Ok(())
}
