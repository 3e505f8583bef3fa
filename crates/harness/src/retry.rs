//! System calls that a signal interrupted, made again: EINTR (signal(7)) is no answer.

use std::fs::TryLockError;
use std::io;

use nix::errno::Errno;

/// An error that may say that a signal came first.
pub trait Interruptible {
    /// Whether it is EINTR: nothing was done, and the same call may be made again.
    fn is_interrupt(&self) -> bool;
}

impl Interruptible for Errno {
    fn is_interrupt(&self) -> bool {
        *self == Errno::EINTR
    }
}

impl Interruptible for io::Error {
    fn is_interrupt(&self) -> bool {
        self.kind() == io::ErrorKind::Interrupted
    }
}

impl Interruptible for TryLockError {
    fn is_interrupt(&self) -> bool {
        matches!(self, TryLockError::Error(error) if error.is_interrupt())
    }
}

/// Makes `call` until it is not interrupted. Not for close(2), whose descriptor is gone after EINTR
/// as well, nor for a wait that a signal is to end.
///
/// # Errors
/// Whatever else `call` fails with.
pub fn on_interrupt<T, E: Interruptible>(mut call: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    loop {
        match call() {
            Err(error) if error.is_interrupt() => {}
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_is_no_answer_and_everything_else_is() {
        let mut answers = [Err(Errno::EINTR), Err(Errno::EINTR), Ok(7)].into_iter();
        assert_eq!(on_interrupt(|| answers.next().unwrap()), Ok(7));
        assert_eq!(answers.next(), None);
        assert_eq!(
            on_interrupt(|| Err::<(), _>(Errno::EAGAIN)),
            Err(Errno::EAGAIN)
        );
        let mut answers = [Some(Errno::EINTR as i32), None].into_iter();
        let standard = || match answers.next().unwrap() {
            Some(number) => Err(io::Error::from_raw_os_error(number)),
            None => Ok(8),
        };
        assert_eq!(on_interrupt(standard).unwrap(), 8);
        let interrupted = || TryLockError::Error(io::ErrorKind::Interrupted.into());
        let mut answers = [Err(interrupted()), Err(TryLockError::WouldBlock)].into_iter();
        let locked: Result<(), _> = on_interrupt(|| answers.next().unwrap());
        assert!(matches!(locked, Err(TryLockError::WouldBlock)));
    }
}
