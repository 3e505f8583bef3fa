//! Which verdicts a claim may come to on a rung: a file, a line each.
//!
//! ```text
//! # rung        verdicts       claims, or * for all that no other line of this rung names
//! nobody        not_measured   layers offset
//! ten-at-once   holds holds_with not_measured   *
//! ```
//!
//! What no line names must be measured: it may hold, with or without a reservation. So the step
//! from "measured" to "not measured" is a difference, and a claim that suddenly holds where what it
//! needs is refused is one, too.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

use super::rungs::Rung;
use crate::document::{Claim, Document, Verdict};

/// Verdicts that are allowed together.
type Verdicts = BTreeSet<Verdict>;

/// Stands for every claim that no other line of the rung names.
const EVERY: &str = "*";
/// Stands for a rung on which `witness` says no verdicts at all.
const NO_DOCUMENT: &str = "no_document";

/// The allowed verdicts by rung and claim.
#[derive(Debug, Default)]
pub struct Allowed {
    rows: BTreeMap<(String, String), Verdicts>,
    without_document: BTreeSet<String>,
}

impl Allowed {
    /// Reads the file's text.
    ///
    /// # Errors
    /// A line that is no row; a verdict that is never allowed; a claim twice on a rung.
    pub fn parse(text: &str) -> Result<Allowed> {
        let mut allowed = Allowed::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            if let Some((rung, words)) = words.split_first() {
                allowed
                    .add_row(rung, words)
                    .with_context(|| format!("line {number}"))?;
            }
        }
        Ok(allowed)
    }

    fn add_row(&mut self, rung: &str, words: &[&str]) -> Result<()> {
        if words == [NO_DOCUMENT] {
            self.without_document.insert(rung.to_owned());
            return Ok(());
        }
        let is_verdict = |word: &&&str| Verdict::from_name(word).is_some();
        let count = words.iter().take_while(is_verdict).count();
        let (verdicts, claims) = words.split_at(count);
        let verdicts: Verdicts = verdicts
            .iter()
            .filter_map(|name| Verdict::from_name(name))
            .collect();
        ensure!(!verdicts.is_empty(), "{rung} has no verdict");
        ensure!(!claims.is_empty(), "{rung} has no claim");
        if let Some(fault) = verdicts.iter().find(|verdict| verdict.is_fault()) {
            bail!("{fault} is never allowed");
        }
        for claim in claims {
            let key = (rung.to_owned(), (*claim).to_owned());
            let twice = self.rows.insert(key, verdicts.clone());
            ensure!(twice.is_none(), "{rung} has {claim} twice");
        }
        Ok(())
    }

    /// What `claim` may come to on `rung`.
    fn verdicts(&self, rung: &str, claim: &str) -> Verdicts {
        let row = |claim: &str| self.rows.get(&(rung.to_owned(), claim.to_owned()));
        row(claim)
            .or_else(|| row(EVERY))
            .cloned()
            .unwrap_or_else(|| Verdicts::from([Verdict::Holds, Verdict::HoldsWith]))
    }

    /// Whether `witness` may end without a document on `rung`, and must.
    pub fn expects_document(&self, rung: &str) -> bool {
        !self.without_document.contains(rung)
    }

    /// The claims of `document` that came to what is not allowed on `rung`.
    pub fn differences<'a>(&self, rung: &str, document: &'a Document) -> Vec<&'a Claim> {
        let wrong = |claim: &&Claim| !self.verdicts(rung, &claim.id).contains(&claim.verdict);
        document.claims.iter().filter(wrong).collect()
    }

    /// Says in one line what is wrong with the verdict on `claim`.
    pub fn tell(&self, rung: &str, claim: &Claim) -> String {
        let allowed = self.verdicts(rung, &claim.id);
        let names: Vec<&str> = allowed.iter().map(|verdict| verdict.name()).collect();
        format!(
            "{}: {}, and allowed is {}: {}",
            claim.id,
            claim.verdict,
            names.join(" or "),
            claim.why.as_deref().unwrap_or("no reason given")
        )
    }

    /// The names in the file that are no rung, or none of `claims`: a line that says nothing.
    pub fn strangers<'a>(
        &self,
        rungs: impl Iterator<Item = &'static Rung>,
        claims: impl Iterator<Item = &'a str>,
    ) -> Vec<String> {
        let rungs: BTreeSet<&str> = rungs.map(|rung| rung.name).collect();
        let claims: BTreeSet<&str> = claims.collect();
        let mut strangers = BTreeSet::new();
        for (rung, claim) in self.rows.keys() {
            if !rungs.contains(&**rung) {
                strangers.insert(format!("{rung} is no rung"));
            }
            if claim != EVERY && !claims.contains(&**claim) {
                strangers.insert(format!("{claim} is no claim"));
            }
        }
        let unknown = self.without_document.iter();
        let unknown = unknown.filter(|rung| !rungs.contains(&***rung));
        strangers.extend(unknown.map(|rung| format!("{rung} is no rung")));
        strangers.into_iter().collect()
    }
}

/// The rows that would allow what `document` says of `rung` and is not allowed by default. Faults
/// are left out: they are to be mended, never allowed. So is what was not measured because the
/// machine was busy: the next run may find it quiet.
pub fn rows(rung: &Rung, document: Option<&Document>) -> String {
    let name = rung.name;
    let Some(document) = document else {
        return format!("{name}  {NO_DOCUMENT}\n");
    };
    if rung.by_chance {
        return format!("{name}  holds holds_with not_measured  {EVERY}\n");
    }
    let rung_decides = |claim: &&Claim| claim.verdict == Verdict::NotMeasured && !claim.is_noise();
    let names = document.claims.iter().filter(rung_decides);
    let names: Vec<&str> = names.map(|claim| &*claim.id).collect();
    if names.len() == document.claims.len() {
        return format!("{name}  not_measured  {EVERY}\n");
    }
    let lines = names.chunks(3);
    lines
        .map(|names| format!("{name}  not_measured  {}\n", names.join(" ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::document;
    use crate::ladder::rungs;

    const TEXT: &str = "# rungs\n\
        nobody  not_measured  layers offset # reads /proc/kcore\n\
        \n\
        nobody  holds not_measured  copy-on-write\n\
        ten-at-once  holds holds_with not_measured  *\n\
        ten-at-once  holds  layers\n\
        stdout-closed  no_document\n";

    #[test]
    fn what_no_line_names_must_be_measured() {
        let allowed = Allowed::parse(TEXT).unwrap();
        let seen = |claim, verdict| document(&[(claim, verdict)]);
        let wrong = |rung, claim, verdict| allowed.differences(rung, &seen(claim, verdict)).len();
        for (rung, claim, verdict, count) in [
            ("nobody", "layers", Verdict::NotMeasured, 0),
            ("nobody", "layers", Verdict::Holds, 1),
            ("nobody", "copy-on-write", Verdict::Holds, 0),
            ("nobody", "copy-on-write", Verdict::NotMeasured, 0),
            ("nobody", "lazy-pages", Verdict::HoldsWith, 0),
            ("nobody", "lazy-pages", Verdict::NotMeasured, 1),
            ("ten-at-once", "lazy-pages", Verdict::NotMeasured, 0),
            ("ten-at-once", "layers", Verdict::NotMeasured, 1),
            ("ten-at-once", "lazy-pages", Verdict::Refuted, 1),
            ("as-called", "layers", Verdict::Error, 1),
        ] {
            assert_eq!(
                wrong(rung, claim, verdict),
                count,
                "{rung} {claim} {verdict}"
            );
        }
        assert!(allowed.expects_document("nobody"));
        assert!(!allowed.expects_document("stdout-closed"));
    }

    #[test]
    fn a_line_that_says_nothing_is_told() {
        let allowed = Allowed::parse("cellar  not_measured  layers\nnobody  holds  tidings\n");
        let strangers = allowed.unwrap().strangers(rungs(), ["layers"].into_iter());
        assert_eq!(strangers, ["cellar is no rung", "tidings is no claim"]);
    }

    #[test]
    fn what_is_no_row_is_an_error() {
        for text in [
            "nobody",
            "nobody not_measured",
            "nobody layers",
            "nobody maybe layers",
            "nobody refuted layers",
            "nobody holds error layers",
            "nobody holds layers\nnobody not_measured layers",
        ] {
            assert!(Allowed::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn written_rows_allow_what_was_seen() {
        let rung = |name: &str| rungs().find(|rung| rung.name == name).unwrap();
        let (nobody, crowd) = (rung("nobody"), rung("ten-at-once"));
        let seen = document(&[
            ("layers", Verdict::NotMeasured),
            ("offset", Verdict::Holds),
            ("heap-holes", Verdict::Refuted),
        ]);
        for rung in [nobody, crowd] {
            let allowed = Allowed::parse(&rows(rung, Some(&seen))).unwrap();
            let wrong: Vec<&str> = allowed
                .differences(rung.name, &seen)
                .iter()
                .map(|claim| &*claim.id)
                .collect();
            assert_eq!(wrong, ["heap-holes"], "a refutation is never written down");
        }
        let nothing = document(&[("layers", Verdict::NotMeasured)]);
        assert_eq!(rows(nobody, Some(&nothing)), "nobody  not_measured  *\n");
        let allowed = Allowed::parse(&rows(nobody, None)).unwrap();
        assert!(!allowed.expects_document("nobody"));
    }

    #[test]
    fn the_file_of_this_crate_is_one() {
        Allowed::parse(include_str!("../../ladder.txt")).unwrap();
    }
}
