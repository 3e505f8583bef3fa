//! Whether two names are one file: what is written must not be what is read.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::libc::makedev;

/// What tells a file from every other: its device and its inode. Of one that is not there yet, those of its
/// directory, and its name.
#[derive(Debug, PartialEq, Eq)]
pub struct SameFile {
    device: u64,
    inode: u64,
    name: Option<OsString>,
}

impl SameFile {
    /// The file at `path`; none where it cannot be told, or where it does not matter.
    pub fn at(path: &Path) -> Option<SameFile> {
        if let Ok(meta) = std::fs::metadata(path) {
            return SameFile::of(&meta, None);
        }
        let directory = match path.parent()? {
            here if here == Path::new("") => Path::new("."),
            there => there,
        };
        let meta = std::fs::metadata(directory).ok()?;
        SameFile::of(&meta, Some(path.file_name()?.to_owned()))
    }

    /// The open file behind a descriptor, whatever its name.
    pub fn open(file: impl AsFd) -> Option<SameFile> {
        let file = File::from(file.as_fd().try_clone_to_owned().ok()?);
        SameFile::of(&file.metadata().ok()?, None)
    }

    fn of(meta: &Metadata, name: Option<OsString>) -> Option<SameFile> {
        // null(4) takes everything and keeps nothing: there is nothing to be lost.
        let null = meta.file_type().is_char_device() && meta.rdev() == makedev(1, 3);
        (!null).then(|| SameFile {
            device: meta.dev(),
            inode: meta.ino(),
            name,
        })
    }
}
