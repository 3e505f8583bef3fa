//! What the processors are called: /proc/cpuinfo.

use crate::{Error, read_text};

/// The model of the first processor, such as `Intel(R) Xeon(R) Processor @ 2.80GHz`; on aarch64,
/// where the kernel names none, the numbers that its maker gave it: `implementer 0x41, part 0xd0c`.
///
/// # Errors
/// That of reading /proc/cpuinfo; ENODATA where it has neither.
pub fn cpu_model() -> Result<String, Error> {
    let text = read_text("/proc/cpuinfo")?;
    parse(&text).ok_or_else(|| Error::no_data("read /proc/cpuinfo: model name"))
}

/// QEMU's own processor for ARM, `-cpu max`: no maker's number, and the letter Q for the part
/// (target/arm/tcg/cpu64.c). With KVM the guest sees the numbers of the machine's processors.
pub(crate) const QEMU_ARM: &str = "implementer 0x00, part 0x051";

/// The value of the first line `model name : value`; else `CPU implementer` and `CPU part`.
pub(crate) fn parse(text: &str) -> Option<String> {
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            // gVisor writes `unknown` for a model that it does not tell.
            let is_told = key.trim() == name && value.trim() != "unknown";
            is_told.then(|| value.trim())
        })
    };
    match value("model name") {
        Some(model) => Some(model.to_owned()),
        None => {
            let (implementer, part) = (value("CPU implementer")?, value("CPU part")?);
            Some(format!("implementer {implementer}, part {part}"))
        }
    }
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
    fn without_a_name_the_numbers_of_the_maker_are_taken() {
        let aarch64 = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(
            parse(aarch64).as_deref(),
            Some("implementer 0x41, part 0xd0c")
        );
        let qemu = "CPU implementer\t: 0x00\nCPU part\t: 0x051\n";
        assert_eq!(parse(qemu).as_deref(), Some(QEMU_ARM));
        assert_eq!(parse(""), None);
        assert_eq!(parse("model name\t: unknown\n"), None);
    }
}
