//! The parent as its child sees it.

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid, getppid};
use serde::{Serialize, de::DeserializeOwned};

use crate::link::{Link, Silence, Tag, decode, encode};
use crate::{Error, ErrorKind};

/// The parent, seen from its child. Every wait for it ends when it dies, and so does the child.
#[derive(Debug)]
pub struct Parent {
    pub(crate) link: Link,
    pub(crate) pid: Pid,
}

impl Parent {
    /// Tells the parent that the state stands, and holds until it says go on.
    ///
    /// # Errors
    /// The parent has ended.
    pub fn checkpoint(&mut self) -> Result<(), Error> {
        self.link
            .send(Tag::Checkpoint, &[], None, None)
            .map_err(|silence| self.silence_error(silence))?;
        self.expect(Tag::Release).map(drop)
    }

    /// Sends a value that [`Child::recv`](crate::Child::recv) returns.
    ///
    /// # Errors
    /// The parent has ended.
    pub fn send<T: Serialize>(&mut self, value: &T) -> Result<(), Error> {
        let body = encode(value).map_err(|kind| self.error(kind))?;
        self.link
            .send(Tag::Value, &body, None, None)
            .map_err(|silence| self.silence_error(silence))
    }

    /// Receives a value that [`Child::send`](crate::Child::send) sent.
    ///
    /// # Errors
    /// The parent has ended or said something else.
    pub fn recv<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let body = self.expect(Tag::Value)?;
        decode(&body).map_err(|kind| self.error(kind))
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Binds this child's life to its parent's (`PR_SET_PDEATHSIG`). fork has done so; a change of
    /// credentials, entering a user namespace among them, undoes it (prctl(2)) and wants it again.
    ///
    /// # Errors
    /// That of prctl(2); the parent has ended already.
    pub fn bind(&self) -> Result<(), Error> {
        prctl::set_pdeathsig(Signal::SIGKILL)
            .map_err(|errno| self.error(ErrorKind::System("prctl PR_SET_PDEATHSIG", errno)))?;
        if prctl::get_pdeathsig().is_ok_and(|signal| signal != Some(Signal::SIGKILL)) {
            let what = "prctl PR_SET_PDEATHSIG did nothing, so it would outlive its parent";
            return Err(self.error(ErrorKind::Unexpected(what.to_owned())));
        }
        // A parent that died before the signal was armed is no longer this process's parent. Its
        // number cannot be that of the new parent: the process that inherits orphans was alive at
        // the same time, under a number of its own. Where this process came into a PID namespace
        // below its parent's, getppid(2) is 0, and a parent that lives is taken for dead, never the
        // other way round.
        if self.has_ended() {
            Err(self.silence_error(Silence::Gone))
        } else {
            Ok(())
        }
    }

    /// Whether this process has another parent by now.
    pub(crate) fn has_ended(&self) -> bool {
        getppid() != self.pid
    }

    fn expect(&mut self, wanted: Tag) -> Result<Vec<u8>, Error> {
        match self.link.recv(None, None) {
            Ok((tag, body)) if tag == wanted => Ok(body),
            Ok((tag, _)) => {
                let what = format!("got a {tag:?} from its parent instead of a {wanted:?}");
                Err(self.error(ErrorKind::Unexpected(what)))
            }
            Err(silence) => Err(self.silence_error(silence)),
        }
    }

    fn silence_error(&self, silence: Silence) -> Error {
        self.error(match silence {
            Silence::Failed(kind) => kind,
            Silence::Gone | Silence::Late => ErrorKind::Unexpected("its parent has ended".into()),
            Silence::Garbled => {
                ErrorKind::Unexpected("the link carries bytes that are not a message".into())
            }
        })
    }

    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        Error {
            child: format!("{}", getpid()),
            kind,
        }
    }
}
