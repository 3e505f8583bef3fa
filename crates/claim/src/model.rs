//! What a claim is, and how it runs.

use std::time::{Duration, Instant};

use crate::{Act, Quantity, Reading, Readings, Surprise};

/// One sentence about the kernel, with the instrument that tests it and the control that tests the
/// instrument.
///
/// A claim is written as `Claim { id: ..., ..Claim::DEFAULT }`. There is no way to write one
/// without a control: each [`Quantity`] has two predictions, `measure` must serve both [`Arm`]s,
/// and [`Topic::new`](crate::Topic::new) does not compile with a claim that does not say what its
/// control is.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Stable name, lower case with hyphens; what `run` and `explain` take.
    pub id: &'static str,
    /// The sentence that holds or is refuted.
    pub statement: &'static str,
    /// How it is measured: the experiment in a sentence or two.
    pub measures: &'static str,
    /// What the control does differently.
    pub control: &'static str,
    /// What of it surprises those who know the textbook; none where nothing does.
    pub surprise: Option<Surprise>,
    /// Lines of the notes that the claim puts to the test, counted from 1.
    pub notes: &'static [u32],
    /// The program to read that shows the same in system calls: an example of the topic's crate.
    pub example: Option<&'static str>,
    /// The script in `scripts` that reads the claim in strace(1).
    pub lesson: Option<&'static str>,
    /// The least it needs beyond an ordinary process: features, permissions.
    pub needs: &'static [&'static str],
    /// What the experiment does, each with the evidence that it was done.
    pub acts: &'static [Act],
    /// Manual pages to read on.
    pub man: &'static [&'static str],
    /// What is predicted, for the experiment and for the control.
    pub quantities: &'static [Quantity],
    /// Both arms together end within this time or are killed. It is wall time on a machine with a
    /// processor for each program that wants to run; where more want to, the runner allows as many
    /// times more, ten times at most. A claim that is silent on an idle machine is ended in time.
    pub limit: Duration,
    /// Sets up one arm and reads every quantity. An `Err` is a broken set-up, except for one that
    /// carries [`crate::NotMeasured`].
    pub measure: fn(Arm) -> anyhow::Result<Reading>,
}

/// What a claim names among its `needs` if it compares times or shares of the CPU: its numbers
/// count only while other programs leave the processors alone. Its runner sees to that.
pub const QUIET_MACHINE: &str = "a machine that does little else meanwhile";

/// Which set-up to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// The set-up that the statement is about.
    Experiment,
    /// The set-up that must come out the other way.
    Control,
}

impl Arm {
    /// The value that belongs to this arm: for what differs between the two by no more than that.
    pub fn choose<T>(self, experiment: T, control: T) -> T {
        match self {
            Arm::Experiment => experiment,
            Arm::Control => control,
        }
    }
}

/// Whether the arms stand in their own places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The experiment is read as the experiment, the control as the control.
    AsClaimed,
    /// Exchanged, as the self-test does: a claim that still holds is blind.
    Exchanged,
}

impl Order {
    /// The arm that stands in the experiment's place.
    pub fn first(self) -> Arm {
        match self {
            Order::AsClaimed => Arm::Experiment,
            Order::Exchanged => Arm::Control,
        }
    }

    /// The arm that stands in the control's place.
    pub fn second(self) -> Arm {
        match self {
            Order::AsClaimed => Arm::Control,
            Order::Exchanged => Arm::Experiment,
        }
    }
}

impl Claim {
    /// What holds for a claim that does not say otherwise: it needs nothing special and ends within
    /// 30 s. What no claim can do without is empty here.
    pub const DEFAULT: Claim = Claim {
        id: "",
        statement: "",
        measures: "",
        control: "",
        surprise: None,
        notes: &[],
        example: None,
        lesson: None,
        needs: &[],
        acts: &[],
        man: &[],
        quantities: &[],
        limit: Duration::from_secs(30),
        measure: |_| anyhow::bail!("the claim has no `measure`"),
    };

    /// The quantity that stands for the claim where there is room for one alone; none where it has
    /// no quantity at all.
    pub fn main_quantity(&self) -> Option<&Quantity> {
        let mut main = self.quantities.iter().filter(|quantity| quantity.is_main);
        main.next().or(self.quantities.first())
    }

    /// Measures both arms; names each to `announce` before it begins.
    ///
    /// # Errors
    /// What the measurement failed with: a broken set-up, or [`crate::NotMeasured`].
    pub fn measure_both(
        &self,
        order: Order,
        mut announce: impl FnMut(Arm),
    ) -> anyhow::Result<Readings> {
        let start = Instant::now();
        announce(order.first());
        let experiment = (self.measure)(order.first())?;
        announce(order.second());
        let control = (self.measure)(order.second())?;
        Ok(Readings {
            experiment,
            control,
            duration: start.elapsed(),
        })
    }
}
