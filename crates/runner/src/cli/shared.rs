//! The subcommands that every binary has in common.

use anyhow::Result;
use claim::Register;
use clap::{Command, Subcommand};
use manual::{Generate, HELP_OF_GENERATE};

use super::help::{HELP_OF_EXPLAIN, HELP_OF_LIST, HELP_OF_SELFTEST};
use super::list::{ExplainArgs, ListArgs};
use super::selftest::SelftestArgs;

#[derive(Subcommand)]
pub(super) enum SharedWord {
    /// List the claims, each with the sentence that it tests
    #[command(after_long_help = HELP_OF_LIST)]
    List(ListArgs),
    /// Explain a claim: what it says, how it is measured, what its control is
    #[command(after_long_help = HELP_OF_EXPLAIN)]
    Explain(ExplainArgs),
    /// Run claims with experiment and control exchanged: every verdict must turn
    ///
    /// For each claim it says whether every quantity turned, how many acts were seen in the
    /// experiment, and how many lies it survived: the system calls of its acts answer 0 and do
    /// nothing, one at a time, and then there may be neither "holds" nor "refuted".
    #[command(after_long_help = HELP_OF_SELFTEST)]
    Selftest(SelftestArgs),
    /// Print manual pages or shell completions
    #[command(display_order = 998, after_long_help = HELP_OF_GENERATE)]
    Generate(Generate),
}

impl SharedWord {
    /// Answers; `command` is the definition of the whole command line.
    pub(super) fn run(self, register: &Register, command: Command) -> Result<u8> {
        match self {
            SharedWord::List(list) => list.run(register),
            SharedWord::Explain(explain) => explain.run(register),
            SharedWord::Selftest(selftest) => selftest.run(register),
            SharedWord::Generate(generate) => generate.run(command),
        }
    }
}
