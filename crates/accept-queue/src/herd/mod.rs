//! The meter: it forks workers, waits until the kernel shows all asleep in their call, connects,
//! waits for the server's close, and counts.

mod assertion;
mod csv;
mod evidence;
#[cfg(any(test, fuzzing))]
pub mod laws;
mod measure;
mod overhead;
mod pace;
mod pass;
mod row;
mod svg;
mod table;
mod trace;

pub use assertion::{Assertions, METRICS};
pub use csv::csv;
pub use evidence::TracepointPermit;
pub use measure::{HerdPlan, measure};
pub use overhead::{Overhead, measure_overhead};
pub use pace::Pace;
pub use row::{HerdRow, Latency, PartialRun, document};
pub use svg::svg;
pub use table::{details, table};
pub use trace::HerdTrace;
