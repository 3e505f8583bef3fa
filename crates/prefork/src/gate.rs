//! A gate between processes: while it is closed, whoever comes to it sleeps until it is opened.
//!
//! Sources: futex(2); its futex is not private, since the gate may lie in shared memory.
#![expect(unsafe_code, reason = "raw system calls: libc does not wrap futex(2)")]

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, Release};

/// Open at first. One process closes and opens it; any may pass.
#[derive(Debug, Default)]
pub struct Gate {
    /// 1 while it is closed, else 0.
    closed: AtomicU32,
}

impl Gate {
    /// Closes it for those who come from now on.
    pub fn close(&self) {
        self.closed.store(1, Relaxed);
    }

    /// Opens it for all who wait and who come.
    pub fn open(&self) {
        self.closed.store(0, Release);
        // SAFETY: FUTEX_WAKE takes the address of the word as a key, and reads nothing there.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.closed.as_ptr(),
                libc::FUTEX_WAKE,
                i32::MAX,
            );
        }
    }

    /// Sleeps while it is closed.
    pub fn pass(&self) {
        while self.closed.load(Relaxed) == 1 {
            // SAFETY: the word is alive while it is borrowed, and no timeout is given. EAGAIN, that
            // the gate has just been opened, and EINTR mean "look again", as the loop does.
            unsafe {
                libc::syscall(
                    libc::SYS_futex,
                    self.closed.as_ptr(),
                    libc::FUTEX_WAIT,
                    1,
                    std::ptr::null::<libc::timespec>(),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_to_a_closed_gate_sleeps_until_it_is_opened() {
        let gate = Gate::default();
        gate.pass();
        gate.close();
        std::thread::scope(|scope| {
            let (send, receive) = std::sync::mpsc::channel();
            let gate = &gate;
            let threads = [(); 2].map(|()| {
                let send = send.clone();
                scope.spawn(move || {
                    send.send(nix::unistd::gettid().as_raw()).unwrap();
                    gate.pass();
                })
            });
            for _ in &threads {
                let mut sleeper = observe::sleep::Sleeper::open(receive.recv().unwrap()).unwrap();
                while !matches!(sleeper.look(), Ok(observe::sleep::Look::Asleep(_))) {
                    std::thread::yield_now();
                }
            }
            assert!(threads.iter().all(|thread| !thread.is_finished()));
            gate.open();
        });
        gate.pass();
    }
}
