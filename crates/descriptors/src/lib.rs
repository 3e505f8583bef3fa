#![doc = include_str!("../README.md")]

mod scan;
pub mod text;

use std::ffi::{OsStr, OsString};

use observe::Error;
use present::foreign_text::serialize_name;
use serde::{Serialize, Serializer};

pub use scan::scan;

/// What was found, descriptions in the order of their first holder.
#[derive(Clone, Debug, Serialize)]
pub struct Map {
    /// Version of this document.
    pub schema: u32,
    /// The descriptions.
    pub descriptions: Vec<Description>,
    /// Processes that could not be looked into.
    pub denied: Vec<Denied>,
    /// How kcmp was refused, if it was; some descriptions are then not certain. In JSON its text.
    #[serde(serialize_with = "serialize_text_or_null")]
    pub refused: Option<Error>,
}

/// One open file description.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// What the descriptors' links say: a path, `socket:[4711]`, `anon_inode:[eventpoll]`.
    #[serde(flatten, serialize_with = "serialize_object")]
    pub object: OsString,
    /// Device number of the inode.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// File offset in bytes.
    pub offset: u64,
    /// Access mode by its name in open(2).
    pub access: &'static str,
    /// File status flags as a number, access mode included, O_CLOEXEC not.
    pub status_flags: i32,
    /// Whether the holders are known to share it. Otherwise kcmp was refused, and they only agree
    /// in all that fdinfo tells: they may have a description each.
    pub certain: bool,
    /// Every descriptor that refers to it, by process and number.
    pub holders: Vec<Holder>,
    /// What it watches, if it is an epoll instance.
    pub watches: Vec<Watch>,
}

/// A descriptor.
#[derive(Clone, Debug, Serialize)]
pub struct Holder {
    /// Process id.
    pub pid: i32,
    /// Its command name.
    #[serde(flatten, serialize_with = "serialize_command")]
    pub command: OsString,
    /// Descriptor number.
    pub fd: i32,
    /// Whether it closes on exec.
    pub close_on_exec: bool,
}

/// A registration of an epoll instance.
#[derive(Clone, Debug, Serialize)]
pub struct Watch {
    /// Descriptor number at the time of registration.
    pub fd: i32,
    /// Events as a number.
    pub events: u32,
    /// Inode of what is really watched.
    pub inode: u64,
    /// Whether this is a ghost: no mapped holder of the epoll instance has what is watched open
    /// under that number (kcmp `KCMP_EPOLL_TFD`), so close() of the descriptor did not end the
    /// registration. Unknown where kcmp was refused, and where every holder had closed it or ended
    /// before kcmp was called.
    pub ghost: Option<bool>,
}

/// A process that may not be inspected.
#[derive(Clone, Debug, Serialize)]
pub struct Denied {
    /// Process id.
    pub pid: i32,
    /// Its command name.
    #[serde(flatten, serialize_with = "serialize_command")]
    pub command: OsString,
    /// How many descriptors it has, where the kernel tells.
    pub descriptors: u64,
    /// What was refused, and with which error number. In JSON its text.
    #[serde(serialize_with = "serialize_text")]
    pub why: Error,
}

fn serialize_object<S: Serializer>(name: &OsStr, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_name(["object", "object_bytes"], name, serializer)
}

fn serialize_command<S: Serializer>(name: &OsStr, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_name(["command", "command_bytes"], name, serializer)
}

fn serialize_text<S: Serializer>(error: &Error, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(error)
}

fn serialize_text_or_null<S: Serializer>(
    error: &Option<Error>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match error {
        Some(error) => serialize_text(error, serializer),
        None => serializer.serialize_none(),
    }
}
