//! The skeleton of a topic's binary: the shared words, and the topic's own tools.

use std::process::ExitCode;

use anyhow::Result;
use claim::{Register, Topic};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use super::exit::{read_arguments, start};
use super::help::{HELP_OF_RUN, with_help, with_own_names};
use super::known::with_known_names;
use super::run::RunArgs;
use super::shared::SharedWord;
use crate::render::page::Companions;

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

/// The tools of a topic that has none.
#[derive(Subcommand)]
enum NoTools {}

impl Tools for NoTools {
    const ABOUT: &'static str = "";
    const EXAMPLES: &'static str = "";

    fn run(self) -> Result<u8> {
        match self {}
    }
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
    start(|| parse_and_run::<T>(topic, T::ABOUT, T::EXAMPLES))
}

/// As [`topic_main`], for a topic that has no tool of its own.
pub fn claims_main(topic: Topic) -> ExitCode {
    let examples = examples_of_claims(topic);
    start(|| parse_and_run::<NoTools>(topic, topic.title, &examples))
}

/// Command lines to begin with where there are only claims: of all, and of the first.
fn examples_of_claims(topic: Topic) -> String {
    let name = topic.name;
    let first = topic.claims.first().map_or("", |claim| claim.id);
    let list = format!("{name} list");
    let explain = format!("{name} explain {first}");
    let claims = format!("{name} claims {first}");
    let width = explain.len();
    format!(
        "{list:width$}  what the claims say\n\
         {explain}  how one is measured\n\
         {claims:width$}  run it, and see every number"
    )
}

fn parse_and_run<T: Tools>(topic: Topic, about: &'static str, examples: &str) -> Result<u8> {
    let register = Register::new(&[topic])?;
    let command = with_help(TopicCli::<T>::command(), about, examples).name(topic.name);
    let command = with_known_names(with_own_names(command, &register), &register);
    let matches = read_arguments(command.clone());
    match TopicCli::<T>::from_arg_matches(&matches)?.word {
        TopicWord::Claims(run) => run.run(&register, Companions::default(), &command),
        TopicWord::Shared(word) => word.run(&register, command),
        TopicWord::Tool(tool) => tool.run(),
    }
}
