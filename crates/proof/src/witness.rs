//! The program on trial: what its claims say that they do, and what became of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::program;
use crate::record::Act;

/// How long `list` may take: it only prints.
const LIST_LIMIT: Duration = Duration::from_secs(30);

/// The program `witness`, or one of the topics' programs.
#[derive(Clone, Debug)]
pub struct Witness {
    path: PathBuf,
}

/// A claim as `list --json` describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Claim {
    /// Its name.
    pub id: String,
    /// Its topic's name.
    pub topic: String,
    /// What its experiment does.
    #[serde(default)]
    pub acts: Vec<Act>,
}

#[derive(Deserialize)]
struct List {
    claims: Vec<Claim>,
}

impl Witness {
    /// The program at `path`.
    pub fn at(path: &Path) -> Witness {
        Witness {
            path: path.to_owned(),
        }
    }

    /// The program that stands beside this one.
    ///
    /// # Errors
    /// The kernel does not say where this program is.
    pub fn beside_this_program() -> Result<Witness> {
        let own = std::env::current_exe().context("the path of this program")?;
        Ok(Witness {
            path: own.with_file_name("witness"),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The command that measures these claims and prints one JSON document.
    #[expect(
        clippy::disallowed_methods,
        reason = "a trial runs the program on trial"
    )]
    pub fn measure<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["run", "--json"]).args(ids);
        command
    }

    /// The command that measures a claim and shows all that is known of it to people.
    #[expect(
        clippy::disallowed_methods,
        reason = "a trial runs the program on trial"
    )]
    pub fn show(&self, id: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["run", id]);
        command
    }

    /// The command that prints its claims and measures nothing.
    #[expect(
        clippy::disallowed_methods,
        reason = "a trial runs the program on trial"
    )]
    pub fn list(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["list", "--json"]);
        command
    }

    /// The claims of its tour, or those that are named, which may be beside it.
    ///
    /// # Errors
    /// It cannot be run, its list cannot be read, or a name is none of a claim's.
    pub fn claims(&self, ids: &[String]) -> Result<Vec<Claim>> {
        let mut list = self.list();
        if !ids.is_empty() {
            list.arg("--all");
        }
        let List { mut claims } = program::run(&mut list, LIST_LIMIT)?.read()?;
        if let Some(unknown) = ids
            .iter()
            .find(|id| claims.iter().all(|claim| claim.id != **id))
        {
            bail!("{} has no claim {unknown}", self.path.display());
        }
        claims.retain(|claim| ids.is_empty() || ids.contains(&claim.id));
        Ok(claims)
    }

    /// The claims of one topic, which may be beside the tour.
    ///
    /// # Errors
    /// It cannot be run, its list cannot be read, or it has no such topic.
    pub fn claims_of_topic(&self, topic: &str) -> Result<Vec<Claim>> {
        let mut list = self.list();
        list.args(["--topic", topic]);
        let List { claims } = program::run(&mut list, LIST_LIMIT)?.read()?;
        Ok(claims)
    }
}
