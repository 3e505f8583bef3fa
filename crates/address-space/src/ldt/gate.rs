//! One load by 32-bit code: from 64-bit code through a far return, `mov al, es:[ecx]`, and back.
//!
//! The pages lie below 2 GiB, where 32-bit code can reach them:
//!
//! | page | holds |
//! |---|---|
//! | 0 | the machine code below, execute only after it is written |
//! | 1 | the saved stack pointer, and a stack for the far return |
//! | 2 | data: byte `i` holds `i / 256` |
//! | 3 to 35 | nothing: PROT_NONE, so that a flat read faults at offset 4096 |
//!
//! A segment begins at most 65,535 bytes into the data, and no read is further from there than
//! that: none leads out of the gate's own pages.
#![expect(
    unsafe_code,
    reason = "machine code is written, made executable and called"
)]

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;

use super::descriptor::{Descriptor, enter, first};
use super::pages::{FLAT_DATA, PAGE, PAGES, Pages};
use super::quiet::Quiet;
use super::trap::{self, Trap};
use crate::evidence::{is_mapped, mappings};

/// What the table above says of a segment and an offset that are both as far as they can be.
const _: () = assert!(2 * (u16::MAX as usize) < (PAGES - 2) * PAGE);
/// Entry of the local descriptor table, the same for every segment: each takes its predecessor's
/// place.
const ENTRY: u32 = 0;

/// The gate, open as long as the value lives. Neither it nor what borrows it can leave its thread,
/// whose signals, signal stack and saved stack pointer it uses.
pub struct Gate {
    // Dropped in this order: the handler goes before the pages whose faults it catches, and signals
    // stay blocked until both are dropped.
    _trap: Trap,
    pages: Pages,
    _quiet: Quiet,
}

/// A segment over the gate's data.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    gate: &'a Gate,
    /// Its selector.
    pub selector: u16,
}

impl Gate {
    /// Maps and writes the pages, catches SIGSEGV and SIGBUS from now on, and blocks the other
    /// signals: a handler that came between the jumps would run on the few bytes of the gate's
    /// stack.
    ///
    /// # Errors
    /// No room below 2 GiB; a kernel or filter that refuses executable memory; another gate is
    /// open.
    pub fn new() -> Result<Gate> {
        let pages = Pages::new()?;
        let code = pages.code();
        // SAFETY: pages 0 and 2 are mapped, writable and known to no other code yet.
        unsafe {
            let start = pages.start().as_ptr();
            start.copy_from_nonoverlapping(code.bytes.as_ptr(), code.bytes.len());
            for i in 0..PAGE {
                start.add(2 * PAGE + i).write((i / 256) as u8);
            }
        }
        // SAFETY: two parts of the gate, and none of its code runs yet.
        let (code_page, guard) = unsafe {
            (
                pages.protect(0, 1, libc::PROT_READ | libc::PROT_EXEC),
                pages.protect(3, PAGES - 3, libc::PROT_NONE),
            )
        };
        code_page.context("mprotect PROT_EXEC")?;
        guard.context("mprotect PROT_NONE")?;
        let base = pages.base();
        // Where it cannot be executed, the way out of the fault would fault as well.
        ensure!(
            is_mapped(&mappings()?, &(base..base + PAGE), "r-xp"),
            "mprotect PROT_READ|PROT_EXEC had no effect: /proc/self/maps does not have r-xp"
        );
        Ok(Gate {
            _trap: Trap::new(base, base + PAGE, base + code.back)?,
            pages,
            _quiet: Quiet::new()?,
        })
    }

    /// Whether the kernel has what follows on the data as it should be: not to be read.
    ///
    /// # Errors
    /// /proc is not mounted.
    pub fn is_guarded(&self) -> Result<bool> {
        let base = self.pages.base();
        let guard = base + 3 * PAGE..base + PAGES * PAGE;
        Ok(is_mapped(&mappings()?, &guard, "---p"))
    }

    /// Whether the gate's entry, read back, is `descriptor` with a segment `skip` bytes into the
    /// data.
    ///
    /// # Errors
    /// As modify_ldt(2).
    pub fn has_entered(&self, skip: u16, descriptor: Descriptor) -> Result<bool, Errno> {
        Ok(first()? == Some((self.data() + u32::from(skip), descriptor)))
    }

    /// Enters a segment that begins `skip` bytes into the data.
    ///
    /// # Errors
    /// As modify_ldt(2).
    pub fn enter(&self, skip: u16, descriptor: Descriptor) -> Result<Segment<'_>, Errno> {
        // SAFETY: the selector is read through by `Segment::read` only, which stays within 65,535
        // bytes of `base`, and these are the gate's own; the value borrows the gate, so it outlives
        // no page. The entry is this gate's: there is one gate at a time, and nothing else here
        // enters segments.
        let selector = unsafe { enter(ENTRY, self.data() + u32::from(skip), descriptor) }?;
        Ok(Segment {
            gate: self,
            selector,
        })
    }

    /// Reads the byte at `offset` of the data from 32-bit code, through Linux's flat segment.
    ///
    /// # Errors
    /// The fault that the processor answered with.
    pub fn read_flat(&self, offset: u16) -> Result<u8, trap::Fault> {
        // SAFETY: flat offsets are addresses, and this one lies in the gate's data or behind it.
        unsafe { self.read(FLAT_DATA, self.data() + u32::from(offset)) }
    }

    /// Reads the byte at `offset` of the segment `selector` from 32-bit code.
    ///
    /// # Safety
    /// That byte, if it can be read, is the gate's own.
    unsafe fn read(&self, selector: u16, offset: u32) -> Result<u8, trap::Fault> {
        // SAFETY: page 0 holds a whole function of this signature, written in `new` and unchanged
        // since. It saves and restores the registers that the calling convention wants kept, runs
        // on its own stack meanwhile, and reads one byte, of which the caller answers for. If that
        // faults, the handler of `trap` sends it to the same way out with TRAPPED in EAX, so it
        // returns in any case; any other signal waits until the gate is closed. The gate belongs to
        // one thread, so the stack of page 1 has no second user.
        let value = unsafe {
            let gate: extern "C" fn(u32, u32) -> u32 = std::mem::transmute(self.pages.start());
            gate(selector.into(), offset)
        };
        match u8::try_from(value) {
            Ok(byte) => Ok(byte),
            Err(_) => Err(trap::last()),
        }
    }

    /// Address of the data page.
    fn data(&self) -> u32 {
        (self.pages.base() + 2 * PAGE) as u32
    }
}

impl Segment<'_> {
    /// Reads the byte at `offset` of the segment from 32-bit code.
    ///
    /// # Errors
    /// The fault that the processor answered with.
    pub fn read(&self, offset: u16) -> Result<u8, trap::Fault> {
        // SAFETY: every segment of the gate's entry begins at most 65,535 bytes into its data, and
        // behind these come as many bytes again that are the gate's.
        unsafe { self.gate.read(self.selector, offset.into()) }
    }
}
