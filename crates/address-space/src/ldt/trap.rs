//! The handler for the fault that a read beyond a segment raises in 32-bit code.
#![expect(
    unsafe_code,
    reason = "a signal handler that changes where the program goes on"
)]

use std::mem::{MaybeUninit, zeroed};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicUsize, Ordering::Relaxed};

use anyhow::{Context, Result};
use nix::errno::Errno;

use super::gate::CODE_64;

/// What EAX holds when the read trapped: no byte does.
const TRAPPED: i64 = 0x100;

/// A fault as the signal reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// SIGSEGV or SIGBUS.
    pub signal: i32,
    /// The processor's exception: 13 general protection, 11 segment not present, 14 page fault.
    pub exception: i64,
    /// The exception's error code.
    pub code: i64,
}

// The handler runs on the only thread, between two instructions of the gate; atomics are used because
// they are what a handler may touch, not for their order.
static START: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);
static BACK: AtomicUsize = AtomicUsize::new(0);
static SIGNAL: AtomicI32 = AtomicI32::new(0);
static EXCEPTION: AtomicI64 = AtomicI64::new(0);
static CODE: AtomicI64 = AtomicI64::new(0);

const STACK: usize = 64 << 10;

/// Catches SIGSEGV and SIGBUS: one raised by code in `start..end` continues at `back`.
///
/// # Errors
/// sigaltstack(2) or sigaction(2) fails.
pub fn install(start: usize, end: usize, back: usize) -> Result<()> {
    START.store(start, Relaxed);
    END.store(end, Relaxed);
    BACK.store(back, Relaxed);
    // Leaked on purpose: a signal can come as long as the process lives, and it is a short-lived child.
    let memory: &'static mut [MaybeUninit<u8>] = Box::leak(Box::new_uninit_slice(STACK));
    let stack = libc::stack_t {
        ss_sp: memory.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: STACK,
    };
    // SAFETY: the stack lives as long as the process, and nobody else uses it.
    Errno::result(unsafe { libc::sigaltstack(&stack, null_mut()) }).context("sigaltstack")?;
    // SAFETY: all zeros is a valid sigaction: no flags, empty mask, default handler.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = handle as *const () as usize;
    // The gate's stack is 32-bit and tiny when the fault comes: the handler needs its own.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: `handle` has the signature that SA_SIGINFO asks for and calls nothing that a
        // signal handler may not call.
        Errno::result(unsafe { libc::sigaction(signal, &action, null_mut()) })
            .context("sigaction")?;
    }
    Ok(())
}

/// Lets faults be faults again.
pub fn forget() {
    END.store(0, Relaxed);
}

/// The fault caught last.
pub fn last() -> Fault {
    Fault {
        signal: SIGNAL.load(Relaxed),
        exception: EXCEPTION.load(Relaxed),
        code: CODE.load(Relaxed),
    }
}

extern "C" fn handle(signal: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes the ucontext that it will resume from, which lies in
    // this handler's own frame; nobody else looks at it.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let at = registers[libc::REG_RIP as usize] as usize;
    if at < START.load(Relaxed) || at >= END.load(Relaxed) {
        // Not ours: with the default action restored, the same instruction faults again and ends the
        // process as it would have without this handler.
        // SAFETY: signal(2) may be called in a handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    SIGNAL.store(signal, Relaxed);
    EXCEPTION.store(registers[libc::REG_TRAPNO as usize], Relaxed);
    CODE.store(registers[libc::REG_ERR as usize], Relaxed);
    registers[libc::REG_RIP as usize] = BACK.load(Relaxed) as i64;
    registers[libc::REG_RAX as usize] = TRAPPED;
    // CS is the lowest of the four 16-bit selectors of this word; SS, FS and GS stay.
    let selectors = &mut registers[libc::REG_CSGSFS as usize];
    *selectors = *selectors & !0xFFFF | i64::from(CODE_64);
}
