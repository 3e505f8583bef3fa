//! A robust futex is unlocked and forgotten in one step.

use std::time::Duration;

use anyhow::Result;
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::wait;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use observe::robust_list;

use super::robust_futex::{OWNER_DIED, RobustFutex};

const PENDING: Quantity =
    Name("operation that is pending once the futex is free").word("none", "that on the futex");
const MEMORY: Quantity = Name("memory that was the futex, after the death of who unlocked it")
    .word("as it was", "marked FUTEX_OWNER_DIED");

/// How long a child may take for each step.
const LIMIT: Duration = Duration::from_secs(5);
const REGISTER: Act = Does("registers a robust list")
    .call("set_robust_list", "")
    .by("holder")
    .shown_by("its address (get_robust_list, asked by the parent)");
const SLEEP: Act = Does("sleeps on the futex")
    .call("futex", "FUTEX_WAIT")
    .by("sleeper")
    .shown_by("a process that sleeps, by /proc/PID, and is woken only by the unlock");
const LEAVE: Act = Does("leaves it to the kernel to free the futex")
    .in_memory()
    .by("holder")
    .shown_by("the word just before the call, which the parent reads: still the holder's")
    .in_control(InControl::Not);
const WAKE: Act = Does("wakes the sleeper of a free futex")
    .call("futex", "")
    .by("holder")
    .shown_by("a sleeper that is awake, and a word of 0");
const REUSE: Act = Does("puts another object there, with the number of the holder in it")
    .in_memory()
    .shown_by("the number, where the holder's memory is read just before it dies (/proc/PID/mem)");
const KILL: Act = Does("kills the holder with SIGKILL")
    .call("pidfd_send_signal", "SIGKILL")
    .shown_by("how the holder ended (waitid)");

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "robust-unlock-is-one-step",
    statement: "FUTEX_ROBUST_UNLOCK frees a robust futex, forgets that it was being unlocked, and \
                wakes a waiter, in one call: whoever is killed afterwards harms no memory that \
                was the futex.",
    measures: "A child with a robust list holds a futex on which another sleeps, and unlocks it by \
               one call. The parent puts another number into the word, which happens to be the \
               child's thread id, kills the child, and reads the word.",
    control: "the child stores 0 and wakes, as before, and is killed before it clears \
              list_op_pending",
    notes: &[21, 26],
    needs: &["Linux 7.2 with CONFIG_FUTEX_ROBUST_UNLOCK"],
    acts: &[REGISTER, SLEEP, LEAVE, WAKE, REUSE, KILL],
    man: &["futex(2)", "get_robust_list(2)"],
    quantities: &[PENDING, MEMORY],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    // Whether the kernel has the operation, on a futex of no consequence.
    RobustFutex::new()?.unlock_at_once()?;
    let futex = RobustFutex::new()?;
    let mut holder = child::fork("holder", |parent| {
        futex.register()?;
        futex.begin_unlock(std::process::id() as i32);
        parent.checkpoint()?;
        if arm == Arm::Control {
            futex.free();
        }
        parent.checkpoint()?;
        match arm {
            Arm::Experiment => futex.unlock_at_once()?,
            Arm::Control => futex.wake()?,
        }
        Ok(parent.checkpoint()?)
    })?
    .limit(LIMIT);
    holder.at_checkpoint()?;
    let pid = holder.pid();
    let registered = robust_list::head_of(pid)? == futex.head();
    let sleeper = child::fork("sleeper", |_| Ok(futex.sleep()))?.limit(LIMIT);
    wait::until_asleep(sleeper.pid(), LIMIT)?;
    holder.release()?;
    holder.at_checkpoint()?;
    let left = futex.is_held_by(pid);
    holder.release()?;
    holder.at_checkpoint()?;
    let woken = sleeper.join()?;
    let free = futex.word() == 0;
    let pending = futex.is_pending();
    // A number that only looks like that of a holder.
    futex.overwrite(pid as u32);
    let reused = futex.word_in(pid)? == Some(pid as u32);
    holder.signal(Signal::SIGKILL)?;
    let end = holder.wait()?;
    let killed = matches!(end, WaitStatus::Signaled(_, Signal::SIGKILL, _));
    let memory = match futex.word() {
        word if word == pid as u32 => "as it was".to_owned(),
        OWNER_DIED => "marked FUTEX_OWNER_DIED".to_owned(),
        other => format!("{other:#x}"),
    };
    Ok(Reading::kernel()
        .act(&REGISTER, registered)
        .act(&SLEEP, woken)
        .act(&LEAVE, left)
        .act(&WAKE, woken && free)
        .act(&REUSE, reused)
        .act(&KILL, killed)
        .with(&PENDING, if pending { "that on the futex" } else { "none" })
        .with(&MEMORY, memory))
}
