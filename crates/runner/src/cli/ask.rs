//! `witness ask`: predict, then see.

use anyhow::{Result, bail};
use claim::{Order, Register, Value, Verdict};
use clap::Args;
use harness::interrupt::Interrupted;
use harness::statistics::shuffle;
use present::{print, terminal_width};

use super::numbers::whole_number;
use super::select;
use crate::Isolation;
use crate::ask::guess::{Reply, is_right, reply};
use crate::ask::input::{Input, Line};
use crate::ask::score::{Outcome, Score};
use crate::ask::{Asked, Question, text};
use crate::called::program_name;

/// Lines that are no answer, after which the answer is shown.
const TRIES: usize = 3;

/// Which questions, and in which order.
#[derive(Args, Clone, Debug)]
pub(super) struct AskArgs {
    /// Claims to be asked about; every question where none is named
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Only questions about this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Shuffle the questions; the same seed gives the same order
    #[arg(long, value_name = "N", value_parser = whole_number(0..=u64::MAX))]
    seed: Option<u64>,
}

/// How the answer to one question ended.
enum Answer {
    Guess(Value),
    /// It was no answer, and standard input is no terminal that could give another one.
    None,
    Show,
    Stop,
    Signal,
}

impl AskArgs {
    /// Asks each question, reads the answer from standard input, runs the claim and shows what came
    /// out. The exit status is 0 whatever is answered; where a signal ended it, that of the signal.
    ///
    /// # Errors
    /// An unknown name, input that cannot be read, or output that cannot be written.
    pub(super) fn run(&self, register: &Register, questions: &[Question]) -> Result<u8> {
        let chosen = self.choose(register, questions)?;
        let width = terminal_width().unwrap_or(80).clamp(60, 100);
        let mut session = Session {
            isolation: Isolation::begin()?,
            input: Input::standard()?,
            unprinted: String::new(),
            program: program_name("witness", text::room(width)),
            width,
        };
        let mut score = Score::default();
        session.show(&text::introduction(chosen.len(), session.width))?;
        for (index, asked) in chosen.iter().enumerate() {
            let place = (index + 1, chosen.len());
            let Some(outcome) = session.ask(asked, place)? else {
                break;
            };
            score.add(asked.claim.id, outcome);
        }
        // From here on a signal ends this process: a reader of the output may let it wait.
        let interrupted = session.isolation.end().map(Interrupted);
        let partial = interrupted.filter(|_| score.len() < chosen.len());
        let score = text::score(
            &score,
            chosen.len(),
            partial,
            &session.program,
            session.width,
        );
        print(&(session.unprinted + &score))?;
        Ok(interrupted.map_or(0, Interrupted::exit_status))
    }

    /// The questions that are meant, in their order or shuffled.
    fn choose<'a>(
        &self,
        register: &'a Register,
        questions: &'a [Question],
    ) -> Result<Vec<Asked<'a>>> {
        let claims = select::claims(register, &self.ids, self.topic.as_deref())?;
        for id in &self.ids {
            let known = questions.iter().map(|question| question.claim);
            if !known.clone().any(|claim| claim == id) {
                let known: Vec<&str> = known.collect();
                bail!(
                    "no question is about `{id}`; there are questions about {}",
                    known.join(", ")
                );
            }
        }
        let is_chosen =
            |question: &&Question| claims.iter().any(|(_, claim)| claim.id == question.claim);
        let chosen = questions.iter().filter(is_chosen);
        let chosen = chosen.map(|question| Asked::find(register, question));
        let mut chosen: Vec<Asked<'_>> = chosen.collect::<Result<_>>()?;
        if let Some(seed) = self.seed {
            shuffle(&mut chosen, &mut { seed });
        }
        Ok(chosen)
    }
}

/// Where questions go out, answers come in, and claims run.
struct Session {
    isolation: Isolation,
    input: Input,
    /// What the reader of the output had not taken when a signal came.
    unprinted: String,
    /// How the program was called.
    program: String,
    width: usize,
}

impl Session {
    /// Asks one question and runs its claim; none where a signal, or the person, ends it.
    fn ask(&mut self, asked: &Asked<'_>, place: (usize, usize)) -> Result<Option<Outcome>> {
        self.show(&text::question(asked, place, self.width))?;
        let (guess, guessed) = match self.answer(asked)? {
            Answer::Guess(guess) => (Some(guess), true),
            Answer::None => (None, true),
            Answer::Show => (None, false),
            Answer::Stop | Answer::Signal => return Ok(None),
        };
        let Some(report) = self
            .isolation
            .run(asked.topic, asked.claim, Order::AsClaimed)
        else {
            return Ok(None);
        };
        let is_measured = report.verdict.holds() || report.verdict == Verdict::Refuted;
        let is_right = guess
            .as_ref()
            .is_some_and(|guess| is_right(guess, asked, &report));
        let outcome = match (is_measured, guessed, is_right) {
            (false, ..) => Outcome::NotMeasured,
            (_, false, _) => Outcome::Shown,
            (_, _, true) => Outcome::Right,
            _ => Outcome::Wrong,
        };
        let guess = (guess.as_ref(), outcome);
        let text = text::answer(asked, guess, &report, &self.program, self.width);
        self.show(&text)?;
        Ok(Some(outcome))
    }

    /// Reads lines until one is an answer. Beyond a terminal each line counts: what is no answer is
    /// a wrong one, so that the next line answers the next question.
    fn answer(&mut self, asked: &Asked<'_>) -> Result<Answer> {
        let (mut hints, mut unclear) = (0, 0);
        loop {
            self.show(text::PROMPT)?;
            let line = match self.input.line(&self.isolation)? {
                Line::Text(line) => line,
                Line::Signal => return Ok(Answer::Signal),
                Line::End => {
                    self.show("\n")?;
                    return Ok(Answer::Show);
                }
            };
            if !self.input.is_terminal {
                self.show(&text::echo(&line))?;
            }
            match reply(&line, asked) {
                Reply::Guess(guess) => return Ok(Answer::Guess(guess)),
                Reply::Show => return Ok(Answer::Show),
                Reply::Stop => return Ok(Answer::Stop),
                Reply::Hint if hints == TRIES - 1 => return Ok(Answer::Show),
                Reply::Hint => {
                    self.show(&text::hint(asked, hints, self.width))?;
                    hints += 1;
                }
                Reply::Unclear => {
                    self.show(&text::unclear(asked, self.width))?;
                    unclear += 1;
                    if !self.input.is_terminal || unclear == TRIES {
                        return Ok(Answer::None);
                    }
                }
            }
        }
    }

    fn show(&mut self, text: &str) -> Result<()> {
        self.unprinted += text;
        self.unprinted = self.isolation.print(&self.unprinted)?.to_owned();
        Ok(())
    }
}
