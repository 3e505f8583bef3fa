//! Whether two names mean one file: two documents written to it would be mixed, or one lost.

use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::fs::{File, Metadata};
use std::io::{IsTerminal, stdout};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::libc::makedev;

use crate::foreign_text::escape;

/// What tells a file from every other: its device and its inode, and of a device its number. For a
/// file that is not there yet, those of its directory, and its name.
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
        let is_device = meta.file_type().is_char_device();
        // null(4) takes everything and keeps nothing: nothing can be lost there.
        let is_null = is_device && meta.rdev() == makedev(1, 3);
        // One device may have several nodes.
        let (device, inode) = match is_device {
            true => (meta.rdev(), 0),
            false => (meta.dev(), meta.ino()),
        };
        (!is_null).then_some(SameFile {
            device,
            inode,
            name,
        })
    }
}

/// Whether `path` leads to where standard output goes: by the name of a file, a device or a pipe,
/// by `/dev/stdout`, or by `/dev/tty` where that is a terminal.
#[expect(
    clippy::disallowed_methods,
    reason = "it looks where standard output goes"
)]
pub fn is_standard_output(path: &Path) -> bool {
    let Some(there) = SameFile::at(path) else {
        return false;
    };
    let is_terminal = there.inode == 0 && there.device == makedev(5, 0);
    is_terminal && stdout().is_terminal() || SameFile::open(stdout()) == Some(there)
}

/// Two documents for one file.
#[derive(Debug, PartialEq, Eq)]
pub struct TwoDocuments(String);

impl Display for TwoDocuments {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: two documents for one file", self.0)
    }
}

impl std::error::Error for TwoDocuments {}

/// Makes sure that none of `files`, each with the option that names it, is standard output, where
/// the result goes, nor that of another option.
///
/// # Errors
/// The first that is.
pub fn ensure_apart(files: &[(&str, Option<&Path>)]) -> Result<(), TwoDocuments> {
    let named = files
        .iter()
        .filter_map(|(option, path)| Some((option, (*path)?)));
    let mut before: Vec<(String, SameFile)> = Vec::new();
    for (option, path) in named {
        let name = format!("{option} {}", escape(path));
        if is_standard_output(path) {
            let where_else = "is standard output, where the result goes";
            return Err(TwoDocuments(format!("{name} {where_else}")));
        }
        let Some(file) = SameFile::at(path) else {
            continue;
        };
        if let Some((other, _)) = before.iter().find(|(_, it)| *it == file) {
            return Err(TwoDocuments(format!(
                "{other} and {name} are the same file"
            )));
        }
        before.push((name, file));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_by_any_name() {
        let exe = std::env::current_exe().expect("this test is a file");
        let at = |path: &str| SameFile::at(Path::new(path));
        assert!(SameFile::at(&exe).is_some());
        assert_eq!(at("/proc/self/exe"), SameFile::at(&exe));
        assert_ne!(at("/proc/self/status"), SameFile::at(&exe));
        assert_eq!(at("/tmp/no-such-file"), at("/tmp/../tmp/no-such-file"));
        assert_ne!(at("/tmp/no-such-file"), at("/tmp/no-other-file"));
    }

    #[test]
    fn one_file_is_refused_under_two_names() {
        let [one, same, other] = ["/tmp/no-\x1b", "/tmp/../tmp/no-\x1b", "/tmp/no"].map(Path::new);
        let apart = |second| ensure_apart(&[("--svg", Some(one)), ("--trace", second)]);
        assert_eq!(apart(None), Ok(()));
        assert_eq!(apart(Some(other)), Ok(()));
        let refused = apart(Some(same)).expect_err("the same file").to_string();
        assert_eq!(
            refused,
            "--svg /tmp/no-\\x1b and --trace /tmp/../tmp/no-\\x1b are the same file: two documents \
             for one file"
        );
        let null = Some(Path::new("/dev/null"));
        assert_eq!(ensure_apart(&[("--svg", null), ("--trace", null)]), Ok(()));
    }

    #[test]
    fn what_is_thrown_away_is_no_file() {
        assert_eq!(SameFile::at(Path::new("/dev/null")), None);
        assert!(SameFile::at(Path::new("/dev/zero")).is_some());
    }
}
