//! One change of a kernel's source.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// A kernel that differs from the one of the same source by a few words, and what must come of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// The name of its file, without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// The textbook's sentence that it breaks.
    pub sentence: String,
    /// Which real system, old kernel or bug behaves so.
    pub like: String,
    /// The source file, from the root of the kernel's source.
    pub file: PathBuf,
    /// The function in it, or empty for the whole file.
    pub function: String,
    /// Words that stand in the function exactly once.
    pub find: String,
    /// What takes their place.
    pub put: String,
    /// The claims that must be refuted.
    pub refuted: Vec<String>,
    /// Claims that may be refuted beside these, each with the reason.
    #[serde(default)]
    pub also: BTreeMap<String, String>,
    /// Claims that cannot be measured on it, each with the reason.
    #[serde(default)]
    pub not_measured: BTreeMap<String, String>,
    /// Claims that say on it that an act of theirs had no effect, each with the reason.
    #[serde(default)]
    pub no_effect: BTreeMap<String, String>,
}

impl Mutant {
    /// Reads the mutant in `path`.
    ///
    /// # Errors
    /// The file cannot be read, or is no mutant.
    pub fn read(path: &Path) -> Result<Mutant> {
        let what = || format!("mutant {}", path.display());
        let text = fs::read_to_string(path).with_context(what)?;
        let mut mutant = Mutant::parse(&text).with_context(what)?;
        let name = path.file_stem().unwrap_or_default();
        mutant.name = name.to_string_lossy().into_owned();
        Ok(mutant)
    }

    /// Reads a mutant from the text of its file.
    ///
    /// # Errors
    /// It is no TOML, lacks a field, or has one that is unknown.
    pub fn parse(text: &str) -> Result<Mutant> {
        let mutant: Mutant = toml::from_str(text)?;
        ensure!(mutant.find != mutant.put, "it changes nothing");
        Ok(mutant)
    }

    /// The file's text with the change.
    ///
    /// # Errors
    /// The function is not defined in `source`, or the words do not stand in it exactly once.
    pub fn apply(&self, source: &str) -> Result<String> {
        let place = self.place(source)?;
        let (before, rest) = source.split_at(place.start);
        let (body, after) = rest.split_at(place.len());
        let count = body.matches(&self.find).count();
        ensure!(
            count == 1,
            "`{}` stands {count} times in {} of {}, not once",
            self.find,
            match self.function.as_str() {
                "" => "the whole",
                function => function,
            },
            self.file.display()
        );
        Ok(before.to_owned() + &body.replacen(&self.find, &self.put, 1) + after)
    }

    /// Where the function's text lies. The kernel's style is that a definition begins, and the
    /// brace that ends it stands, in the first column.
    fn place(&self, source: &str) -> Result<Range<usize>> {
        if self.function.is_empty() {
            return Ok(0..source.len());
        }
        let head = format!("{}(", self.function);
        let mut start = 0;
        for line in source.split_inclusive('\n') {
            let end_of_line = start + line.len();
            // Another function's name may end as this one's.
            let named = line.find(&head).is_some_and(|at| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|it| it == '_' || it.is_ascii_alphanumeric())
            });
            let is_head = named && !line.starts_with(char::is_whitespace);
            if is_head {
                let rest = &source[start..];
                let opens = rest.find("\n{\n").or_else(|| rest.find(" {\n"));
                let declares = rest.find(';');
                if opens.is_some() && opens < declares {
                    let length = rest.find("\n}\n").map_or(rest.len(), |at| at + 3);
                    return Ok(start..start + length);
                }
            }
            start = end_of_line;
        }
        bail!(
            "{} is not defined in {}",
            self.function,
            self.file.display()
        )
    }
}

/// The mutants in `folder`, by name.
///
/// # Errors
/// The folder or a mutant cannot be read.
pub fn mutants(folder: &Path) -> Result<Vec<Mutant>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| Mutant::read(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "int wait(struct sock *sk);\n\n\
                          static int wait_for(int a)\n{\n\tsleep(a);\n}\n\n\
                          int wait(struct sock *sk)\n{\n\tsleep(1);\n\treturn 0;\n}\n";

    fn mutant(function: &str, find: &str) -> Mutant {
        let text = format!(
            "sentence = ''\nlike = ''\nfile = 'a.c'\nfunction = '{function}'\nfind = '{find}'\n\
             put = 'x'\nrefuted = []\n"
        );
        Mutant::parse(&text).expect("a mutant")
    }

    #[test]
    fn a_change_is_made_in_its_function_only() {
        let changed = mutant("wait", "sleep").apply(SOURCE).expect("changed");
        assert_eq!(changed, SOURCE.replace("sleep(1)", "x(1)"));
        let changed = mutant("wait_for", "sleep").apply(SOURCE).expect("changed");
        assert_eq!(changed, SOURCE.replace("sleep(a)", "x(a)"));
    }

    #[test]
    fn words_that_are_not_there_once_are_refused() {
        for (function, find, expected) in [
            (
                "",
                "sleep",
                "`sleep` stands 2 times in the whole of a.c, not once",
            ),
            (
                "wait",
                "wake",
                "`wake` stands 0 times in wait of a.c, not once",
            ),
            ("gone", "sleep", "gone is not defined in a.c"),
        ] {
            let error = mutant(function, find).apply(SOURCE).expect_err("refused");
            assert_eq!(error.to_string(), expected);
        }
        assert!(Mutant::parse("find = 'a'\n").is_err(), "it lacks fields");
    }

    #[test]
    fn the_mutants_of_the_workspace_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/kernels/mutants");
        let mutants = mutants(&folder).expect("mutants");
        assert!(mutants.len() >= 15, "{}", mutants.len());
        for mutant in mutants {
            let all = [&mutant.sentence, &mutant.like];
            assert!(all.iter().all(|it| it.ends_with('.')), "{}", mutant.name);
            let expects = mutant.refuted.len() + mutant.not_measured.len() + mutant.no_effect.len();
            assert!(expects > 0, "{} must turn a claim", mutant.name);
        }
    }
}
