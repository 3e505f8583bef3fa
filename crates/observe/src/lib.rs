//! Facts about running processes and sockets, typed, without judgement.
//!
//! Each module reads one thing that the kernel shows: a file of proc(5), a system call, a netlink
//! family. Parsers take `&str`, accept what Linux 5.10 and later print, skip what they do not know
//! and never panic; the functions that read return an [`Error`] which names operation and object
//! and has the error number as its source. Nothing here forks, prints or waits.
//!
//! | Of a process | Reads |
//! |---|---|
//! | [`process`], [`program`], [`stat`], [`status`] | which there are, what they run and count |
//! | [`limits`], [`credentials`], [`personality`], [`auxv`] | what it may do, how it is treated |
//! | [`wchan`], [`sleep`], [`schedstat`] | where it sleeps, whether it sleeps, how long it ran |
//! | [`maps`], [`smaps`], [`pagemap`], [`remote_memory`] | its mappings, their use, frames, bytes |
//!
//! | Of a descriptor or socket | Reads |
//! |---|---|
//! | [`fdinfo`], [`description`], [`kcmp`], [`pidfd`] | flags, locks, what shares a description |
//! | [`socket`], [`sock_diag`], [`tcp_info`], [`net_tcp`] | identity, queues, states |
//!
//! | Of the machine | Reads |
//! |---|---|
//! | [`machine`], [`cpu`], [`cpu_model`], [`cgroup`] | processors, how busy they are |
//! | [`meminfo`], [`memory`], [`buddyinfo`], [`huge_pages`] | memory, how much can be had |
//! | [`sysctl`], [`netstat`] | settings, counters of the network |
//! | [`tracefs`], [`tracepoint`] | the kernel's own count of wakeups |

pub mod auxv;
pub mod buddyinfo;
pub mod cgroup;
pub mod cpu;
pub mod cpu_model;
pub mod credentials;
pub mod description;
mod error;
pub mod fdinfo;
pub mod huge_pages;
pub mod kcmp;
pub mod limits;
pub mod machine;
pub mod maps;
pub mod meminfo;
pub mod memory;
pub mod net_tcp;
pub mod netstat;
pub mod pagemap;
pub mod personality;
pub mod pidfd;
pub mod process;
pub mod program;
pub mod remote_memory;
pub mod schedstat;
pub mod sleep;
pub mod smaps;
pub mod sock_diag;
pub mod socket;
pub mod stat;
pub mod status;
pub mod sysctl;
pub mod tcp_info;
pub mod tracefs;
pub mod tracepoint;
pub mod wchan;

use error::read_text;
pub use error::{Error, errno};
