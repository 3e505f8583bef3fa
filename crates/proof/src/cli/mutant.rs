//! `proof mutant`: kernels with one line changed, as data, and whether the claims noticed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use present::foreign_text::escape_controls;
use present::print;
use proof::document::Document;
use proof::mutants::{Mutant, judge, mutants};

use super::help;

/// What to do with a mutant.
#[derive(Args)]
pub(super) struct MutantArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List the mutants of a folder: a name and a source file a line
    #[command(after_long_help = help::HELP_OF_MUTANT_LIST)]
    List {
        /// A folder of NAME.toml
        folder: PathBuf,
    },
    /// Change the source of a kernel
    #[command(after_long_help = help::HELP_OF_MUTANT_APPLY)]
    Apply {
        /// NAME.toml
        mutant: PathBuf,
        /// The root of the kernel's source
        source: PathBuf,
    },
    /// Compare what the claims said of the mutant with what they said of the kernel it was made of
    #[command(after_long_help = help::HELP_OF_MUTANT_JUDGE)]
    Judge {
        /// NAME.toml
        mutant: PathBuf,
        /// The document of the unchanged kernel
        unchanged: PathBuf,
        /// The document of the mutant
        mutated: PathBuf,
    },
    /// Print the table of all mutants that were run, in Markdown
    #[command(after_long_help = help::HELP_OF_MUTANT_TABLE)]
    Table {
        /// A folder of NAME.toml
        folder: PathBuf,
        /// A folder of documents: unchanged.json, and NAME.json for each that was run
        results: PathBuf,
    },
}

impl MutantArgs {
    /// Status 1 where a claim came out otherwise than it must.
    ///
    /// # Errors
    /// A file cannot be read or written, or a mutant does not fit the source.
    pub(super) fn run(&self) -> Result<u8> {
        match &self.what {
            What::List { folder } => {
                let line = |it: &Mutant| format!("{} {}", it.name, it.file.display());
                print_lines(mutants(folder)?.iter().map(line))?;
                Ok(0)
            }
            What::Apply { mutant, source } => {
                let mutant = Mutant::read(mutant)?;
                let path = source.join(&mutant.file);
                let what = || path.display().to_string();
                let text = fs::read_to_string(&path).with_context(what)?;
                fs::write(&path, mutant.apply(&text)?).with_context(what)?;
                Ok(0)
            }
            What::Judge {
                mutant,
                unchanged,
                mutated,
            } => judge_one(&Mutant::read(mutant)?, unchanged, mutated),
            What::Table { folder, results } => print_table(folder, results),
        }
    }
}

fn judge_one(mutant: &Mutant, unchanged: &Path, mutated: &Path) -> Result<u8> {
    let judgement = judge(mutant, &read(unchanged)?, &read(mutated)?);
    let mut lines = vec![format!("{}: {}", mutant.name, mutant.sentence)];
    for (head, claims) in [
        ("refuted, as it must be", &judgement.killed_by),
        ("otherwise, with its reason", &judgement.explained),
        ("WRONG", &judgement.faults),
    ] {
        lines.extend(claims.iter().map(|claim| format!("    {head}: {claim}")));
    }
    print_lines(lines)?;
    Ok(u8::from(!judgement.is_right()))
}

fn print_table(folder: &Path, results: &Path) -> Result<u8> {
    let unchanged = read(&results.join("unchanged.json"))?;
    let mut lines = vec![
        "| Mutant | What it breaks | So behaves | Refuted by | Beside |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    let (mut count, mut wrong) = (0, 0);
    for mutant in mutants(folder)? {
        let path = results.join(&mutant.name).with_extension("json");
        let cells = if path.exists() {
            count += 1;
            let judgement = judge(&mutant, &unchanged, &read(&path)?);
            wrong += usize::from(!judgement.is_right());
            let reason = |id: &String| {
                let reasons = [&mutant.also, &mutant.not_measured, &mutant.no_effect];
                let reason = reasons.iter().find_map(|it| it.get(id));
                format!("`{id}`: {}", reason.map_or("", |it| it))
            };
            let mut beside: Vec<_> = judgement.explained.iter().map(reason).collect();
            let faults = judgement.faults.iter();
            beside.extend(faults.map(|fault| format!("**wrong**: {fault}")));
            let killers = judgement.killed_by.iter().map(|id| format!("`{id}`"));
            let killers: Vec<_> = killers.collect();
            [killers.join(", "), beside.join("; ")]
        } else {
            ["not run".to_owned(), String::new()]
        };
        let [killers, beside] = cells.map(|cell| cell.replace('|', "\\|"));
        lines.push(format!(
            "| {} | {} | {} | {killers} | {beside} |",
            mutant.name, mutant.sentence, mutant.like
        ));
    }
    lines.push(String::new());
    lines.push(format!(
        "{count} mutants were run, {wrong} of them came out otherwise than they must."
    ));
    print_lines(lines)?;
    Ok(u8::from(wrong > 0))
}

/// Prints lines, in which what a file of others says cannot do more than stand there.
fn print_lines(lines: impl IntoIterator<Item = String>) -> Result<()> {
    let lines = lines.into_iter();
    let text: String = lines.map(|line| escape_controls(&line) + "\n").collect();
    Ok(print(&text)?)
}

fn read(path: &Path) -> Result<Document> {
    let what = || format!("{}", path.display());
    let text = fs::read_to_string(path).with_context(what)?;
    Document::parse(&text).with_context(what)
}
