//! Output files: what is there before and after, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::fs::{self, File, Permissions};
use std::io::{Error as IoError, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use present::{Error, OutputFile};

/// A folder of the test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = temporary::folder().join(format!("output-file-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    OutputFile::at(path)?.write(text)
}

#[test]
fn a_link_to_nothing_can_be_written_through() {
    let folder = Folder::new("link");
    let (link, second, file) = (
        folder.0.join("link"),
        folder.0.join("second"),
        folder.0.join("file"),
    );
    symlink("second", &link).unwrap();
    symlink(&file, &second).unwrap();
    let looked = OutputFile::at(&link).unwrap();
    assert!(!file.exists(), "the look left a file");
    looked.write("text").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "text");
    assert!(link.is_symlink() && second.is_symlink());
    symlink("nowhere/file", folder.0.join("astray")).unwrap();
    assert!(OutputFile::at(&folder.0.join("astray")).is_err());
    symlink("circle", folder.0.join("circle")).unwrap();
    assert!(OutputFile::at(&folder.0.join("circle")).is_err());
}

#[test]
fn a_failed_write_names_the_file_and_leaves_what_was_there() {
    let folder = Folder::new("failed");
    let path = folder.0.join("report");
    fs::write(&path, "old").unwrap();
    let output = OutputFile::at(&path).unwrap();
    let failed = output.write_with(|file| {
        use std::io::Write;
        file.write_all(b"half of it").unwrap();
        Err::<(), _>(Box::<dyn std::error::Error>::from("no space"))
    });
    assert_eq!(failed.unwrap_err().to_string(), "no space");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(folder.names(), ["report"]);
    // Where a folder has taken its place meanwhile.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let error = output.write("new").unwrap_err();
    assert_eq!(error.object(), path.to_str().unwrap());
    assert_eq!(error.operation(), "rename to");
    assert_eq!(folder.names(), ["report"]);
}

#[test]
fn a_full_device_is_said_with_its_name() {
    let error = write(Path::new("/dev/full"), "text").unwrap_err();
    assert_eq!(error.to_string(), "write /dev/full");
    assert_eq!(error.io().raw_os_error(), Some(nix::libc::ENOSPC));
}

#[test]
fn what_takes_the_place_has_the_permissions_of_before() {
    let folder = Folder::new("mode");
    let path = folder.0.join("report");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&path).unwrap();
    write(&path, "new").unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!(after.mode(), before.mode());
    assert_ne!(after.ino(), before.ino(), "renamed over it");
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
}

#[test]
fn a_reader_of_the_old_file_keeps_it_whole() {
    let folder = Folder::new("reader");
    let path = folder.0.join("report");
    fs::write(&path, "old").unwrap();
    let mut reader = File::open(&path).unwrap();
    write(&path, "new").unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old");
}

#[test]
fn open_files_and_pipes_of_proc_are_written_where_they_are() {
    let folder = Folder::new("proc");
    let path = folder.0.join("redirected");
    let file = File::create(&path).unwrap();
    let before = fs::metadata(&path).unwrap().ino();
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    write(Path::new(&link), "text").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), before);
    assert_eq!(fs::read_to_string(&path).unwrap(), "text");

    let (mut reader, writer) = std::io::pipe().unwrap();
    let link = folder.0.join("stdout");
    symlink(format!("/proc/self/fd/{}", writer.as_raw_fd()), &link).unwrap();
    write(&link, "through").unwrap();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "through");
}

#[test]
fn a_directory_is_refused_before_the_run() {
    let error = OutputFile::at(&temporary::folder()).unwrap_err();
    assert_eq!(error.io().to_string(), "it is a directory");
}

/// Only root can give something to another user: elsewhere the rule's own test has to do.
#[test]
fn what_another_user_placed_in_a_sticky_folder_is_refused() {
    if !geteuid().is_root() {
        return;
    }
    let folder = Folder::new("sticky");
    fs::set_permissions(&folder.0, Permissions::from_mode(0o1777)).unwrap();
    let elsewhere = Folder::new("elsewhere");
    let victim = elsewhere.0.join("victim");
    fs::write(&victim, "precious").unwrap();
    let nobody = Some(65534);
    let (link, to_nothing, file) = (
        folder.0.join("link"),
        folder.0.join("to-nothing"),
        folder.0.join("file"),
    );
    symlink(&victim, &link).unwrap();
    symlink(elsewhere.0.join("new"), &to_nothing).unwrap();
    fs::write(&file, "").unwrap();
    write(&link, "followed").unwrap();
    for planted in [&link, &to_nothing, &file] {
        lchown(planted, nobody, None).unwrap();
        let refused = OutputFile::at(planted).unwrap_err();
        assert_eq!(refused.io().kind(), std::io::ErrorKind::PermissionDenied);
    }
    assert_eq!(
        fs::read_to_string(&victim).unwrap(),
        "followed",
        "only while it was ours"
    );
    assert_eq!(elsewhere.names(), ["victim"]);
}

/// Whoever makes a link chooses what is overwritten, whatever folder it stands in.
#[test]
fn a_link_of_another_user_is_not_followed() {
    if !geteuid().is_root() {
        return;
    }
    let nobody = Some(65534);
    let (theirs, folder) = (Folder::new("planted"), Folder::new("victims"));
    chown(&theirs.0, nobody, None).unwrap();
    fs::write(folder.0.join("victim"), "precious").unwrap();
    let (link, through) = (theirs.0.join("link"), theirs.0.join("through"));
    symlink(folder.0.join("victim"), &link).unwrap();
    symlink(&folder.0, &through).unwrap();
    write(&through.join("victim"), "while it is ours").unwrap();
    lchown(&link, nobody, None).unwrap();
    lchown(&through, nobody, None).unwrap();
    for planted in [&link, &through.join("victim"), &through.join("new")] {
        let refused = OutputFile::at(planted).unwrap_err();
        assert_eq!(refused.io().kind(), std::io::ErrorKind::PermissionDenied);
    }
    assert_eq!(folder.names(), ["victim"]);
    let victim = fs::read_to_string(folder.0.join("victim")).unwrap();
    assert_eq!(victim, "while it is ours");
}

/// What is killed can remove nothing.
#[test]
fn a_file_that_is_not_complete_has_no_name() {
    let folder = Folder::new("unnamed");
    for before in [None, Some("old")] {
        let path = folder.0.join("report");
        if let Some(text) = before {
            fs::write(&path, text).unwrap();
        }
        let names = folder.names();
        let output = OutputFile::at(&path).unwrap();
        let written = output.write_with(|file| {
            use std::io::Write;
            file.write_all(b"half of it").unwrap();
            assert_eq!(folder.names(), names);
            Ok::<(), Error>(())
        });
        written.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "half of it");
        assert_eq!(folder.names(), ["report"]);
    }
}

/// A link that is planted between the look and the write is replaced, not followed.
#[test]
fn a_link_planted_meanwhile_is_not_followed() {
    let folder = Folder::new("meanwhile");
    let (path, victim) = (folder.0.join("report"), folder.0.join("victim"));
    fs::write(&victim, "precious").unwrap();
    let output = OutputFile::at(&path).unwrap();
    symlink(&victim, &path).unwrap();
    output.write("text").unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(!path.is_symlink());
}

#[test]
fn a_file_of_another_user_stays_theirs() {
    if !geteuid().is_root() {
        return;
    }
    let folder = Folder::new("theirs");
    let path = folder.0.join("report");
    fs::write(&path, "old and longer").unwrap();
    chown(&path, Some(65534), None).unwrap();
    let output = OutputFile::at(&path).unwrap();
    output.write("new").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().uid(), 65534);
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    // A link in its place is not followed.
    fs::remove_file(&path).unwrap();
    symlink("/dev/null", &path).unwrap();
    let error: IoError = IoError::from_raw_os_error(nix::libc::ELOOP);
    let refused = output.write("new").unwrap_err();
    assert_eq!(refused.io().raw_os_error(), error.raw_os_error());
}
