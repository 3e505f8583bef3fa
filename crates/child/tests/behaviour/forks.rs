//! When a process is forked, and what its child shares with it.
#![expect(unsafe_code, reason = "a robust pthread mutex")]

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

use child::{Descriptors, ErrorKind, SingleThreaded};
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, geteuid, setgroups, setresgid, setresuid};

use crate::process::{check_text, ensure, error_of};
use crate::{Case, Outcome};

pub const CASES: &[Case] = &[
    ("fork is refused in a process with threads", threads),
    ("one thread is proved, two are not", single_thread),
    ("one descriptor table, where it is shared", shared_table),
    (
        "the C library knows a child with a shared table",
        robust_mutex_in_shared_table,
    ),
    (
        "a child with a shared table is bound to its parent",
        bond_in_shared_table,
    ),
    ("a full descriptor table is a clear error", full_table),
    ("RLIMIT_NPROC is a clear error", process_limit),
];

fn threads() -> Outcome {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    let error = error_of(child::fork("never", |_| Ok(())))?;
    drop(stop);
    let _ = thread.join();
    check_text(&error, &["never", "fork refused", "2 threads"])?;
    ensure(matches!(error.kind, ErrorKind::Threads(2)), || {
        format!("{:?}", error.kind)
    })
}

fn single_thread() -> Outcome {
    SingleThreaded::check()?;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    let error = SingleThreaded::check().err().ok_or("two threads passed")?;
    drop(stop);
    let _ = thread.join();
    let text = error.to_string();
    ensure(text == "this process has 2 threads", || text)
}

fn shared_table() -> Outcome {
    for (descriptors, open) in [(Descriptors::Shared, false), (Descriptors::Copied, true)] {
        let file = File::open("/proc/self/status")?;
        let number = file.as_raw_fd();
        let closer = child::fork_with(descriptors, "closer", |_| Ok(nix::unistd::close(number)?))?;
        closer.join()?;
        let path = format!("/proc/self/fd/{number}");
        let still = std::fs::read_link(path).is_ok();
        if !still {
            // Closed already, through the table that was one.
            std::mem::forget(file);
        }
        ensure(still == open, || format!("{descriptors:?}: open {still}"))?;
    }
    Ok(())
}

/// A robust mutex bears the number of its owner, by which the kernel finds out that this one died.
fn robust_mutex_in_shared_table() -> Outcome {
    let mutex = RobustMutex::new()?;
    for descriptors in [Descriptors::Copied, Descriptors::Shared] {
        let locked = child::fork_with(descriptors, "owner", |_| Ok(mutex.try_lock()))?.join()?;
        ensure(locked == 0, || {
            format!("{descriptors:?}: the child got {locked}")
        })?;
        let result = mutex.try_lock();
        ensure(result == libc::EOWNERDEAD, || {
            format!("{descriptors:?}: after the owner's death {result}, not EOWNERDEAD")
        })?;
        mutex.repair_and_unlock()?;
    }
    Ok(())
}

/// A robust, process-shared pthread mutex in memory that children share.
struct RobustMutex(NonNull<libc::pthread_mutex_t>);

// SAFETY: a process-shared mutex is made to be used from anywhere.
unsafe impl Sync for RobustMutex {}

impl RobustMutex {
    fn new() -> io::Result<RobustMutex> {
        let size = size_of::<libc::pthread_mutex_t>();
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new mapping at an address of the kernel's choice; it lives as long as the case.
        let at = unsafe { libc::mmap(ptr::null_mut(), size, access, kind, -1, 0) };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mutex = NonNull::new(at.cast()).ok_or(io::ErrorKind::InvalidData)?;
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the attributes are initialised by the first call and used by the others; the
        // mutex lies in the page above, which is large enough and aligned.
        unsafe {
            let attributes = attributes.as_mut_ptr();
            check(libc::pthread_mutexattr_init(attributes))?;
            let shared = libc::PTHREAD_PROCESS_SHARED;
            check(libc::pthread_mutexattr_setpshared(attributes, shared))?;
            let robust = libc::PTHREAD_MUTEX_ROBUST;
            check(libc::pthread_mutexattr_setrobust(attributes, robust))?;
            check(libc::pthread_mutex_init(mutex.as_ptr(), attributes))?;
        }
        Ok(RobustMutex(mutex))
    }

    /// What pthread_mutex_trylock(3) returns.
    fn try_lock(&self) -> i32 {
        // SAFETY: `new` has initialised it.
        unsafe { libc::pthread_mutex_trylock(self.0.as_ptr()) }
    }

    fn repair_and_unlock(&self) -> io::Result<()> {
        // SAFETY: `new` has initialised it, and this process has just locked it.
        unsafe {
            check(libc::pthread_mutex_consistent(self.0.as_ptr()))?;
            check(libc::pthread_mutex_unlock(self.0.as_ptr()))
        }
    }
}

fn check(result: i32) -> io::Result<()> {
    match result {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// exec keeps the signal of the thread that calls it.
fn bond_in_shared_table() -> Outcome {
    let bound = child::fork_with(Descriptors::Shared, "bound", |_| {
        Ok(nix::sys::prctl::get_pdeathsig()?.map(|signal| signal as i32))
    })?;
    let signal = bound.join()?;
    ensure(signal == Some(Signal::SIGKILL as i32), || {
        format!("{signal:?}")
    })
}

fn full_table() -> Outcome {
    // Every descriptor that comes next would be over the limit.
    let next = nix::unistd::dup(io::stderr())?.as_raw_fd();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, next as u64, hard)?;
    let error = error_of(child::fork("starved", |_| Ok(())))?;
    check_text(&error, &["starved", "EMFILE"])?;
    // Room for one: /proc/self/task can be read, a socket pair cannot be made.
    setrlimit(Resource::RLIMIT_NOFILE, next as u64 + 1, hard)?;
    let error = error_of(child::fork("starved", |_| Ok(())))?;
    check_text(&error, &["starved", "socketpair: EMFILE"])?;
    // Room for the pair is enough: the pidfd takes the place of the child's end.
    setrlimit(Resource::RLIMIT_NOFILE, next as u64 + 2, hard)?;
    Ok(child::fork("content", |_| Ok(()))?.join()?)
}

fn process_limit() -> Outcome {
    if geteuid().is_root() {
        setgroups(&[])?;
        let (uid, gid) = (Uid::from_raw(65534), Gid::from_raw(65534));
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    setrlimit(Resource::RLIMIT_NPROC, 0, 0)?;
    let error = error_of(child::fork("surplus", |_| Ok(())))?;
    check_text(&error, &["surplus", "fork: EAGAIN"])
}
