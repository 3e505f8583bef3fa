//! The map as a person reads it: a description, then the descriptors that refer to it.

use std::fmt::Write;

use present::foreign_text::{escape, escape_controls};

use super::{Call, Description, Hidden, Holder, InFlight, Map, MappedAt};

/// Renders the map for lines of `width` columns. What does not fit behind a name stands on a line
/// of its own; a name is never broken.
pub fn render(map: &Map, width: Option<usize>) -> String {
    let mut out = String::new();
    if let Some(refused) = &map.refused {
        // Writing to a String does not fail.
        let _ = writeln!(out, "refused: {}", escape_controls(&refused.to_string()));
        out.push_str("threads with a descriptor table of their own are not seen\n");
    }
    if map.descriptions.iter().any(|it| !it.certain) {
        out.push_str(
            "MAYBE: descriptors that could not be compared, and agree in all that fdinfo tells; \
             they may be one description or several\n",
        );
    }
    if !out.is_empty() {
        out.push('\n');
    }
    for description in &map.descriptions {
        push_description(&mut out, description, width);
    }
    for unreadable in &map.unreadable {
        let why = escape_controls(&unreadable.why.to_string());
        let _ = writeln!(
            out,
            "{}: unreadable ({why})",
            holder_text(&unreadable.holder)
        );
    }
    for denied in &map.denied {
        let (pid, count) = (denied.pid, denied.descriptors);
        let _ = writeln!(
            out,
            "{pid} {}{}: denied, {count} descriptors ({})",
            escape(&denied.command),
            thread(denied.tid),
            escape_controls(&denied.why.to_string())
        );
    }
    let holders = map.descriptions.iter().flat_map(|it| &it.holders);
    match holders.filter(|it| it.close_on_exec.is_none()).count() {
        0 => {}
        count => {
            let _ = writeln!(
                out,
                "\nnot asked: whether {count} descriptors close on exec"
            );
        }
    }
    out
}

fn push_description(out: &mut String, description: &Description, width: Option<usize>) {
    let object = object(description);
    let state = state(description);
    let columns = object.chars().count() + 2 + state.chars().count();
    let gap = match width {
        Some(width) if columns > width => "\n    ",
        _ => "  ",
    };
    let _ = writeln!(out, "{object}{gap}{state}");
    for holder in &description.holders {
        let _ = writeln!(out, "    {}", holder_text(holder));
    }
    if let Some(hidden) = description.hidden.as_ref().filter(|it| it.references > 0) {
        push_hidden(out, hidden);
    }
    for watch in &description.watches {
        let ghost = match watch.ghost {
            Some(true) => ": GHOST, not open there any more",
            Some(false) => "",
            None => ": open there or not, nobody could be asked",
        };
        let _ = writeln!(
            out,
            "    watches fd {} (inode {}){ghost}",
            watch.fd, watch.inode
        );
    }
}

/// Access mode, flags, offset, and what is known of it beside its holders.
fn state(description: &Description) -> String {
    let mut state = description.access.to_owned();
    state.push_str(&flags(description.status_flags));
    if let Some(offset) = description.offset {
        let _ = write!(state, ", offset {offset}");
    }
    if let Some(count) = description.in_flight.filter(|&count| count > 0) {
        let _ = write!(state, ", {count} descriptors in flight to it");
    }
    if !description.certain {
        state.push_str("  MAYBE");
    }
    state
}

/// What the link says, or what else is known of the object.
fn object(description: &Description) -> String {
    if let Some(object) = &description.object {
        return escape(object);
    }
    let inode = description.inode.map(|inode| format!("inode {inode}"));
    let why = description.object_refused.as_ref().map(ToString::to_string);
    let why = escape_controls(&why.unwrap_or_default());
    format!("{} ({why})", inode.unwrap_or_else(|| "?".to_owned()))
}

fn holder_text(holder: &Holder) -> String {
    let close = match holder.close_on_exec {
        Some(true) => ", close-on-exec",
        _ => "",
    };
    let (pid, command) = (holder.pid, escape(&holder.command));
    format!(
        "{pid} {command}{} fd {}{close}",
        thread(holder.tid),
        holder.fd
    )
}

/// The references that are no descriptors, and whose they are.
fn push_hidden(out: &mut String, hidden: &Hidden) {
    let _ = match hidden.references {
        1 => writeln!(out, "    1 reference that is no descriptor"),
        count => writeln!(out, "    {count} references that are no descriptors"),
    };
    for MappedAt { pid, start } in &hidden.mappings {
        let _ = writeln!(out, "        mapped by {pid} at {start:#x}");
    }
    for InFlight { socket } in &hidden.in_flight {
        let _ = match socket {
            Some(inode) => writeln!(out, "        in flight to socket:[{inode}]"),
            None => writeln!(out, "        in flight to a socket that nobody has"),
        };
    }
    for Call { pid, tid, .. } in &hidden.calls {
        let thread = thread((tid != pid).then_some(*tid));
        let _ = writeln!(out, "        {pid}{thread} in a call on it");
    }
    if hidden.elsewhere > 0 {
        let count = hidden.elsewhere;
        let _ = writeln!(
            out,
            "        {count} elsewhere (io_uring, or the kernel's own)"
        );
    }
}

fn thread(tid: Option<i32>) -> String {
    tid.map_or_else(String::new, |tid| format!(" thread {tid}"))
}

/// The status flags that change what reading and writing do.
fn flags(status_flags: i32) -> String {
    [
        (libc::O_APPEND, "O_APPEND"),
        (libc::O_NONBLOCK, "O_NONBLOCK"),
        (libc::O_DIRECT, "O_DIRECT"),
    ]
    .iter()
    .filter(|(flag, _)| status_flags & flag != 0)
    .map(|(_, name)| format!(" {name}"))
    .collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use nix::errno::Errno;
    use observe::Error;

    use super::super::{Denied, Identity, Unreadable};
    use super::*;

    /// A line feed in a file's name once made a line that said another process held the file.
    #[test]
    fn a_hostile_name_stays_on_its_line() {
        let holder = Holder {
            pid: 78,
            tid: None,
            command: OsStr::new("a\x1b[1mz\u{202e}").into(),
            fd: 3,
            close_on_exec: Some(false),
        };
        let of_thread = Holder {
            tid: Some(80),
            ..holder.clone()
        };
        let map = Map {
            schema: 2,
            identity: Identity::Kcmp,
            descriptions: vec![description(
                "/tmp/one\n    77 sshd fd 9\x1b]2;title\x1b\\",
                holder,
            )],
            unreadable: vec![Unreadable {
                holder: of_thread,
                why: Error::new("read /proc/78/task/80/fdinfo/3", Errno::EMFILE),
            }],
            denied: vec![Denied {
                pid: 79,
                tid: None,
                command: OsStr::new("b\rc").into(),
                descriptors: 1,
                why: Error::new("open /proc/79/fd", Errno::EACCES),
            }],
            bpf_refused: None,
            refused: None,
        };
        assert_eq!(
            render(&map, None),
            "/tmp/one\\n    77 sshd fd 9\\x1b]2;title\\x1b\\\\  O_RDONLY, offset 0\n    \
             78 a\\x1b[1mz\\u{202e} fd 3\n\
             78 a\\x1b[1mz\\u{202e} thread 80 fd 3: unreadable \
             (read /proc/78/task/80/fdinfo/3: EMFILE: Too many open files)\n\
             79 b\\rc: denied, 1 descriptors (open /proc/79/fd: EACCES: Permission denied)\n"
        );
    }

    fn description(object: &str, holder: Holder) -> Description {
        Description {
            object: Some(object.into()),
            object_refused: None,
            device: Some((0, 1)),
            inode: Some(2),
            offset: Some(0),
            access: "O_RDONLY",
            status_flags: 0,
            in_flight: None,
            certain: true,
            hidden: None,
            holders: vec![holder],
            watches: Vec::new(),
        }
    }

    #[test]
    fn hidden_references_are_named() {
        let hidden = Hidden {
            references: 4,
            mappings: vec![MappedAt {
                pid: 7,
                start: 0x1000,
            }],
            calls: vec![Call {
                pid: 7,
                tid: 8,
                number: 0,
            }],
            in_flight: vec![InFlight { socket: Some(9) }],
            elsewhere: 1,
        };
        let mut out = String::new();
        push_hidden(&mut out, &hidden);
        assert_eq!(
            out,
            "    4 references that are no descriptors\n        mapped by 7 at 0x1000\n        \
             in flight to socket:[9]\n        7 thread 8 in a call on it\n        \
             1 elsewhere (io_uring, or the kernel's own)\n"
        );
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        let holder = Holder {
            pid: 1,
            tid: None,
            command: OsStr::new("init").into(),
            fd: 4,
            close_on_exec: None,
        };
        let socket = Description {
            object: None,
            object_refused: Some(Error::new("readlink /proc/1/fd/4", Errno::EACCES)),
            offset: None,
            in_flight: Some(2),
            certain: false,
            ..description("", holder)
        };
        let mut out = String::new();
        push_description(&mut out, &socket, None);
        assert_eq!(
            out,
            "inode 2 (readlink /proc/1/fd/4: EACCES: Permission denied)  O_RDONLY, \
             2 descriptors in flight to it  MAYBE\n    1 init fd 4\n"
        );
    }

    #[test]
    fn what_does_not_fit_behind_a_name_has_its_own_line() {
        let holder = Holder {
            pid: 1,
            tid: None,
            command: OsStr::new("init").into(),
            fd: 4,
            close_on_exec: None,
        };
        let description = Description {
            offset: Some(5),
            status_flags: libc::O_APPEND,
            holders: Vec::new(),
            ..description("/tmp/one", holder)
        };
        let render = |width| {
            let mut out = String::new();
            push_description(&mut out, &description, width);
            out
        };
        let line = "/tmp/one  O_RDONLY O_APPEND, offset 5\n";
        assert_eq!(render(None), line);
        assert_eq!(render(Some(line.len() - 1)), line);
        let lines = line.replace("  ", "\n    ");
        assert_eq!(render(Some(line.len() - 2)), lines);
    }
}
