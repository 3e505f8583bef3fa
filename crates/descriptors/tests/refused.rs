//! What is known where kcmp(2) is refused, with copies of descriptors and without.
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

#[path = "filter/mod.rs"]
mod filter;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;

use descriptors::{Description, Identity, Map, Options};
use filter::with_refused_calls;
use nix::errno::Errno;

const REFUSALS: [Errno; 3] = [Errno::EPERM, Errno::ENOSYS, Errno::EACCES];

/// A file that no other test opens: what looks alike stands together, whoever has it.
const OWN_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

fn holding(map: &Map, file: &impl AsRawFd) -> Description {
    let fd = file.as_raw_fd();
    let has = |it: &&Description| it.holders.iter().any(|holder| holder.fd == fd);
    let all: Vec<_> = map.descriptions.iter().filter(has).collect();
    assert_eq!(all.len(), 1, "{all:#?}");
    all[0].clone()
}

fn numbers(map: &Map, file: &impl AsRawFd) -> BTreeSet<RawFd> {
    let holders = &holding(map, file).holders;
    holders.iter().map(|holder| holder.fd).collect()
}

fn set<const N: usize>(files: [&dyn AsRawFd; N]) -> BTreeSet<RawFd> {
    files.map(AsRawFd::as_raw_fd).into()
}

/// A map without the system `calls`.
fn scan_without(calls: &[i64], errno: Errno) -> Map {
    let map = with_refused_calls(calls, errno, || {
        descriptors::scan_with(&[std::process::id() as i32], &Options::default())
    });
    assert_eq!(map.refused.as_ref().unwrap().errno, errno);
    map
}

#[test]
fn copies_are_compared_where_kcmp_is_refused() {
    let file = File::open("/proc/self/exe").unwrap();
    let (duplicate, alike) = (
        file.try_clone().unwrap(),
        File::open("/proc/self/exe").unwrap(),
    );
    for errno in REFUSALS {
        let map = scan_without(&[libc::SYS_kcmp], errno);
        if map.identity == Identity::Fdinfo {
            // A kernel before 6.10, or an executable on a file system that cannot be asked.
            assert!(!holding(&map, &file).certain);
            continue;
        }
        assert_eq!(map.identity, Identity::DescriptorQuery);
        assert_eq!(numbers(&map, &file), set([&file, &duplicate]));
        assert_eq!(numbers(&map, &alike), set([&alike]));
        assert!(holding(&map, &file).certain && holding(&map, &alike).certain);
    }
}

#[test]
fn what_looks_alike_is_not_certain_where_nothing_can_be_compared() {
    let mut file = File::open(OWN_FILE).unwrap();
    let duplicate = file.try_clone().unwrap();
    let (mut moved, alike) = (File::open(OWN_FILE).unwrap(), File::open(OWN_FILE).unwrap());
    file.seek(SeekFrom::Start(5)).unwrap();
    moved.seek(SeekFrom::Start(6)).unwrap();
    let (socket, peer) = UnixDatagram::pair().unwrap();
    let shared = socket.try_clone().unwrap();
    for errno in REFUSALS {
        let map = scan_without(&[libc::SYS_kcmp, libc::SYS_pidfd_getfd], errno);
        assert_eq!(numbers(&map, &file), set([&file, &duplicate]));
        assert_eq!(numbers(&map, &moved), set([&moved]));
        assert_eq!(numbers(&map, &alike), set([&alike]));
        // An offset may have moved between two looks.
        for it in [&file, &moved, &alike] {
            assert!(!holding(&map, it).certain, "{it:?}");
        }
        // The inode of a socket tells it all.
        assert_eq!(numbers(&map, &socket), set([&socket, &shared]));
        assert!(holding(&map, &socket).certain && holding(&map, &peer).certain);
    }
}
