//! BPF iterators without a compiler and without a C library: a few instructions that the kernel
//! runs over its own objects, put together by hand, with offsets from its own types
//! (Documentation/bpf/bpf_iterators.rst). Linux 5.8 with CONFIG_DEBUG_INFO_BTF; CAP_BPF and
//! CAP_PERFMON.

pub mod btf;
mod call;
mod program;
pub mod task_file;
pub mod task_vma;
pub mod unix_messages;

pub use call::ensure_allowed;
