//! What `--help` says at its end: exit statuses and examples.
//!
//! The words that all binaries share say `{binary}` for the name of the binary, `{word}` for that
//! of the subcommand, and `{claim}` for one of its claims: [`with_own_names`] puts these in.

use claim::Register;
use clap::Command;

/// The exit statuses of a binary as a whole.
const OF_BINARY: &str = "\
Exit status:
  0        done; of what was measured, nothing is refuted
  1        a claim was refuted, or what a tool checks did not hold
  2        an error: a set-up broke, a control failed, the command line was
           wrong, or output could not be written
  4        nothing could be measured; with --strict: a claim was not measured
  128 + N  signal N ended the run; what was measured by then is reported";

/// The exit statuses of a run of claims.
pub(super) const HELP_OF_RUN: &str = "\
Exit status:
  0        of what was measured, nothing is refuted
  1        a claim was refuted
  2        a set-up broke, a control failed, the command line was wrong, or
           output could not be written
  4        nothing could be measured; with --strict: a claim was not measured
  128 + N  signal N (INT, TERM, HUP) ended the run: what was measured by then
           is reported and marked PARTIAL

Examples:
  {binary} {word}                  a line for each claim
  {binary} {word} -v               every number, table and note
  {binary} {word} --json --strict  for programs: status 4 where one is not measured";

/// What a list says of itself.
pub(super) const HELP_OF_LIST: &str = "\
Exit status:
  0  the list was printed
  2  the topic is unknown, or output could not be written

Examples:
  {binary} list
  {binary} list --all   also what newer kernels promise
  {binary} list --json  for programs";

/// What an explanation says of itself.
pub(super) const HELP_OF_EXPLAIN: &str = "\
Exit status:
  0  the claim was explained
  2  the claim is unknown, or output could not be written

Examples:
  {binary} explain {claim}";

/// The exit statuses of a self-test.
pub(super) const HELP_OF_SELFTEST: &str = "\
Exit status:
  0        every claim that was measured turned, and none believes a lie
  1        a claim is blind: it would hold whatever the kernel did; or it
           gives a verdict where a call of its acts lies
  2        a set-up broke, the command line was wrong, or output could not be
           written
  4        no claim could be measured
  128 + N  signal N (INT, TERM, HUP) ended the test: what was tested by then
           is reported and marked PARTIAL

Examples:
  {binary} selftest
  {binary} selftest {claim}";

/// The exit statuses of the questions.
pub(super) const HELP_OF_ASK: &str = "\
Exit status:
  0        whatever was answered, and whatever came out
  2        the command line was wrong, input could not be read, or output could
           not be written
  128 + N  signal N (INT, TERM, HUP) ended it: the score of what was answered
           by then is shown and marked PARTIAL

Examples:
  witness ask                       every question, in the order of the topics
  witness ask --seed 7 --topic accept-queue
  echo 8 | witness ask others-stay-asleep
  witness ask </dev/null            show every answer";

/// The exit statuses of a page.
pub(super) const HELP_OF_REPORT: &str = "\
Exit status:
  0        the page is written; of what was measured, nothing is refuted
  1        the same, and a claim was refuted
  2        a set-up broke, a control failed, the command line was wrong, or the
           page could not be written
  4        the page is written; nothing could be measured
  128 + N  signal N (INT, TERM, HUP) ended the run: the page has what was
           measured by then, and is marked PARTIAL

Examples:
  witness report run.html
  witness run --json > run.json && witness report --from run.json run.html";

/// The exit statuses of a comparison.
pub(super) const HELP_OF_DIFF: &str = "\
Exit status:
  0        every claim that the documents share has one verdict in all of them
  1        a verdict changed
  2        a file cannot be read or is no such document, no claim is in two of
           them, the command line was wrong, or output could not be written

Examples:
  witness run --json > before.json
  witness diff before.json after.json
  witness run --json | witness diff before.json now=-
  witness diff 6.1=a.json 7.2=b.json gvisor=c.json --markdown";

/// Gives `command` what every binary has in common: the version, the width, the statuses; and
/// `about` and `examples`, a command line each, which are its own.
pub(super) fn with_help(command: Command, about: &'static str, examples: &str) -> Command {
    let examples = examples.lines().map(|line| format!("\n  {line}"));
    let examples: String = examples.collect();
    command
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .max_term_width(100)
        .about(about)
        .after_long_help(format!("{OF_BINARY}\n\nExamples:{examples}"))
}

/// Puts the names of the binary, its subcommands and its first claim into what they say.
pub(super) fn with_own_names(command: Command, register: &Register) -> Command {
    let claim = register.claims().next().map_or("", |(_, claim)| claim.id);
    manual::with_own_names(command, &[("{claim}", claim)])
}
