//! What `--help` says at its end: exit statuses and examples.
//!
//! `{status}` stands for [`STATUS`], which most trials have; `main` puts it in.

/// The exit statuses of a trial.
pub(super) const STATUS: &str = "\
Exit status:
  0        no claim said what it should not
  1        one did; the output names it
  2        the trial could not be made, the command line was wrong, or output
           could not be written
  128 + N  signal N ended it";

pub(super) const HELP_OF_PROOF: &str = "\
{status}

Examples:
  proof record layers
  proof lies --full layers
  proof ladder --short
  proof lie flock=0 -- target/release/witness run reference-count";

pub(super) const HELP_OF_RECORD: &str = "\
{status}

Examples:
  proof record                   every claim
  proof record --calls layers    and what it called";

pub(super) const HELP_OF_LIE: &str = "\
Exit status:
  that of the program; 2 where it could not be started, or the command line was
  wrong

Examples:
  proof lie flock=0 -- target/release/witness run reference-count
  proof lie kcmp,pidfd_getfd=EPERM -- target/release/witness run layers";

pub(super) const HELP_OF_LIES: &str = "\
{status}

Examples:
  proof lies layers
  proof lies --full --results lies.txt";

pub(super) const HELP_OF_LADDER: &str = "\
{status}

Examples:
  proof ladder --list
  proof ladder --short
  proof ladder --rung nobody layers";

pub(super) const HELP_OF_RUNG: &str = "\
Exit status:
  that of the program; 125 where the rung cannot be made here; 2 where there is
  no such rung, or the command line was wrong

Examples:
  proof rung nobody -- target/release/witness run layers";

pub(super) const HELP_OF_INJECT: &str = "\
{status}

Examples:
  proof inject layers --seed 7
  proof inject --minutes 30
  proof inject --resume";

pub(super) const HELP_OF_CHAOS: &str = "\
{status}

Examples:
  proof chaos --runs 20";

pub(super) const HELP_OF_TOURS: &str = "\
{status}

Examples:
  proof tours --idle 3 --beside 2 --at-once 2";

pub(super) const HELP_OF_MUTANT: &str = "\
{status}

Examples:
  proof mutant list scripts/kernels/mutants
  proof mutant table scripts/kernels/mutants target/kernels/mutants/results";

pub(super) const HELP_OF_MUTANT_LIST: &str = "\
{status}

Examples:
  proof mutant list scripts/kernels/mutants";

pub(super) const HELP_OF_MUTANT_APPLY: &str = "\
{status}

Examples:
  proof mutant apply mutants/NAME.toml linux";

pub(super) const HELP_OF_MUTANT_JUDGE: &str = "\
{status}

Examples:
  proof mutant judge mutants/NAME.toml unchanged.json NAME.json";

pub(super) const HELP_OF_MUTANT_TABLE: &str = "\
{status}

Examples:
  proof mutant table scripts/kernels/mutants target/kernels/mutants/results";

pub(super) const HELP_OF_SABOTAGE: &str = "\
{status}

Examples:
  proof sabotage layers
  proof sabotage --again access-mode";
