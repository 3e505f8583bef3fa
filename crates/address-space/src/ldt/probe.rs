//! What segments do, found out by reading through them.

use anyhow::{Context, Result, ensure};

use super::descriptor::{Descriptor, enter, limit};
use super::gate::{CODE_32, FLAT_DATA, Gate};
use super::trap::Fault;
use super::{SIZE, Seen};

/// One page, and the offset behind it: the furthest that is ever read.
const FURTHEST: u32 = 4096;
/// Entry of the table, the same for every segment: each takes its predecessor's place.
const ENTRY: u32 = 0;

/// Through segments. To be called in a child of its own: the local descriptor table and the signal
/// handlers are not put back.
///
/// # Errors
/// modify_ldt is refused, 32-bit code is not available, or a segment does not read what it must.
pub fn segmented() -> Result<Seen> {
    let gate = Gate::new()?;
    let whole = Descriptor {
        base: gate.data(),
        limit: SIZE - 1,
        expand_down: false,
        present: true,
    };
    let enter = |descriptor| enter(ENTRY, descriptor).context("modify_ldt");

    let selector = enter(whole)?;
    // Without 32-bit code segments (ia32_emulation=0) the far return would end the process.
    limit(CODE_32).context("the kernel has no 32-bit code segment (lsl 0x23)")?;
    let read_back = limit(selector).context("lsl: the segment cannot be loaded")?;
    let at = |offset| gate.read(selector, offset);
    let first_fault = first(|offset| at(offset).is_err());
    let fault = at(first_fault)
        .err()
        .context("the first offset that faults reads")?;
    let mut notes = vec![format!(
        "lsl reads the limit back as {read_back}; the read at {first_fault} ends in {}",
        describe(fault)
    )];
    // Every offset, not only those that the bisection came by.
    for offset in 0..FURTHEST {
        match at(offset) {
            Ok(byte) => ensure!(
                offset < first_fault && u32::from(byte) == offset / 256,
                "offset {offset} of the segment reads {byte}"
            ),
            Err(_) => ensure!(
                offset >= first_fault,
                "offset {offset} of the segment faults"
            ),
        }
    }

    enter(Descriptor {
        limit: 2 * SIZE - 1,
        ..whole
    })?;
    let after_growing = first(|offset| at(offset).is_err());

    enter(Descriptor {
        base: whole.base + 256,
        ..whole
    })?;
    let after_moving =
        at(0).map_err(|fault| anyhow::anyhow!("a moved base: {}", describe(fault)))?;

    enter(Descriptor {
        expand_down: true,
        ..whole
    })?;
    let expand_down = first(|offset| at(offset).is_ok());

    enter(Descriptor {
        present: false,
        ..whole
    })?;
    let absent = at(0).err();
    notes.extend(absent.map(|fault| format!("a segment that is not present: {}", describe(fault))));

    Ok(Seen {
        first_fault: first_fault.into(),
        after_growing: after_growing.into(),
        expand_down: expand_down.into(),
        not_present: absent.map_or(0, |fault| fault.signal),
        after_moving: after_moving.into(),
        notes,
    })
}

/// The same reads, by the same code, through Linux's flat data segment: only pages set limits.
///
/// # Errors
/// 32-bit code is not available.
pub fn flat() -> Result<Seen> {
    let gate = Gate::new()?;
    limit(CODE_32).context("the kernel has no 32-bit code segment (lsl 0x23)")?;
    let at = |offset| gate.read(FLAT_DATA, gate.data() + offset);
    let first_fault = first(|offset| at(offset).is_err());
    let note = at(first_fault)
        .err()
        .map(|fault| format!("the read at {first_fault} ends in {}", describe(fault)));
    Ok(Seen {
        first_fault: first_fault.into(),
        after_growing: first_fault.into(),
        expand_down: first(|offset| at(offset).is_ok()).into(),
        not_present: at(0).err().map_or(0, |fault| fault.signal),
        after_moving: at(0).map_or(u64::MAX, u64::from),
        notes: note.into_iter().collect(),
    })
}

/// The first offset for which `is` says yes, by bisection; [`FURTHEST`] is taken to be one.
fn first(is: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (0, FURTHEST);
    while low < high {
        let middle = low + (high - low) / 2;
        if is(middle) {
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
