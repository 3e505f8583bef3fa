//! Which lies each claim is told, and what it said under each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use anyhow::Result;

use super::changing::{CHANGING, by_name};
use super::object::is_object;
use super::tell::tell;
use super::{Answer, Lie, Role, Trial, judge};
use crate::record::{Arm, Recording, record};
use crate::remains::await_descendants;
use crate::witness::{Claim, Witness};

/// How long a claim may take, whatever the kernel answers: the 30 s of its own limit, and what the
/// program needs around it on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);
/// How long a program may take that measures nothing.
const START_LIMIT: Duration = Duration::from_secs(10);
/// The program on trial, whose own calls are no claim's.
const PROGRAM: &str = "witness";

/// Tells lies to the claims of a program.
pub struct Liar {
    witness: Witness,
    /// Whether the program starts under a lie, once it has been tried.
    starts: HashMap<String, bool>,
}

/// The calls of a claim that change something, each with the act that it is.
#[derive(Debug)]
pub struct Calls {
    act_by_call: BTreeMap<&'static str, Option<String>>,
}

impl Calls {
    /// Runs `claim` under strace and looks which calls it makes, and by which it acts.
    ///
    /// # Errors
    /// Those of [`record`].
    pub fn record(witness: &Witness, claim: &Claim) -> Result<Calls> {
        let names = CHANGING.iter().map(|call| call.name);
        let (_, recording) = record(witness, &claim.id, names)?;
        Ok(Calls::in_recording(claim, &recording))
    }

    fn in_recording(claim: &Claim, recording: &Recording) -> Calls {
        let arms = [Arm::Experiment, Arm::Control].into_iter();
        let made = arms.flat_map(|arm| recording.calls(arm));
        let made: BTreeSet<&str> = made
            .filter(|recorded| recorded.who != PROGRAM)
            .map(|recorded| recorded.call.name.as_str())
            .collect();
        let mut act_by_call = BTreeMap::new();
        for call in made.into_iter().filter_map(by_name) {
            let mut acts = claim.acts.iter();
            let act = acts.find(|act| act.names(recording).contains(call.name));
            act_by_call.insert(call.name, act.map(|act| act.does.clone()));
        }
        Calls { act_by_call }
    }

    /// The lies that concern the acts: each call of an act answers 0.
    pub fn lies_about_acts(&self) -> Vec<Lie> {
        let acts = self.act_by_call.iter().filter(|(_, act)| act.is_some());
        acts.map(|(call, _)| Lie::new(call, Answer::Zero)).collect()
    }

    /// All lies: each call answers 0, fails as it is likeliest to, and is interrupted once.
    pub fn lies(&self) -> Vec<Lie> {
        let answers = |call: &&'static str| {
            let error = by_name(call).map(|row| Answer::Fails(row.error));
            let answers = [Some(Answer::Zero), error, Some(Answer::Interrupted)];
            let call = *call;
            answers
                .into_iter()
                .flatten()
                .map(move |answer| Lie::new(call, answer))
        };
        self.act_by_call.keys().flat_map(answers).collect()
    }

    fn role(&self, claim: &Claim, lie: &Lie) -> Role {
        let act = self.act_by_call.get(lie.call.as_str()).cloned().flatten();
        Role {
            act: act.filter(|_| lie.denies()),
            is_object: is_object(&claim.id, &lie.call),
        }
    }
}

impl Liar {
    /// Lies to the claims of `witness`.
    pub fn new(witness: &Witness) -> Liar {
        Liar {
            witness: witness.clone(),
            starts: HashMap::new(),
        }
    }

    /// Tells `claim` a lie; nothing where under this lie no program starts, so that no claim hears
    /// it. For a process with one thread that has called [`child::adopt_orphans`].
    ///
    /// # Errors
    /// Those of [`tell`].
    pub fn try_claim(&mut self, claim: &Claim, calls: &Calls, lie: &Lie) -> Result<Option<Trial>> {
        if !self.starts_under(lie)? {
            return Ok(None);
        }
        let run = tell(lie, &self.witness.measure([claim.id.as_str()]), LIMIT)?;
        let left = await_descendants()?;
        Ok(Some(judge(&calls.role(claim, lie), &run, &left)))
    }

    fn starts_under(&mut self, lie: &Lie) -> Result<bool> {
        if let Some(starts) = self.starts.get(&lie.to_string()) {
            return Ok(*starts);
        }
        let starts = match tell(lie, &self.witness.list(), START_LIMIT) {
            Ok(run) => run.status.success() && !run.late,
            // Not even exec.
            Err(_) => false,
        };
        await_descendants()?;
        self.starts.insert(lie.to_string(), starts);
        Ok(starts)
    }
}
