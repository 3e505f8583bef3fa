//! The gate's memory, and the machine code in it.
#![expect(
    unsafe_code,
    reason = "mmap, mprotect and munmap of pages that hold code"
)]

use std::ptr::{NonNull, null_mut};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;

/// Bytes in a page of x86.
pub const PAGE: usize = 4096;
/// Pages of a gate, in the order that [`super::gate`] tells.
pub const PAGES: usize = 36;
/// Linux's selectors for user code, 64 and 32 bit, and for flat data
/// (arch/x86/include/asm/segment.h).
pub const CODE_64: u16 = 0x33;
/// See [`CODE_64`].
pub const CODE_32: u16 = 0x23;
/// See [`CODE_64`].
pub const FLAT_DATA: u16 = 0x2b;

/// The pages, below 2 GiB and unmapped on drop.
pub struct Pages {
    base: NonNull<u8>,
}

impl Pages {
    /// Maps them, readable and writable.
    ///
    /// # Errors
    /// No room below 2 GiB.
    pub fn new() -> Result<Pages> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping overlaps nothing that exists.
        let base = unsafe { libc::mmap(null_mut(), PAGES * PAGE, writable, flags, -1, 0) };
        ensure!(
            base != libc::MAP_FAILED,
            "mmap below 2 GiB: {}",
            Errno::last()
        );
        let base = NonNull::new(base.cast()).context("mmap at address 0")?;
        let pages = Pages { base };
        ensure!(
            pages.base() + PAGES * PAGE < 1 << 31,
            "MAP_32BIT gave an address above 2 GiB"
        );
        Ok(pages)
    }

    /// The first byte.
    pub fn start(&self) -> NonNull<u8> {
        self.base
    }

    /// Its address.
    pub fn base(&self) -> usize {
        self.base.as_ptr() as usize
    }

    /// Sets what `count` pages from `first` on may be used for.
    ///
    /// # Safety
    /// They are among the gate's, and no reference and no call that is under way needs more.
    ///
    /// # Errors
    /// As mprotect(2).
    pub unsafe fn protect(
        &self,
        first: usize,
        count: usize,
        protection: libc::c_int,
    ) -> Result<(), Errno> {
        let at = (self.base() + first * PAGE) as *mut libc::c_void;
        // SAFETY: as the caller promises.
        Errno::result(unsafe { libc::mprotect(at, count * PAGE, protection) }).map(drop)
    }

    /// The code for page 0.
    pub fn code(&self) -> Code {
        let saved = (self.base() + PAGE) as u32;
        let stack = (self.base() + 2 * PAGE - 16) as u32;
        let mut code = Code {
            bytes: Vec::new(),
            back: 0,
        };
        // 64-bit: keep the callee-saved registers, whose upper halves 32-bit code need not
        // preserve.
        code.put(&[0x53, 0x55]); // push rbx; push rbp
        code.put(&[0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57]); // push r12 .. r15
        code.put(&[0x48, 0x89, 0x24, 0x25]).word(saved); // mov [saved], rsp
        code.put(&[0x89, 0xFB, 0x89, 0xF1]); // mov ebx, edi; mov ecx, esi
        code.put(&[0xBC]).word(stack); // mov esp, stack
        code.put(&[0x6A, CODE_32 as u8]); // push 0x23
        let target = code.put(&[0x68]).bytes.len();
        code.word(0); // push the address of the 32-bit code, known below
        code.put(&[0x48, 0xCB]); // retfq
        let narrow = (self.base() + code.bytes.len()) as u32;
        code.bytes[target..target + 4].copy_from_slice(&narrow.to_le_bytes());
        // 32-bit: the load that the whole gate is for.
        code.put(&[0x8E, 0xC3]); // mov es, bx
        code.put(&[0x26, 0x8A, 0x01]); // mov al, es:[ecx]
        code.put(&[0x0F, 0xB6, 0xC0]); // movzx eax, al
        let back = code.bytes.len() + 7;
        code.put(&[0xEA])
            .word((self.base() + back) as u32)
            .put(&CODE_64.to_le_bytes()); // jmp far back
        // 64-bit again; the fault handler comes here, too.
        code.back = back;
        code.put(&[0x48, 0x8B, 0x24, 0x25]).word(saved); // mov rsp, [saved]
        code.put(&[0x31, 0xD2, 0x8E, 0xC2]); // xor edx, edx; mov es, edx
        code.put(&[0x41, 0x5F, 0x41, 0x5E, 0x41, 0x5D, 0x41, 0x5C]); // pop r15 .. r12
        code.put(&[0x5D, 0x5B, 0xC3]); // pop rbp; pop rbx; ret
        code
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: a mapping of one's own, from which no call is under way: a call borrows it.
        let _ = unsafe { libc::munmap(self.base.as_ptr().cast(), PAGES * PAGE) };
    }
}

/// Machine code of one function: takes a selector and an offset, returns the byte or what a trap
/// left.
pub struct Code {
    /// The instructions.
    pub bytes: Vec<u8>,
    /// Where 64-bit code goes on, in bytes from the beginning.
    pub back: usize,
}

impl Code {
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn word(&mut self, word: u32) -> &mut Self {
        self.put(&word.to_le_bytes())
    }
}
