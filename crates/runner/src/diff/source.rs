//! Where documents come from: files and standard input, each under a name.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, stdin};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use present::foreign_text::escape;

use super::document::Document;

/// More bytes than any run writes: one of all claims has about 150 thousand.
const MAX_BYTES: u64 = 64 << 20;

/// A document under the name that its columns have.
pub struct NamedDocument {
    /// The name that was given, or the file's without `.json`.
    pub name: String,
    /// What stands in it.
    pub document: Document,
}

/// Where a document is, as an argument says: `FILE`, `NAME=FILE`, `-` for standard input.
#[derive(Debug, PartialEq, Eq)]
struct Source<'a> {
    name: Option<&'a OsStr>,
    path: &'a OsStr,
}

/// Reads the documents that `arguments` name, in their order. Two files of one name are told apart
/// by their paths.
///
/// # Errors
/// A name that is given twice or is empty; a file that cannot be read or is no such document, with
/// the reason.
pub fn read_all(arguments: &[impl AsRef<OsStr>]) -> Result<Vec<NamedDocument>> {
    let sources = arguments
        .iter()
        .map(|argument| Source::parse(argument.as_ref()))
        .collect::<Result<Vec<_>>>()?;
    let inputs = sources.iter().filter(|source| source.path == "-").count();
    ensure!(inputs < 2, "standard input can be read once only");
    let names = names(&sources)?;
    let documents = sources.iter().zip(names).map(|(source, name)| {
        let document = source.read().with_context(|| escape(source.path))?;
        Ok(NamedDocument { name, document })
    });
    documents.collect()
}

impl Source<'_> {
    /// What stands before the first `=` is a name unless it has a slash: `NAME=./a=b.json` names a
    /// file that has an `=` of its own.
    fn parse(argument: &OsStr) -> Result<Source<'_>> {
        let bytes = argument.as_bytes();
        let end = bytes.iter().position(|byte| *byte == b'=');
        let Some(end) = end.filter(|&end| !bytes[..end].contains(&b'/')) else {
            ensure!(!bytes.is_empty(), "the name of a file is empty");
            return Ok(Source {
                name: None,
                path: argument,
            });
        };
        let (name, path) = (&bytes[..end], &bytes[end + 1..]);
        if name.is_empty() || path.is_empty() {
            bail!("`{}` is not NAME=FILE", escape(argument));
        }
        Ok(Source {
            name: Some(OsStr::from_bytes(name)),
            path: OsStr::from_bytes(path),
        })
    }

    fn own_name(&self) -> String {
        let path = Path::new(self.path);
        let name = match (self.name, path.extension()) {
            (Some(name), _) => name,
            (None, _) if self.path == "-" => OsStr::new("stdin"),
            (None, Some(extension)) if extension == "json" => path.file_stem().unwrap_or(self.path),
            (None, _) => path.file_name().unwrap_or(self.path),
        };
        text(name)
    }

    fn read(&self) -> Result<Document> {
        Document::parse(&read_bytes(self.path)?)
    }
}

/// The bytes of the file at `path`, or of standard input where that is `-`.
///
/// # Errors
/// Those of open(2) and read(2); more bytes than any run writes.
pub fn read_bytes(path: &OsStr) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match path.as_bytes() {
        b"-" => stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes)?,
        _ => File::open(path)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)?,
    };
    if bytes.len() as u64 > MAX_BYTES {
        bail!("it has more than 64 MiB, and no run writes so much");
    }
    Ok(bytes)
}

/// The name as it is; as it may be shown, where it is not valid UTF-8.
fn text(name: &OsStr) -> String {
    name.to_str().map_or_else(|| escape(name), str::to_owned)
}

/// A name for each source, no two the same.
fn names(sources: &[Source<'_>]) -> Result<Vec<String>> {
    let own: Vec<String> = sources.iter().map(Source::own_name).collect();
    let mut names: Vec<String> = Vec::new();
    for (source, name) in sources.iter().zip(&own) {
        let is_single = own.iter().filter(|other| *other == name).count() == 1;
        let mut unique = match source.name {
            _ if is_single => name.clone(),
            None => text(source.path),
            Some(_) if names.contains(name) => bail!("two documents are called `{}`", escape(name)),
            Some(_) => name.clone(),
        };
        // The same file twice, or a name that somebody gave to another.
        let mut number = 2;
        while names.contains(&unique) {
            unique = format!("{name} ({number})");
            number += 1;
        }
        names.push(unique);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(argument: &str) -> Result<(Option<&str>, &str)> {
        let source = Source::parse(OsStr::new(argument))?;
        Ok((
            source.name.and_then(OsStr::to_str),
            source.path.to_str().unwrap(),
        ))
    }

    #[test]
    fn an_argument_is_a_file_or_a_name_and_a_file() {
        assert_eq!(parse("run.json").unwrap(), (None, "run.json"));
        assert_eq!(parse("6.1=run.json").unwrap(), (Some("6.1"), "run.json"));
        assert_eq!(parse("a=b=c").unwrap(), (Some("a"), "b=c"));
        assert_eq!(parse("./a=b").unwrap(), (None, "./a=b"));
        assert_eq!(parse("own=-").unwrap(), (Some("own"), "-"));
        for wrong in ["", "=run.json", "name="] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_different() {
        let names = |arguments: &[&str]| {
            let sources = arguments.iter().map(|it| Source::parse(OsStr::new(*it)));
            names(&sources.collect::<Result<Vec<_>>>()?)
        };
        assert_eq!(
            names(&["a/6.1.json", "b/7.2.json"]).unwrap(),
            ["6.1", "7.2"]
        );
        assert_eq!(
            names(&["a/r.json", "b/r.json"]).unwrap(),
            ["a/r.json", "b/r.json"]
        );
        assert_eq!(names(&["r.json", "r.json"]).unwrap(), ["r.json", "r (2)"]);
        assert_eq!(
            names(&["-", "x=r.txt", "r.txt"]).unwrap(),
            ["stdin", "x", "r.txt"]
        );
        assert!(names(&["x=a.json", "x=b.json"]).is_err());
        let bytes = [b"a/caf\xe8.json", b"b/caf\xe9.json"].map(|it| OsStr::from_bytes(it));
        let sources = bytes.map(|it| Source::parse(it).unwrap());
        assert_eq!(super::names(&sources).unwrap(), [r"caf\xe8", r"caf\xe9"]);
    }
}
