//! What strace(1) writes with `-f -o`, as calls: a line that was interrupted is joined again.

use std::collections::HashMap;

/// A line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A system call, where it was entered.
    Call(TracedCall),
    /// The end of a process or thread.
    End(i32),
}

/// A system call as strace printed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedCall {
    /// The process or thread.
    pub pid: i32,
    /// The call's name.
    pub name: String,
    /// Its arguments and its result, with everything between the opening parenthesis and the line's
    /// end: `3, F_GETFD) = 0x1 (flags FD_CLOEXEC)`.
    pub text: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done and answered this.
    Done(String),
    /// It failed with this error, such as `EPERM`.
    Failed(String),
    /// No answer: the caller ended, or the trace did, while it was in the call.
    Unanswered,
}

const UNFINISHED: &str = " <unfinished ...>";

/// A thread that calls execve(2) goes on under the number of its process.
const RENUMBERED: &str = " <pid changed to ";

/// What ends a process whose number a thread of it has taken over: none is gone.
const SUPERSEDED: &str = "+++ superseded by execve";

impl TracedCall {
    fn new(pid: i32, line: &str) -> Option<TracedCall> {
        let (name, text) = line.split_once('(')?;
        // strace fills up with blanks before the equals sign, and marks what a kill interrupted.
        let (arguments, result) = text.rsplit_once(" = ").unwrap_or((text, "?"));
        let arguments = arguments.trim_end().replace(UNFINISHED, "");
        let arguments = arguments.trim_end();
        Some(TracedCall {
            pid,
            name: name.to_owned(),
            text: format!("{arguments} = {result}"),
            outcome: Outcome::from_result(result),
        })
    }

    /// The process or thread that it made, where it is a fork that was done.
    pub fn child(&self) -> Option<i32> {
        match (self.name.as_str(), &self.outcome) {
            ("clone" | "clone3" | "fork" | "vfork", Outcome::Done(pid)) => pid.parse().ok(),
            _ => None,
        }
    }
}

impl Outcome {
    fn from_result(result: &str) -> Outcome {
        let mut words = result.split(' ');
        match (words.next(), words.next()) {
            (Some("?" | "-1"), Some(error)) if error.starts_with('E') => {
                Outcome::Failed(error.to_owned())
            }
            (None | Some("?"), _) => Outcome::Unanswered,
            (Some(value), _) => Outcome::Done(value.to_owned()),
        }
    }
}

/// The calls of a trace in the order in which they were entered, and the ends of their callers.
/// Lines of another form are left out: signals, and what strace says itself.
pub fn read(trace: &str) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    // The call in which a thread is: its place among the events, and its line so far.
    let mut pending: HashMap<i32, (usize, String)> = HashMap::new();
    for line in trace.lines() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let (Ok(pid), rest) = (pid.parse(), rest.trim_start()) else {
            continue;
        };
        if rest.starts_with("+++ ") {
            pending.remove(&pid);
            if !rest.starts_with(SUPERSEDED) {
                events.push(Event::End(pid));
            }
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let whole = pending.remove(&pid).zip(resumed.split_once(" resumed>"));
            if let Some(((place, start), (_, end))) = whole {
                let call = TracedCall::new(pid, &(start + end));
                events.splice(place..=place, call.map(Event::Call));
            }
        } else if let Some(call) = renumbered(rest) {
            pending.remove(&call.pid);
            events.push(Event::Call(call));
        } else if let Some(call) = TracedCall::new(pid, rest).filter(|call| is_name(&call.name)) {
            if let Some(start) = rest.strip_suffix(UNFINISHED) {
                pending.insert(pid, (events.len(), start.to_owned()));
            }
            events.push(Event::Call(call));
        }
    }
    events
}

/// The call of a thread that takes over the number of its process: that happens where the call
/// succeeds. What strace(1) writes where it returns is left out, since it may be no result.
fn renumbered(line: &str) -> Option<TracedCall> {
    let (start, rest) = line.split_once(RENUMBERED)?;
    let (process, _) = rest.split_once(' ')?;
    let call = TracedCall::new(process.parse().ok()?, &format!("{start}) = 0"))?;
    (call.name == "execve").then_some(call)
}

fn is_name(word: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !word.is_empty() && word.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(pid: i32, name: &str, text: &str, outcome: Outcome) -> Event {
        Event::Call(TracedCall {
            pid,
            name: name.to_owned(),
            text: text.to_owned(),
            outcome,
        })
    }

    fn done(value: &str) -> Outcome {
        Outcome::Done(value.to_owned())
    }

    #[test]
    fn a_line_is_a_call_with_its_result() {
        let trace = r#"
41  read(3, "a) = b", 6)                = 6
41  fcntl(3, F_GETFD)                 = 0x1 (flags FD_CLOEXEC)
41  read(5, 0x7ffc, 128)    = -1 EAGAIN (Resource temporarily unavailable)
41  read(5, 0x7ffc, 128)    = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
41  exit_group(0)                     = ?
"#;
        assert_eq!(
            read(trace),
            [
                call(41, "read", r#"3, "a) = b", 6) = 6"#, done("6")),
                call(
                    41,
                    "fcntl",
                    "3, F_GETFD) = 0x1 (flags FD_CLOEXEC)",
                    done("0x1")
                ),
                call(
                    41,
                    "read",
                    "5, 0x7ffc, 128) = -1 EAGAIN (Resource temporarily unavailable)",
                    Outcome::Failed("EAGAIN".to_owned())
                ),
                call(
                    41,
                    "read",
                    "5, 0x7ffc, 128) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)",
                    Outcome::Failed("ERESTARTSYS".to_owned())
                ),
                call(41, "exit_group", "0) = ?", Outcome::Unanswered),
            ]
        );
    }

    #[test]
    fn an_interrupted_line_is_joined_where_it_began() {
        let trace = "\
7  fcntl(6, F_GETFD <unfinished ...>
8  close(5)                          = 0
7  <... fcntl resumed>)              = 0x1 (flags FD_CLOEXEC)
8  accept4(3,  <unfinished ...>
9  accept4(3, NULL, NULL, SOCK_CLOEXEC <unfinished ...>) = ?
9  +++ killed by SIGKILL +++
7  --- SIGCHLD {si_signo=SIGCHLD} ---
8  +++ exited with 0 +++
";
        assert_eq!(
            read(trace),
            [
                call(
                    7,
                    "fcntl",
                    "6, F_GETFD) = 0x1 (flags FD_CLOEXEC)",
                    done("0x1")
                ),
                call(8, "close", "5) = 0", done("0")),
                call(8, "accept4", "3, = ?", Outcome::Unanswered),
                call(
                    9,
                    "accept4",
                    "3, NULL, NULL, SOCK_CLOEXEC) = ?",
                    Outcome::Unanswered
                ),
                Event::End(9),
                Event::End(8),
            ]
        );
    }

    #[test]
    fn a_thread_that_becomes_another_program_is_its_process() {
        let trace = "\
8  wait4(9,  <unfinished ...>
7  execve(\"/bin/sh\", [\"sh\"], 0x7ff /* 3 vars */ <pid changed to 8 ...>
8  +++ superseded by execve in pid 7 +++
8  <... execve resumed>)             = -1 (errno 18446744073709551359)
8  read(3, \"\", 1)                    = 0
";
        let events = read(trace);
        let text = "\"/bin/sh\", [\"sh\"], 0x7ff /* 3 vars */) = 0";
        let read_next = call(8, "read", "3, \"\", 1) = 0", done("0"));
        assert_eq!(events[1..], [call(8, "execve", text, done("0")), read_next]);
    }

    #[test]
    fn no_text_at_all_ends_it() {
        for trace in [
            "",
            "x",
            "1",
            "1 ",
            "1 (",
            "1 a(",
            "1 <... a resumed>",
            "1 <... ",
            "-",
        ] {
            let _ = read(trace);
        }
    }
}
