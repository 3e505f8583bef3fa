//! What a kernel or a filter withholds, or answers with a lie, and how a child does without it.

use std::collections::BTreeMap;

use child::{BoxError, Child, Descriptors};
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;
use seccompiler::{SeccompAction, SeccompFilter};

use crate::process::{
    check_reaped, check_text, ensure, error_of, fork_sleeper, process_state, sleep_for_ever,
    wait_until,
};
use crate::{Case, LIMIT, Outcome, SHORT};

pub const CASES: &[Case] = &[
    ("a child is held without pidfd and waitid", without_pidfd),
    (
        "a child is heard without the calls of sockets",
        without_sockets,
    ),
    ("a fork that lies runs nothing in the parent", fork_lies),
    (
        "a call that does nothing ends in an answer or an error",
        lies,
    ),
    (
        "the error of an answer that cannot be sent is told",
        unsendable,
    ),
    ("the error of a child that no longer reads is told", unread),
    ("a child's name is seen from outside", names),
];

/// How a filter or an old kernel refuses a call.
const REFUSALS: [Errno; 4] = [
    Errno::ENOSYS,
    Errno::EPERM,
    Errno::EACCES,
    Errno::EOPNOTSUPP,
];

/// From here on these calls answer this error number to this process and its children; with 0 they
/// succeed and do nothing.
pub fn answer_with(errno: i32, calls: &[i64]) -> Outcome {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno as u32),
        std::env::consts::ARCH.try_into()?,
    )?;
    let program: seccompiler::BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

/// Runs `case` in a child of its own under such a filter.
pub fn under(errno: i32, calls: &[i64], case: fn() -> Outcome) -> Outcome {
    let child = child::fork("under a filter", |_| {
        let done = answer_with(errno, calls).and_then(|()| case());
        done.map_err(|error| BoxError::from(format!("{error}")))
    })?;
    child.join().map_err(|error| {
        let errno = Errno::from_raw(errno);
        format!("{errno:?} from {calls:?}: {error}").into()
    })
}

const PIDFD: &[i64] = &[
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_waitid,
];

fn without_pidfd() -> Outcome {
    for errno in REFUSALS {
        under(errno as i32, PIDFD, whole_life)?;
    }
    // Succeeds with the number 0, which is standard input's.
    under(0, &[libc::SYS_pidfd_open], whole_life)?;
    nix::fcntl::fcntl(std::io::stdin(), nix::fcntl::FcntlArg::F_GETFD)?;
    Ok(())
}

fn without_sockets() -> Outcome {
    let pair: &[i64] = &[libc::SYS_socketpair];
    let talk: &[i64] = &[libc::SYS_sendto, libc::SYS_recvfrom];
    let both = [PIDFD, pair].concat();
    for errno in REFUSALS {
        under(errno as i32, pair, whole_life)?;
        under(errno as i32, talk, whole_life)?;
        under(errno as i32, &both, whole_life)?;
    }
    under(Errno::EAFNOSUPPORT as i32, pair, whole_life)?;
    under(Errno::EMSGSIZE as i32, talk, whole_life)?;
    under(0, pair, whole_life)
}

/// All that a child does for its parent.
fn whole_life() -> Outcome {
    let mut talker = child::fork("talker", |parent| {
        let word: String = parent.recv()?;
        parent.checkpoint()?;
        parent.send(&word.len())?;
        Ok(7)
    })?;
    talker.send(&"x".repeat(1 << 20))?;
    talker.at_checkpoint()?;
    talker.release()?;
    let heard: (usize, i32) = (talker.recv()?, talker.join()?);
    ensure(heard == (1 << 20, 7), || format!("{heard:?}"))?;
    let sharing = child::fork_with(Descriptors::Shared, "sharing", |_| Ok(8))?.join()?;
    ensure(sharing == 8, || format!("{sharing}"))?;

    let mut dying = child::fork_with(Descriptors::Shared, "dying", |_| sleep_for_ever())?;
    dying.signal(Signal::SIGUSR1)?;
    check_text(&error_of(dying.recv::<u32>())?, &["killed by SIGUSR1"])?;
    let late = fork_sleeper("late")?.limit(SHORT);
    let pid = late.pid();
    check_text(&error_of(late.join())?, &["no answer within 50ms"])?;
    check_reaped(pid)?;
    let (gone, _writer) = std::io::pipe()?;
    let mut quick = child::fork("quick", |_| Ok(()))?;
    let ended = quick.ends_before(std::os::fd::AsFd::as_fd(&gone))?;
    ensure(ended, || "a pipe that nobody wrote to was readable".into())?;

    child::adopt_orphans()?;
    let mut parent = child::fork("parent", |parent| {
        let orphan = fork_sleeper("orphan")?;
        parent.send(&orphan.pid())?;
        sleep_for_ever()
    })?;
    let orphan: i32 = parent.recv()?;
    std::mem::forget(parent);
    let alive = child::end_orphans(LIMIT)?;
    ensure(alive >= 1, || format!("{alive} ended"))?;
    check_reaped(orphan)
}

/// clone(2) answers 0, and there is no child: what would be its closure must not run.
fn fork_lies() -> Outcome {
    for table in [Descriptors::Copied, Descriptors::Shared] {
        let error = child::fork("liar", |_| {
            answer_with(0, &[libc::SYS_clone, libc::SYS_clone3]).map_err(|e| e.to_string())?;
            let own = std::process::id();
            let forked = child::fork_with(table, "never", move |_| {
                Err::<(), _>(format!("ran in {}, not below {own}", std::process::id()).into())
            });
            match forked {
                Ok(child) => Ok(child.join()?),
                Err(error) => Err(error.into()),
            }
        });
        let error = error_of(error?.join())?;
        check_text(&error, &["never", "made none"])?;
    }
    Ok(())
}

/// What poll(2) of the C library asks for.
#[cfg(target_arch = "x86_64")]
const POLL: libc::c_long = libc::SYS_poll;
#[cfg(not(target_arch = "x86_64"))]
const POLL: libc::c_long = libc::SYS_ppoll;

fn lies() -> Outcome {
    for (call, answered) in [
        (libc::SYS_wait4, false),
        (libc::SYS_waitid, true),
        (libc::SYS_kill, true),
        (libc::SYS_pidfd_send_signal, true),
        // Whoever waits on would do so for ever, and without a pause.
        (POLL, false),
        (libc::SYS_sendto, true),
        (libc::SYS_recvfrom, true),
        (libc::SYS_prctl, false),
        (libc::SYS_rt_sigaction, true),
    ] {
        let outcome = under(0, &[call], || {
            let answer = child::fork("quick", |_| Ok(7))?.limit(10 * SHORT).join();
            let killed = fork_sleeper("sleeper")?.limit(10 * SHORT);
            killed.signal(Signal::SIGKILL)?;
            drop(killed);
            let answer = answer?;
            ensure(answer == 7, || format!("{answer}"))
        });
        ensure(outcome.is_ok() == answered, || {
            format!("system call {call}: {outcome:?}")
        })?;
    }
    Ok(())
}

fn unsendable() -> Outcome {
    let keys = child::fork("keys", |_| Ok(BTreeMap::from([((1, 2), 3)])))?;
    check_text(&error_of(keys.join())?, &["keys", "cannot be sent", "key"])
}

/// The parent writes to a child that has failed already, and learns why.
fn unread() -> Outcome {
    let mut failing: Child<()> = child::fork("failing", |_| {
        Err(std::io::Error::from_raw_os_error(libc::EFBIG).into())
    })?;
    let pid = failing.pid();
    wait_until(|| Ok(process_state(pid)? == 'Z'))?;
    let error = error_of(failing.send(&"x".repeat(8 << 20)))?;
    check_text(&error, &["failing", "File too large"])
}

fn names() -> Outcome {
    for table in [Descriptors::Copied, Descriptors::Shared] {
        let name = "a name of more than fifteen bytes";
        let mut named = child::fork_with(table, name, |parent| Ok(parent.checkpoint()?))?;
        named.at_checkpoint()?;
        let comm = std::fs::read_to_string(format!("/proc/{}/comm", named.pid()))?;
        ensure(comm == "a name of more \n", || comm)?;
        named.release()?;
        named.join()?;
    }
    Ok(())
}
