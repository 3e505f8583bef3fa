//! Folders that are not there, may not be written, or have no O_TMPFILE.

#[path = "../../tests/temporary/mod.rs"]
mod temporary;

use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

use super::*;
use crate::filter::with_refused_calls;

/// A folder of its own, removed with what is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let number = RandomState::new().hash_one(());
        let path = temporary::folder().join(format!("scratch-test-{number:x}"));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn names(&self) -> usize {
        fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs `test` in a thread for which the kernel answers `errno` to every open with O_TMPFILE, as a
/// file system that has none does.
fn without_tmpfile(errno: Errno, test: impl FnOnce() + Send + 'static) {
    let own = (libc::O_TMPFILE & !libc::O_DIRECTORY) as u64;
    let has_flag =
        SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(own), own);
    let rule = SeccompRule::new(vec![has_flag.unwrap()]).unwrap();
    with_refused_calls((libc::SYS_openat, vec![rule]), errno, test);
}

fn assert_nameless(mut file: File) {
    assert_eq!(file.metadata().unwrap().nlink(), 0);
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    file.write_all_at(b"bytes", 0).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"bytes");
}

#[test]
fn an_empty_tmpdir_is_none() {
    assert_eq!(folder_named(Some("".into()), "/tmp"), Path::new("/tmp"));
    assert_eq!(folder_named(None, "/var/tmp"), Path::new("/var/tmp"));
    assert_eq!(folder_named(Some("/x".into()), "/tmp"), Path::new("/x"));
}

#[test]
fn an_absent_folder_is_named() {
    let error = file_in(Path::new("/nowhere/at all")).unwrap_err();
    assert_eq!(
        error,
        Error::new("open a file in /nowhere/at all", Errno::ENOENT)
            .with_kind(Operation::ScratchFile)
    );
    let error = file_in(Path::new("/proc/self/exe")).unwrap_err();
    assert!(error.to_string().contains("/proc/self/exe"), "{error}");
}

#[test]
fn the_next_folder_takes_what_the_first_does_not() {
    let folder = Folder::new();
    let folders = || ["/nowhere", "/proc"].map(PathBuf::from).into_iter();
    let file = file_in_one_of(folders().chain([folder.0.clone()]), b"bytes").unwrap();
    let device = folder.0.metadata().unwrap().dev();
    assert_eq!(file.metadata().unwrap().dev(), device);
    assert_eq!(file.metadata().unwrap().len(), 5);
    // Where none does, the error is that of the first, which the user has named.
    let error = file_in_one_of(folders(), b"bytes").unwrap_err();
    assert!(error.operation.contains("/nowhere"), "{error}");
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    let error = file_in(Path::new("/proc")).unwrap_err();
    assert!(error.operation.contains("/proc"), "{error}");
    let folder = Folder::new();
    let path = folder.0.clone();
    if nix::unistd::geteuid().is_root() {
        // Root is not held up by a mode: a read-only mount that only this thread sees.
        thread::spawn(move || {
            // A container may forbid it: /proc has shown above what there is to see.
            let namespace = || fs::read_link("/proc/thread-self/ns/mnt").unwrap();
            let host = namespace();
            if unshare(CloneFlags::CLONE_NEWNS).is_err() {
                return;
            }
            assert_ne!(namespace(), host, "nothing is mounted on the host");
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
            let flags = MsFlags::MS_RDONLY;
            mount(Some("scratch"), &path, Some("tmpfs"), flags, none).unwrap();
            let error = file_in(&path).unwrap_err();
            assert_eq!(error.errno, Errno::EROFS);
            assert!(error.operation.contains(path.to_str().unwrap()), "{error}");
        })
        .join()
        .unwrap();
    } else {
        fs::set_permissions(&path, PermissionsExt::from_mode(0o500)).unwrap();
        assert_eq!(file_in(&path).unwrap_err().errno, Errno::EACCES);
    }
}

#[test]
fn a_file_system_without_tmpfile_gives_a_nameless_file_too() {
    for errno in NO_TMPFILE {
        without_tmpfile(errno, move || {
            let folder = Folder::new();
            let tmpfile = File::options()
                .write(true)
                .custom_flags(libc::O_TMPFILE)
                .open(&folder.0);
            assert_eq!(
                observe::errno(&tmpfile.unwrap_err()),
                errno,
                "the filter is there"
            );
            assert_nameless(file_in(&folder.0).unwrap());
            assert_eq!(folder.names(), 0);
        });
    }
    // An absent folder stays an error, though ENOENT may mean that there is no O_TMPFILE.
    without_tmpfile(Errno::ENOENT, || {
        assert!(file_in(Path::new("/nowhere")).is_err());
    });
    assert_nameless(file_in(&Folder::new().0).unwrap());
}

#[test]
fn a_name_that_exists_is_left_alone() {
    let folder = Folder::new();
    let taken = |number: u64| folder.0.join(format!(".scratch-{number:016x}"));
    fs::write(taken(1), "another's").unwrap();
    symlink(folder.0.join("target of a link"), taken(2)).unwrap();
    let mut options = File::options();
    options.read(true).write(true).mode(0o600);
    let mut numbers = 1..;
    let file = named_for_a_moment(&options, &folder.0, || numbers.next().unwrap());
    assert_nameless(file.unwrap());
    assert_eq!(numbers.next(), Some(4), "the third name was free");
    assert_eq!(fs::read_to_string(taken(1)).unwrap(), "another's");
    assert!(!folder.0.join("target of a link").exists());
    assert_eq!(folder.names(), 2);
    let always = named_for_a_moment(&options, &folder.0, || 1);
    assert_eq!(always.unwrap_err().errno, Errno::EEXIST);
}

#[test]
fn memory_needs_no_folder() {
    let file = in_memory(b"hello").unwrap();
    let mut text = String::new();
    open_again(&file, OFlag::O_RDONLY)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "hello");
}

#[test]
fn without_memory_files_a_folder_gives_one() {
    for errno in [Errno::EPERM, Errno::ENOSYS] {
        with_refused_calls((libc::SYS_memfd_create, Vec::new()), errno, move || {
            let refused = memfd_create(c"scratch", MFdFlags::MFD_CLOEXEC);
            assert_eq!(refused.unwrap_err(), errno, "the filter is there");
            let mut file = in_memory(b"hello").unwrap();
            assert_eq!(file.metadata().unwrap().nlink(), 0);
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, "hello");
        });
    }
}
