//! A tour seen from outside: what is wrong with how it ended, wherever it was.

use std::time::Duration;

use crate::document::{Document, Verdict};
use crate::program::Finished;

/// How long a tour may last in the worst surroundings; a claim's own limit is much lower.
pub const TOUR_LIMIT: Duration = Duration::from_secs(600);
/// How long a claim may last, in milliseconds.
const CLAIM_LIMIT_MS: f64 = 30_000.0;

/// What no surroundings excuse, a line each: a panic, an end that had to be forced, a claim that
/// took more than 30 s, an exit status that does not say what the document says.
pub fn faults(ended: &Finished, document: Option<&Document>) -> Vec<String> {
    let mut faults = Vec::new();
    if ended.has_panicked() {
        faults.push(format!("a panic: {}", ended.stderr.trim_end()));
    }
    if ended.late {
        faults.push(format!("the tour was {}", ended.how()));
        return faults;
    }
    let Some(document) = document else {
        return faults;
    };
    let slow = document.claims.iter();
    let slow = slow.filter(|claim| claim.duration_ms > CLAIM_LIMIT_MS);
    faults.extend(slow.map(|claim| format!("{} took {:.0} s", claim.id, claim.duration_ms / 1e3)));
    let expected = expected_status(document);
    if ended.status.code() != Some(i32::from(expected)) {
        faults.push(format!("{} instead of status {expected}", ended.how()));
    }
    faults
}

/// The exit status that says what the document says, by docs/architecture.md.
fn expected_status(document: &Document) -> u8 {
    let failed_control = document
        .claims
        .iter()
        .any(|claim| claim.has_failed_control());
    if failed_control || document.count(Verdict::Error) > 0 {
        2
    } else if document.count(Verdict::Refuted) > 0 {
        1
    } else if document.count(Verdict::NotMeasured) == document.claims.len() {
        4
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::document;

    #[test]
    fn the_exit_status_follows_the_worst_verdict() {
        use Verdict::{Error, Holds, NotMeasured, Refuted};
        for (verdicts, status) in [
            (&[Holds, Holds][..], 0),
            (&[Holds, NotMeasured], 0),
            (&[NotMeasured, NotMeasured], 4),
            (&[Holds, Refuted], 1),
            (&[Refuted, Error], 2),
        ] {
            let claims: Vec<_> = verdicts.iter().map(|verdict| ("claim", *verdict)).collect();
            assert_eq!(expected_status(&document(&claims)), status, "{verdicts:?}");
        }
    }
}
