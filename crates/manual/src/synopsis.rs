//! The synopsis of a manual page, with the values that options take and how often a word may stand.

use clap::{Arg, Command};
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// The section SYNOPSIS of a command.
pub(super) fn section(command: &Command) -> Roff {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let mut line = vec![bold(name)];
    let shown = |argument: &&Arg| !argument.is_hide_set();
    for option in command.get_opts().filter(shown) {
        line.extend(optional(named(option), option.is_required_set()));
    }
    for flag in command.get_arguments().filter(shown).filter(is_flag) {
        line.extend(optional(named(flag), false));
    }
    for positional in command.get_positionals().filter(shown) {
        line.extend(words(positional));
    }
    if super::pages::subcommands(command).next().is_some() {
        let word = vec![italic("COMMAND")];
        line.extend(optional(word, command.is_subcommand_required_set()));
    }
    let mut roff = Roff::default();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text(line);
    roff
}

fn is_flag(argument: &&Arg) -> bool {
    !argument.is_positional() && !argument.get_action().takes_values()
}

/// ` WORD` where it is required, else ` [WORD]`.
fn optional(word: Vec<Inline>, is_required: bool) -> Vec<Inline> {
    let (before, after) = if is_required { (" ", "") } else { (" [", "]") };
    let mut line = vec![roman(before)];
    line.extend(word);
    line.push(roman(after));
    line
}

/// An option by its longest name, with the name of the value that it takes.
fn named(argument: &Arg) -> Vec<Inline> {
    let name = match (argument.get_long(), argument.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => String::new(),
    };
    let mut word = vec![bold(name)];
    for value in values(argument) {
        word.push(roman(" "));
        word.push(italic(value));
    }
    word
}

/// The names of the values that an argument takes; none of a flag.
pub(super) fn values(argument: &Arg) -> Vec<String> {
    if !argument.get_action().takes_values() {
        return Vec::new();
    }
    let names = argument.get_value_names().unwrap_or_default();
    match names.is_empty() {
        true => vec![argument.get_id().to_string().to_uppercase()],
        false => names.iter().map(ToString::to_string).collect(),
    }
}

/// Whether a positional argument may stand more often than it must.
pub(super) fn repeats(argument: &Arg) -> bool {
    let count = argument.get_num_args().unwrap_or_default();
    count.max_values() > count.min_values().max(1)
}

/// A positional argument as often as it must stand, and `...` where it may stand again.
fn words(argument: &Arg) -> Vec<Inline> {
    let count = argument.get_num_args().unwrap_or_default();
    let least = count.min_values().max(1);
    let many = if repeats(argument) { "..." } else { "" };
    let name = values(argument).join(" ");
    let names = vec![name.as_str(); least].join(" ");
    optional(vec![italic(names + many)], argument.is_required_set())
}
