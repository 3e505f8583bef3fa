//! The claim with its control: model, verdict, report. Makes no system call.
//!
//! A [`Claim`] says one sentence about the kernel and predicts one or more [`Quantity`]s. Its
//! `measure` function is called twice, once for each [`Arm`]: the experiment is the set-up that the
//! sentence is about, the control is a set-up that must come out the other way through the very same
//! instrument. Every quantity therefore carries two predictions, and [`Register::new`] refuses a
//! claim in which one value could satisfy both.
//!
//! [`Claim::measure_both`] gives [`Readings`], and [`Report::judge`] finds the verdict on them. The two
//! are apart so that they can run in two processes: the one that measures sends readings, and no
//! process judges itself.
//!
//! ```
//! use claim::{Arm, Claim, Name, Order, Quantity, Reading, Report, Topic, Verdict};
//!
//! const DIGITS: Quantity = Name("digits of the sum").count(2, 1);
//!
//! const CLAIM: Claim = Claim {
//!     id: "addition-carries",
//!     statement: "Nine and one need two digits.",
//!     measures: "adds two numbers and counts the digits of the sum",
//!     control: "adds eight and one instead",
//!     quantities: &[DIGITS],
//!     measure: |arm| {
//!         let augend = match arm {
//!             Arm::Experiment => 9,
//!             Arm::Control => 8,
//!         };
//!         let digits = (augend + 1u32).to_string().len();
//!         Ok(Reading::counters().with(&DIGITS, digits))
//!     },
//!     ..Claim::DEFAULT
//! };
//! const ARITHMETIC: Topic = Topic::new("arithmetic", "sums and their digits", &[CLAIM]);
//!
//! let readings = CLAIM.measure_both(Order::AsClaimed, |_| ())?;
//! assert_eq!(Report::judge(&ARITHMETIC, &CLAIM, readings).verdict, Verdict::Holds);
//! let exchanged = CLAIM.measure_both(Order::Exchanged, |_| ())?;
//! assert_eq!(Report::judge(&ARITHMETIC, &CLAIM, exchanged).verdict, Verdict::Refuted);
//! # Ok::<(), anyhow::Error>(())
//! ```

mod document;
mod model;
mod not_measured;
mod prediction;
mod quantity;
mod reading;
mod register;
mod report;
mod verdict;
mod words;

pub use document::{Document, Machine, Partial, SCHEMA, Summary};
pub use model::{Arm, Claim, Order, QUIET_MACHINE};
pub use not_measured::NotMeasured;
pub use prediction::Prediction;
pub use quantity::{Name, Quantity};
pub use reading::{Detail, Evidence, Reading, Readings, Table, Value};
pub use register::{Register, RegisterError, Topic};
pub use report::{ControlReport, Report, error_chain};
pub use verdict::Verdict;
pub use words::{DIFFERENT, SAME, sameness};
