//! Whether two names mean one file: what is read must not be written.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::libc::makedev;

/// What tells a file from every other: its device and its inode. For a file that is not there yet,
/// those of its directory, and its name.
#[derive(Debug, PartialEq, Eq)]
pub struct SameFile {
    device: u64,
    inode: u64,
    name: Option<OsString>,
}

impl SameFile {
    /// The file at `path`; `None` where that cannot be found out, and for null(4), which keeps
    /// nothing.
    pub fn at(path: &Path) -> Option<SameFile> {
        if let Ok(meta) = std::fs::metadata(path) {
            return SameFile::from_metadata(&meta, None);
        }
        let directory = match path.parent()? {
            path if path == Path::new("") => Path::new("."),
            path => path,
        };
        let meta = std::fs::metadata(directory).ok()?;
        SameFile::from_metadata(&meta, Some(path.file_name()?.to_owned()))
    }

    /// As [`SameFile::at`], for the open file behind a descriptor.
    pub fn open(file: impl AsFd) -> Option<SameFile> {
        let file = File::from(file.as_fd().try_clone_to_owned().ok()?);
        SameFile::from_metadata(&file.metadata().ok()?, None)
    }

    fn from_metadata(meta: &Metadata, name: Option<OsString>) -> Option<SameFile> {
        // null(4) takes everything and keeps nothing: nothing can be lost there.
        let null = meta.file_type().is_char_device() && meta.rdev() == makedev(1, 3);
        (!null).then(|| SameFile {
            device: meta.dev(),
            inode: meta.ino(),
            name,
        })
    }
}
