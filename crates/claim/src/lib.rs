//! The claim with its control: model, verdict, report. Makes no system call.
//!
//! A [`Claim`] says one sentence about the kernel and predicts one or more [`Quantity`]s. Its
//! `measure` function is called twice, once for each [`Arm`]: the experiment is the set-up that the
//! sentence is about, the control is a set-up that must come out the other way through the very same
//! instrument. Every quantity therefore carries two predictions, and [`Register::new`] refuses a
//! claim in which one value could satisfy both.
//!
//! ```
//! use claim::{Arm, Claim, Prediction, Quantity, Reading};
//! use std::time::Duration;
//!
//! const CLAIM: Claim = Claim {
//!     id: "addition-carries",
//!     topic: "arithmetic",
//!     statement: "Nine and one need two digits.",
//!     measures: "adds two numbers and counts the digits of the sum",
//!     control: "adds eight and one instead",
//!     notes: &[],
//!     needs: &[],
//!     syscalls: &[],
//!     man: &[],
//!     quantities: &[Quantity {
//!         name: "digits of the sum",
//!         unit: "",
//!         experiment: Prediction::Count(2),
//!         control: Prediction::Count(1),
//!     }],
//!     limit: Duration::from_secs(1),
//!     measure: |arm| {
//!         let augend = match arm {
//!             Arm::Experiment => 9,
//!             Arm::Control => 8,
//!         };
//!         let digits = (augend + 1u32).to_string().len() as u64;
//!         Ok(Reading::counters().with("digits of the sum", digits))
//!     },
//! };
//!
//! let report = CLAIM.run(claim::Order::AsClaimed, |_| ())?;
//! assert_eq!(report.verdict, claim::Verdict::Holds);
//! let exchanged = CLAIM.run(claim::Order::Exchanged, |_| ())?;
//! assert_eq!(exchanged.verdict, claim::Verdict::Refuted);
//! # Ok::<(), anyhow::Error>(())
//! ```

mod document;
mod model;
mod not_measured;
mod prediction;
mod reading;
mod register;
mod report;
mod verdict;

pub use document::{Document, Machine, SCHEMA, Summary};
pub use model::{Arm, Claim, Order, QUIET_MACHINE, Quantity};
pub use not_measured::NotMeasured;
pub use prediction::Prediction;
pub use reading::{Detail, Evidence, Reading, Table, Value};
pub use register::{Register, RegisterError, Topic};
pub use report::{ControlReport, Report, told};
pub use verdict::Verdict;
