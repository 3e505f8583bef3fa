//! What the meter itself costs the workers: the same workers with it and without it, in turn.

use anyhow::{Context, Result};
use harness::pin;
use harness::statistics::median;
use prefork::strategies::Strategy;
use prefork::tally::Detail;

use super::{Plan, measure};
use crate::interrupt;

/// CPU time of the workers per connection, with the meter over without it.
#[derive(Clone, Debug)]
pub struct Overhead {
    /// With the meter, the median in microseconds.
    pub metered_us: f64,
    /// Without it, the median in microseconds.
    pub unmetered_us: f64,
    /// The ratio of each pair, sorted.
    pub ratios: Vec<f64>,
}

impl Overhead {
    /// The median ratio.
    pub fn ratio(&self) -> f64 {
        median(self.ratios.clone()).unwrap_or(f64::NAN)
    }
}

/// Measures `strategy` in `pairs` pairs of runs, one with everything that `plan` counts and one whose
/// workers note nothing and that no tracepoint watches; which comes first alternates. This process and
/// its children stay on one CPU from here on.
///
/// # Errors
/// As [`measure`]; an interrupt; a kernel that does not tell CPU time (CONFIG_SCHED_INFO).
pub fn overhead(strategy: &Strategy, plan: &Plan, pairs: usize) -> Result<Overhead> {
    pin::stay_here()?;
    let bare = Plan {
        kernel: None,
        detail: Detail::Nothing,
        ..*plan
    };
    let cpu_us = |plan: &Plan| -> Result<f64> {
        let row = measure(strategy, plan, None, &mut |_| {})?;
        interrupt::check()?;
        row.cpu_us_per_connection
            .context("the kernel does not tell CPU time (CONFIG_SCHED_INFO)")
    };
    let (mut metered, mut unmetered, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..pairs {
        let (with, without);
        if pair % 2 == 0 {
            with = cpu_us(plan)?;
            without = cpu_us(&bare)?;
        } else {
            without = cpu_us(&bare)?;
            with = cpu_us(plan)?;
        }
        metered.push(with);
        unmetered.push(without);
        ratios.push(with / without);
    }
    ratios.sort_by(f64::total_cmp);
    Ok(Overhead {
        metered_us: median(metered).unwrap_or(f64::NAN),
        unmetered_us: median(unmetered).unwrap_or(f64::NAN),
        ratios,
    })
}
