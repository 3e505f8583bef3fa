//! Facts about running processes and sockets, typed, without judgement.
//!
//! Each module reads one thing that the kernel shows: a file of proc(5), a system call, a netlink
//! family. Parsers take `&str`, accept what Linux 5.10 and later print, skip what they do not know
//! and never panic; the functions that read return an [`Error`] which names operation and object and
//! has the error number as its source. Nothing here forks, prints or waits.

pub mod buddyinfo;
pub mod cpu;
pub mod description;
mod error;
pub mod fdinfo;
pub mod kcmp;
pub mod machine;
pub mod maps;
pub mod memory;
pub mod net_tcp;
pub mod netstat;
pub mod pagemap;
pub mod pidfd;
pub mod process;
pub mod schedstat;
pub mod smaps;
pub mod sock_diag;
pub mod socket;
pub mod status;
pub mod tcp_info;
pub mod tracefs;
pub mod tracepoint;
pub mod wchan;

pub use error::{Error, errno, read};
