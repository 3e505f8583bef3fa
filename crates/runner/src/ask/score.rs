//! How a person did.

/// What became of a question that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The guess is what the kernel does.
    Right,
    /// The guess is something else, or no answer.
    Wrong,
    /// The answer was shown without a guess.
    Shown,
    /// The claim could not be measured here: the question does not count.
    NotMeasured,
}

/// The outcomes, each with the id of the claim.
#[derive(Clone, Debug, Default)]
pub(crate) struct Score(Vec<(&'static str, Outcome)>);

impl Score {
    /// One more question.
    pub fn add(&mut self, claim: &'static str, outcome: Outcome) {
        self.0.push((claim, outcome));
    }

    /// How many were asked.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How many came to this.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.claims(outcome).count()
    }

    /// The claims of those that came to this.
    pub fn claims(&self, outcome: Outcome) -> impl Iterator<Item = &'static str> {
        let is_so = move |(_, it): &&(&'static str, Outcome)| *it == outcome;
        self.0.iter().filter(is_so).map(|(claim, _)| *claim)
    }
}
