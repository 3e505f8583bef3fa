//! `/proc/PID/stat`: name, state, flags, CPU time and page faults of a process
//! (proc_pid_stat(5)).

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;

use crate::{Error, read_bytes};

/// linux/sched.h: the process is a kernel thread.
const PF_KTHREAD: u64 = 0x0020_0000;

/// The fields that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The command's name, at most 15 bytes of any kind, blanks and parentheses too.
    pub name: OsString,
    /// State letter: `S` sleeping, `R` running, `Z` a zombie, `X` dead.
    pub state: char,
    /// The kernel's flags of the process (PF_* of linux/sched.h).
    pub flags: u64,
    /// CPU time of all its threads so far, user and system, in ticks of 10 ms.
    pub cpu_ticks: u64,
    /// The same of its descendants that have been reaped.
    pub reaped_ticks: u64,
    /// Page faults that were served without input or output.
    pub minor_faults: u64,
    /// Where its program was put; none for a thread of the kernel, and where the reader may not
    /// know (ptrace access).
    pub layout: Option<Layout>,
}

/// Where the kernel put the parts of a program when it was started: addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The instructions of the program's file.
    pub code: Range<u64>,
    /// Its variables, as far as they have a value in the file.
    pub data: Range<u64>,
    /// Where brk(2) began.
    pub heap_start: u64,
    /// Where the stack began; it grows down from there.
    pub stack_start: u64,
}

impl Stat {
    /// Whether it is a thread of the kernel, which has no address space of its own.
    pub fn is_kernel_thread(&self) -> bool {
        self.flags & PF_KTHREAD != 0
    }

    /// Whether it has ended and waits to be reaped.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// Reads the fields of process `pid`.
///
/// # Errors
/// ENOENT or ESRCH where no such process exists or /proc hides it, ENODATA where the text is not
/// understood.
pub fn read(pid: i32) -> Result<Stat, Error> {
    read_path(&format!("/proc/{pid}/stat"))
}

/// The same of thread `tid` alone: its CPU time is its own and not its process's.
///
/// # Errors
/// As [`read`].
pub fn read_thread(tid: i32) -> Result<Stat, Error> {
    read_path(&format!("/proc/{tid}/task/{tid}/stat"))
}

fn read_path(path: &str) -> Result<Stat, Error> {
    parse(read_bytes(path)?)
        .ok_or_else(|| Error::no_data(format!("find name, state and flags in {path}")))
}

/// Parses the file's text.
pub fn parse(text: impl AsRef<[u8]>) -> Option<Stat> {
    let text = text.as_ref();
    let begin = text.iter().position(|&byte| byte == b'(')? + 1;
    let end = text.iter().rposition(|&byte| byte == b')')?;
    let (name, rest) = (text.get(begin..end)?, text.get(end + 1..)?);
    // The first of them is field 3 of the manual page.
    let words: Vec<&str> = str::from_utf8(rest)
        .ok()?
        .split_ascii_whitespace()
        .collect();
    let count = |field: usize| -> u64 {
        let word = words.get(field - 3);
        word.and_then(|word| word.parse().ok()).unwrap_or(0)
    };
    Some(Stat {
        name: OsStr::from_bytes(name).to_owned(),
        state: words.first()?.chars().next()?,
        flags: words.get(6)?.parse().ok()?,
        minor_faults: count(10),
        // utime and stime, and the same of the children that were waited for.
        cpu_ticks: count(14).saturating_add(count(15)),
        reaped_ticks: count(16).saturating_add(count(17)),
        layout: layout(&words),
    })
}

fn layout(words: &[&str]) -> Option<Layout> {
    let field = |number: usize| words.get(number - 3)?.parse::<u64>().ok();
    let layout = Layout {
        code: field(26)?..field(27)?,
        data: field(45)?..field(46)?,
        heap_start: field(47)?,
        stack_start: field(28)?,
    };
    // Hidden or absent addresses read as 0 or 1.
    (layout.code.start > 1 && layout.stack_start > 1).then_some(layout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_kernel_thread_and_an_odd_name() {
        let kernel = parse("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0").unwrap();
        assert_eq!(
            (kernel.name.to_str(), kernel.state),
            (Some("kthreadd"), 'S')
        );
        assert!(kernel.is_kernel_thread() && !kernel.has_ended());
        let odd = parse("77 (a) b (c) Z 1 77 77 0 -1 4194304 1").unwrap();
        assert_eq!(odd.name, "a) b (c");
        let bytes = parse(b"77 (\xe9\n\xc3(\x1b) S 1 77 77 0 -1 4194304 1").unwrap();
        assert_eq!(bytes.name, OsStr::from_bytes(b"\xe9\n\xc3(\x1b"));
        assert!(odd.has_ended() && !odd.is_kernel_thread());
        let worked = parse("7 (a) R 1 7 7 0 -1 4194304 10 20 30 40 5 6 7 8").unwrap();
        assert_eq!((worked.cpu_ticks, odd.cpu_ticks), (11, 0));
        assert_eq!((worked.reaped_ticks, worked.minor_faults), (15, 10));
        assert_eq!(odd.layout, None);
    }

    #[test]
    fn a_program_lies_where_its_code_and_its_stack_are() {
        let own = read(std::process::id() as i32).unwrap().layout.unwrap();
        assert!(own.code.contains(&(read as *const () as u64)), "{own:?}");
        let hidden = format!("7 (x) S {}", "0 ".repeat(50));
        assert_eq!(parse(&hidden).unwrap().layout, None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "\\PC*", stat in "[0-9() SZ-]{0,60}") {
            parse(&text);
            parse(&stat);
        }
    }
}
