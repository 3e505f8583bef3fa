//! Three layers: descriptor, open file description, inode.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Table};
use harness::scratch;
use nix::fcntl::OFlag;

use crate::evidence::{here, position};

const DESCRIPTIONS: Quantity = Name("open file descriptions behind 3 descriptors").count(2, 3);
const INODES: Quantity = Name("inodes behind 3 descriptors").count(1, 3);
const OFFSETS: Quantity = Name("offsets after reading 6 bytes through the first")
    .word("6, 6, 0", "6, 0, 0")
    .unit("bytes");

const DUPLICATE: Act = Does("duplicates the descriptor")
    .call("fcntl", "F_DUPFD_CLOEXEC")
    .shown_by("the file's link and its O_RDWR at the new number, in /proc/self")
    .in_control(InControl::Not);
const OPEN_AGAIN: Act = Does("opens the file again")
    .call("openat", "/proc/self/fd/ … O_RDONLY")
    .shown_by("the file's link, and O_RDONLY, at the new number, in /proc/self")
    .in_control(InControl::Not);
const READ: Act = Does("reads 6 bytes through the first descriptor")
    .call("read", "\"hello,\", 6")
    .shown_by("the six bytes in memory");

pub(super) const CLAIM: Claim = Claim {
    id: "layers",
    statement: "A descriptor refers to an open file description, which has the offset, and that to \
                an inode: one file opened twice and duplicated once is three descriptors, two \
                descriptions, one inode.",
    measures: "Opens a file, duplicates the descriptor, opens the file again, and reads 6 bytes \
               through the first. kcmp groups the descriptors by description, fstat by inode, and \
               fdinfo tells each one's offset.",
    control: "three different files, each opened once",
    notes: &[4, 5, 6],
    example: Some("two_opens_and_a_dup"),
    needs: &["kcmp, F_DUPFD_QUERY or the flags in fdinfo"],
    acts: &[DUPLICATE, OPEN_AGAIN, READ],
    man: &["open(2)", "dup(2)", "kcmp(2)", "proc_pid_fdinfo(5)"],
    quantities: &[DESCRIPTIONS, INODES, OFFSETS],
    measure,
    ..Claim::DEFAULT
};

/// What is known about one descriptor.
struct Descriptor {
    fd: i32,
    offset: u64,
    access: &'static str,
    inode: (u64, u64),
    /// Index of the first descriptor with the same description.
    description: usize,
}

fn measure(arm: Arm) -> Result<Reading> {
    let mut first = scratch::file(b"hello, kernel")?;
    let (second, third) = match arm {
        Arm::Experiment => (
            scratch::duplicate(&first)?,
            scratch::open_again(&first, OFlag::O_RDONLY)?,
        ),
        Arm::Control => (scratch::file(b"second")?, scratch::file(b"third")?),
    };
    let mut bytes = [0; 6];
    first.read_exact(&mut bytes).context("read")?;
    let [at_second, at_third] = [here(&second), here(&third)];
    let reading = Reading::kernel()
        .act(
            &DUPLICATE,
            at_second.leads_to(&first)? && at_second.access_mode()? == "O_RDWR",
        )
        .act(
            &OPEN_AGAIN,
            at_third.leads_to(&first)? && at_third.access_mode()? == "O_RDONLY",
        )
        .act(&READ, &bytes == b"hello,");
    let descriptors = layers_of(&[first, second, third])?;
    let distinct = |identity: fn(&Descriptor) -> (u64, u64)| {
        let mut all: Vec<_> = descriptors.iter().map(identity).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    let offsets: Vec<String> = descriptors.iter().map(|d| d.offset.to_string()).collect();
    Ok(reading
        .with(&DESCRIPTIONS, distinct(|d| (d.description as u64, 0)))
        .with(&INODES, distinct(|d| d.inode))
        .with(&OFFSETS, offsets.join(", "))
        .figure(diagram(&descriptors))
        .table(table(&descriptors)))
}

fn layers_of(files: &[File; 3]) -> Result<Vec<Descriptor>> {
    let own = std::process::id() as i32;
    let mut seen: Vec<Descriptor> = Vec::new();
    for file in files {
        let fd = file.as_raw_fd();
        let info = observe::fdinfo::read(own, fd)?;
        let metadata = file.metadata().context("fstat")?;
        let mut description = seen.len();
        for (index, earlier) in seen.iter().enumerate() {
            if observe::description::same((own, earlier.fd), (own, fd))? {
                description = index;
                break;
            }
        }
        seen.push(Descriptor {
            fd,
            offset: position(file)?,
            access: observe::fdinfo::access_mode(info.status_flags),
            inode: (metadata.dev(), metadata.ino()),
            description,
        });
    }
    Ok(seen)
}

/// What each descriptor refers to, descriptions counted from 1.
fn table(descriptors: &[Descriptor]) -> Table {
    let columns = ["descriptor", "description", "offset", "access", "inode"];
    let mut table = Table::new("what each descriptor refers to", &columns);
    for descriptor in descriptors {
        let (_, inode) = descriptor.inode;
        table.row([
            format!("fd {}", descriptor.fd),
            (descriptor.description + 1).to_string(),
            descriptor.offset.to_string(),
            descriptor.access.to_owned(),
            inode.to_string(),
        ]);
    }
    table
}

/// Draws the experiment's shape, which [`layers_of`] has found: the first two descriptors share.
fn diagram(descriptors: &[Descriptor]) -> String {
    let [a, b, c] = descriptors else {
        return String::new();
    };
    if (a.description, b.description, c.description) != (0, 0, 2) || a.inode != c.inode {
        return String::new();
    }
    let description = |d: &Descriptor| format!("offset {}, {}", d.offset, d.access);
    let (dev, ino) = a.inode;
    let (major, minor) = (nix::sys::stat::major(dev), nix::sys::stat::minor(dev));
    let (first, second) = (description(a), description(c));
    let head = format!("{:<14}{:<26}inode", "descriptor", "open file description");
    let lines = [
        head,
        format!("fd {:<3} ──┐", a.fd),
        format!("{:9}├──▶ {first:<18} ──┐", ""),
        format!("fd {:<3} ──┘{:25}├──▶ {ino}", b.fd, ""),
        format!(
            "fd {:<3} ─────▶ {second:<18} ──┘    device {major}:{minor}",
            c.fd
        ),
    ];
    lines.join("\n")
}
