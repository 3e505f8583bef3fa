#![doc = include_str!("../README.md")]

mod by_address;
mod copies;
mod facts;
mod gather;
mod hidden;
mod mounts;
mod order;
mod scan;
mod settle;
pub mod text;
mod watches;

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use observe::Error;
use present::foreign_text::serialize_name;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

pub use scan::{Options, scan, scan_with};

/// What was found, descriptions in the order of their first holder.
#[derive(Clone, Debug, Serialize)]
pub struct Map {
    /// Version of this document.
    pub schema: u32,
    /// By what the descriptions were told apart.
    pub identity: Identity,
    /// The descriptions.
    pub descriptions: Vec<Description>,
    /// Descriptors of which nothing could be read.
    pub unreadable: Vec<Unreadable>,
    /// Processes that could not be looked into.
    pub denied: Vec<Denied>,
    /// Why the kernel's addresses were not read, where they were asked for. In JSON its text.
    #[serde(serialize_with = "serialize_text_or_null")]
    pub bpf_refused: Option<Error>,
    /// How kcmp was refused, if it was. In JSON its text.
    #[serde(serialize_with = "serialize_text_or_null")]
    pub refused: Option<Error>,
}

/// A way to know that two descriptors are one description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The kernel gave the address of each description: a BPF iterator.
    Bpf,
    /// The kernel compared them: kcmp(2).
    Kcmp,
    /// It compared copies of them, where kcmp was refused: pidfd_getfd(2) and `F_DUPFD_QUERY`.
    DescriptorQuery,
    /// Both were refused, and only what fdinfo tells was compared.
    Fdinfo,
}

/// One open file description.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// What the descriptors' links say: a path, `socket:[4711]`, `anon_inode:[eventpoll]`. None
    /// where the link could not be read.
    #[serde(flatten, serialize_with = "serialize_object")]
    pub object: Option<OsString>,
    /// Why the link could not be read. In JSON its text.
    #[serde(serialize_with = "serialize_text_or_null")]
    pub object_refused: Option<Error>,
    /// Major and minor number of the device of its file system, where mountinfo lists that.
    pub device: Option<(u32, u32)>,
    /// Inode number; none before Linux 5.14.
    pub inode: Option<u64>,
    /// File offset in bytes, of what has one: a file with a path that is open for reading or
    /// writing.
    pub offset: Option<u64>,
    /// Access mode by its name in open(2), or `O_PATH`.
    pub access: &'static str,
    /// File status flags as a number, access mode included, O_CLOEXEC not.
    pub status_flags: i32,
    /// Descriptors in messages that wait at it, if it is a UNIX socket (Linux 5.15).
    pub in_flight: Option<u64>,
    /// Whether these descriptors, and no others that were seen, are known to refer to it. Otherwise
    /// nothing could compare them, and they only agree in all that fdinfo tells: they may have a
    /// description each, or share it with others that look different by now.
    pub certain: bool,
    /// References to it that are no descriptor of any process. None where the addresses of
    /// descriptions were not read, and where the number moved.
    pub hidden: Option<Hidden>,
    /// Every descriptor that refers to it, by process and number.
    pub holders: Vec<Holder>,
    /// What it watches, if it is an epoll instance.
    pub watches: Vec<Watch>,
}

/// A descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Process id.
    pub pid: i32,
    /// The thread in whose descriptor table it is, where that is not the process's.
    pub tid: Option<i32>,
    /// The command name of the process.
    #[serde(flatten, serialize_with = "serialize_command")]
    pub command: Arc<OsStr>,
    /// Descriptor number.
    pub fd: i32,
    /// Whether it closes on exec; none where [`Options::close_on_exec`] was not asked for, and
    /// fdinfo was read by another descriptor of the description.
    pub close_on_exec: Option<bool>,
}

/// References to a description that are no descriptors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hidden {
    /// How many there are.
    pub references: u64,
    /// Those that are mappings of a process.
    pub mappings: Vec<MappedAt>,
    /// Those that a thread has for a call that it is in the middle of.
    pub calls: Vec<Call>,
    /// Those that are descriptors in flight, in messages that wait at UNIX sockets.
    pub in_flight: Vec<InFlight>,
    /// Those of which nothing is known: a file that is registered with io_uring, a loop device, a
    /// swap file; a descriptor in flight behind the first messages of a socket, or in another
    /// network namespace; a descriptor of a process that the kernel does not show (see
    /// [`Map::denied`]).
    pub elsewhere: u64,
}

/// A descriptor in a message that nobody has received yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct InFlight {
    /// Inode of the socket at which the message waits; none where nobody has accepted the
    /// connection, or nobody has the socket.
    pub socket: Option<u64>,
}

/// A mapping of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MappedAt {
    /// Process id.
    pub pid: i32,
    /// First address.
    pub start: u64,
}

/// A system call that a thread is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Process id.
    pub pid: i32,
    /// The thread.
    pub tid: i32,
    /// The call's number on this architecture.
    pub number: i64,
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
    /// under that number, so close() of the descriptor did not end the registration. Unknown where
    /// kcmp was refused and would have to say it, where the instance has more registrations than
    /// [`Options::every_registration`] names, and where every holder had closed the instance or
    /// ended meanwhile.
    pub ghost: Option<bool>,
}

/// A descriptor that is open, and of which nothing could be read.
#[derive(Clone, Debug, Serialize)]
pub struct Unreadable {
    /// The descriptor.
    #[serde(flatten)]
    pub holder: Holder,
    /// What was refused, and with which error number. In JSON its text.
    #[serde(serialize_with = "serialize_text")]
    pub why: Error,
}

/// A process that may not be inspected, or a thread of one.
#[derive(Clone, Debug, Serialize)]
pub struct Denied {
    /// Process id.
    pub pid: i32,
    /// The thread, where only that was refused.
    pub tid: Option<i32>,
    /// The command name of the process.
    #[serde(flatten, serialize_with = "serialize_command")]
    pub command: Arc<OsStr>,
    /// How many descriptors it has, where the kernel tells.
    pub descriptors: u64,
    /// What was refused, and with which error number. In JSON its text.
    #[serde(serialize_with = "serialize_text")]
    pub why: Error,
}

fn serialize_object<S: Serializer>(
    name: &Option<OsString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    const KEYS: [&str; 2] = ["object", "object_bytes"];
    if let Some(name) = name {
        return serialize_name(KEYS, name, serializer);
    }
    let mut fields = serializer.serialize_map(Some(2))?;
    for key in KEYS {
        fields.serialize_entry(key, &None::<&str>)?;
    }
    fields.end()
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
