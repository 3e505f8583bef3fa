//! The skeleton of a topic's binary: the shared words, and the topic's own tools.

use std::process::ExitCode;

use anyhow::Result;
use claim::{Register, Topic};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use super::exit::exit_code;
use super::help::{HELP_OF_RUN, with_help};
use super::known::with_known_names;
use super::run::RunArgs;
use super::shared::SharedWord;

/// A topic's own tools: an enum of clap with a subcommand for each.
pub trait Tools: Subcommand {
    /// What the binary is for, in a sentence: the first line of its help.
    const ABOUT: &'static str;
    /// Command lines to begin with, one to a line.
    const EXAMPLES: &'static str;

    /// Runs the tool and returns its exit status.
    ///
    /// # Errors
    /// Whatever it fails with: exit status 2.
    fn run(self) -> Result<u8>;
}

#[derive(Parser)]
struct TopicCli<T: Tools> {
    #[command(subcommand)]
    word: TopicWord<T>,
}

#[derive(Subcommand)]
enum TopicWord<T: Tools> {
    /// Run claims and say what became of each
    #[command(visible_alias = "run", after_long_help = HELP_OF_RUN)]
    Claims(RunArgs),
    #[command(flatten)]
    Shared(SharedWord),
    #[command(flatten)]
    Tool(T),
}

/// The whole of a topic's `main`: parses the command line, runs what it asks for, and returns the
/// exit status.
pub fn topic_main<T: Tools>(topic: Topic) -> ExitCode {
    exit_code(parse_and_run::<T>(topic))
}

fn parse_and_run<T: Tools>(topic: Topic) -> Result<u8> {
    let register = Register::new(&[topic])?;
    let command = with_help(TopicCli::<T>::command(), T::ABOUT, T::EXAMPLES).name(topic.name);
    let command = with_known_names(command, &register);
    let matches = command.clone().get_matches();
    match TopicCli::<T>::from_arg_matches(&matches)?.word {
        TopicWord::Claims(run) => run.run(&register),
        TopicWord::Shared(word) => word.run(&register, command),
        TopicWord::Tool(tool) => tool.run(),
    }
}
