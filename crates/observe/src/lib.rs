#![doc = include_str!("../README.md")]

pub mod auxv;
pub mod blocked_call;
pub mod bpf;
pub mod buddyinfo;
pub mod cgroup;
pub mod container;
pub mod cpu;
pub mod cpu_model;
pub mod cpus;
pub mod credentials;
pub mod description;
pub mod descriptor_table;
mod error;
pub mod fdinfo;
#[cfg(test)]
mod filter;
pub mod group_limits;
pub mod huge_pages;
pub mod hypervisor;
pub mod identity;
pub mod kcmp;
pub mod kernel;
mod kernel_log;
#[cfg(any(test, fuzzing))]
pub mod laws;
pub mod limits;
pub mod machine;
pub mod maps;
pub mod meminfo;
pub mod memory;
pub mod mountinfo;
pub mod net_tcp;
pub mod netstat;
pub mod pagemap;
pub mod pagemap_scan;
pub mod personality;
pub mod pidfd;
pub mod process;
pub mod program;
pub mod remote_memory;
pub mod robust_list;
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

pub use error::file_error;
use error::{read_bytes, read_text};
pub use operation::{Error, Operation, errno};
