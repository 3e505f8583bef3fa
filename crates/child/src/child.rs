//! A child as its parent holds it.

use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use serde::{Serialize, de::DeserializeOwned};

use crate::clock::Deadline;
use crate::error::Failure;
use crate::life::{Event, Life};
use crate::link::{Link, Silence, Tag, decode, encode};
use crate::{Error, ErrorKind, LIMIT};

/// How long a child has to die of SIGKILL.
const DEATH_LIMIT: Duration = Duration::from_secs(5);

/// A child, seen from its parent. Dropped by the parent, it is killed and reaped; a copy that
/// another process got by a fork does nothing when it is dropped.
#[derive(Debug)]
pub struct Child<R> {
    name: String,
    life: Life,
    link: Link,
    /// The child's end, which a shared table must keep until the child has ended.
    shared: Option<Link>,
    limit: Duration,
    answer: PhantomData<fn() -> R>,
}

impl<R> Child<R> {
    /// Takes hold of the child `pid` that has just been forked. `shared` is the child's end of the
    /// link where both use one descriptor table.
    ///
    /// # Errors
    /// The kernel knows no such child of this process.
    pub(crate) fn hold(
        name: &str,
        pid: Pid,
        link: Link,
        shared: Option<Link>,
    ) -> Result<Self, Error> {
        let mut child = Child {
            name: name.to_owned(),
            life: Life::new(pid),
            link,
            shared,
            limit: LIMIT,
            answer: PhantomData,
        };
        match child.life.is_own_child() {
            Ok(true) => Ok(child),
            Ok(false) => {
                let what = "fork(2) answered a number that is no child's of this process";
                Err(child.error(ErrorKind::Unexpected(what.to_owned())))
            }
            Err(errno) => Err(child.error(ErrorKind::System("waitpid", errno))),
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error {
            child: format!("{} (pid {})", self.name, self.life.pid()),
            kind,
        }
    }
}

impl<R: DeserializeOwned> Child<R> {
    /// Its process id; it stays the child's until [`Child::join`] or drop has reaped it.
    pub fn pid(&self) -> i32 {
        self.life.pid().as_raw()
    }

    /// A descriptor for poll(2), readable once the child has ended: that of the process itself
    /// (pidfd_open(2)). Where there is none it is the link, which is readable once the child has
    /// sent something, too; and for a child that shares the descriptor table not at its end.
    pub fn end_fd(&self) -> BorrowedFd<'_> {
        self.life.pidfd().unwrap_or(self.link.as_fd())
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
        let deadline = Deadline::after(self.limit);
        match self.link.recv(Some(&mut self.life), Some(deadline)) {
            Err(Silence::Gone) if self.has_program() => Ok(()),
            Err(silence) => Err(self.silence_error(silence, "exec")),
            Ok((tag, body)) => Err(self.wrong_message_error(tag, &body, "exec")),
        }
    }

    /// Sends `signal` to the child.
    ///
    /// # Errors
    /// ESRCH once it is reaped, by [`Child::wait`] or by a wait that met its end; that of kill(2).
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        let sent = self.life.signal(signal);
        sent.map_err(|errno| self.error(ErrorKind::System("kill", errno)))
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
    pub fn join_unless(mut self, stop: BorrowedFd<'_>) -> Result<Option<R>, Error> {
        let deadline = Deadline::after(self.limit);
        match self.life.first_event(&[stop, self.link.as_fd()], deadline) {
            Ok(Event::Ready(0)) => Ok(None),
            Ok(Event::Ready(_) | Event::Ended) => self.join().map(Some),
            Ok(Event::Late) => Err(self.error(ErrorKind::Late("answer", self.limit))),
            Err(kind) => Err(self.error(kind)),
        }
    }

    /// Waits until `other` is readable or the child has ended: whether it ended first.
    ///
    /// # Errors
    /// Neither comes within the limit.
    pub fn ends_before(&mut self, other: BorrowedFd<'_>) -> Result<bool, Error> {
        let deadline = Deadline::after(self.limit);
        match self.life.first_event(&[other], deadline) {
            Ok(Event::Ready(_)) => Ok(false),
            Ok(Event::Ended) => Ok(true),
            Ok(Event::Late) => Err(self.error(ErrorKind::Late("word or end", self.limit))),
            Err(kind) => Err(self.error(kind)),
        }
    }

    /// Waits for the child's end, however it ends, and reads its status; its answer is lost.
    ///
    /// # Errors
    /// It did not end within the limit; it is killed then.
    pub fn wait(&mut self) -> Result<WaitStatus, Error> {
        match self.life.wait(Deadline::after(self.limit)) {
            Ok(Some(status)) => Ok(status),
            Ok(None) => {
                let ended = self.life.end(DEATH_LIMIT);
                let late = |_| ErrorKind::Late("end", self.limit);
                Err(self.error(ended.map_or_else(|kind| kind, late)))
            }
            Err(kind) => Err(self.error(kind)),
        }
    }

    /// Whether it still runs a program. A process that ends gives up its memory, and with it its
    /// `exe` link, before it closes its descriptors; it can be reaped only later.
    fn has_program(&self) -> bool {
        let exe = std::fs::read_link(format!("/proc/{}/exe", self.life.pid()));
        let gone = matches!(exe, Err(error) if error.kind() == std::io::ErrorKind::NotFound);
        self.life.status().is_none() && !gone
    }

    fn write(&mut self, tag: Tag, body: &[u8]) -> Result<(), Error> {
        let deadline = Some(Deadline::after(self.limit));
        let sent = self.link.send(tag, body, Some(&mut self.life), deadline);
        sent.map_err(|silence| self.silence_error(silence, "reader"))
    }

    /// Reads a message that must be `wanted`; a failure or a panic of the child is an error.
    fn read(&mut self, wanted: Tag, what: &'static str) -> Result<Vec<u8>, Error> {
        let deadline = Deadline::after(self.limit);
        match self.link.recv(Some(&mut self.life), Some(deadline)) {
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
            Silence::Failed(kind) => kind,
            Silence::Garbled => {
                ErrorKind::Unexpected("the link carries bytes that are not a message".into())
            }
        };
        self.error(kind)
    }

    /// The end of a child of which more was expected. What it said before, and nobody has read,
    /// tells why.
    fn end_error(&mut self) -> Error {
        let deadline = Some(Deadline::after(self.limit));
        while let Ok((tag, body)) = self.link.recv(Some(&mut self.life), deadline) {
            if matches!(tag, Tag::Failed | Tag::Panicked) {
                return self.wrong_message_error(tag, &body, "end");
            }
        }
        match self.wait() {
            Ok(status) => self.error(ErrorKind::of_end(status)),
            Err(error) => error,
        }
    }
}

impl<R> Drop for Child<R> {
    fn drop(&mut self) {
        // After a fork, the other process has a copy of this value, but the child is not its own.
        let own = self.life.is_own_child().unwrap_or(true);
        if own && self.life.has_ended() != Ok(true) {
            // What SIGKILL does not end dies with this process, as every child does.
            let _ = self.life.end(DEATH_LIMIT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_no_childs_is_not_held() {
        let (link, _theirs) = Link::pair().unwrap();
        let stranger = Child::<()>::hold("stranger", Pid::from_raw(1), link, None);
        let error = stranger.unwrap_err().to_string();
        assert!(
            error.contains("stranger (pid 1): fork(2) answered a number"),
            "{error}"
        );
    }
}
