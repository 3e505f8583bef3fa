//! A file that is written at the end of a run: looked at before, opened last.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Symbolic links that the kernel follows in one path (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Where the outcome of a long run will be written. What is already there stays until then.
#[derive(Debug)]
pub struct OutputFile(PathBuf);

impl OutputFile {
    /// Finds out now whether the file can be written, because a misspelt path is not to cost a whole
    /// run. Neither leaves nor changes a file.
    ///
    /// # Errors
    /// A directory, or that of open(2).
    pub fn at(path: &Path) -> Result<Self> {
        let opened = || format!("open {}", path.display());
        match fs::metadata(path) {
            Ok(there) if there.is_file() => {
                let mut writing = OpenOptions::new();
                drop(writing.write(true).open(path).with_context(opened)?);
            }
            Ok(there) => ensure!(!there.is_dir(), "{}: it is a directory", opened()),
            // Only making the file tells whether it can be made.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut making = OpenOptions::new();
                making.write(true).create_new(true);
                let made = end_of_links(path);
                drop(making.open(&made).with_context(opened)?);
                fs::remove_file(&made).with_context(|| format!("remove {}", made.display()))?;
            }
            Err(error) => return Err(error).with_context(opened),
        }
        Ok(Self(path.to_owned()))
    }

    /// Opens it, empty.
    ///
    /// # Errors
    /// That of open(2).
    pub fn open(&self) -> Result<File> {
        File::create(&self.0).with_context(|| format!("open {}", self.0.display()))
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// Those of open(2) and write(2).
    pub fn write(&self, text: &str) -> Result<()> {
        fs::write(&self.0, text).with_context(|| format!("write {}", self.0.display()))
    }
}

/// Where open(2) would make the file: `create_new` follows no symbolic link, and what is written later
/// does.
fn end_of_links(path: &Path) -> PathBuf {
    let mut end = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&end) else {
            break;
        };
        end.pop();
        end.push(target);
    }
    end
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_to_nothing_can_be_written_through() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("output-file-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let (link, second, file) = (
            folder.join("link"),
            folder.join("second"),
            folder.join("file"),
        );
        symlink("second", &link)?;
        symlink(&file, &second)?;
        let looked = OutputFile::at(&link);
        let left = file.exists();
        let written = looked.and_then(|output| output.write("text"));
        let text = fs::read_to_string(&file);
        symlink("nowhere/file", folder.join("astray"))?;
        let astray = OutputFile::at(&folder.join("astray"));
        fs::remove_dir_all(&folder)?;
        written?;
        assert!(!left, "the look left a file");
        assert_eq!(text?, "text");
        assert!(astray.is_err(), "its folder does not exist");
        Ok(())
    }
}
