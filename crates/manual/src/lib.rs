#![doc = include_str!("../README.md")]
#![expect(clippy::disallowed_types, reason = "a part of command lines")]

mod completions;
mod help;
mod pages;
mod synopsis;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Command, Subcommand};
use clap_complete::Shell;
use present::print_data;

use help::{HELP_OF_COMPLETIONS, HELP_OF_MAN};
pub use help::{HELP_OF_GENERATE, with_own_names};

/// What a binary says about its own command line: the arguments of `generate`.
#[derive(Args, Clone, Debug)]
pub struct Generate {
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
    pub fn run(self, command: Command) -> Result<u8> {
        match self.what {
            What::Man { dir: Some(dir), .. } => pages::write_pages(command, &dir)?,
            What::Man { path, dir: None } => print_data(&pages::page(command, &path)?)?,
            What::Completions { shell } => print_data(&completions::script(command, shell))?,
        }
        Ok(0)
    }
}
