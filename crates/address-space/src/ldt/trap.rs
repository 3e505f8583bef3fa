//! The handler for the fault that a read beyond a segment raises in 32-bit code.
#![expect(
    unsafe_code,
    reason = "a signal handler that changes where the program goes on"
)]

use std::marker::PhantomData;
use std::mem::{MaybeUninit, zeroed};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicUsize};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;

use super::pages::CODE_64;

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

// The code between START and END is run by one thread, since a gate cannot leave its thread and
// there is one trap at a time. So the handler stores what follows on the thread that reads it,
// between two instructions of the gate; a fault of any other thread lies elsewhere and stores
// nothing. Atomics are used because they are what a handler may touch, not for their order.
static START: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);
static RETURN_ADDRESS: AtomicUsize = AtomicUsize::new(0);
static SIGNAL: AtomicI32 = AtomicI32::new(0);
static EXCEPTION: AtomicI64 = AtomicI64::new(0);
static CODE: AtomicI64 = AtomicI64::new(0);

static INSTALLED: AtomicBool = AtomicBool::new(false);

const STACK: usize = 64 << 10;

/// SIGSEGV and SIGBUS are caught while the value lives; there is one at a time. The signal stack is
/// its thread's, and so the value cannot leave it.
pub struct Trap(PhantomData<*const ()>);

impl Trap {
    /// Catches them: one raised by code in `start..end` continues at `back`. The handler stays when
    /// the value goes, but treats every fault as a foreign one.
    ///
    /// # Errors
    /// There is a trap already; sigaltstack(2) or sigaction(2) fails.
    pub fn new(start: usize, end: usize, back: usize) -> Result<Trap> {
        ensure!(!INSTALLED.swap(true, Relaxed), "faults are caught already");
        let trap = Trap(PhantomData);
        START.store(start, Relaxed);
        END.store(end, Relaxed);
        RETURN_ADDRESS.store(back, Relaxed);
        catch()?;
        Ok(trap)
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        END.store(0, Relaxed);
        INSTALLED.store(false, Relaxed);
    }
}

fn catch() -> Result<()> {
    // Leaked on purpose: a signal can come as long as the process lives, and it is a short-lived
    // child.
    let memory: &'static mut [MaybeUninit<u8>] = Box::leak(Box::new_uninit_slice(STACK));
    let stack = libc::stack_t {
        ss_sp: memory.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: STACK,
    };
    // SAFETY: the stack lives as long as the process, and only this thread gets it as its own.
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

/// The fault caught last.
pub fn last() -> Fault {
    Fault {
        signal: SIGNAL.load(Relaxed),
        exception: EXCEPTION.load(Relaxed),
        code: CODE.load(Relaxed),
    }
}

extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes the ucontext that it will resume from. It has just
    // written it onto the signal stack of the thread on which this handler runs, and no other
    // thread knows of it, however many there are.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let at = registers[libc::REG_RIP as usize] as usize;
    // SAFETY: with SA_SIGINFO the kernel passes a valid `siginfo_t`, too.
    let sent = unsafe { (*info).si_code } <= 0;
    if sent || at < START.load(Relaxed) || at >= END.load(Relaxed) {
        // Not ours: with the default action restored, the same instruction faults again and ends
        // the process as it would have without this handler. What kill(2) sent does not come again
        // by itself.
        // SAFETY: signal(2) and raise(3) may be called in a handler, and the default action that
        // signal(2) restores runs no code.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            if sent {
                libc::raise(signal);
            }
        }
        return;
    }
    SIGNAL.store(signal, Relaxed);
    EXCEPTION.store(registers[libc::REG_TRAPNO as usize], Relaxed);
    CODE.store(registers[libc::REG_ERR as usize], Relaxed);
    registers[libc::REG_RIP as usize] = RETURN_ADDRESS.load(Relaxed) as i64;
    registers[libc::REG_RAX as usize] = TRAPPED;
    // CS is the lowest of the four 16-bit selectors of this word; SS, FS and GS stay.
    let selectors = &mut registers[libc::REG_CSGSFS as usize];
    *selectors = *selectors & !0xFFFF | i64::from(CODE_64);
}
