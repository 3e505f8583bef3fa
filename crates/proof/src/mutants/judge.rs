//! Whether the claims said of a mutant what they must.

use crate::document::{Claim, Document, Verdict};

use super::Mutant;

/// What became of a mutant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Claims that were refuted, as they must be.
    pub killed_by: Vec<String>,
    /// Claims that came out otherwise than they must, in words.
    pub faults: Vec<String>,
    /// Claims that came out otherwise than on the unchanged kernel, for a reason that the mutant
    /// gives.
    pub explained: Vec<String>,
}

impl Judgement {
    /// Whether every claim said what it must.
    pub fn is_right(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Compares what the claims said of `mutant` with what they said of the kernel that it was made of.
pub fn judge(mutant: &Mutant, unchanged: &Document, mutated: &Document) -> Judgement {
    let mut judgement = Judgement::default();
    for before in &unchanged.claims {
        let Some(after) = mutated.claims.iter().find(|it| it.id == before.id) else {
            judgement.faults.push(format!("{} is missing", before.id));
            continue;
        };
        judgement.add(mutant, before, after);
    }
    for id in &mutant.refuted {
        if !unchanged.claims.iter().any(|claim| claim.id == *id) {
            judgement.faults.push(format!("{id} is no claim"));
        }
    }
    judgement
}

impl Judgement {
    fn add(&mut self, mutant: &Mutant, before: &Claim, after: &Claim) {
        let id = &after.id;
        let fault = |what: &str| match &after.why {
            Some(why) => format!("{id} {what}: {why}"),
            None => format!("{id} {what}"),
        };
        let must = mutant.refuted.contains(id);
        // A mutant that breaks no promise must be noticed all the same.
        let is_set_up = mutant.refuted.is_empty()
            && (mutant.not_measured.contains_key(id) || mutant.no_effect.contains_key(id));
        let reason = match after.verdict {
            Verdict::Refuted => mutant.also.get(id),
            Verdict::NotMeasured => mutant.not_measured.get(id),
            Verdict::Error => mutant.no_effect.get(id),
            _ => None,
        };
        match after.verdict {
            Verdict::Refuted if must => self.killed_by.push(id.clone()),
            _ if must => self.faults.push(fault("is not refuted")),
            _ if reason.is_some() => self.explained.push(id.clone()),
            _ if is_set_up => self.faults.push(fault("does not notice it")),
            Verdict::Refuted => self.faults.push(fault("is refuted")),
            Verdict::Error => self.faults.push(fault("is an error")),
            Verdict::NotMeasured if before.verdict.holds() => {
                self.faults.push(fault("is not measured any more"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(verdicts: [Verdict; 3]) -> Document {
        let claims = ["a", "b", "c"].into_iter().zip(verdicts);
        Document {
            claims: claims
                .map(|(id, verdict)| Claim {
                    id: id.to_owned(),
                    verdict,
                    why: None,
                    enable: None,
                    duration_ms: 0.0,
                })
                .collect(),
        }
    }

    #[test]
    fn exactly_the_named_claims_must_turn() {
        use Verdict::{Error, Holds, NotMeasured, Refuted};
        let text = "sentence = ''\nlike = ''\nfile = ''\nfunction = ''\nfind = 'f'\nput = 'p'\n\
                    refuted = ['a']\n[also]\nb = 'why'\n";
        let mutant = Mutant::parse(text).expect("a mutant");
        let unchanged = document([Holds, Holds, Holds]);
        let judged = |verdicts| judge(&mutant, &unchanged, &document(verdicts));
        assert_eq!(judged([Refuted, Holds, Holds]).killed_by, ["a"]);
        assert!(judged([Refuted, Holds, Holds]).is_right());
        assert_eq!(judged([Refuted, Refuted, Holds]).explained, ["b"]);
        for (verdicts, fault) in [
            ([Holds, Holds, Holds], "a is not refuted"),
            ([Refuted, Holds, Refuted], "c is refuted"),
            ([Refuted, Error, Holds], "b is an error"),
            ([Refuted, Holds, NotMeasured], "c is not measured any more"),
        ] {
            assert_eq!(judged(verdicts).faults, [fault]);
        }
    }

    #[test]
    fn a_mutant_that_breaks_no_promise_must_be_noticed() {
        use Verdict::{Error, Holds, NotMeasured};
        let text = "sentence = ''\nlike = ''\nfile = ''\nfunction = ''\nfind = 'f'\nput = 'p'\n\
                    refuted = []\n[not_measured]\na = 'why'\n[no_effect]\nb = 'why'\n";
        let mutant = Mutant::parse(text).expect("a mutant");
        let unchanged = document([Holds, Holds, Holds]);
        let judged = |verdicts| judge(&mutant, &unchanged, &document(verdicts));
        assert!(judged([NotMeasured, Error, Holds]).is_right());
        for verdicts in [[Holds, Error, Holds], [NotMeasured, Holds, Holds]] {
            assert_eq!(judged(verdicts).faults.len(), 1);
        }
    }
}
