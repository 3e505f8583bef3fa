//! What the meter itself costs the workers: the same workers with it and without it, in turn.

use harness::interrupt;
use harness::pin;
use harness::statistics::median;
use prefork::Metering;
use prefork::strategies::Strategy;

use super::{HerdPlan, measure};
use crate::error::Error;

/// CPU time of the workers per connection, with the meter and without it.
#[derive(Clone, Debug)]
pub struct Overhead {
    /// With the meter, the median in microseconds.
    pub metered_us: f64,
    /// Without it, the median in microseconds.
    pub unmetered_us: f64,
    /// With the meter over without it, for each pair, sorted.
    pub ratios: Vec<f64>,
}

impl Overhead {
    /// The median ratio.
    pub fn ratio(&self) -> f64 {
        median(self.ratios.clone()).unwrap_or(f64::NAN)
    }
}

/// Measures `strategy` in `pairs` pairs of runs, one with everything that `plan` counts and one
/// whose workers note nothing and that no tracepoint watches; which comes first alternates. This
/// process and its children stay on one CPU from here on.
///
/// # Errors
/// Those of [`measure`]; an interrupt; a kernel that does not count CPU time (CONFIG_SCHED_INFO).
pub fn measure_overhead(
    strategy: &Strategy,
    plan: &HerdPlan,
    pairs: usize,
) -> Result<Overhead, Error> {
    pin::stay_here().map_err(Error::system("stay on one CPU"))?;
    let bare = HerdPlan {
        permit: None,
        metering: Metering::Nothing,
        ..*plan
    };
    let cpu_us = |plan: &HerdPlan| -> Result<f64, Error> {
        let row = measure(strategy, plan, None, &mut |_| {})?;
        interrupt::check()?;
        let missing = "the kernel does not count CPU time (CONFIG_SCHED_INFO)";
        row.cpu_us_per_connection
            .ok_or_else(|| Error::Plan(missing.to_owned()))
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
