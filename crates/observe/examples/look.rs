//! What the kernel shows of a process: its state, its descriptors, and which of these share.
//!
//! `cargo run -p observe --example look [PID]`; without a number, of itself.
#![allow(clippy::print_stdout, reason = "a program")]

use std::fs::File;

use observe::{Error, description, fdinfo, process, status};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Something to see: one file opened twice, and one of the two duplicated.
    let first = File::open("/etc/passwd")?;
    let _second = File::open("/etc/passwd")?;
    let _duplicate = first.try_clone()?;
    let pid = match std::env::args().nth(1) {
        Some(argument) => argument.parse()?,
        None => std::process::id() as i32,
    };
    Ok(look(pid)?)
}

fn look(pid: i32) -> Result<(), Error> {
    let status = status::read(pid)?;
    println!("process {pid} ({:?})", process::name(pid));
    println!("  state {}, {} threads", status.state, status.threads);
    println!("  {} KiB resident", status.resident_kib);
    let descriptors = process::descriptors(pid)?;
    for (index, &fd) in descriptors.iter().enumerate() {
        // It may have been closed meanwhile, as the one is that listed them.
        let (Ok(link), Ok(info)) = (process::link(pid, fd), fdinfo::read(pid, fd)) else {
            continue;
        };
        let mode = fdinfo::access_mode(info.status_flags);
        print!(
            "  fd {fd}: {link:?}, {mode}, offset {}",
            info.pos.unwrap_or(0)
        );
        let mut before = descriptors[..index].iter();
        let same =
            before.find(|&&other| matches!(description::same((pid, fd), (pid, other)), Ok(true)));
        match same {
            Some(other) => println!(", one description with fd {other}"),
            None => println!(),
        }
    }
    Ok(())
}
