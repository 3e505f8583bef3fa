//! A child that has got a descriptor in some way, and is held while its parent looks at it.

use std::fs::File;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use anyhow::Result;
use child::Descriptors;

use crate::evidence::{self, Place};

/// A file as a child has it.
pub enum ChildFile<'a> {
    /// By the descriptor that it inherited: nothing is asked of the kernel for it.
    Inherited(&'a File),
    /// By a descriptor that it made.
    Opened(File),
}

impl Deref for ChildFile<'_> {
    type Target = File;

    fn deref(&self) -> &File {
        match self {
            ChildFile::Inherited(file) => file,
            ChildFile::Opened(file) => file,
        }
    }
}

impl AsRawFd for ChildFile<'_> {
    fn as_raw_fd(&self) -> RawFd {
        self.deref().as_raw_fd()
    }
}

impl AsFd for ChildFile<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.deref().as_fd()
    }
}

/// What was seen of a child.
pub struct Seen<R> {
    /// What `look` returned.
    pub look: R,
    /// Whether /proc/CHILD/status names this process as its parent.
    pub is_child: bool,
    /// The offset of what the child got, by its own word, where /proc/CHILD/fdinfo has none.
    pub hidden_offset: Option<u64>,
}

/// Forks a child called `name` that gets a descriptor by `get`, and returns what `look` sees of it
/// while the child still has it.
pub fn look_at<D, R>(
    table: Descriptors,
    name: &str,
    get: impl FnOnce() -> Result<D> + Send,
    look: impl FnOnce(Place) -> Result<R>,
) -> Result<Seen<R>>
where
    D: AsFd + AsRawFd,
{
    let mut held = child::fork_with(table, name, |parent| {
        let descriptor = get()?;
        let offset = evidence::hidden_offset(&descriptor)?;
        parent.send(&(descriptor.as_raw_fd(), offset))?;
        Ok(parent.checkpoint()?)
    })?;
    let (fd, hidden_offset): (RawFd, Option<u64>) = held.recv()?;
    held.at_checkpoint()?;
    let pid = held.pid();
    let is_child = evidence::is_own_child(pid)?;
    let look = look(Place { pid, fd })?;
    held.release()?;
    held.join()?;
    Ok(Seen {
        look,
        is_child,
        hidden_offset,
    })
}
