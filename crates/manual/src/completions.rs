//! Completions for shells, with the names that arguments take.
//!
//! clap_complete leaves some values out: those of positional arguments for fish, and all of them
//! for elvish. They are added here. For bash it spells a binary's name in two ways where that has a
//! hyphen, and its script then finds no subcommand: they are made one. For zsh it takes the first
//! word to be an argument of the binary itself, where that has one, and never a subcommand. And no
//! shell is told by it that a value may be a list: see [`lists`].

mod lists;

use clap::builder::PossibleValue;
use clap::{Arg, Command};
use clap_complete::Shell;

/// The script that teaches `shell` this command line.
pub(super) fn script(mut command: Command, shell: Shell) -> String {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, &name, &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    lists::teach(&mut script, &command, shell);
    match shell {
        Shell::Bash => script = with_one_spelling(&script, &name),
        Shell::Zsh => script = with_subcommand_first(&script),
        Shell::Fish => add_to_fish(&mut script, &name, &command, &[]),
        Shell::Elvish => add_to_elvish(&mut script, &command, &name),
        _ => {}
    }
    script
}

/// A bash script in which the labels of subcommands begin with the name as the script looks it up,
/// `accept__queue` for `accept-queue`.
fn with_one_spelling(script: &str, name: &str) -> String {
    let label = |hyphen| format!("{}__subcmd__", name.replace('-', hyphen));
    script.replace(&label("__subcmd__"), &label("__"))
}

/// A zsh script in which the first word is a subcommand, whatever else it may be.
fn with_subcommand_first(script: &str) -> String {
    let lines: Vec<&str> = script.split_inclusive('\n').collect();
    let is_commands = |line: &&str| line.starts_with("\":: :_");
    let is_positional = |line: &str| line.starts_with("'::") || line.starts_with("'*::");
    let mut kept = String::new();
    for (index, line) in lines.iter().enumerate() {
        let stands_before = lines.get(index + 1).is_some_and(is_commands);
        if !(stands_before && is_positional(line)) {
            kept += line;
        }
    }
    kept.replace("$line[2]", "$line[1]")
}

/// Adds a line to a fish script for each positional argument of `command` whose values are known;
/// `path` are the subcommands that lead to it.
fn add_to_fish(script: &mut String, name: &str, command: &Command, path: &[&str]) {
    let function = format!("__fish_{}", name.replace('-', "_"));
    let condition = match path {
        [] if command.has_subcommands() => format!("{function}_needs_command"),
        [] => "true".to_owned(),
        [word] => format!("{function}_using_subcommand {word}"),
        [word, rest @ ..] => format!(
            "{function}_using_subcommand {word}; and __fish_seen_subcommand_from {}",
            rest.join(" ")
        ),
    };
    for argument in command.get_positionals() {
        let names = names(argument).join(" ");
        if !names.is_empty() {
            *script += &format!("complete -c {name} -n \"{condition}\" -f -a \"{names}\"\n");
        }
    }
    for subcommand in command.get_subcommands() {
        for word in subcommand.get_name_and_visible_aliases() {
            add_to_fish(script, name, subcommand, &[path, &[word]].concat());
        }
    }
}

/// Adds the known values of every argument of `command` to its place in an elvish script; `key`
/// names that place, as `witness;explain`.
fn add_to_elvish(script: &mut String, command: &Command, key: &str) {
    let place = format!("&'{key}'= {{");
    for argument in command.get_arguments() {
        let candidates: String = names(argument)
            .iter()
            .map(|name| format!("\n            cand {name} '{}'", argument.get_id()))
            .collect();
        *script = script.replacen(&place, &(place.clone() + &candidates), 1);
    }
    for subcommand in command.get_subcommands() {
        for word in subcommand.get_name_and_visible_aliases() {
            add_to_elvish(script, subcommand, &format!("{key};{word}"));
        }
    }
}

/// The names that a shell can complete for an argument.
fn names(argument: &Arg) -> Vec<String> {
    if !argument.get_action().takes_values() {
        return Vec::new();
    }
    let values = argument.get_possible_values();
    let shown = |value: &&PossibleValue| !value.is_hide_set();
    let name = |value: &PossibleValue| value.get_name().to_owned();
    values.iter().filter(shown).map(name).collect()
}
