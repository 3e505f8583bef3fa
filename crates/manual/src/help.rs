//! What `generate` and its subcommands say at the end of `--help`, and names put into such words.

use clap::Command;

/// What the pages and completions say of themselves.
pub const HELP_OF_GENERATE: &str = "\
Exit status:
  0  it was printed or written
  2  it is unknown, or output could not be written

Examples:
  {binary} generate man --dir ~/.local/share/man/man1
  {binary} generate completions bash > {binary}.bash";

/// What manual pages say of themselves.
pub(super) const HELP_OF_MAN: &str = "\
Exit status:
  0  the page was printed, or all were written
  2  there is no such subcommand, or output could not be written

Examples:
  {binary} generate man | man -l -
  {binary} generate man {first} | man -l -
  {binary} generate man --dir ~/.local/share/man/man1";

/// What completions say of themselves.
pub(super) const HELP_OF_COMPLETIONS: &str = "\
Exit status:
  0  the completions were printed
  2  the shell is unknown, or output could not be written

Examples:
  {binary} generate completions bash > {binary}.bash   and source it
  {binary} generate completions fish > ~/.config/fish/completions/{binary}.fish
  {binary} generate completions zsh > _{binary}        in a folder of $fpath";

/// Puts names into what the command and its subcommands say at the end of `--help`: that of the
/// binary for `{binary}`, that of its first subcommand for `{first}`, that of the subcommand that
/// says it for `{word}`; and those of `others`, pairs of a word and what stands for it.
#[must_use]
pub fn with_own_names(command: Command, others: &[(&str, &str)]) -> Command {
    let binary = command.get_name().to_owned();
    let first = command.get_subcommands().next();
    let first = first.map_or(String::new(), |it| it.get_name().to_owned());
    let mut names = others.to_vec();
    names.extend([("{binary}", binary.as_str()), ("{first}", first.as_str())]);
    with_names(command, &names)
}

fn with_names(command: Command, names: &[(&str, &str)]) -> Command {
    let word = command.get_name().to_owned();
    let command = match command.get_after_long_help().map(ToString::to_string) {
        None => command,
        Some(text) => {
            let text = text.replace("{word}", &word);
            let put = |text: String, (word, name): &(&str, &str)| text.replace(word, name);
            command.after_long_help(names.iter().fold(text, put))
        }
    };
    command.mut_subcommands(|subcommand| with_names(subcommand, names))
}
