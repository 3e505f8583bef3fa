//! Lists with commas between: the names are completed behind each comma, too.

use clap::{Arg, Command};
use clap_complete::Shell;

use super::names;

/// Has `script`, which `clap_complete` has made of `command` for `shell`, complete each word of a
/// list. Elvish's script is left as it is.
pub(super) fn teach(script: &mut String, command: &Command, shell: Shell) {
    for argument in command.get_arguments() {
        let names = names(argument).join(" ");
        let is_list = argument.get_value_delimiter() == Some(',') && !names.is_empty();
        if let (Some(long), true) = (argument.get_long(), is_list) {
            match shell {
                Shell::Bash => teach_bash(script, long, &names),
                Shell::Zsh => teach_zsh(script, argument, long, &names),
                Shell::Fish => teach_fish(script, long, &names),
                _ => {}
            }
        }
    }
    for subcommand in command.get_subcommands() {
        teach(script, subcommand, shell);
    }
}

/// What stands before the last comma is a prefix, and only the rest is compared with the names.
fn teach_bash(script: &mut String, long: &str, names: &str) {
    let whole = format!("compgen -W \"{names}\" -- \"${{cur}}\"");
    let rest = "${cur##*,}";
    let last = format!("compgen -P \"${{cur%\"{rest}\"}}\" -W \"{names}\" -- \"{rest}\"");
    let mut is_option = false;
    let lines = script.split_inclusive('\n').map(|line| {
        let was_option = is_option;
        is_option = line.trim() == format!("--{long})");
        match was_option {
            true => line.replace(&whole, &last),
            false => line.to_owned(),
        }
    });
    *script = lines.collect();
}

/// `_values` with a separator in place of a plain list.
fn teach_zsh(script: &mut String, argument: &Arg, long: &str, names: &str) {
    let (whole, id) = (format!(":({names})'"), argument.get_id());
    let list = format!(":_values -s , {id} {names}'");
    let option = format!("--{long}=[");
    let lines = script
        .split_inclusive('\n')
        .map(|line| match line.contains(&option) {
            true => line.replace(&whole, &list),
            false => line.to_owned(),
        });
    *script = lines.collect();
}

/// fish has a function of its own for it, which puts what is there already before each name.
fn teach_fish(script: &mut String, long: &str, names: &str) {
    let each: Vec<String> = names
        .split(' ')
        .map(|name| format!("{name}\\t''"))
        .collect();
    let whole = format!("-a \"{}\"", each.join("\n"));
    let list = format!("-a \"(__fish_append , {names})\"");
    let option = format!(" -l {long} ");
    let parts = script.split_inclusive("complete -c ").map(str::to_owned);
    let teach = |part: String| match part.contains(&option) {
        true => part.replace(&whole, &list),
        false => part,
    };
    *script = parts.map(teach).collect();
}
