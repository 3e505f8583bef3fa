//! A file that is opened last: what is already there stays until there is something to write.

use anyhow::{Context as _, Result, ensure};
use std::{
    fs::{self, OpenOptions},
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Where the outcome of a long measurement will be written.
pub struct Output(PathBuf);

impl Output {
    /// Finds out now whether it can be written, because half a minute of measuring is not to be thrown away for a misspelt
    /// path. Neither makes nor changes a file.
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
                drop(
                    making
                        .write(true)
                        .create_new(true)
                        .open(path)
                        .with_context(opened)?,
                );
                fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
            }
            Err(error) => return Err(error).with_context(opened),
        }
        Ok(Self(path.to_owned()))
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of open(2) and write(2).
    pub fn write(&self, text: &str) -> Result<()> {
        fs::write(&self.0, text).with_context(|| format!("write {}", self.0.display()))
    }
}
