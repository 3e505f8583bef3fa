//! What experiments need, and what no claim is: the instruments' common parts.
//!
//! | Module | For |
//! |---|---|
//! | [`clock`] | CPU clocks, calibrated work |
//! | [`interrupt`] | the signals that ask for an end, as something to look for |
//! | [`limits`] | room for descriptors and threads, before the first is needed |
//! | [`mapping`], [`memory`] | mappings of a file and of anonymous memory, given back on drop |
//! | [`pin`] | where processes run, and who preempts whom |
//! | [`quiet`] | whether others used the processors meanwhile |
//! | [`scratch`] | files without a name |
//! | [`statistics`] | median, spread, Jain's index, a shuffle |
//! | [`wait`] | waiting for a condition, or until a process sleeps in its call |
//!
//! What can fail answers an [`observe::Error`], operation and object with the error number, or an
//! error of the module's own.

pub mod clock;
pub mod interrupt;
pub mod limits;
pub mod mapping;
pub mod memory;
pub mod pin;
pub mod quiet;
pub mod scratch;
pub mod statistics;
pub mod wait;
