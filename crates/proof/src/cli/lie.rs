//! `proof lie`: one program on a kernel that refuses calls, or lies.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use harness::seccomp::Filter;
use nix::errno::Errno;

/// Options of a lie.
#[derive(Args)]
pub(super) struct LieArgs {
    /// The calls, or one command of a call as in fcntl(F_SETFL), and their answer: 0, or the name
    /// of an error such as EPERM
    #[arg(value_name = "CALL[,CALL..]=ANSWER")]
    lie: String,
    /// The program that is lied to, and its arguments
    #[arg(value_name = "COMMAND", required = true, last = true)]
    command: Vec<OsString>,
}

impl LieArgs {
    /// Becomes the program, under a filter that answers the calls without doing them.
    ///
    /// # Errors
    /// Names that no call and no error has; a kernel that takes no filter; no such program.
    #[expect(
        clippy::disallowed_methods,
        reason = "it becomes the program that is lied to"
    )]
    pub(super) fn run(&self) -> Result<u8> {
        let (calls, answer) = self
            .lie
            .split_once('=')
            .context("CALL=ANSWER is expected")?;
        let calls: Vec<&str> = calls.split(',').collect();
        let filter = Filter::answering(&calls, errno(answer)?)?;
        let Some((program, arguments)) = self.command.split_first() else {
            bail!("no program is named");
        };
        filter.install().context("seccomp")?;
        let error = Command::new(program).args(arguments).exec();
        Err(error).with_context(|| format!("start {}", program.display()))
    }
}

/// The error of this name; none for 0.
fn errno(name: &str) -> Result<Option<Errno>> {
    if name == "0" {
        return Ok(None);
    }
    let mut errors = (1..=133).map(Errno::from_raw);
    let error = errors.find(|error| format!("{error:?}") == name);
    Ok(Some(error.with_context(|| format!("{name} is no error"))?))
}
