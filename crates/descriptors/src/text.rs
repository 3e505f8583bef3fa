//! The map as a person reads it: a description, then who refers to it.

use std::fmt::Write;

use super::{Description, Map};

/// Renders the map.
pub fn render(map: &Map) -> String {
    let mut out = String::new();
    if let Some(refused) = &map.refused {
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "refused: {refused}\nMAYBE: descriptors that agree in all that fdinfo tells; they may be one \
             description or several\n"
        );
    }
    for description in &map.descriptions {
        one(&mut out, description);
    }
    for denied in &map.denied {
        let (pid, command, count) = (denied.pid, &denied.command, denied.descriptors);
        let _ = writeln!(
            out,
            "{pid} {command}: denied, {count} descriptors ({})",
            denied.why
        );
    }
    out
}

fn one(out: &mut String, description: &Description) {
    let Description {
        object,
        access,
        offset,
        ..
    } = description;
    let maybe = if description.certain { "" } else { "  MAYBE" };
    let _ = writeln!(
        out,
        "{object}  {access}{}, offset {offset}{maybe}",
        flags(description.status_flags)
    );
    for holder in &description.holders {
        let close = if holder.close_on_exec {
            ", close-on-exec"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "    {} {} fd {}{close}",
            holder.pid, holder.command, holder.fd
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
