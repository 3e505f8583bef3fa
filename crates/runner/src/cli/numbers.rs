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

/// The most bytes that a size may name: what an address of 47 bits reaches, a process's memory.
const MAX_BYTES: u64 = 1 << 47;

/// A value parser for a size of memory: `4096`, `64K`, `1.5M`, `2G`, bytes in binary units.
///
/// # Errors
/// A sentence: what it is instead of a size, or the bounds that a size has.
pub fn byte_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        unit => return Err(format!("unknown unit {unit}; known are K, M, G and T")),
    };
    let value: f64 = digits
        .parse()
        .map_err(|_| format!("{text} is no number of bytes"))?;
    let size = value * factor as f64;
    if !(1.0..=MAX_BYTES as f64).contains(&size) {
        return Err("it takes a size from 1 byte to 128 TiB".into());
    }
    Ok(size as u64)
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
