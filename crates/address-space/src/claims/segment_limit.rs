//! The processor checks every byte against a segment's limit; pages end where pages end.

use anyhow::{Error, Result};
use child::ErrorKind;
use claim::{Act, Arm, Claim, Does, InControl, Name, NotMeasured, Quantity, Reading};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::ldt::{self, SIZE, software};

const FIRST: Quantity =
    Name("first offset that faults in 1000 bytes of memory").count(SIZE as u64, 4096);
const GROWN: Quantity =
    Name("the same after the limit was raised to 2000 bytes").count(2 * SIZE as u64, 4096);
const DOWN: Quantity =
    Name("first offset that reads when the segment expands down from 1000").count(SIZE as u64, 0);
const ABSENT: Quantity =
    Name("signal of a read when the segment is not present").word("SIGBUS", "none");
const MOVED: Quantity =
    Name("byte at offset 0 after the base moved on by 256 (byte i holds i/256)").count(1, 0);

const GUARD: Act = Does("forbids the pages behind the data")
    .call("mprotect", "135168, PROT_NONE")
    .by("prober")
    .shown_by("---p in /proc/self/maps");
const ENTER: Act = Does("enters a segment of 1000 bytes")
    .call(
        "modify_ldt",
        "limit=0x0003e7 … contents=0 … seg_not_present=0",
    )
    .by("prober")
    .shown_by("modify_ldt, asked to read, tells its base and its limit")
    .in_control(InControl::Not);
const GROW: Act = Does("raises the limit to 2000 bytes")
    .call("modify_ldt", "limit=0x0007cf")
    .by("prober")
    .shown_by("modify_ldt, asked to read, tells the new limit")
    .in_control(InControl::Not);
const MOVE: Act = Does("moves the base on by 256")
    .call(
        "modify_ldt",
        "limit=0x0003e7 … contents=0 … seg_not_present=0",
    )
    .by("prober")
    .times(2)
    .shown_by("modify_ldt, asked to read, tells the new base")
    .in_control(InControl::Not);
const TURN: Act = Does("turns the segment upside down")
    .call("modify_ldt", "limit=0x0003e7 … contents=1")
    .by("prober")
    .shown_by("modify_ldt, asked to read, tells that it expands down")
    .in_control(InControl::Not);
const REMOVE: Act = Does("marks the segment not present")
    .call("modify_ldt", "limit=0x0003e7 … seg_not_present=1")
    .by("prober")
    .shown_by("modify_ldt, asked to read, tells that it is not present")
    .in_control(InControl::Not);

pub(super) const CLAIM: Claim = Claim {
    id: "segment-limit",
    statement: "A hardware segment ends at any byte: of a segment of 1000 bytes, byte 999 reads \
                and byte 1000 faults; another descriptor changes its limit, its base, its \
                direction and its presence.",
    measures: "In a child, enters a data segment with modify_ldt and reads every offset of it from \
               32-bit code through ES; then raises the limit, moves the base, turns the segment \
               upside down, and marks it not present.",
    control: "the same reads by the same code through Linux's flat data segment, where the next \
              page is PROT_NONE: paging lets them run on to the end of the page",
    notes: &[38, 39, 40],
    example: Some("segment_of_1000_bytes"),
    needs: &[
        "x86-64, and no emulator (QEMU without KVM)",
        "modify_ldt (CONFIG_MODIFY_LDT_SYSCALL)",
        "a 32-bit code segment, which Linux has on x86-64 with and without CONFIG_IA32_EMULATION",
    ],
    acts: &[GUARD, ENTER, GROW, MOVE, TURN, REMOVE],
    man: &["modify_ldt(2)", "sigaction(2)"],
    quantities: &[FIRST, GROWN, DOWN, ABSENT, MOVED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    if observe::hypervisor::is_emulated() {
        let why = "QEMU imitates this processor (TCG): its far return into 32-bit code makes the \
                   guest's kernel oops, and its segments have no limits";
        return NotMeasured::err(why, "run it on a processor, or under KVM");
    }
    let probe = match arm {
        Arm::Experiment => ldt::segmented,
        Arm::Control => ldt::flat,
    };
    let prober = child::fork("prober", move |_| Ok(probe()?))?;
    let seen = prober.join().map_err(|error| match error.kind {
        ErrorKind::Ended(WaitStatus::Signaled(_, signal, _)) if is_fault(signal) => {
            NotMeasured::new(
                format!("the step into 32-bit code ended the child with {signal}"),
                "run it on a Linux kernel that a processor runs (User-mode Linux cannot do it)",
            )
            .into()
        }
        _ => explain_absence(error.into()),
    })?;
    let signal = match seen.not_present {
        0 => "none",
        libc::SIGBUS => "SIGBUS",
        libc::SIGSEGV => "SIGSEGV",
        _ => "another",
    };
    let done = seen.done;
    let reading = Reading::kernel()
        .act(&GUARD, done.guarded)
        .act(&ENTER, done.entered)
        .act(&GROW, done.grown)
        .act(&MOVE, done.moved)
        .act(&TURN, done.down)
        .act(&REMOVE, done.absent)
        .with(&FIRST, seen.first_fault)
        .with(&GROWN, seen.after_growing)
        .with(&DOWN, seen.expand_down)
        .with(&ABSENT, signal)
        .with(&MOVED, seen.after_moving);
    Ok(seen.notes.into_iter().fold(reading, Reading::note))
}

/// Whether instructions raise this signal.
fn is_fault(signal: Signal) -> bool {
    matches!(
        signal,
        Signal::SIGSEGV | Signal::SIGBUS | Signal::SIGILL | Signal::SIGTRAP
    )
}

/// Without the hardware's segments: why, and what a base and a limit checked in software do.
fn explain_absence(error: Error) -> Error {
    let refused = error.chain().any(|cause| {
        matches!(
            cause.downcast_ref(),
            Some(Errno::ENOSYS | Errno::EPERM | Errno::EACCES | Errno::EINVAL)
        )
    });
    let absent = error.to_string();
    if !refused && !absent.contains("no segments") && !absent.contains("no 32-bit code segment") {
        return error;
    }
    let software = match software::first_refusal(SIZE as usize) {
        Some(offset) => format!("byte {} reads, byte {offset} is refused", offset - 1),
        None => "it refuses nothing".to_owned(),
    };
    NotMeasured::new(
        format!("{absent}. A base and a limit checked in software stand in: {software} (counters)"),
        "run it on x86-64, on a Linux kernel with CONFIG_MODIFY_LDT_SYSCALL, and outside of a \
         seccomp filter",
    )
    .into()
}
