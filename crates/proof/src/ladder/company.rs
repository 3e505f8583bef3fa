//! Who else runs while the claims are measured.

use std::hint;

use anyhow::{Context, Result};
use child::Child;

/// Who else runs on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Nobody of ours.
    None,
    /// So many processes that compute without end.
    BusyLoops(usize),
    /// So many tours at the same time in all.
    Tours(usize),
}

impl Company {
    /// How many tours run at the same time.
    pub fn tours(self) -> usize {
        match self {
            Company::Tours(tours) => tours,
            Company::None | Company::BusyLoops(_) => 1,
        }
    }

    /// How many busy loops run meanwhile.
    pub fn loops(self) -> usize {
        match self {
            Company::BusyLoops(loops) => loops,
            Company::None | Company::Tours(_) => 0,
        }
    }
}

/// Processes that use a processor each, as far as there are any. Dropped, they are ended.
pub struct BusyLoops {
    _loops: Vec<Child<()>>,
}

impl BusyLoops {
    /// Starts `count` of them. They end with this process, however it ends.
    ///
    /// # Errors
    /// A process that cannot be made.
    pub fn start(count: usize) -> Result<BusyLoops> {
        let busy = |_: &mut child::Parent| -> Result<(), child::BoxError> {
            loop {
                hint::spin_loop();
            }
        };
        let start = |_| child::fork("busy-loop", busy).context("start a busy loop");
        Ok(BusyLoops {
            _loops: (0..count).map(start).collect::<Result<_>>()?,
        })
    }
}
