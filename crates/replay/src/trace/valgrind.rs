//! What `valgrind --tool=memcheck --trace-malloc=yes PROGRAM` prints.
//!
//! `--PID-- malloc(72704) = 0x4A8B040`, `--PID-- free(0x4A8B040)`, `memalign(al 64, size 100)`,
//! `calloc(3,7)`, the C++ operators under their mangled names. A `realloc(0,n)` prints the malloc
//! that it becomes on the same line; `realloc(p,0)` prints a free, and its own result on a line of
//! its own, `--PID--  = 0`. A `calloc` whose product overflows prints no result and no end of its
//! line.

use super::Event;
use super::error::excerpt;

/// The process whose heap is replayed: the first one seen.
#[derive(Default)]
pub(crate) struct Valgrind {
    pid: Option<u64>,
    /// The lines in which valgrind says why it cannot go on.
    complaint: Vec<String>,
}

/// More lines of a complaint are not kept; valgrind's longest has about thirty.
const MAX_COMPLAINT_LINES: usize = 100;

impl Valgrind {
    pub fn parse(&mut self, line: &str) -> Result<Event, String> {
        if line.starts_with("==") || line.starts_with("**") || line.trim().is_empty() {
            return Ok(Event::Nothing);
        }
        // The lines after a complaint explain it, and have any form.
        let explains = !self.complaint.is_empty() && prefix(line).is_none();
        if line.starts_with("valgrind:") || explains {
            if self.complaint.len() < MAX_COMPLAINT_LINES {
                self.complaint.push(line.to_owned());
            }
            return Ok(Event::Nothing);
        }
        let Some((pid, text)) = prefix(line) else {
            return Err(format!(
                "no line of valgrind's: {} (keep the program's own output apart with --log-file)",
                excerpt(line)
            ));
        };
        let event = parse_call(text)?;
        if event != Event::Nothing && pid != *self.pid.get_or_insert(pid) {
            return Ok(Event::OtherProcess);
        }
        Ok(event)
    }

    /// Why valgrind could not go on, in its own lines.
    pub fn complaint(&self) -> Option<String> {
        (!self.complaint.is_empty()).then(|| self.complaint.join("\n"))
    }
}

/// `--1234-- text`.
fn prefix(line: &str) -> Option<(u64, &str)> {
    let (pid, text) = line.strip_prefix("--")?.split_once("-- ")?;
    Some((pid.parse().ok()?, text))
}

/// What a line says behind its prefix.
fn parse_call(text: &str) -> Result<Event, String> {
    let Some((name, rest)) = text.split_once('(') else {
        // The late result of a call that was read already, or a remark of valgrind's.
        return match is_allocator(text) {
            true => Err(damaged_line(text)),
            false => Ok(Event::Nothing),
        };
    };
    if !is_allocator(name) {
        // A call that returns an address is an allocation, whatever its name; valgrind's remarks
        // hold blanks before a parenthesis.
        let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return if word && rest.contains(") = 0x") {
            Err(format!("{} is a call that is not known", excerpt(text)))
        } else {
            Ok(Event::Nothing)
        };
    }
    let (arguments, rest) = rest.split_once(')').ok_or_else(|| damaged_line(text))?;
    let arguments: Option<Vec<u64>> = arguments.split(',').map(number).collect();
    let arguments = arguments.ok_or_else(|| damaged_line(text))?;
    let frees = name.starts_with("free") || name == "cfree" || name.starts_with("_Zd");
    if frees {
        return Ok(match arguments[0] {
            0 => Event::Nothing,
            id => Event::Free { id },
        });
    }
    if name == "malloc_usable_size" {
        return Ok(Event::Nothing);
    }
    if let Some(next) = parse_without_result(name, &arguments, rest) {
        return next;
    }
    allocation(name, &arguments, rest).ok_or_else(|| damaged_line(text))
}

fn damaged_line(text: &str) -> String {
    format!("{} breaks off or is damaged", excerpt(text))
}

/// Parses a call without a result behind it: what the line says instead.
fn parse_without_result(
    name: &str,
    arguments: &[u64],
    rest: &str,
) -> Option<Result<Event, String>> {
    // A realloc of or to nothing is another call. A calloc of more bytes than can be counted prints
    // no result, and what comes next stands behind it.
    let another = rest
        .split_once('(')
        .is_some_and(|(next, _)| is_allocator(next));
    if matches!(name, "realloc" | "calloc") && another {
        return Some(parse_call(rest));
    }
    if rest.starts_with("Argument '") {
        // A size that no allocator serves: valgrind's complaint cuts the line, and the call
        // returns 0.
        return Some(Ok(Event::Nothing));
    }
    let uncountable = |&[count, each]: &[u64; 2]| count.checked_mul(each).is_none();
    let overflows = arguments.first_chunk().is_some_and(uncountable);
    (name == "calloc" && rest.is_empty() && overflows).then_some(Ok(Event::Nothing))
}

/// An allocation with its result; `None` where the line is damaged.
fn allocation(name: &str, arguments: &[u64], rest: &str) -> Option<Event> {
    let result = rest.strip_prefix(" = ").and_then(number)?;
    let size = match (name, arguments) {
        ("calloc", &[count, each]) => count.checked_mul(each)?,
        ("realloc" | "memalign" | "aligned_alloc" | "posix_memalign", &[_, size]) => size,
        (_, &[size]) | (_, &[size, _]) => size,
        _ => return None,
    };
    Some(match (name, result) {
        (_, 0) => Event::Nothing,
        ("realloc", new) => Event::Resize {
            old: arguments[0],
            new,
            size,
        },
        (_, id) => Event::Place { id, size },
    })
}

fn is_allocator(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "malloc",
        "free",
        "free_sized",
        "free_aligned_sized",
        "calloc",
        "realloc",
        "memalign",
        "aligned_alloc",
        "posix_memalign",
        "valloc",
        "cfree",
        "malloc_usable_size",
    ];
    NAMES.contains(&name)
        || ["_Znw", "_Zna", "_Zdl", "_Zda"]
            .iter()
            .any(|op| name.starts_with(op))
}

/// `72704`, `0x4A8B040`, `size 64`, `al 64`.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let text = text
        .strip_prefix("size ")
        .or(text.strip_prefix("al "))
        .unwrap_or(text);
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}
