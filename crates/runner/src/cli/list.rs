//! The words that run nothing: `list` and `explain`.

use anyhow::Result;
use claim::Register;
use clap::Args;
use present::{print, print_data};

use super::select;
use crate::render::{json, text};

/// Options of a list.
#[derive(Args, Clone, Debug)]
pub(super) struct ListArgs {
    /// Only the claims of this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Also the claims beside the tour, which run only where they are named
    #[arg(long, conflicts_with = "topic")]
    all: bool,
    /// Print one JSON document instead of text (described in docs/json.md)
    #[arg(long)]
    json: bool,
}

impl ListArgs {
    /// Prints every claim with its statement.
    ///
    /// # Errors
    /// An unknown topic, or output that cannot be written.
    pub(super) fn run(&self, register: &Register) -> Result<u8> {
        let claims = match self.all {
            true => register.claims().collect(),
            false => select::claims(register, &[], self.topic.as_deref())?,
        };
        if self.json {
            print_data(&json::list(&claims)?)?;
            return Ok(0);
        }
        let layout = text::Layout::for_terminal();
        let mut out = String::new();
        let mut shown = "";
        for (topic, claim) in claims {
            if shown != topic.name {
                shown = topic.name;
                out += &text::topic(topic, layout);
            }
            out += &text::list_entry(claim, layout);
        }
        out += &self.hint(register, layout);
        print(out.trim_start_matches('\n'))?;
        Ok(0)
    }

    /// That there are claims which the list leaves out, where it does.
    fn hint(&self, register: &Register, layout: text::Layout) -> String {
        let tour = select::claims(register, &[], None).map_or(0, |claims| claims.len());
        let beside = register.claims().count().saturating_sub(tour);
        if beside == 0 || self.all || self.topic.is_some() {
            return String::new();
        }
        let hint = format!(
            "{beside} more stand beside the tour, about what newer kernels promise: `--all` lists \
             them, too, and `witness promises` runs them."
        );
        text::paragraph(&hint, layout)
    }
}

/// Which claim to explain.
#[derive(Args, Clone, Debug)]
pub(super) struct ExplainArgs {
    /// The claim
    #[arg(value_name = "ID")]
    id: String,
}

impl ExplainArgs {
    /// Prints everything that is known about one claim without running it.
    ///
    /// # Errors
    /// An unknown name, or output that cannot be written.
    pub(super) fn run(&self, register: &Register) -> Result<u8> {
        let (topic, claim) = select::claim(register, &self.id)?;
        let layout = text::Layout::for_terminal();
        print(&text::explain(topic, claim, layout))?;
        Ok(0)
    }
}
