//! What is true of each parser here, whatever bytes it is given: a law a parser.
//!
//! A law has two halves. It parses the bytes as they are, as a text of the kernel that was cut,
//! forged or emulated; nothing may panic, and what is read must lie within bounds. Then it draws
//! values from the same bytes, prints them as the kernel prints them, and reads them back.
//!
//! Tests try the laws a fixed number of times; `fuzz/` hands them to libFuzzer. In other builds
//! this module does not exist.

mod descriptor;
mod draw;
mod machine;
mod network;
mod process;

use std::fmt::Debug;

pub use descriptor::*;
pub use machine::*;
pub use network::*;
pub use process::*;

/// A parser that reads a text line by line finds the same in the lines apart: a damaged line spoils
/// no other.
fn read_line_by_line<T: PartialEq + Debug>(text: &[u8], parse: impl Fn(&[u8]) -> Vec<T>) {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    let apart: Vec<T> = lines.flat_map(&parse).collect();
    assert_eq!(parse(text), apart);
}

#[cfg(test)]
mod tests {
    samples::test_laws! {
        auxv btf buddyinfo cgroup cpu_list cpu_max cpu_stat cpuinfo elf_class fdinfo huge_pages
        limits maps meminfo mountinfo net_tcp netstat pagemap personality proc_stat schedstat
        smaps sock_diag stat status syscall sysctl tcp_info wchan
    }
}
