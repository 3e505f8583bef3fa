//! Manual pages: one for every subcommand, each whole.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Binary, sections, temporary};

impl Binary {
    /// A page for every subcommand, each whole, in a folder or printed; nothing else is left there.
    pub fn writes_a_page_for_every_subcommand(&self) {
        let folder =
            temporary::folder().join(format!("pages-{}-{}", self.name, std::process::id()));
        let folder_name = folder.to_str().expect("UTF-8");
        self.stdout(&["generate", "man", "--dir", folder_name]);
        let (mut expected, mut named) = (Vec::new(), Vec::new());
        for path in self.all_subcommands() {
            let words: Vec<&str> = path.iter().map(String::as_str).collect();
            let file = [&[self.name], &words[..]].concat().join("-") + ".1";
            let page = fs::read_to_string(folder.join(&file)).expect("a page");
            assert_eq!(
                page,
                self.stdout(&[&["generate", "man"], &words[..]].concat())
            );
            self.is_whole(&words, &page);
            has_no_warning(&folder.join(&file));
            named.extend(pages_named(&page).filter(|it| it.starts_with(self.name)));
            expected.push(file);
        }
        let is_written = |page: &String| expected.contains(&format!("{page}.1"));
        named.retain(|page| !is_written(page));
        assert_eq!(
            named,
            Vec::<String>::new(),
            "named, and there are no such pages"
        );
        let mut written: Vec<String> = fs::read_dir(&folder)
            .expect("the folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .collect();
        // In the way of a page stands a folder of its name: the error names it, and no half is
        // left.
        let first = folder.join(&expected[0]);
        fs::remove_file(&first).expect("ours");
        fs::create_dir(&first).expect("a folder in the way");
        let refused = self.run(&["generate", "man", "--dir", folder_name]);
        let count = fs::read_dir(&folder).expect("the folder").count();
        fs::remove_dir_all(&folder).expect("ours");
        written.sort();
        expected.sort();
        assert_eq!(written, expected);
        assert_eq!(refused.status.code(), Some(2));
        let error = String::from_utf8_lossy(&refused.stderr);
        assert!(error.contains(&first.display().to_string()), "{error}");
        assert_eq!(count, expected.len(), "an unfinished page was left");
        let unknown = self.run(&["generate", "man", "lisst"]);
        assert_eq!(unknown.status.code(), Some(2));
    }

    /// A page has all its sections, with names where the shared words leave room for them.
    fn is_whole(&self, words: &[&str], page: &str) {
        let title = page.lines().find(|line| line.starts_with(".TH "));
        let title = title.unwrap_or_else(|| panic!("no title: {page}"));
        let version = env!("CARGO_PKG_VERSION");
        for part in ["2026-11-27", version, self.name] {
            assert!(title.contains(part), "{title}: no {part}");
        }
        sections::assert_all_there(page, words);
        // What may stand again has dots where it is explained, too.
        if words == [self.run] {
            assert!(page.contains("[\\fIID\\fR]...\n"), "{words:?}: {page}");
        }
        let help = self.help(words);
        assert!(!help.contains(['{', '}']), "a name is missing: {help}");
        let examples = help.split("\nExamples:\n").nth(1).expect("examples");
        for example in examples.lines() {
            assert!(example.contains(self.name), "{words:?}: {example}");
        }
    }
}

/// The pages of section 1 that a page names: `witness-run` of `witness\-run(1)`.
fn pages_named(page: &str) -> impl Iterator<Item = String> {
    let text = page.replace("\\-", "-");
    let parts: Vec<String> = text.split("(1)").map(str::to_owned).collect();
    let last = parts.len() - 1;
    let is_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    parts.into_iter().take(last).map(move |part| {
        let name = part.rsplit(|c| !is_name(c)).next();
        name.unwrap_or_default().to_owned()
    })
}

/// The formatter of manual pages, where it is installed, finds nothing to warn of.
fn has_no_warning(page: &Path) {
    let formatted = Command::new("groff")
        .args(["-man", "-Tutf8", "-ww", "-z"])
        .arg(page)
        .output();
    if let Ok(formatted) = formatted {
        let warnings = String::from_utf8_lossy(&formatted.stderr);
        assert_eq!(warnings, "", "{}", page.display());
    }
}
