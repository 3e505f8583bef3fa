#![doc = include_str!("../README.md")]

mod act;
mod call;
mod document;
mod left_out;
mod machine;
mod model;
mod prediction;
mod quantity;
mod reading;
mod register;
mod report;
mod surprise;
mod verdict;
mod words;

pub use act::{Act, Does, InControl, MEASURER, Missing};
pub use call::Call;
pub use document::{Document, Partial, SCHEMA, Summary};
pub use machine::{Allowance, Limits, Machine};
pub use model::{Arm, Claim, Order, QUIET_MACHINE};
pub use operation::{NotMeasured, Obstacle, find_obstacle};
pub use prediction::Prediction;
pub use quantity::{Name, Quantity};
pub use reading::{Detail, Evidence, Reading, Readings, Table, Value};
pub use register::{Register, RegisterError, Topic};
pub use report::{ActReport, ControlReport, Report, error_chain};
pub use surprise::Surprise;
pub use verdict::Verdict;
pub use words::{DIFFERENT, SAME, sameness};
