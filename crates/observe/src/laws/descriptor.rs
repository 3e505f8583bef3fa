//! The laws of what is read about descriptors, and of the kernel's types.

use std::fmt::Write;

use super::draw::Draw;
use super::read_line_by_line;
use crate::bpf::btf::Btf;
use crate::fdinfo::{FdInfo, Watch};
use crate::mountinfo::Mount;
use crate::{fdinfo, mountinfo};

/// [`fdinfo::parse`].
pub fn fdinfo(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let garbage = fdinfo::parse(&text);
    assert!(garbage.watches.len() + garbage.locks.len() <= text.lines().count());
    assert!(
        ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_PATH"]
            .contains(&fdinfo::access_mode(garbage.status_flags))
    );
    let mut draw = Draw::new(data);
    let watches = (0..draw.below(4)).map(|_| Watch {
        fd: draw.below(1 << 31) as i32,
        events: draw.number() as u32,
        inode: draw.number(),
        device: (draw.below(1 << 12) as u32, draw.below(1 << 20) as u32),
    });
    let watches: Vec<Watch> = watches.collect();
    let info = FdInfo {
        pos: Some(draw.number()),
        status_flags: draw.below(1 << 31) as i32 & !libc::O_CLOEXEC,
        close_on_exec: draw.flag(),
        mount: Some(draw.below(1 << 31) as i64),
        inode: Some(draw.number()),
        eventfd_id: draw.flag().then(|| draw.below(1 << 31)),
        watches,
        in_flight: draw.flag().then(|| draw.below(1 << 32)),
        locks: (0..draw.below(3))
            .map(|_| format!("1: FLOCK {}", draw.word()))
            .collect(),
    };
    assert_eq!(fdinfo::parse(&print_fdinfo(&info)), info);
}

/// fs/proc/fd.c and the files' own `show_fdinfo`. The offset is signed there.
fn print_fdinfo(info: &FdInfo) -> String {
    let close_on_exec = if info.close_on_exec {
        libc::O_CLOEXEC
    } else {
        0
    };
    let mut text = format!("flags:\t0{:o}\n", info.status_flags | close_on_exec);
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{key}{value}");
        }
    };
    line("pos:\t", info.pos.map(|pos| (pos as i64).to_string()));
    line("mnt_id:\t", info.mount.map(|number| number.to_string()));
    line("ino:\t", info.inode.map(|number| number.to_string()));
    line("eventfd-count: ", Some(format!("{:16x}", 7)));
    line(
        "eventfd-id: ",
        info.eventfd_id.map(|number| number.to_string()),
    );
    line("scm_fds: ", info.in_flight.map(|number| number.to_string()));
    for lock in &info.locks {
        line("lock:\t", Some(lock.clone()));
    }
    for watch in &info.watches {
        let (fd, events, inode) = (watch.fd, watch.events, watch.inode);
        let device = watch.device.0 << 20 | watch.device.1;
        let watch = format!("{fd:8} events: {events:8x} data: {fd:16x}  pos:0 ino:{inode:x}");
        line("tfd: ", Some(format!("{watch} sdev:{device:x}")));
    }
    text
}

/// [`mountinfo::parse`].
pub fn mountinfo(data: &[u8]) {
    read_line_by_line(data, mountinfo::parse);
    let mut draw = Draw::new(data);
    let mount = Mount {
        id: draw.below(1 << 31) as i64,
        device: (draw.number() as u32, draw.number() as u32),
        file_system: draw.word(),
    };
    let optional = ["", "shared:1 ", "master:2 propagate_from:1 "][draw.below(3) as usize];
    let Mount { id, device, .. } = &mount;
    let mut line = format!("{id} 1 {}:{} / /", device.0, device.1).into_bytes();
    // A blank in a path is printed as \040.
    let point = draw.name().into_encoded_bytes();
    line.extend(point.into_iter().filter(|byte| !byte.is_ascii_whitespace()));
    line.extend(format!(" rw {optional}- {} none rw\n", mount.file_system).bytes());
    assert_eq!(mountinfo::parse(&line), [mount]);
}

/// [`Btf::parse`].
pub fn btf(data: &[u8]) {
    if let Some(garbage) = Btf::parse(data.to_vec()) {
        garbage.function("f");
        garbage.offset("outer", "last");
    }
    // An outer structure that ends with an unnamed one, whose last member is looked for.
    let mut draw = Draw::new(data);
    let bytes_before = [draw.below(1 << 10) as u32, draw.below(1 << 10) as u32];
    let names = b"\0outer\0first\0last\0f\0";
    let member = |name: u32, number: u32, offset: u32| [name, number, offset * 8];
    let types = [
        vec![0, 4 << 24 | 1, 8],
        member(13, 0, bytes_before[0]).to_vec(),
        vec![1, 4 << 24 | 2, 16],
        member(7, 0, 0).to_vec(),
        // Behind a `const`, the third type.
        member(0, 3, bytes_before[1]).to_vec(),
        vec![0, 10 << 24, 1],
        vec![18, 12 << 24, 0],
    ];
    let types: Vec<u32> = types.concat();
    let length = 4 * types.len() as u32;
    let header = [0x1_eb9f, 24, 0, length, length, names.len() as u32];
    let words = header.iter().chain(&types);
    let mut bytes: Vec<u8> = words.flat_map(|word| word.to_ne_bytes()).collect();
    bytes.extend(names);
    let btf = Btf::parse(bytes).unwrap_or_else(|| panic!("not in the known form"));
    let sum = bytes_before[0] + bytes_before[1];
    assert_eq!(btf.offset("outer", "last"), i16::try_from(sum).ok());
    assert_eq!(btf.offset("outer", "first"), Some(0));
    assert_eq!(btf.offset("first", "last"), None);
    assert_eq!(btf.function("f"), Some(4));
}
