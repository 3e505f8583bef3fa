//! Manual pages and shell completions, made from the command line's own definition.

mod completions;
mod man;
mod synopsis;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Command, Subcommand};
use clap_complete::Shell;
use present::print_data;

use super::help::{HELP_OF_COMPLETIONS, HELP_OF_MAN};

/// What a binary says about its own command line.
#[derive(Args, Clone, Debug)]
pub(super) struct Generate {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// Print the manual page of this command or of a subcommand, or write all of them
    #[command(after_long_help = HELP_OF_MAN)]
    Man {
        /// The subcommand, one word after the other: generate man
        #[arg(value_name = "SUBCOMMAND", conflicts_with = "dir")]
        path: Vec<String>,
        /// Write the page of this command and of every subcommand into this folder
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Print the completions for a shell
    #[command(after_long_help = HELP_OF_COMPLETIONS)]
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
}

impl Generate {
    /// Prints it, or writes it, for the command line `command`.
    ///
    /// # Errors
    /// No such subcommand, or output that cannot be written.
    pub(super) fn run(self, command: Command) -> Result<u8> {
        match self.what {
            What::Man { dir: Some(dir), .. } => man::write_pages(command, &dir)?,
            What::Man { path, dir: None } => print_data(&man::page(command, &path)?)?,
            What::Completions { shell } => print_data(&completions::script(command, shell))?,
        }
        Ok(0)
    }
}
