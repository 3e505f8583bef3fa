//! One file a subcommand: its arguments, and the library call they turn into. [`same_file`] is theirs.

pub mod inspect;
pub mod record;
pub mod replay;
pub mod same_file;
pub mod system;

/// `4096`, `64K`, `1.5M`, `2G`: bytes in binary units.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
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
    if !(1.0..=(1u64 << 62) as f64).contains(&size) {
        return Err("must be at least 1 byte and at most 2^62".into());
    }
    Ok(size as u64)
}
