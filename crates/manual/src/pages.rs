//! Manual pages: one for the command and one for each subcommand.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use present::OutputFile;
use present::foreign_text::escape;

use super::synopsis;

/// The day on which the command lines were last changed.
const DATE: &str = "2026-11-27";

/// The page of the subcommand at `path`, of the command itself where that is empty.
///
/// # Errors
/// There is no such subcommand: the error names those that there are.
pub(super) fn page(command: Command, path: &[String]) -> Result<String> {
    let command = build(command);
    let mut chosen = &command;
    for name in path {
        chosen = match subcommands(chosen).find(|subcommand| subcommand.get_name() == name) {
            Some(subcommand) => subcommand,
            None => {
                let names: Vec<&str> = subcommands(chosen).map(Command::get_name).collect();
                let parent = display_name(chosen);
                bail!(
                    "{parent} has no subcommand `{name}`; there are: {}",
                    names.join(", ")
                );
            }
        };
    }
    render(chosen, &command)
}

/// Writes all pages into the folder `dir`, which is made where it is not there. No page is ever
/// half written: each takes its name when it is complete.
///
/// # Errors
/// A folder that cannot be made, a file that cannot be written; the error names it.
pub(super) fn write_pages(command: Command, dir: &Path) -> Result<()> {
    let mut pages = Vec::new();
    let command = build(command);
    collect_pages(&command, &command, &mut pages)?;
    fs::create_dir_all(dir).with_context(|| format!("make the folder {}", escape(dir)))?;
    for (name, text) in pages {
        OutputFile::at(&dir.join(name))?.write(&text)?;
    }
    Ok(())
}

/// Adds the page of `command` and those of its subcommands: file name and text.
fn collect_pages(
    command: &Command,
    whole: &Command,
    pages: &mut Vec<(String, String)>,
) -> Result<()> {
    let page = render(command, whole)?;
    pages.push((format!("{}.1", display_name(command)), page));
    subcommands(command).try_for_each(|subcommand| collect_pages(subcommand, whole, pages))
}

/// The definition with the full names of its subcommands (`witness-list`) worked out.
fn build(command: Command) -> Command {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    command
}

/// Those that a page is for: clap's own `help` only repeats what the pages say.
pub(super) fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    let is_ours = |subcommand: &&Command| subcommand.get_name() != "help";
    command.get_subcommands().filter(is_ours)
}

fn display_name(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

/// The page of `command`, which is one of those in the whole of its binary.
fn render(command: &Command, whole: &Command) -> Result<String> {
    let closing = command
        .get_after_long_help()
        .or(command.get_after_help())
        .map(ToString::to_string);
    let version = command.get_version().unwrap_or_default();
    let man = Man::new(command.clone())
        .date(DATE)
        .source(format!("{} {version}", whole.get_name()));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis::section(command).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut page)?;
    }
    if subcommands(command).next().is_some() {
        man.render_subcommands_section(&mut page)?;
    }
    closing_sections(&closing.unwrap_or_default()).to_writer(&mut page)?;
    see_also(command, whole).to_writer(&mut page)?;
    let page = String::from_utf8_lossy(&page).into_owned();
    Ok(with_repetition(page, command))
}

/// The page with dots behind the positional arguments, under OPTIONS, that may stand again.
fn with_repetition(page: String, command: &Command) -> String {
    let repeatable = command.get_positionals().filter(|it| synopsis::repeats(it));
    let names = repeatable.flat_map(synopsis::values);
    names.fold(page, |page, name| {
        let forms = [format!("\n<\\fI{name}\\fR>"), format!("\n[\\fI{name}\\fR]")];
        forms.iter().fold(page, |page, form| {
            page.replace(&format!("{form}\n"), &format!("{form}...\n"))
        })
    })
}

/// The other pages of the binary that stand nearest: the whole, what is above, beside and below.
fn see_also(command: &Command, whole: &Command) -> Roff {
    let mut near = vec![display_name(whole)];
    let mut above = whole;
    while let Some(next) = subcommands(above).find(|it| is_below(command, it)) {
        near.extend(subcommands(above).map(display_name));
        above = next;
    }
    near.extend(subcommands(command).map(display_name));
    let mut pages: Vec<String> = Vec::new();
    for name in near {
        let page = format!("{name}(1)");
        if name != display_name(command) && !pages.contains(&page) {
            pages.push(page);
        }
    }
    let mut roff = Roff::default();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages.join(", "))]);
    roff
}

/// Whether `command` is `above` or one of its subcommands.
fn is_below(command: &Command, above: &Command) -> bool {
    let (name, above) = (display_name(command), display_name(above));
    name.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// What stands at the end of `--help`, as sections of a page: a line that ends with a colon is a
/// heading, and the lines below it stay as they are.
fn closing_sections(text: &str) -> Roff {
    let mut roff = Roff::default();
    let mut has_heading = false;
    for line in text.lines() {
        let heading = line.strip_suffix(':').filter(|_| !line.starts_with(' '));
        if let Some(heading) = heading.or((!has_heading).then_some("notes")) {
            has_heading = true;
            roff.control("SH", [heading.to_uppercase().as_str()]);
            roff.control("nf", []);
        }
        if heading.is_none() {
            roff.text([roman(line)]);
        }
    }
    if has_heading {
        roff.control("fi", []);
    }
    roff
}
