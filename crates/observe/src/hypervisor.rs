//! Who runs this machine, where it is a virtual one, and whether its processors are imitated by a
//! program.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "the instruction cpuid")
)]

use crate::{cpu_model, read_text};

/// What QEMU calls itself where it translates the guest's instructions (TCG), instead of having a
/// processor run them.
const TRANSLATOR: &str = "TCGTCGTCGTCG";

/// The hypervisor, by its own name: the twelve characters of CPUID leaf 0x40000000 on x86-64
/// (`KVMKVMKVM`, `TCGTCGTCGTCG`, `Microsoft Hv`), else the word in /sys/hypervisor/type (`xen`); on
/// other machines what the device tree calls it, or the maker of the machine where that makes
/// virtual ones. None where nobody says so, as on bare metal.
pub fn name() -> Option<String> {
    vendor()
        .or_else(|| word("/sys/hypervisor/type"))
        .or_else(|| word("/sys/firmware/devicetree/base/hypervisor/compatible"))
        .or_else(|| maker(&word("/sys/class/dmi/id/sys_vendor")?))
}

/// The first word of a file, which a device tree ends with a byte of zero.
fn word(path: &str) -> Option<String> {
    let text = read_text(path).ok()?;
    let first = text.split(['\0', '\n']).next()?.trim();
    (!first.is_empty()).then(|| first.to_owned())
}

/// Those that make no machine but virtual ones, by what they write into its DMI tables. A maker of
/// both says nothing here: Microsoft, Google, Amazon.
fn maker(vendor: &str) -> Option<String> {
    let makers = [
        "QEMU",
        "VMware",
        "innotek GmbH",
        "Xen",
        "Parallels",
        "BHYVE",
    ];
    let is_virtual = makers.iter().any(|maker| vendor.contains(maker));
    is_virtual.then(|| vendor.to_owned())
}

/// Whether a program imitates the processors (QEMU without KVM): an instruction then takes many
/// times as long as another, two CPUs may never run at the same moment, and what is timed says
/// nothing about the kernel. False where nothing tells.
pub fn is_emulated() -> bool {
    judge(vendor().as_deref(), cpu_model::cpu_model().ok().as_deref())
}

/// As [`is_emulated`], and none where nothing tells: only the processors of x86-64 say who runs
/// them.
pub fn emulation() -> Option<bool> {
    (cfg!(target_arch = "x86_64") || is_emulated()).then(is_emulated)
}

/// The hypervisor's own word counts: the same model is run by KVM, too.
fn judge(vendor: Option<&str>, model: Option<&str>) -> bool {
    match (vendor, model) {
        (Some(vendor), _) => vendor == TRANSLATOR,
        (None, Some(model)) => ["QEMU Virtual CPU", "QEMU TCG CPU", cpu_model::QEMU_ARM]
            .iter()
            .any(|imitation| model.contains(imitation)),
        (None, None) => false,
    }
}

#[cfg(target_arch = "x86_64")]
fn vendor() -> Option<String> {
    use std::arch::x86_64::{__cpuid, CpuidResult};

    const HYPERVISOR_PRESENT: u32 = 1 << 31;
    #[allow(unused_unsafe, reason = "safe since Rust 1.92, and 1.89 is promised")]
    // SAFETY: every x86-64 processor has the instruction; it reads and writes registers alone.
    let ask = |leaf| -> CpuidResult { unsafe { __cpuid(leaf) } };
    if ask(1).ecx & HYPERVISOR_PRESENT == 0 {
        return None;
    }
    let CpuidResult { ebx, ecx, edx, .. } = ask(0x4000_0000);
    let bytes: Vec<u8> = [ebx, ecx, edx]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    let name = String::from_utf8_lossy(&bytes);
    let name = name.trim_matches(['\0', ' ']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(not(target_arch = "x86_64"))]
fn vendor() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_translator_is_told_from_a_processor() {
        for (vendor, model, emulated) in [
            (
                Some("TCGTCGTCGTCG"),
                Some("QEMU TCG CPU version 2.5+"),
                true,
            ),
            (
                Some("KVMKVMKVM"),
                Some("QEMU Virtual CPU version 2.5+"),
                false,
            ),
            (None, Some("QEMU Virtual CPU version 2.5+"), true),
            (None, Some("QEMU TCG CPU version 2.5+"), true),
            (None, Some("implementer 0x00, part 0x051"), true),
            (None, Some("implementer 0x41, part 0xd0c"), false),
            (None, Some("Intel(R) Xeon(R) Processor"), false),
            (None, None, false),
        ] {
            assert_eq!(judge(vendor, model), emulated, "{vendor:?} {model:?}");
        }
    }

    #[test]
    fn a_maker_of_real_machines_says_nothing() {
        assert_eq!(maker("QEMU").as_deref(), Some("QEMU"));
        assert_eq!(maker("VMware, Inc.").as_deref(), Some("VMware, Inc."));
        assert_eq!(maker("Dell Inc."), None);
        assert_eq!(maker("Amazon EC2"), None);
    }

    #[test]
    fn the_flag_in_cpuinfo_agrees() {
        let flag = std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| {
            let mut lines = text.lines().filter(|line| line.starts_with("flags"));
            lines.any(|line| line.split_whitespace().any(|flag| flag == "hypervisor"))
        });
        assert_eq!(vendor().is_some(), flag);
    }
}
