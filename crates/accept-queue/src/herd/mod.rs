//! The meter: forks workers, waits until the kernel says that all sleep in their call, connects, waits
//! for the server's close, counts.

mod assertion;
mod csv;
mod evidence;
mod measure;
mod overhead;
mod pace;
mod row;
mod svg;
mod table;
mod trace;
mod window;

pub use assertion::{Assertions, METRICS};
pub use csv::csv;
pub use evidence::{Kernel, checked};
pub(crate) use measure::NOT_SPLIT;
pub use measure::{Plan, measure};
pub use overhead::{Overhead, overhead};
pub use pace::Pace;
pub use row::{Latency, Row, document};
pub use svg::svg;
pub use table::{details, table};
pub use trace::Trace;
