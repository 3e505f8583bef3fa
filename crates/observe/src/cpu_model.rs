//! What the processors are called: /proc/cpuinfo.

use crate::{Error, read_text};

/// The model of the first processor, such as `Intel(R) Xeon(R) Processor @ 2.80GHz`.
///
/// # Errors
/// That of reading /proc/cpuinfo; ENODATA where it names no model, as on aarch64.
pub fn cpu_model() -> Result<String, Error> {
    let text = read_text("/proc/cpuinfo")?;
    parse(&text).ok_or_else(|| Error::no_data("read /proc/cpuinfo: model name"))
}

/// The value of the first line `model name : value`.
pub(crate) fn parse(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_model_is_taken() {
        let text = "processor\t: 0\nmodel\t\t: 6\nmodel name\t: A CPU: fast\n\n\
                    processor\t: 1\nmodel name\t: another\n";
        assert_eq!(parse(text).as_deref(), Some("A CPU: fast"));
    }

    #[test]
    fn without_a_name_there_is_none() {
        let aarch64 = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(parse(aarch64), None);
        assert_eq!(parse(""), None);
    }
}
