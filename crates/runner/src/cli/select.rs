//! Which claims are meant, and a suggestion where there is none of that name.

use anyhow::{Result, bail, ensure};
use claim::{Claim, Register, Topic};
use clap::Command;

/// The claims called `ids` with their topics, in the register's order; only those of `topic` where
/// one is given. Where neither is given, all that are in the tour.
///
/// # Errors
/// An unknown name, with the nearest known one.
pub(super) fn claims<'a>(
    register: &'a Register,
    ids: &[String],
    topic: Option<&str>,
) -> Result<Vec<(&'a Topic, &'a Claim)>> {
    if let Some(topic) = topic {
        let topics = register.topics().iter().map(|topic| topic.name);
        require_known(topic, "topic", topics)?;
    }
    for id in ids {
        require_known(id, "claim", claim_ids(register))?;
    }
    let is_meant = |its_topic: &Topic| match topic {
        Some(topic) => its_topic.name == topic,
        None => its_topic.is_in_tour || !ids.is_empty(),
    };
    let chosen: Vec<_> = register
        .claims()
        .filter(|(its_topic, _)| is_meant(its_topic))
        .filter(|(_, claim)| ids.is_empty() || ids.iter().any(|id| id == claim.id))
        .collect();
    if let (Some(topic), true) = (topic, chosen.is_empty()) {
        bail!("topic `{topic}` has no claim of that name");
    }
    Ok(chosen)
}

/// The claim called `id`, with its topic.
///
/// # Errors
/// No such claim; the error names the nearest.
pub fn claim<'a>(register: &'a Register, id: &str) -> Result<(&'a Topic, &'a Claim)> {
    require_known(id, "claim", claim_ids(register))?;
    register
        .get(id)
        .ok_or_else(|| anyhow::anyhow!("no claim `{id}`"))
}

/// Makes sure that `ids` are claims; of a word that is none it says which claim, or which command
/// of `command`, may have been meant.
///
/// # Errors
/// The first that is no claim.
pub(super) fn require_claims(register: &Register, ids: &[String], command: &Command) -> Result<()> {
    let commands = || command.get_subcommands().map(Command::get_name);
    for id in ids.iter().filter(|id| register.get(id).is_none()) {
        ensure!(
            !commands().any(|name| name == id),
            "`{id}` is a command, not a claim: a command comes first, as in `{} {id}`",
            command.get_name()
        );
        // Commands are short: one letter wrong, or two exchanged.
        if let Some(meant) = commands().find(|name| strsim::osa_distance(name, id) == 1) {
            bail!("no claim `{id}`; did you mean the command `{meant}`?");
        }
        require_known(id, "claim", claim_ids(register))?;
    }
    Ok(())
}

fn claim_ids(register: &Register) -> impl Iterator<Item = &str> + Clone {
    register.claims().map(|(_, claim)| claim.id)
}

pub(crate) fn require_known<'a>(
    name: &str,
    what: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<()> {
    if names.clone().any(|known| known == name) {
        return Ok(());
    }
    let distance = |known: &&str| (strsim::jaro_winkler(name, known) * 1e6) as u64;
    match names
        .max_by_key(distance)
        .filter(|known| distance(known) > 700_000)
    {
        Some(nearest) => bail!("no {what} `{name}`; did you mean `{nearest}`?"),
        None => bail!("no {what} `{name}`; `list` shows them all"),
    }
}

#[cfg(test)]
mod tests {
    use claim::{Act, Does, InControl, Name, Quantity};

    use super::*;

    const ALONE: Act = Does("opens")
        .call("openat", "")
        .shown_by("fdinfo")
        .in_control(InControl::Not);
    const NUMBER: Quantity = Name("n").count(1, 2);

    const fn named(id: &'static str) -> Claim {
        Claim {
            id,
            statement: "It is so.",
            measures: "nothing",
            control: "nothing",
            acts: &[ALONE],
            quantities: &[NUMBER],
            ..Claim::DEFAULT
        }
    }

    #[test]
    fn what_is_beside_the_tour_is_meant_only_where_it_is_named() {
        const OLD: &[Claim] = &[named("old")];
        const NEW: &[Claim] = &[named("new")];
        let topics = [
            Topic::new("tour", "", OLD),
            Topic::new("beside", "", NEW).beside_the_tour(),
        ];
        let register = Register::new(&topics).expect("registers");
        let ids = |ids: &[&str], topic| -> Vec<&str> {
            let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
            let chosen = claims(&register, &ids, topic).expect("known");
            chosen.iter().map(|(_, claim)| claim.id).collect()
        };
        assert_eq!(ids(&[], None), ["old"]);
        assert_eq!(ids(&[], Some("beside")), ["new"]);
        assert_eq!(ids(&["new", "old"], None), ["old", "new"]);
        assert!(claims(&register, &["old".to_owned()], Some("beside")).is_err());
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let names = ["layers", "offset", "fork-shares-description"];
        let error = require_known("ofset", "claim", names.into_iter()).expect_err("unknown");
        assert!(
            error.to_string().contains("did you mean `offset`"),
            "{error}"
        );
        let error = require_known("zzz", "claim", names.into_iter()).expect_err("unknown");
        assert!(error.to_string().contains("list"), "{error}");
        assert!(require_known("offset", "claim", names.into_iter()).is_ok());
    }
}
