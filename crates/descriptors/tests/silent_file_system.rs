//! A file system whose server may be stuck is asked nothing: a map that waited for it would wait
//! for ever, and no signal would end it.
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]
#![expect(clippy::print_stdout, reason = "says why it tests nothing")]

#[path = "filter/mod.rs"]
mod filter;

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use descriptors::{Description, Identity, Map, Options};
use filter::with_refused_calls;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

// include/uapi/linux/fuse.h
const FUSE_OPEN: u32 = 14;
const FUSE_INIT: u32 = 26;
const IN_HEADER: usize = 40;
const OUT_HEADER: u32 = 16;

/// What the server of the file system was asked while it was to be left alone.
#[derive(Default)]
struct Asked {
    recording: AtomicBool,
    operations: Mutex<Vec<u32>>,
}

/// Mounts a file system of one file over the path of this program, in a mount namespace of the
/// calling thread's own, and serves it. None where that is not allowed.
fn mount_over(path: &Path) -> Result<Arc<Asked>, Errno> {
    let error = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(0));
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .map_err(error)?;
    unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    let options = format!(
        "fd={},rootmode=100000,user_id=0,group_id=0",
        device.as_raw_fd()
    );
    mount(
        Some("test"),
        path,
        Some("fuse"),
        MsFlags::empty(),
        Some(options.as_str()),
    )?;
    let asked = Arc::new(Asked::default());
    let of_server = Arc::clone(&asked);
    thread::spawn(move || serve(device, &of_server));
    Ok(asked)
}

/// Answers the questions that opening a file takes, and notes all others. It is not stuck itself,
/// so that a map that asks fails the test and does not hang it.
fn serve(mut device: File, asked: &Asked) {
    let mut request = vec![0; 1 << 18];
    while let Ok(length) = device.read(&mut request) {
        let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        assert!(length >= IN_HEADER);
        let operation = word(4);
        if asked.recording.load(Ordering::SeqCst) {
            asked.operations.lock().unwrap().push(operation);
        }
        let (errno, body) = match operation {
            // Protocol 7.31; a minute number of bytes for a write.
            FUSE_INIT => {
                let mut body = vec![0; 64];
                for (at, number) in [(0, 7u32), (4, 31), (20, 4096)] {
                    body[at..at + 4].copy_from_slice(&number.to_ne_bytes());
                }
                (0, body)
            }
            FUSE_OPEN => (0, vec![0; 16]),
            _ => (libc::EIO, Vec::new()),
        };
        let mut answer = Vec::new();
        answer.extend((OUT_HEADER + body.len() as u32).to_ne_bytes());
        answer.extend((-errno).to_ne_bytes());
        answer.extend(&request[8..16]);
        answer.extend(body);
        // A request that was given up in the meantime has no answer.
        let _ = device.write(&answer);
    }
}

fn numbers(description: &Description) -> BTreeSet<RawFd> {
    description.holders.iter().map(|holder| holder.fd).collect()
}

fn holding(map: &Map, fd: RawFd) -> &Description {
    map.descriptions
        .iter()
        .find(|it| numbers(it).contains(&fd))
        .unwrap()
}

#[test]
fn a_map_asks_no_file_system() {
    let path = std::env::current_exe().unwrap();
    // A thread of its own: it gets a mount namespace.
    thread::spawn(move || {
        let asked = match mount_over(&path) {
            Ok(asked) => asked,
            Err(errno) => return println!("skipped: no file system can be mounted: {errno}"),
        };
        let file = File::open(&path).unwrap();
        let (duplicate, second) = (file.try_clone().unwrap(), File::open(&path).unwrap());
        let o_path = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH)
            .open(&path)
            .unwrap();
        let own = std::process::id() as i32;
        asked.recording.store(true, Ordering::SeqCst);
        let without_bpf = || descriptors::scan_with(&[own], &Options::default());
        let map = without_bpf();
        let best = descriptors::scan(&[own]);
        let refused = with_refused_calls(&[libc::SYS_kcmp], Errno::EPERM, without_bpf);
        asked.recording.store(false, Ordering::SeqCst);
        assert_eq!(
            *asked.operations.lock().unwrap(),
            [0; 0],
            "operations of the server"
        );
        let [file, duplicate, second, o_path] =
            [&file, &duplicate, &second, &o_path].map(AsRawFd::as_raw_fd);
        assert_eq!(map.identity, Identity::Kcmp);
        for map in [&map, &best] {
            assert_eq!(numbers(holding(map, file)), [file, duplicate].into());
        }
        assert_eq!(numbers(holding(&map, second)), [second].into());
        assert_eq!(holding(&map, o_path).access, "O_PATH");
        // close(2) of a copy would have asked the server for FUSE_FLUSH.
        assert!(!holding(&refused, file).certain);
    })
    .join()
    .unwrap();
}
