//! One load by 32-bit code: from 64-bit code through a far return, `mov al, es:[ecx]`, and back.
//!
//! The pages lie below 2 GiB, where 32-bit code can reach them:
//!
//! | page | holds |
//! |---|---|
//! | 0 | the machine code below, execute only after it is written |
//! | 1 | the saved stack pointer, and a stack for the far return |
//! | 2 | data: byte `i` holds `i / 256` |
//! | 3 | nothing: PROT_NONE, so that a flat read faults at offset 4096 |
#![expect(
    unsafe_code,
    reason = "machine code is written, made executable and called"
)]

use std::ptr::null_mut;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;

use super::trap;

const PAGE: usize = 4096;
/// Linux's selectors for user code, 64 and 32 bit, and for flat data (arch/x86/include/asm/segment.h).
pub const CODE_64: u16 = 0x33;
/// See [`CODE_64`].
pub const CODE_32: u16 = 0x23;
/// See [`CODE_64`].
pub const FLAT_DATA: u16 = 0x2b;

/// The gate, mapped as long as the value lives.
pub struct Gate {
    base: usize,
}

impl Gate {
    /// Maps and writes the pages, and catches SIGSEGV and SIGBUS from now on.
    ///
    /// # Errors
    /// No room below 2 GiB; a kernel or filter that refuses executable memory.
    pub fn new() -> Result<Gate> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping overlaps nothing that exists.
        let base = unsafe { libc::mmap(null_mut(), 4 * PAGE, writable, flags, -1, 0) };
        ensure!(
            base != libc::MAP_FAILED,
            "mmap below 2 GiB: {}",
            Errno::last()
        );
        let gate = Gate {
            base: base as usize,
        };
        ensure!(
            gate.base + 4 * PAGE < 1 << 31,
            "MAP_32BIT gave an address above 2 GiB"
        );
        let code = gate.code();
        // SAFETY: pages 0 and 2 are mapped, writable and known to nobody else yet.
        unsafe {
            (gate.base as *mut u8).copy_from_nonoverlapping(code.bytes.as_ptr(), code.bytes.len());
            for i in 0..PAGE {
                (gate.data() as usize as *mut u8)
                    .add(i)
                    .write((i / 256) as u8);
            }
        }
        gate.protect(0, libc::PROT_READ | libc::PROT_EXEC)
            .context("mprotect PROT_EXEC")?;
        gate.protect(3, libc::PROT_NONE)
            .context("mprotect PROT_NONE")?;
        trap::install(gate.base, gate.base + PAGE, gate.base + code.back)?;
        Ok(gate)
    }

    /// Address of the data page.
    pub fn data(&self) -> u32 {
        (self.base + 2 * PAGE) as u32
    }

    /// Reads the byte at `offset` of the segment `selector` from 32-bit code.
    ///
    /// # Errors
    /// The fault that the processor answered with.
    pub fn read(&self, selector: u16, offset: u32) -> Result<u8, trap::Fault> {
        // SAFETY: page 0 holds a whole function of this signature, written in `new` and unchanged
        // since. It saves and restores the registers that the calling convention wants kept, runs on
        // its own stack meanwhile, and reads one byte. If that faults, the handler of `trap` sends it
        // to the same way out with TRAPPED in EAX, so it returns in any case. One thread runs here
        // (a child of our own), so the stack of page 1 has no second user.
        let value = unsafe {
            let gate: extern "C" fn(u32, u32) -> u32 = std::mem::transmute(self.base);
            gate(selector.into(), offset)
        };
        match u8::try_from(value) {
            Ok(byte) => Ok(byte),
            Err(_) => Err(trap::last()),
        }
    }

    fn protect(&self, page: usize, protection: libc::c_int) -> Result<(), Errno> {
        let at = (self.base + page * PAGE) as *mut libc::c_void;
        // SAFETY: one of the gate's own pages, before any of its code runs.
        Errno::result(unsafe { libc::mprotect(at, PAGE, protection) }).map(drop)
    }

    fn code(&self) -> Code {
        let saved = (self.base + PAGE) as u32;
        let stack = (self.base + 2 * PAGE - 16) as u32;
        let mut code = Code {
            bytes: Vec::new(),
            back: 0,
        };
        // 64-bit: keep the callee-saved registers, whose upper halves 32-bit code need not preserve.
        code.put(&[0x53, 0x55]); // push rbx; push rbp
        code.put(&[0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57]); // push r12 .. r15
        code.put(&[0x48, 0x89, 0x24, 0x25]).word(saved); // mov [saved], rsp
        code.put(&[0x89, 0xFB, 0x89, 0xF1]); // mov ebx, edi; mov ecx, esi
        code.put(&[0xBC]).word(stack); // mov esp, stack
        code.put(&[0x6A, CODE_32 as u8]); // push 0x23
        let target = code.put(&[0x68]).bytes.len();
        code.word(0); // push the address of the 32-bit code, known below
        code.put(&[0x48, 0xCB]); // retfq
        let narrow = (self.base + code.bytes.len()) as u32;
        code.bytes[target..target + 4].copy_from_slice(&narrow.to_le_bytes());
        // 32-bit: the load that the whole gate is for.
        code.put(&[0x8E, 0xC3]); // mov es, bx
        code.put(&[0x26, 0x8A, 0x01]); // mov al, es:[ecx]
        code.put(&[0x0F, 0xB6, 0xC0]); // movzx eax, al
        let back = code.bytes.len() + 7;
        code.put(&[0xEA])
            .word((self.base + back) as u32)
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

impl Drop for Gate {
    fn drop(&mut self) {
        trap::forget();
        // SAFETY: the gate's own mapping; the handler has forgotten it and no call is under way.
        let _ = unsafe { libc::munmap(self.base as *mut libc::c_void, 4 * PAGE) };
    }
}

/// Machine code, and the offset at which 64-bit code goes on.
struct Code {
    bytes: Vec<u8>,
    back: usize,
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
