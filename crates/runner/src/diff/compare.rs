//! One document against another.

use claim::Value;

use super::document::{Bounds, Claim, Document, Prediction, same};
use super::outcome::Outcome;

/// What differs between two documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison<'a> {
    /// Claims of both whose verdicts differ, in the first one's order.
    pub changed: Vec<Change<'a>>,
    /// Quantities that were measured in both and moved beyond their tolerance.
    pub moved: Vec<Move<'a>>,
    /// Claims that were measured in the first alone; the other may have them without a measurement.
    pub measured_only_in_from: Vec<&'a str>,
    /// Claims that were measured in the second alone.
    pub measured_only_in_to: Vec<&'a str>,
    /// How many claims both have.
    pub shared: usize,
}

/// A claim whose verdict changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'a> {
    /// The claim.
    pub id: &'a str,
    /// Its topic.
    pub topic: &'a str,
    /// What it came to in the first document.
    pub from: Outcome,
    /// What it came to in the second one.
    pub to: Outcome,
}

/// A quantity that moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Move<'a> {
    /// The claim.
    pub id: &'a str,
    /// The quantity.
    pub quantity: &'a str,
    /// What the first document predicted of it.
    pub predicted: &'a Prediction,
    /// The value in the first document; none where it has no such quantity.
    pub from: Option<&'a Value>,
    /// The value in the second one.
    pub to: Option<&'a Value>,
}

/// Compares two documents.
///
/// A quantity that was predicted exactly moved if it is another value. One that was predicted
/// within bounds moved if it left them or came back, or if the difference is more than `tolerance`
/// times the largest of both values and of the bounds: next to a bound of 0.1 the step from 0.001
/// to 0.003 is nothing.
pub fn compare<'a>(from: &'a Document, to: &'a Document, tolerance: f64) -> Comparison<'a> {
    let mut comparison = Comparison::default();
    for (id, claim) in &from.claims {
        let Some(other) = to.claims.get(id) else {
            if claim.is_measured() {
                comparison.measured_only_in_from.push(id);
            }
            continue;
        };
        comparison.shared += 1;
        if claim.verdict != other.verdict {
            comparison.changed.push(Change {
                id,
                topic: &claim.topic,
                from: Outcome::from_claim(claim),
                to: Outcome::from_claim(other),
            });
        }
        match (claim.is_measured(), other.is_measured()) {
            (true, true) => comparison.moved.extend(moves(claim, other, tolerance)),
            (true, false) => comparison.measured_only_in_from.push(id),
            (false, true) => comparison.measured_only_in_to.push(id),
            (false, false) => {}
        }
    }
    let is_new = |(id, _): &(&String, &Claim)| !from.claims.contains_key(*id);
    let new = to.claims.iter().filter(is_new);
    let measured = new.filter(|(_, claim)| claim.is_measured());
    let measured = measured.map(|(id, _)| id.as_str());
    comparison.measured_only_in_to.extend(measured);
    comparison
}

/// The quantities of a claim that moved, those among them that only one of both has.
fn moves<'a>(from: &'a Claim, to: &'a Claim, tolerance: f64) -> Vec<Move<'a>> {
    let new = to
        .predicted
        .iter()
        .filter(|(name, _)| !from.predicted.contains_key(*name));
    let quantities = from.predicted.iter().chain(new);
    let moved = quantities.filter_map(|(quantity, predicted)| {
        let values = [from, to].map(|claim| claim.observed.get(quantity));
        let is_moved = match values {
            [Some(a), Some(b)] => {
                let predicted = [from, to].map(|claim| claim.predicted.get(quantity));
                is_moved([a, b], predicted, tolerance)
            }
            [None, None] => false,
            _ => true,
        };
        is_moved.then_some(Move {
            id: &from.id,
            quantity,
            predicted,
            from: values[0],
            to: values[1],
        })
    });
    moved.collect()
}

fn is_moved(values: [&Value; 2], predicted: [Option<&Prediction>; 2], tolerance: f64) -> bool {
    let [Some(Prediction::Within(a)), Some(Prediction::Within(b))] = predicted else {
        return !same(values[0], values[1]);
    };
    let [Some(from), Some(to)] = values.map(Value::as_f64) else {
        return !same(values[0], values[1]);
    };
    let is_inside = |at: usize| predicted[at].is_some_and(|it| it.allows(values[at]));
    is_inside(0) != is_inside(1) || difference([from, to], [a, b]) > tolerance
}

/// The difference of two numbers, as a share of the largest of them and of what bounds them.
fn difference([from, to]: [f64; 2], bounds: [&Bounds; 2]) -> f64 {
    let bounds = bounds
        .into_iter()
        .flat_map(|bounds| [bounds.at_least, bounds.at_most]);
    let sizes = bounds.flatten().chain([from, to]).map(f64::abs);
    let largest = sizes.fold(0.0, f64::max);
    match (from - to).abs() {
        0.0 => 0.0,
        difference => difference / largest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::document::Verdict;

    /// A document with one claim, whose only quantity `n` has this prediction and value.
    fn document(verdict: &str, predicted: &str, observed: &str) -> Document {
        let text = format!(
            r#"{{"schema": 1, "kernel": "6.18", "summary": {{}},
                "machine": {{"architecture": "x86_64", "cpus": 2, "page_size": 4096, "uid": 0}},
                "claims": [{{"id": "one", "topic": "t", "verdict": "{verdict}",
                    "predicted": {{"n": {predicted}}}, "observed": {observed},
                    "caveat": null, "why": "refused"}}]}}"#
        );
        Document::parse(text.as_bytes()).unwrap()
    }

    fn moved(predicted: &str, from: &str, to: &str) -> usize {
        let document = |value| document("holds", predicted, &format!(r#"{{"n": {value}}}"#));
        compare(&document(from), &document(to), 0.5).moved.len()
    }

    #[test]
    fn what_was_predicted_exactly_is_compared_exactly() {
        assert_eq!(moved("8", "8", "8"), 0);
        assert_eq!(moved("8", "8", "8.0"), 0, "one number");
        assert_eq!(moved("8", "8", "9"), 1);
        assert_eq!(
            moved(
                "18446744073709551615",
                "18446744073709551615",
                "18446744073709551614"
            ),
            1
        );
        assert_eq!(moved(r#""same""#, r#""same""#, r#""different""#), 1);
        assert_eq!(moved("8", "8", r#""8""#), 1, "a word is no number");
    }

    #[test]
    fn bounds_are_a_tolerance() {
        let at_most = r#"{"at_most": 0.1}"#;
        assert_eq!(moved(at_most, "0.001", "0.003"), 0, "far from the bound");
        assert_eq!(moved(at_most, "0.0", "0.0"), 0);
        assert_eq!(
            moved(at_most, "0.01", "0.09"),
            1,
            "most of the way to the bound"
        );
        assert_eq!(moved(at_most, "0.09", "0.11"), 1, "it left the bounds");
        assert_eq!(moved(at_most, "0.2", "0.3"), 0, "outside both times");
        assert_eq!(moved(r#"{"at_least": 10}"#, "300", "500"), 0);
        assert_eq!(moved(r#"{"at_least": 10}"#, "300", "700"), 1);
        assert_eq!(moved(r#"{"at_least": 1, "at_most": 3}"#, "1.5", "2.5"), 0);
        assert_eq!(moved(at_most, "0.05", r#""EPERM""#), 1);
    }

    #[test]
    fn a_verdict_that_changed_says_why() {
        let holds = document("holds", "1", r#"{"n": 1}"#);
        let refuted = document("refuted", "1", r#"{"n": 8}"#);
        let found = compare(&holds, &refuted, 0.5);
        let change = &found.changed[0];
        assert_eq!(
            (change.from.verdict, change.to.verdict),
            (Verdict::Holds, Verdict::Refuted)
        );
        assert_eq!(change.from.sentence(), "holds: n: 1");
        assert_eq!(change.to.sentence(), "refuted: n: 8 (predicted 1)");
        let refused = document("not_measured", "1", "{}");
        let found = compare(&holds, &refused, 0.5);
        assert_eq!(found.changed[0].to.sentence(), "not measured: refused");
        assert_eq!(
            (found.moved.len(), found.measured_only_in_from),
            (0, vec!["one"])
        );
        assert_eq!(compare(&refused, &holds, 0.5).measured_only_in_to, ["one"]);
        assert_eq!(
            compare(&holds, &holds, 0.0),
            Comparison {
                shared: 1,
                ..Comparison::default()
            }
        );
    }

    #[test]
    fn a_claim_of_one_document_is_not_shared() {
        let both = document("holds", "1", r#"{"n": 1}"#);
        let mut none = both.clone();
        none.claims.clear();
        let found = compare(&both, &none, 0.5);
        assert_eq!(
            (found.shared, found.measured_only_in_from),
            (0, vec!["one"])
        );
        assert_eq!(compare(&none, &both, 0.5).measured_only_in_to, ["one"]);
    }

    #[test]
    fn what_is_no_document_says_so() {
        let good = r#"{"schema": 1, "kernel": "6.18", "claims": [], "machine":
            {"architecture": "x86_64", "cpus": 2, "page_size": 4096, "uid": 0}}"#;
        assert!(Document::parse(good.as_bytes()).is_ok());
        let claim = r#"{"id": "a", "topic": "t", "verdict": "holds", "predicted": {"n": 1},
            "observed": {"n": 1}, "caveat": null, "why": null}"#;
        let claims = |claims: &str| good.replace("[]", &format!("[{claims}]"));
        for (text, expected) in [
            ("", "empty"),
            (&good[..good.len() / 2], "cut off"),
            ("\0\0\0\0", "no JSON"),
            ("panicked at", "no JSON"),
            ("[]", "not the document"),
            ("{}", "there is no `schema`"),
            (r#"{"schema": 1}"#, "there is no `kernel`"),
            (&good.replace("\"schema\": 1", "\"schema\": 2"), "schema 2"),
            (
                &good.replace("\"schema\": 1", "\"schema\": \"1\""),
                "schema \"1\"",
            ),
            (&format!("{good}{good}"), "more stands behind its end"),
            (
                &claims(&format!("{claim}, {claim}")),
                "`a` stands there twice",
            ),
            (&claims(&claim.replace("holds", "maybe")), "`maybe`"),
            (
                &claims(&claim.replace("{\"n\": 1}", "{\"n\": 1, \"n\": 2}")),
                "`n` stands",
            ),
            (
                &claims(&claim.replace("{\"n\": 1}", "{\"n\": 1e999}")),
                "out of range",
            ),
        ] {
            let error = Document::parse(text.as_bytes()).expect_err(text);
            let error = claim::error_chain(&error);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
