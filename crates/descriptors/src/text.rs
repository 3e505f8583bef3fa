//! The map as a person reads it: a description, then the descriptors that refer to it.

use std::fmt::Write;

use present::foreign_text::{escape, escape_controls};

use super::{Description, Map};

/// Renders the map for lines of `width` columns. What does not fit behind a name stands on a line
/// of its own; a name is never broken.
pub fn render(map: &Map, width: Option<usize>) -> String {
    let mut out = String::new();
    if let Some(refused) = &map.refused {
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "refused: {}\nMAYBE: descriptors that agree in all that fdinfo tells; they may be one \
             description or several\n",
            escape_controls(&refused.to_string())
        );
    }
    for description in &map.descriptions {
        push_description(&mut out, description, width);
    }
    for denied in &map.denied {
        let (pid, count) = (denied.pid, denied.descriptors);
        let _ = writeln!(
            out,
            "{pid} {}: denied, {count} descriptors ({})",
            escape(&denied.command),
            escape_controls(&denied.why.to_string())
        );
    }
    out
}

fn push_description(out: &mut String, description: &Description, width: Option<usize>) {
    let Description {
        object,
        access,
        offset,
        ..
    } = description;
    let maybe = if description.certain { "" } else { "  MAYBE" };
    let object = escape(object);
    let flags = flags(description.status_flags);
    let state = format!("{access}{flags}, offset {offset}{maybe}");
    let columns = object.chars().count() + 2 + state.chars().count();
    let gap = match width {
        Some(width) if columns > width => "\n    ",
        _ => "  ",
    };
    let _ = writeln!(out, "{object}{gap}{state}");
    for holder in &description.holders {
        let close = if holder.close_on_exec {
            ", close-on-exec"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "    {} {} fd {}{close}",
            holder.pid,
            escape(&holder.command),
            holder.fd
        );
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
    use nix::errno::Errno;
    use observe::Error;

    use super::super::{Denied, Holder};
    use super::*;

    /// A line feed in a file's name once made a line that said another process held the file.
    #[test]
    fn a_hostile_name_stays_on_its_line() {
        let map = Map {
            schema: 1,
            descriptions: vec![Description {
                object: "/tmp/one\n    77 sshd fd 9\x1b]2;title\x1b\\".into(),
                device: 1,
                inode: 2,
                offset: 0,
                access: "O_RDONLY",
                status_flags: 0,
                certain: true,
                holders: vec![Holder {
                    pid: 78,
                    command: "a\x1b[1mz\u{202e}".into(),
                    fd: 3,
                    close_on_exec: false,
                }],
                watches: Vec::new(),
            }],
            denied: vec![Denied {
                pid: 79,
                command: "b\rc".into(),
                descriptors: 1,
                why: Error::new("open /proc/79/fd", Errno::EACCES),
            }],
            refused: None,
        };
        assert_eq!(
            render(&map, None),
            "/tmp/one\\n    77 sshd fd 9\\x1b]2;title\\x1b\\\\  O_RDONLY, offset 0\n    \
             78 a\\x1b[1mz\\u{202e} fd 3\n\
             79 b\\rc: denied, 1 descriptors (open /proc/79/fd: EACCES: Permission denied)\n"
        );
    }

    #[test]
    fn what_does_not_fit_behind_a_name_has_its_own_line() {
        let description = Description {
            object: "/tmp/one".into(),
            device: 1,
            inode: 2,
            offset: 5,
            access: "O_RDONLY",
            status_flags: libc::O_APPEND,
            certain: true,
            holders: Vec::new(),
            watches: Vec::new(),
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
