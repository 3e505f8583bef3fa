//! What an experiment does, and how it is shown that it was done.

use crate::Call;

/// Who acts where a claim does not say otherwise: the process that measures. It has the name of its
/// arm, `experiment` or `control`, where ps(1) and a trace show it.
pub const MEASURER: &str = "the measuring process";

/// What is done, as a clause without a subject: `asks F_SETFL for O_RDWR`.
///
/// Each of its methods says by what it is done.
#[derive(Clone, Copy, Debug)]
pub struct Does(pub &'static str);

/// One thing that the experiment does, and on which its meaning rests.
///
/// A quantity is what the kernel makes of the experiment; an act is the experiment. Its evidence is
/// read by another way than the quantity: who asks `fcntl` to change a flag looks in
/// `/proc/PID/fdinfo` whether a flag has changed. Without the evidence there is no verdict, since
/// an experiment that was not made tells nothing about the kernel.
///
/// A claim keeps each of its acts as a constant, lists it among its [`acts`](crate::Claim::acts)
/// and gives it to [`Reading::act`](crate::Reading::act) with what the evidence said:
///
/// ```
/// use claim::{Act, Does, InControl};
///
/// const ASK: Act = Does("asks for O_RDWR and O_APPEND with F_SETFL")
///     .call("fcntl", "F_SETFL, O_RDWR|O_APPEND")
///     .shown_by("O_APPEND among the flags in /proc/self/fdinfo/N")
///     .in_control(InControl::Instead("openat", "O_RDWR"));
/// assert_eq!(ASK.who, claim::MEASURER);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// What is done, as a clause without a subject.
    pub does: &'static str,
    /// Who does it: [`MEASURER`], or the name of a child or a thread, as ps(1) shows it.
    pub who: &'static str,
    /// The system call; none where nothing is asked of the kernel, as for a store to memory.
    pub call: Option<Call>,
    /// How often at least.
    pub times: usize,
    /// The effect that shows it, and where that is read.
    pub evidence: &'static str,
    /// What becomes of it in the control.
    pub control: InControl,
    /// What it means that the evidence is missing.
    pub missing: Missing,
}

/// What becomes of an act in the control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InControl {
    /// It is done there, too.
    Same,
    /// It is left out.
    Not,
    /// It may be done or not: it is a means there, or a matter of chance.
    Either,
    /// This call, with this argument, stands in its place.
    Instead(&'static str, &'static str),
}

/// What it means that the evidence of an act is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The set-up is broken: the call said that it was done, and it was not.
    Broken,
    /// It can come to nothing by chance or for want of a feature, and then the claim is not
    /// measured: what a person can do about it.
    NotMeasured(&'static str),
}

impl Does {
    /// An act that is this system call with this decisive argument.
    pub const fn call(self, name: &'static str, argument: &'static str) -> Act {
        self.act(Some(Call { name, argument }))
    }

    /// An act without a system call: loads, stores and instructions of the processor.
    pub const fn in_memory(self) -> Act {
        self.act(None)
    }

    const fn act(self, call: Option<Call>) -> Act {
        Act {
            does: self.0,
            who: MEASURER,
            call,
            times: 1,
            evidence: "",
            control: InControl::Same,
            missing: Missing::Broken,
        }
    }
}

impl Act {
    /// The same act, done by the child or thread of this name.
    #[must_use]
    pub const fn by(mut self, who: &'static str) -> Self {
        self.who = who;
        self
    }

    /// The same act, done at least so often.
    #[must_use]
    pub const fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// The effect that shows the act, and where it is read.
    #[must_use]
    pub const fn shown_by(mut self, evidence: &'static str) -> Self {
        self.evidence = evidence;
        self
    }

    /// What becomes of it in the control.
    #[must_use]
    pub const fn in_control(mut self, control: InControl) -> Self {
        self.control = control;
        self
    }

    /// Says that chance, or the want of a feature, may deny the effect: the claim is not measured
    /// then, and `enable` is what a person can do about it.
    #[must_use]
    pub const fn or_not_measured(mut self, enable: &'static str) -> Self {
        self.missing = Missing::NotMeasured(enable);
        self
    }

    /// Whether its evidence may be there in the control, or be missing there.
    pub const fn may_be_in_control(&self, shown: bool) -> bool {
        match self.control {
            InControl::Same => shown,
            InControl::Not | InControl::Instead(..) => !shown,
            InControl::Either => true,
        }
    }
}
