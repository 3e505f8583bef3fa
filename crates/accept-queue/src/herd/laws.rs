//! What is true of what the meter's command line says, whatever it says: a law a parser.
//!
//! Tests try the laws a fixed number of times; `fuzz/` hands them to libFuzzer. In other builds
//! this module does not exist.

use super::HerdRow;
use super::assertion::{Assertions, METRICS};
use super::pace::Pace;

/// Bounds of `--assert`: [`Assertions`].
pub fn assertions(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let row = HerdRow {
        wakeups_per_connection: Some(draw(data) as f64 / 1000.0),
        ..HerdRow::default()
    };
    if let Ok(bounds) = text.parse::<Assertions>() {
        let most = text.split(',').count();
        assert!(bounds.violations(&row).len() <= most);
        let unmeasured = bounds.violations(&HerdRow::default());
        assert_eq!(
            unmeasured.len(),
            most,
            "what was not measured breaks every bound"
        );
    }
    // A number lies on one side of a limit, or is it.
    let limit = draw(data.get(8..).unwrap_or_default()) as f64 / 1000.0;
    let kept = |operator: &str| {
        let bound = format!(" wakeups {operator} {limit} ");
        bound
            .parse::<Assertions>()
            .map(|bound| bound.violations(&row).is_empty())
    };
    let sides = [kept("<"), kept("=="), kept(">")];
    assert_eq!(
        sides.iter().filter(|kept| **kept == Ok(true)).count(),
        1,
        "{sides:?}"
    );
    assert_eq!(kept("<="), kept(">").map(|kept| !kept));
    assert_eq!(kept(">="), kept("<").map(|kept| !kept));
    for (metric, _) in METRICS {
        assert!(
            format!("{metric}<=1").parse::<Assertions>().is_ok(),
            "{metric}"
        );
    }
}

/// When the next connection is made: [`Pace`].
pub fn pace(data: &[u8]) {
    if let Ok(pace) = String::from_utf8_lossy(data).parse::<Pace>() {
        assert_eq!(pace.to_string().parse(), Ok(pace));
        assert!(!matches!(pace, Pace::Burst(0 | 4097..)));
    }
    let size = draw(data) % 5000;
    let burst = format!("burst={size}").parse::<Pace>();
    assert_eq!(burst.is_ok(), (1..=4096).contains(&size), "{burst:?}");
}

/// A number from the first bytes.
fn draw(data: &[u8]) -> u64 {
    let digits = data.iter().take(4);
    digits.fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    samples::test_laws! { assertions pace }
}
