//! A file that is written at the end of a run and opened before its start.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// A file to be written at the end.
pub struct Output<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> Output<'a> {
    /// Creates it, or empties it.
    ///
    /// # Errors
    /// That of open(2), with the path.
    pub fn create(path: &'a Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        Ok(Output { path, file })
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// That of write(2), with the path.
    pub fn write(mut self, text: &str) -> Result<()> {
        self.file
            .write_all(text.as_bytes())
            .with_context(|| format!("write {}", self.path.display()))
    }
}
