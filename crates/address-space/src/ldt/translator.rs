//! Whether a processor runs this machine's instructions, or QEMU translates them (TCG).
#![expect(unsafe_code, reason = "the instruction cpuid")]

use std::arch::x86_64::{__cpuid, CpuidResult};

/// Bit 31 of ECX in leaf 1: there is a hypervisor, which has leaves of its own.
const HYPERVISOR: u32 = 1 << 31;

/// Whether the hypervisor calls itself by the name of QEMU's translator.
pub fn is_translated() -> bool {
    #[allow(
        unused_unsafe,
        reason = "safe since Rust 1.92, and older ones are promised"
    )]
    // SAFETY: every x86-64 processor has the instruction; it reads and writes registers alone.
    let ask = |leaf| unsafe { __cpuid(leaf) };
    ask(1).ecx & HYPERVISOR != 0 && is_translator(ask(0x4000_0000))
}

fn is_translator(leaf: CpuidResult) -> bool {
    let name = [leaf.ebx, leaf.ecx, leaf.edx].map(u32::to_le_bytes);
    name.concat() == b"TCGTCGTCGTCG"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_translator_is_known_by_its_name() {
        let leaf = |name: &[u8; 12]| {
            let word =
                |at| u32::from_le_bytes([name[at], name[at + 1], name[at + 2], name[at + 3]]);
            CpuidResult {
                eax: 0,
                ebx: word(0),
                ecx: word(4),
                edx: word(8),
            }
        };
        assert!(is_translator(leaf(b"TCGTCGTCGTCG")));
        assert!(!is_translator(leaf(b"KVMKVMKVM\0\0\0")));
    }
}
