//! A question, and the claim that answers it.

use anyhow::{Context, Result, bail, ensure};
use claim::{Act, Claim, Prediction, Quantity, Register, Topic};

/// What a person is asked to predict before a claim runs. It holds no answer: that is what the
/// claim predicts and observes.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Id of the claim that answers it.
    pub claim: &'static str,
    /// Name of the quantity of the claim that is asked for.
    pub quantity: &'static str,
    /// What is done, in sentences.
    pub situation: &'static str,
    /// The same as a picture: ASCII, at most 56 columns.
    pub picture: &'static str,
    /// The question itself.
    pub asks: &'static str,
    /// Where the quantity is a word: the one that `yes` stands for, `no` being the other one. None
    /// where the words themselves, or a number, are the answer.
    pub yes: Option<&'static str>,
    /// What to think of.
    pub hint: &'static str,
    /// The system call of the claim's acts that strace(1) shows; none where it happens in memory.
    pub call: Option<&'static str>,
    /// What textbooks get wrong, or leave out.
    pub textbook: &'static str,
}

/// A question that has found its claim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub question: &'a Question,
    pub topic: &'a Topic,
    pub claim: &'a Claim,
    pub quantity: &'a Quantity,
    /// What is done in the claim that a person can see for themselves.
    pub act: &'a Act,
}

impl<'a> Asked<'a> {
    /// Looks up what `question` names.
    ///
    /// # Errors
    /// A claim, a quantity, a call or a word that does not exist.
    pub fn find(register: &'a Register, question: &'a Question) -> Result<Asked<'a>> {
        let id = question.claim;
        let (topic, claim) = register
            .get(id)
            .with_context(|| format!("a question is about `{id}`, which is no claim"))?;
        let name = question.quantity;
        let quantity = claim.quantities.iter().find(|it| it.name == name);
        let quantity = quantity.with_context(|| format!("`{id}` has no quantity `{name}`"))?;
        let Some(act) = claim.acts.iter().find(|act| is_seen(act, question.call)) else {
            bail!("`{id}` has no act with the call {:?}", question.call);
        };
        let asked = Asked {
            question,
            topic,
            claim,
            quantity,
            act,
        };
        if let Some(yes) = question.yes {
            let words = asked.words().unwrap_or_default();
            ensure!(words.contains(&yes), "`{name}` of `{id}` is never `{yes}`");
        }
        Ok(asked)
    }

    /// The two words that the quantity may read, in the order of the alphabet; none where it is a
    /// number.
    pub fn words(&self) -> Option<[&'static str; 2]> {
        match (self.quantity.experiment, self.quantity.control) {
            (Prediction::Word(experiment), Prediction::Word(control)) => {
                let mut words = [experiment, control];
                words.sort_unstable();
                Some(words)
            }
            _ => None,
        }
    }
}

/// Whether each of `questions` finds in `register` what it names.
///
/// # Errors
/// A claim, a quantity, a call or a word that does not exist.
pub fn check_questions(register: &Register, questions: &[Question]) -> Result<()> {
    questions
        .iter()
        .try_for_each(|question| Asked::find(register, question).map(drop))
}

/// Whether it is the act to show: the one with this call, or one in memory that makes the
/// difference between experiment and control.
fn is_seen(act: &Act, call: Option<&str>) -> bool {
    match call {
        Some(name) => act.call.is_some_and(|call| call.name == name),
        None => act.call.is_none() && !act.may_be_in_control(true),
    }
}

#[cfg(test)]
mod tests {
    use crate::laws::{QUESTION, TOPIC};

    use super::*;

    #[test]
    fn what_a_question_names_must_exist() {
        let register = Register::new(&[TOPIC]).expect("valid");
        assert!(Asked::find(&register, &QUESTION).is_ok());
        for (wrong, why) in [
            (
                Question {
                    claim: "nosuch",
                    ..QUESTION
                },
                "no claim",
            ),
            (
                Question {
                    quantity: "nosuch",
                    ..QUESTION
                },
                "no quantity",
            ),
            (
                Question {
                    call: Some("nosuch"),
                    ..QUESTION
                },
                "no act",
            ),
            (
                Question {
                    yes: Some("nosuch"),
                    ..QUESTION
                },
                "never",
            ),
        ] {
            let error = Asked::find(&register, &wrong).expect_err(why).to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
