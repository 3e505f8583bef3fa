//! The skeleton of the tour's binary: the shared words over all topics. Without a word all claims
//! run.

use std::process::ExitCode;

use anyhow::Result;
use claim::{Register, Topic};
use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::ask::AskArgs;
use super::diff::DiffArgs;
use super::exit::{read_arguments, start};
use super::help::{
    HELP_OF_ASK, HELP_OF_DIFF, HELP_OF_REPORT, HELP_OF_RUN, with_help, with_own_names,
};
use super::known::{known_names, with_known_names};
use super::report::ReportArgs;
use super::run::RunArgs;
use super::shared::SharedWord;
use crate::render::page::Companions;

const ABOUT: &str =
    "Watch your own kernel keep, or break, what the operating-systems textbook says";

const LONG_ABOUT: &str = "\
Watch your own kernel keep, or break, what the operating-systems textbook says.

Each claim is a small experiment with real system calls. It predicts a number, measures it, and \
measures a control that must come out the other way. Without a command, all claims run.";

/// The topic of the claims beside the tour.
const PROMISES: &str = "promises";

const EXAMPLES: &str = "\
witness                             run every claim
witness ask                         predict first, then see what the kernel does
witness list --topic spinlock       what the claims of one topic say
witness explain layers              how one claim is measured
witness strace layers               its system calls, explained
witness run layers                  run it, and see every number
witness -v                          run every claim, and see every number
witness report run.html             run every claim, and write a page for a browser
witness run --json > run.json       one document, for programs
witness promises                    what newer kernels promise
witness diff before.json now.json   what changed between two runs";

/// What the tour has beside the shared words: an enum of clap with a subcommand for each.
pub trait TourTools: Subcommand {
    /// Runs the tool over the claims of the tour and returns its exit status.
    ///
    /// # Errors
    /// Whatever it fails with: exit status 2.
    fn run(self, register: &Register) -> Result<u8>;
}

#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct TourCli<T: TourTools> {
    #[command(subcommand)]
    word: Option<TourWord<T>>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand)]
enum TourWord<T: TourTools> {
    /// Run claims and say what became of each
    #[command(visible_alias = "claims", after_long_help = HELP_OF_RUN)]
    Run(RunArgs),
    /// Run the claims about what newer kernels promise, which are not part of the tour
    ///
    /// Each needs a Linux that the tour does not; an older one says what is missing.
    #[command(after_long_help = HELP_OF_RUN)]
    Promises(RunArgs),
    /// Ask what this kernel does, and then let it answer: predict first, see afterwards
    ///
    /// Each question draws a set-up and asks for a number. Type it and press Enter; then the claim
    /// that answers it runs, and your prediction stands beside that of the claim, what was
    /// observed, and the control. An empty line shows the answer without a guess, `?` gives a
    /// hint, `q` stops. In a pipe each line is an answer; at the end of the input the answers are
    /// shown.
    #[command(after_long_help = HELP_OF_ASK)]
    Ask(AskArgs),
    /// Compare documents of `run --json`: what changed from the first to the others
    ///
    /// Of two documents it lists the claims whose verdict changed, with the reason of each, the
    /// quantities that moved beyond their tolerance, and what was measured in one alone. Of more it
    /// draws a table, a row a claim and a column a document.
    #[command(after_long_help = HELP_OF_DIFF)]
    Diff(DiffArgs),
    /// Run the claims, and write what came out as a page for a browser
    ///
    /// The page is one file that asks for nothing else: a picture of each topic, drawn from the
    /// numbers of this run, and a card for each claim. It can be read without scripts, and printed.
    #[command(after_long_help = HELP_OF_REPORT)]
    Report(ReportArgs),
    #[command(flatten)]
    Tool(T),
    #[command(flatten)]
    Shared(SharedWord),
}

/// The whole of the tour's `main`, over all `topics`; as [`topic_main`](super::topic_main). What
/// `ask` asks are the questions of `companions`, in this order; pages have its pictures, too.
pub fn tour_main<T: TourTools>(topics: &[Topic], companions: Companions<'_>) -> ExitCode {
    start(|| parse_and_run::<T>(topics, companions))
}

fn parse_and_run<T: TourTools>(topics: &[Topic], companions: Companions<'_>) -> Result<u8> {
    let questions = companions.questions;
    let register = Register::new(topics)?;
    let command = with_help(TourCli::<T>::command(), ABOUT, EXAMPLES).name("witness");
    let of_promises = |topic: Arg| topic.default_value(PROMISES);
    let command = command.mut_subcommand("promises", |it| it.mut_arg("topic", of_promises));
    let command = with_own_names(command.long_about(LONG_ABOUT), &register);
    let command = with_known_names(command, &register);
    let asked = known_names(questions.iter().map(|question| question.claim));
    let teach = |argument: Arg| argument.value_parser(asked);
    let command = command.mut_subcommand("ask", |ask| ask.mut_arg("ids", teach));
    let matches = read_arguments(command.clone());
    let cli = TourCli::<T>::from_arg_matches(&matches)?;
    match cli.word {
        None => cli.run.run(&register, companions, &command),
        Some(TourWord::Run(run) | TourWord::Promises(run)) => {
            run.run(&register, companions, &command)
        }
        Some(TourWord::Report(report)) => report.run(&register, companions),
        Some(TourWord::Ask(ask)) => ask.run(&register, questions),
        Some(TourWord::Diff(diff)) => diff.run(),
        Some(TourWord::Tool(tool)) => tool.run(&register),
        Some(TourWord::Shared(word)) => word.run(&register, command),
    }
}
