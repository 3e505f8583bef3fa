//! What `witness ask` asks, a file a topic.
//!
//! A question names a claim and one of its quantities. What the answer is, only the claim says.

mod accept;
mod files;
mod locks;
mod memory;

use runner::Question;

/// Every question, in the order of the topics and of their claims.
pub fn all() -> Vec<Question> {
    [
        files::QUESTIONS.as_slice(),
        &accept::QUESTIONS,
        &locks::QUESTIONS,
        &memory::QUESTIONS,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use claim::{Claim, Register};

    use super::*;
    use crate::TOPICS;

    /// A claim or a quantity that is renamed takes its question with it.
    #[test]
    fn every_question_has_its_claim_and_its_quantity() {
        let register = Register::new(TOPICS).expect("valid");
        let questions = all();
        assert!(questions.len() >= 10, "{}", questions.len());
        runner::check_questions(&register, &questions).expect("each finds what it names");
    }

    #[test]
    fn questions_stand_in_the_order_of_the_claims_and_cover_four_topics() {
        let claims = |topics: &[claim::Topic]| -> Vec<&str> {
            let ids = |topic: &claim::Topic| topic.claims.iter().map(|claim: &Claim| claim.id);
            topics.iter().flat_map(ids).collect()
        };
        let order = claims(TOPICS);
        let place = |question: &Question| order.iter().position(|id| *id == question.claim);
        let places: Vec<_> = all().iter().map(place).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
        let is_covered = |topic: &&claim::Topic| {
            let own = claims(&[**topic]);
            all().iter().filter(|it| own.contains(&it.claim)).count() >= 4
        };
        assert_eq!(TOPICS.iter().filter(is_covered).count(), 4);
    }

    #[test]
    fn pictures_are_ascii_and_narrow_and_no_text_is_missing() {
        for question in all() {
            let id = question.claim;
            for line in question.picture.lines() {
                assert!(line.is_ascii() && line.len() <= 56, "{id}: {line}");
            }
            let texts = [
                question.situation,
                question.asks,
                question.hint,
                question.textbook,
            ];
            for text in texts {
                assert!(text.len() > 20 && text.is_ascii(), "{id}: {text}");
                assert!(!text.contains("  "), "{id}: {text}");
            }
            assert!(!question.picture.trim().is_empty(), "{id}");
            assert!(question.asks.ends_with('?'), "{id}");
        }
    }
}
