//! What a long trial has done by now, a line each, so that it can go on where it was ended.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file of records, of which the first line says what was tried.
#[derive(Debug)]
pub struct Journal<R> {
    /// None where nothing may be kept.
    file: Option<File>,
    /// The records that were there when it was opened, and those that were added since.
    pub records: Vec<R>,
}

impl<R: Serialize + DeserializeOwned> Journal<R> {
    /// Opens the journal at `path` and, where `resume` is said and it tells of the same `subject`,
    /// its records; begins it anew otherwise. Where this user may not write it, nothing is kept,
    /// and a later run cannot go on: that matters only to one that resumes.
    ///
    /// # Errors
    /// The file or its folder cannot be written.
    pub fn open(path: &Path, subject: &str, resume: bool) -> Result<Journal<R>> {
        let what = || format!("the journal {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(what)?;
        }
        let text = match resume {
            true => fs::read_to_string(path).unwrap_or_default(),
            false => String::new(),
        };
        let records = records(&text, subject);
        let mut file = match File::create(path) {
            Err(e) if !resume && e.kind() == ErrorKind::PermissionDenied => None,
            made => Some(made.with_context(what)?),
        };
        if let Some(file) = &mut file {
            writeln!(file, "{}", serde_json::to_string(subject)?).with_context(what)?;
        }
        let mut journal = Journal {
            file,
            records: Vec::new(),
        };
        for record in records {
            journal.add(record)?;
        }
        Ok(journal)
    }

    /// Adds a record, which is in the file when this returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, record: R) -> Result<()> {
        let line = serde_json::to_string(&record)?;
        if let Some(file) = &mut self.file {
            writeln!(file, "{line}").context("write to the journal")?;
        }
        self.records.push(record);
        Ok(())
    }
}

/// The records of a journal's `text`; none where it tells of another subject. A last line that was
/// cut short is no record.
fn records<R: DeserializeOwned>(text: &str, subject: &str) -> Vec<R> {
    let mut lines = text.lines();
    let first = lines
        .next()
        .and_then(|line| serde_json::from_str(line).ok());
    if first != Some(subject.to_owned()) {
        return Vec::new();
    }
    lines
        .map_while(|line| serde_json::from_str(line).ok())
        .collect()
}

/// What identifies a program that is tried: another build is another subject.
///
/// # Errors
/// There is no such file.
pub fn identity(program: &Path) -> Result<String> {
    let data = fs::metadata(program).with_context(|| program.display().to_string())?;
    Ok(format!(
        "{} of {} bytes, changed at {}.{:09}",
        program.display(),
        data.len(),
        data.mtime(),
        data.mtime_nsec()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_those_of_the_same_subject() {
        let text = "\"a\"\n1\n2\n3";
        assert_eq!(records::<u32>(text, "a"), [1, 2, 3]);
        assert!(records::<u32>(text, "b").is_empty());
        assert!(records::<u32>("", "a").is_empty());
        // Killed while it wrote.
        assert_eq!(records::<Vec<u32>>("\"a\"\n[1]\n[2", "a"), [[1]]);
    }

    #[test]
    fn a_journal_goes_on_or_begins_anew() {
        let folder = crate::remains::Folder::below(&crate::temporary::folder(), "journal").unwrap();
        let path = folder.path().join("folder/journal");
        let mut journal = Journal::open(&path, "a", true).unwrap();
        journal.add(7).unwrap();
        let again = |subject, resume| {
            Journal::<u32>::open(&path, subject, resume)
                .unwrap()
                .records
        };
        assert_eq!(again("a", true), [7]);
        assert_eq!(again("a", true), [7], "what was read is kept");
        assert!(again("a", false).is_empty());
        assert!(again("a", true).is_empty());
    }
}
