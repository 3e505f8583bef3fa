//! Man page and shell completions, made from the command line's own definition.

use anyhow::Result;
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;
use present::print;

/// What a binary tells about its own command line.
#[derive(Args, Clone, Copy, Debug)]
pub struct Generate {
    /// A man page, or completions for a shell
    what: What,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum What {
    Man,
    Bash,
    Elvish,
    Fish,
    Zsh,
}

impl Generate {
    /// Prints it for the command line `C`.
    ///
    /// # Errors
    /// Output that cannot be written.
    pub fn run<C: CommandFactory>(self) -> Result<u8> {
        let mut command = C::command();
        let name = command.get_name().to_owned();
        let mut text = Vec::new();
        let shell = match self.what {
            What::Man => None,
            What::Bash => Some(Shell::Bash),
            What::Elvish => Some(Shell::Elvish),
            What::Fish => Some(Shell::Fish),
            What::Zsh => Some(Shell::Zsh),
        };
        match shell {
            Some(shell) => clap_complete::generate(shell, &mut command, name, &mut text),
            None => clap_mangen::Man::new(command).render(&mut text)?,
        }
        print(&String::from_utf8_lossy(&text))?;
        Ok(0)
    }
}
