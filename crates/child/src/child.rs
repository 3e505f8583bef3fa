//! A child as its parent holds it.

use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitStatus};
use nix::unistd::Pid;
use serde::{Serialize, de::DeserializeOwned};

use crate::clock::{Deadline, first_readable, readable};
use crate::error::Failure;
use crate::link::{Link, Silence, Tag, decode, encode};
use crate::pidfd::reap;
use crate::{Error, ErrorKind, LIMIT, pidfd};

/// A child, seen from its parent. Dropped by the parent, it is killed and reaped; a copy that
/// another process got by a fork does nothing when it is dropped.
#[derive(Debug)]
pub struct Child<R> {
    name: String,
    pid: Pid,
    pidfd: OwnedFd,
    link: Link,
    /// The child's end, which a shared table must keep until the child has ended.
    shared: Option<Link>,
    limit: Duration,
    status: Option<WaitStatus>,
    answer: PhantomData<fn() -> R>,
}

impl<R> Child<R> {
    /// Takes hold of the child `pid` that has just been forked; kills it if that fails. `shared` is
    /// the child's end of the link where both use one descriptor table.
    pub(crate) fn hold(
        name: &str,
        pid: Pid,
        link: Link,
        shared: Option<Link>,
    ) -> Result<Self, Error> {
        let pidfd = pidfd::open(pid).map_err(|errno| {
            // Not reaped yet, so the number is still the child's.
            let _ = kill(pid, Signal::SIGKILL);
            let _ = reap(pid);
            Error {
                child: name.to_owned(),
                kind: ErrorKind::System("pidfd_open", errno),
            }
        })?;
        Ok(Child {
            name: name.to_owned(),
            pid,
            pidfd,
            link,
            shared,
            limit: LIMIT,
            status: None,
            answer: PhantomData,
        })
    }
}

impl<R: DeserializeOwned> Child<R> {
    /// Its process id; it stays the child's until [`Child::join`] or drop has reaped it.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// A descriptor of the process itself (pidfd_open(2)), readable once it has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Sets how long each later wait for this child lasts at most.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sends a value that the child's [`Parent::recv`](crate::Parent::recv) returns.
    ///
    /// # Errors
    /// The child has ended or does not read within the limit.
    pub fn send<T: Serialize>(&mut self, value: &T) -> Result<(), Error> {
        let body = encode(value).map_err(|kind| self.error(kind))?;
        self.write(Tag::Value, &body)
    }

    /// Receives a value that the child sent.
    ///
    /// # Errors
    /// The child ended, failed, panicked, is held at a checkpoint, or is silent for the limit.
    pub fn recv<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let body = self.read(Tag::Value, "value")?;
        decode(&body).map_err(|kind| self.error(kind))
    }

    /// Waits until the child holds at a [`Parent::checkpoint`](crate::Parent::checkpoint).
    ///
    /// # Errors
    /// Those of [`Child::recv`].
    pub fn at_checkpoint(&mut self) -> Result<(), Error> {
        self.read(Tag::Checkpoint, "checkpoint").map(drop)
    }

    /// Lets a child that is held go on.
    ///
    /// # Errors
    /// The child has ended.
    pub fn release(&mut self) -> Result<(), Error> {
        self.write(Tag::Release, &[])
    }

    /// Waits until a child whose closure calls exec has become the new program: its end of the link
    /// is close-on-exec, and nothing else closes it without a word. With a shared descriptor table
    /// this parent keeps that end, too, and cannot notice it.
    ///
    /// # Errors
    /// The child ended or failed instead, or did not exec within the limit; or it shares the
    /// descriptor table, where the parent holds the child's end open as well.
    pub fn at_exec(&mut self) -> Result<(), Error> {
        if self.shared.is_some() {
            let what = "shares the descriptor table, so its exec closes nothing that can be seen";
            return Err(self.error(ErrorKind::Unexpected(what.to_owned())));
        }
        match self.link.recv(None, Some(Deadline::after(self.limit))) {
            Err(Silence::Gone) if self.has_program() => Ok(()),
            Err(silence) => Err(self.silence_error(silence, "exec")),
            Ok((tag, body)) => Err(self.wrong_message_error(tag, &body, "exec")),
        }
    }

    /// Sends `signal` to the child.
    ///
    /// # Errors
    /// ESRCH once [`Child::wait`] has reaped it; that of pidfd_send_signal(2).
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        pidfd::send_signal(&self.pidfd, signal)
            .map_err(|errno| self.error(ErrorKind::System("pidfd_send_signal", errno)))
    }

    /// Waits for the child's answer and for its end.
    ///
    /// # Errors
    /// Those of [`Child::recv`], and an exit status other than 0 after the answer.
    pub fn join(mut self) -> Result<R, Error> {
        let body = self.read(Tag::Answer, "answer")?;
        let answer = decode(&body).map_err(|kind| self.error(kind))?;
        match self.wait()? {
            WaitStatus::Exited(_, 0) => Ok(answer),
            status => Err(self.error(ErrorKind::Ended(status))),
        }
    }

    /// Waits as [`Child::join`] does, unless `stop` becomes readable first: then the child is
    /// killed and reaped, and there is no answer.
    ///
    /// # Errors
    /// Those of [`Child::join`].
    pub fn join_unless(self, stop: BorrowedFd<'_>) -> Result<Option<R>, Error> {
        let events = [stop, self.link.as_fd(), self.pidfd.as_fd()];
        match first_readable(&events, Deadline::after(self.limit)) {
            Ok(Some(0)) => Ok(None),
            Ok(Some(_)) => self.join().map(Some),
            Ok(None) => Err(self.error(ErrorKind::Late("answer", self.limit))),
            Err(errno) => Err(self.error(ErrorKind::System("poll", errno))),
        }
    }

    /// Waits for the child's end, however it ends, and reads its status; its answer is lost.
    ///
    /// # Errors
    /// It did not end within the limit; it is killed then.
    pub fn wait(&mut self) -> Result<WaitStatus, Error> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        match readable(&self.pidfd, Deadline::after(self.limit)) {
            Ok(true) => self.reap(),
            Ok(false) => {
                self.signal(Signal::SIGKILL)?;
                self.reap()?;
                Err(self.error(ErrorKind::Late("end", self.limit)))
            }
            Err(errno) => Err(self.error(ErrorKind::System("poll", errno))),
        }
    }

    /// Whether it still runs a program. A process that ends gives up its memory, and with it its
    /// `exe` link, before it closes its descriptors; its pidfd becomes readable only later.
    fn has_program(&self) -> bool {
        let exe = std::fs::read_link(format!("/proc/{}/exe", self.pid));
        !matches!(exe, Err(error) if error.kind() == std::io::ErrorKind::NotFound)
    }

    fn reap(&mut self) -> Result<WaitStatus, Error> {
        let status =
            reap(self.pid).map_err(|errno| self.error(ErrorKind::System("waitpid", errno)))?;
        self.status = Some(status);
        Ok(status)
    }

    fn write(&mut self, tag: Tag, body: &[u8]) -> Result<(), Error> {
        let deadline = Deadline::after(self.limit);
        let sent = self.link.send(tag, body, Some(deadline));
        sent.map_err(|silence| self.silence_error(silence, "reader"))
    }

    /// Reads a message that must be `wanted`; a failure or a panic of the child is an error.
    fn read(&mut self, wanted: Tag, what: &'static str) -> Result<Vec<u8>, Error> {
        let deadline = Deadline::after(self.limit);
        match self.link.recv(Some(self.pidfd.as_fd()), Some(deadline)) {
            Ok((tag, body)) if tag == wanted => Ok(body),
            Ok((tag, body)) => Err(self.wrong_message_error(tag, &body, what)),
            Err(silence) => Err(self.silence_error(silence, what)),
        }
    }

    /// The error for a message other than the expected one.
    fn wrong_message_error(&self, tag: Tag, body: &[u8], what: &'static str) -> Error {
        self.error(match tag {
            Tag::Failed => decode::<Failure>(body).map_or_else(|kind| kind, Into::into),
            Tag::Panicked => ErrorKind::Panicked(String::from_utf8_lossy(body).into_owned()),
            tag => ErrorKind::Unexpected(format!("sent a {tag:?} instead of its {what}")),
        })
    }

    /// What it means that no message came.
    fn silence_error(&mut self, silence: Silence, what: &'static str) -> Error {
        let kind = match silence {
            Silence::Gone => return self.end_error(),
            Silence::Late => ErrorKind::Late(what, self.limit),
            Silence::System(call, errno) => ErrorKind::System(call, errno),
            Silence::Garbled => {
                ErrorKind::Unexpected("the link carries bytes that are not a message".into())
            }
        };
        self.error(kind)
    }

    /// The end of a child of which more was expected.
    fn end_error(&mut self) -> Error {
        match self.wait() {
            Ok(status) => self.error(ErrorKind::Ended(status)),
            Err(error) => error,
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error {
            child: format!("{} (pid {})", self.name, self.pid),
            kind,
        }
    }
}

impl<R> Drop for Child<R> {
    fn drop(&mut self) {
        // After a fork, the other process has a copy of this value, but the child is not its own.
        if self.status.is_none() && pidfd::is_own_child(Id::PIDFd(self.pidfd.as_fd())) {
            // SIGKILL cannot be refused.
            let _ = pidfd::send_signal(&self.pidfd, Signal::SIGKILL);
            let _ = reap(self.pid);
        }
    }
}
