//! Segment descriptors: modify_ldt(2) in, LSL back out.
#![expect(
    unsafe_code,
    reason = "modify_ldt has no wrapper; LSL is an instruction"
)]

use std::arch::asm;

use nix::errno::Errno;

/// A data segment, wherever it begins. Limits are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Highest offset that is allowed; in a segment that expands down, the highest that is not.
    pub limit: u32,
    /// Whether the segment lies above its limit instead of below.
    pub expand_down: bool,
    /// Whether the present bit is set.
    pub present: bool,
}

/// asm/ldt.h: struct user_desc. The last word is made of bit fields.
#[repr(C)]
struct UserDesc {
    entry_number: u32,
    base_addr: u32,
    limit: u32,
    flags: u32,
}

const SEG_32BIT: u32 = 1;
const CONTENTS_EXPAND_DOWN: u32 = 1 << 1;
const SEG_NOT_PRESENT: u32 = 1 << 5;
const USEABLE: u32 = 1 << 6;
/// modify_ldt's function: write an entry, in the form that allows all of its fields.
const WRITE: libc::c_int = 0x11;
/// modify_ldt's function: read the table as the processor has it, 8 bytes an entry.
const READ: libc::c_int = 0;

/// Enters `descriptor` into the local descriptor table of the process, with offset 0 at the address
/// `base`, and returns its selector.
///
/// # Safety
/// A read through the selector reads memory from `base` on. As long as such reads are possible, the
/// caller must own that memory, and no other code may use the entry.
///
/// # Errors
/// ENOSYS where the kernel was built without CONFIG_MODIFY_LDT_SYSCALL or a filter hides the call,
/// EPERM from a filter, EINVAL for a descriptor that 32-bit code must not have.
pub unsafe fn enter(entry: u32, base: u32, descriptor: Descriptor) -> Result<u16, Errno> {
    let flag = |set, flag| if set { flag } else { 0 };
    let user = UserDesc {
        entry_number: entry,
        base_addr: base,
        limit: descriptor.limit,
        flags: SEG_32BIT
            | USEABLE
            | flag(descriptor.expand_down, CONTENTS_EXPAND_DOWN)
            | flag(!descriptor.present, SEG_NOT_PRESENT),
    };
    // SAFETY: the kernel reads `size_of::<UserDesc>()` bytes of a struct of the layout it asks for.
    // The new segment changes nothing until its selector is loaded, and the caller answers for
    // that.
    let result = unsafe {
        libc::syscall(
            libc::SYS_modify_ldt,
            WRITE,
            &raw const user,
            size_of::<UserDesc>(),
        )
    };
    // The kernel returns an int that is not sign-extended: a failure reads as 4294967274.
    match result as i32 {
        0 => Ok((entry << 3 | 7) as u16),
        -1 => Err(Errno::last()),
        error => Err(Errno::from_raw(-error)),
    }
}

/// The base and the descriptor in the first entry of the local descriptor table of the process, as
/// modify_ldt(2) reads it; none where the table is empty.
///
/// # Errors
/// As [`enter`].
pub fn first() -> Result<Option<(u32, Descriptor)>, Errno> {
    let mut entry = [0u8; 8];
    // SAFETY: the kernel writes as many bytes as it is told, and these are `entry`'s.
    let read =
        unsafe { libc::syscall(libc::SYS_modify_ldt, READ, entry.as_mut_ptr(), entry.len()) };
    match read as i32 {
        -1 => Err(Errno::last()),
        error @ ..0 => Err(Errno::from_raw(-error)),
        0 => Ok(None),
        _ => Ok(Some(decode(u64::from_le_bytes(entry)))),
    }
}

/// Base and descriptor in the processor's form (Intel SDM, volume 3, 3.4.5).
fn decode(entry: u64) -> (u32, Descriptor) {
    let field = |lowest: u32, bits: u32| (entry >> lowest & ((1 << bits) - 1)) as u32;
    let descriptor = Descriptor {
        limit: field(0, 16) | field(48, 4) << 16,
        expand_down: field(42, 1) == 1,
        present: field(47, 1) == 1,
    };
    (field(16, 24) | field(56, 8) << 24, descriptor)
}

/// The limit that the processor has for `selector` in bytes (LSL); none where it may not be loaded.
pub fn limit(selector: u16) -> Option<u32> {
    let (limit, valid): (u32, u8);
    // SAFETY: LSL reads a descriptor without loading it, faults on none, and writes only a register
    // and the zero flag.
    unsafe {
        asm!(
            "lsl {limit:e}, {selector:e}",
            "setz {valid}",
            selector = in(reg) u32::from(selector),
            limit = out(reg) limit,
            valid = out(reg_byte) valid,
            options(nomem, nostack)
        );
    }
    (valid == 1).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_in_the_processors_form() {
        // Base 0x12345678, limit 0xabcde, data that expands down, present.
        let (base, descriptor) = decode(0x124a_f634_5678_bcde);
        let expected = Descriptor {
            limit: 0xabcde,
            expand_down: true,
            present: true,
        };
        assert_eq!((base, descriptor), (0x1234_5678, expected));
    }

    #[test]
    fn the_struct_is_the_kernels() {
        assert_eq!(size_of::<UserDesc>(), 16);
        assert_eq!(limit(0), None, "the null selector has no limit");
    }
}
