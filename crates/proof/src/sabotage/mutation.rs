//! Mutations of the sources, as data: which text of which file becomes which other text.
//!
//! ```text
//! === access-mode: F_SETFL is not asked
//! --- crates/open-files/src/claims/access_mode.rs
//! <<<<
//! the text to find, exactly once in the file
//! ====
//! the text to put
//! >>>>
//! ```
//!
//! The head names the claims that must notice it, with commas between them, and says what is done.
//! A mutation may change several places, each with its own `---` or in the file of the last one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// One change of the sources that a claim must notice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mutation {
    /// The claims that must notice it.
    pub claims: Vec<String>,
    /// What is done to the experiment.
    pub what: String,
    /// What is changed where.
    pub edits: Vec<Edit>,
}

/// One text that is replaced in one file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edit {
    /// The file, from the root of the workspace.
    pub file: PathBuf,
    /// A text that stands in it exactly once.
    pub find: String,
    /// What takes its place.
    pub put: String,
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.claims.join(", "), self.what)
    }
}

impl Mutation {
    /// The files that it changes, each with its new text, from those below `root`.
    ///
    /// # Errors
    /// A file cannot be read; a text to find is not there, or more than once.
    pub fn changed_files(&self, root: &Path) -> Result<BTreeMap<PathBuf, String>> {
        let mut files = BTreeMap::new();
        for edit in &self.edits {
            let path = root.join(&edit.file);
            let text = match files.remove(&edit.file) {
                Some(text) => text,
                None => std::fs::read_to_string(&path)
                    .with_context(|| format!("{self}: {}", edit.file.display()))?,
            };
            let found = text.matches(&edit.find).count();
            ensure!(
                found == 1,
                "{self}: {}: the text to find is there {found} times, not once:\n{}",
                edit.file.display(),
                edit.find
            );
            files.insert(edit.file.clone(), text.replacen(&edit.find, &edit.put, 1));
        }
        Ok(files)
    }

    /// Whether both can be applied at once, and tell by the claims which of them was noticed.
    pub fn is_apart_from(&self, other: &Mutation) -> bool {
        let same_claim = self.claims.iter().any(|it| other.claims.contains(it));
        let file = |edit: &Edit| other.edits.iter().any(|it| it.file == edit.file);
        !same_claim && !self.edits.iter().any(file)
    }
}

/// Reads the mutations of a file; lines outside of them that begin with `#` are remarks.
///
/// # Errors
/// A line that does not belong where it stands, with its number; a mutation without claim or edit.
pub fn parse(text: &str) -> Result<Vec<Mutation>> {
    let mut mutations: Vec<Mutation> = Vec::new();
    let mut file: Option<PathBuf> = None;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let at = number + 1;
        if let Some(head) = line.strip_prefix("=== ") {
            let (claims, what) = head
                .split_once(": ")
                .with_context(|| format!("line {at}: a head is `=== CLAIM: what is done`"))?;
            file = None;
            mutations.push(Mutation {
                claims: claims.split(',').map(|id| id.trim().to_owned()).collect(),
                what: what.trim().to_owned(),
                edits: Vec::new(),
            });
        } else if let Some(path) = line.strip_prefix("--- ") {
            file = Some(path.trim().into());
        } else if line == "<<<<" {
            let (Some(mutation), Some(file)) = (mutations.last_mut(), &file) else {
                bail!("line {at}: a text without a head `=== ` and a file `--- `");
            };
            let mut until = |mark| block(&mut lines, mark).with_context(|| format!("line {at}"));
            mutation.edits.push(Edit {
                file: file.clone(),
                find: until("====")?,
                put: until(">>>>")?,
            });
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            bail!("line {at}: `{line}` belongs nowhere");
        }
    }
    if let Some(empty) = mutations.iter().find(|it| it.edits.is_empty()) {
        bail!("{empty}: it changes nothing");
    }
    Ok(mutations)
}

/// The lines up to `mark`, each with its end.
fn block<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>, mark: &str) -> Result<String> {
    let mut text = String::new();
    for (_, line) in lines {
        if line == mark {
            return Ok(text);
        }
        text += line;
        text.push('\n');
    }
    bail!("a text without `{mark}` at its end")
}

/// Puts `mutations` into groups whose members are apart from each other, in their order: each group
/// is built once.
pub fn groups(mutations: Vec<Mutation>) -> Vec<Vec<Mutation>> {
    let mut groups: Vec<Vec<Mutation>> = Vec::new();
    for mutation in mutations {
        let apart = |group: &&mut Vec<Mutation>| group.iter().all(|it| it.is_apart_from(&mutation));
        match groups.iter_mut().find(apart) {
            Some(group) => group.push(mutation),
            None => groups.push(vec![mutation]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a remark
=== one, two: nothing is asked
--- a.rs
<<<<
    ask();
====
>>>>
<<<<
    wait();
====
    go();
    go();
>>>>

=== three: nobody waits
--- b.rs
<<<<
    wait();
====
    go();
>>>>
=== one: it is asked twice
--- c.rs
<<<<
x
====
y
>>>>
";

    #[test]
    fn a_mutation_has_claims_and_edits() {
        let mutations = parse(TEXT).unwrap();
        assert_eq!(mutations.len(), 3);
        assert_eq!(mutations[0].claims, ["one", "two"]);
        assert_eq!(mutations[0].to_string(), "one, two: nothing is asked");
        let edit = |file: &str, find: &str, put: &str| Edit {
            file: file.into(),
            find: find.to_owned(),
            put: put.to_owned(),
        };
        let edits = [
            edit("a.rs", "    ask();\n", ""),
            edit("a.rs", "    wait();\n", "    go();\n    go();\n"),
        ];
        assert_eq!(mutations[0].edits, edits);
    }

    #[test]
    fn what_belongs_nowhere_is_refused() {
        for (text, why) in [
            ("=== one\n", "a head is"),
            ("=== one: nothing\n", "changes nothing"),
            ("--- a.rs\n<<<<\nx\n====\ny\n>>>>\n", "without a head"),
            ("=== one: w\n<<<<\nx\n====\ny\n>>>>\n", "and a file"),
            ("=== one: w\n--- a.rs\n<<<<\nx\n====\ny\n", "`>>>>`"),
            ("=== one: w\n--- a.rs\n<<<<\nx\n", "`====`"),
            ("hello\n", "belongs nowhere"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_text_must_be_there_once() {
        let folder =
            crate::temporary::folder().join(format!("proof-mutation-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let changed = |text: &str| {
            std::fs::write(folder.join("a.rs"), text).unwrap();
            parse(TEXT).unwrap()[0].changed_files(&folder)
        };
        let good = changed("fn f() {\n    ask();\n    wait();\n}\n").unwrap();
        assert_eq!(
            good[Path::new("a.rs")],
            "fn f() {\n    go();\n    go();\n}\n"
        );
        for bad in ["    ask();\n", "    ask();\n    ask();\n    wait();\n"] {
            assert!(changed(bad).is_err(), "{bad}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_group_shares_neither_claim_nor_file() {
        let groups = groups(parse(TEXT).unwrap());
        let whats: Vec<Vec<&str>> = groups
            .iter()
            .map(|group| group.iter().map(|it| it.what.as_str()).collect())
            .collect();
        let expected = [
            vec!["nothing is asked", "nobody waits"],
            vec!["it is asked twice"],
        ];
        assert_eq!(whats, expected);
    }
}
