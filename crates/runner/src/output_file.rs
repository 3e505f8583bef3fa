//! A file that is written at the end of a run: looked at before, opened last.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

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
                drop(making.open(path).with_context(opened)?);
                fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
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
