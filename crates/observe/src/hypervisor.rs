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
/// (`KVMKVMKVM`, `TCGTCGTCGTCG`, `Microsoft Hv`), else the word in /sys/hypervisor/type (`xen`);
/// none where nobody says so, as on bare metal.
pub fn name() -> Option<String> {
    vendor().or_else(|| {
        let kind = read_text("/sys/hypervisor/type").ok()?;
        Some(kind.trim().to_owned()).filter(|kind| !kind.is_empty())
    })
}

/// Whether a program imitates the processors (QEMU without KVM): an instruction then takes many
/// times as long as another, two CPUs may never run at the same moment, and what is timed says
/// nothing about the kernel.
pub fn is_emulated() -> bool {
    judge(vendor().as_deref(), cpu_model::cpu_model().ok().as_deref())
}

/// The hypervisor's own word counts: the same model is run by KVM, too.
fn judge(vendor: Option<&str>, model: Option<&str>) -> bool {
    match (vendor, model) {
        (Some(vendor), _) => vendor == TRANSLATOR,
        (None, Some(model)) => model.contains("QEMU Virtual CPU") || model.contains("QEMU TCG CPU"),
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
            (None, Some("Intel(R) Xeon(R) Processor"), false),
            (None, None, false),
        ] {
            assert_eq!(judge(vendor, model), emulated, "{vendor:?} {model:?}");
        }
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
