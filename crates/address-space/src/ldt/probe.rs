//! What segments do, found out by reading through them.

use anyhow::{Context, Result, ensure};

use super::descriptor::{Descriptor, first, limit};
use super::gate::{Gate, Segment};
use super::pages::CODE_32;
use super::trap::Fault;
use super::{Done, SIZE, Seen};

/// Where the page of data ends.
const END: u16 = 4096;
/// Nothing is read from here on: a page further, so that data without an end would show.
const READ_LIMIT: u16 = 2 * END;

/// Through segments. To be called in a child of its own: the local descriptor table and the signal
/// handlers are not put back.
///
/// # Errors
/// modify_ldt is refused, 32-bit code is not available, or a segment does not read what it must.
pub fn segmented() -> Result<Seen> {
    let gate = Gate::new()?;
    let whole = Descriptor {
        limit: SIZE - 1,
        expand_down: false,
        present: true,
    };
    // The segment, and whether the kernel reads it back.
    let enter = |skip, descriptor| -> Result<(Segment<'_>, bool)> {
        let segment = gate.enter(skip, descriptor).context("modify_ldt")?;
        Ok((segment, gate.has_entered(skip, descriptor)?))
    };
    let mut done = Done {
        guarded: gate.is_guarded()?,
        ..Done::default()
    };

    let (segment, entered) = enter(0, whole)?;
    ensure!(
        entered,
        "modify_ldt had no effect: it does not read back the segment that it was given"
    );
    done.entered = entered;
    code_32()?;
    let read_back = limit(segment.selector).context("lsl: the segment cannot be loaded")?;
    let at = |offset| segment.read(offset);
    let first_fault = first_offset(READ_LIMIT, |offset| at(offset).is_err());
    let fault = at(first_fault)
        .err()
        .context("the first offset that faults reads")?;
    let mut notes = vec![format!(
        "lsl reads the limit back as {read_back}; the read at {first_fault} ends in {}",
        describe(fault)
    )];
    // Every offset, not only those that the bisection came by.
    for offset in 0..READ_LIMIT {
        match at(offset) {
            Ok(byte) => ensure!(
                offset < first_fault && u16::from(byte) == offset / 256,
                "offset {offset} of the segment reads {byte}"
            ),
            Err(_) => ensure!(
                offset >= first_fault,
                "offset {offset} of the segment faults"
            ),
        }
    }

    let grown = Descriptor {
        limit: 2 * SIZE - 1,
        ..whole
    };
    let (grown, entered) = enter(0, grown)?;
    done.grown = entered;
    let after_growing = first_offset(READ_LIMIT, |offset| grown.read(offset).is_err());

    let (moved, entered) = enter(256, whole)?;
    done.moved = entered;
    let moved = moved.read(0);
    let after_moving =
        moved.map_err(|fault| anyhow::anyhow!("a moved base: {}", describe(fault)))?;

    let down = Descriptor {
        expand_down: true,
        ..whole
    };
    let (down, entered) = enter(0, down)?;
    done.down = entered;
    let expand_down = first_offset(END, |offset| down.read(offset).is_ok());

    let absent = Descriptor {
        present: false,
        ..whole
    };
    let (absent, entered) = enter(0, absent)?;
    done.absent = entered;
    let absent = absent.read(0).err();
    notes.extend(absent.map(|fault| format!("a segment that is not present: {}", describe(fault))));

    Ok(Seen {
        first_fault: first_fault.into(),
        after_growing: after_growing.into(),
        expand_down: expand_down.into(),
        not_present: absent.map_or(0, |fault| fault.signal),
        after_moving: after_moving.into(),
        done,
        notes,
    })
}

/// The same reads, by the same code, through Linux's flat data segment: only pages set limits.
///
/// # Errors
/// 32-bit code is not available.
pub fn flat() -> Result<Seen> {
    let gate = Gate::new()?;
    code_32()?;
    let at = |offset| gate.read_flat(offset);
    let first_fault = first_offset(READ_LIMIT, |offset| at(offset).is_err());
    let note = at(first_fault)
        .err()
        .map(|fault| format!("the read at {first_fault} ends in {}", describe(fault)));
    // Nothing was entered, and so nothing is read back.
    let entered = first()?.is_some();
    Ok(Seen {
        done: Done {
            guarded: gate.is_guarded()?,
            entered,
            grown: entered,
            moved: entered,
            down: entered,
            absent: entered,
        },
        first_fault: first_fault.into(),
        after_growing: first_fault.into(),
        expand_down: first_offset(END, |offset| at(offset).is_ok()).into(),
        not_present: at(0).err().map_or(0, |fault| fault.signal),
        after_moving: at(0).map_or(u64::MAX, u64::from),
        notes: note.into_iter().collect(),
    })
}

/// Makes sure that the far return has a code segment to go to; without one it would end the
/// process.
///
/// Linux's global descriptor table has it on every x86-64 kernel (arch/x86/kernel/cpu/common.c,
/// gdt_page), CONFIG_IA32_EMULATION and ia32_emulation=0 or not: these are about system calls and
/// programs. What else runs programs, a hypervisor's or an emulator's kernel, may have none.
fn code_32() -> Result<()> {
    limit(CODE_32).context("the kernel has no 32-bit code segment (lsl 0x23)")?;
    Ok(())
}

/// The first offset for which `holds` is true, by bisection; it is taken to be true for `end`.
fn first_offset(end: u16, holds: impl Fn(u16) -> bool) -> u16 {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle
        } else {
            low = middle + 1
        }
    }
    low
}

fn describe(fault: Fault) -> String {
    let signal = match fault.signal {
        libc::SIGBUS => "SIGBUS",
        _ => "SIGSEGV",
    };
    let name = match fault.exception {
        11 => "segment not present",
        13 => "general protection",
        14 => "page fault",
        _ => "another exception",
    };
    format!(
        "{signal}, exception {} ({name}), error code {:#x}",
        fault.exception, fault.code
    )
}
