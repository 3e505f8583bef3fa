//! Numbers with bounds: what is outside of them is refused before anything runs.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A value parser for whole numbers within `range`; its error names the bounds.
pub fn whole_number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + Display + Clone,
{
    move |text| parse_within(text, &range, "a whole number")
}

/// A value parser for numbers within `range`, which NaN is not; its error names the bounds.
pub fn number(range: RangeInclusive<f64>) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| parse_within(text, &range, "a number")
}

fn parse_within<T>(text: &str, range: &RangeInclusive<T>, kind: &str) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    text.parse()
        .ok()
        .filter(|value| range.contains(value))
        .ok_or_else(|| format!("it takes {kind} from {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_refused_with_the_bounds() {
        let threads = whole_number(1..=4096_usize);
        assert_eq!((threads("1"), threads("4096")), (Ok(1), Ok(4096)));
        for wrong in ["0", "4097", "99999999999999999999", "-1", "nan", "1.5", ""] {
            let error = threads(wrong).expect_err(wrong);
            assert_eq!(error, "it takes a whole number from 1 to 4096", "{wrong}");
        }
        let seconds = number(0.001..=3600.0);
        assert_eq!(seconds("0.5"), Ok(0.5));
        for wrong in ["nan", "inf", "-inf", "-1", "0", "1e9", "x"] {
            let error = seconds(wrong).expect_err(wrong);
            assert_eq!(error, "it takes a number from 0.001 to 3600", "{wrong}");
        }
    }
}
