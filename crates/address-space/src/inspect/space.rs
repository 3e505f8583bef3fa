//! The holes of the address space, and the largest request that would fit into one.

use observe::maps::Mapping;
use observe::smaps::Usage;
use serde::Serialize;

use super::width::Width;

/// The holes of the address space. Sizes are bytes.
#[derive(Debug, Clone, Serialize)]
pub struct AddressSpace {
    /// Addresses of user space, from the lowest that may be mapped.
    pub size: u64,
    /// Addresses that nothing is mapped to.
    pub free: u64,
    /// Runs of such addresses, as a number.
    pub holes: usize,
    /// The largest request to mmap that would fit: the longest run.
    pub largest_request: u64,
    /// Where the longest run begins, in hexadecimal.
    pub largest_at: String,
    /// Share of the free addresses that lie outside of the longest run, 0 to 1.
    pub external: f64,
}

/// The runs of addresses between the mappings, from vm.mmap_min_addr to the end of user space.
pub fn address_space(pid: i32, width: Width, usages: &[Usage]) -> AddressSpace {
    let lowest = observe::read("/proc/sys/vm/mmap_min_addr")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(65536);
    let mappings = usages.iter().map(|usage| &usage.mapping);
    holes(mappings, lowest, width.end_of_user_space(pid))
}

fn holes<'a>(
    mappings: impl Iterator<Item = &'a Mapping>,
    lowest: u64,
    highest: u64,
) -> AddressSpace {
    let mut space = AddressSpace {
        size: highest.saturating_sub(lowest),
        free: 0,
        holes: 0,
        largest_request: 0,
        largest_at: String::new(),
        external: 0.0,
    };
    let mut at = lowest;
    let mut gap = |start: u64, end: u64| {
        if end > start {
            space.free += end - start;
            space.holes += 1;
            if end - start > space.largest_request {
                space.largest_request = end - start;
                space.largest_at = format!("{start:#x}");
            }
        }
    };
    for mapping in mappings {
        gap(at, mapping.start.min(highest));
        at = at.max(mapping.end);
    }
    gap(at, highest);
    if space.free > 0 {
        space.external = (space.free - space.largest_request) as f64 / space.free as f64;
    }
    space
}

#[cfg(test)]
mod tests {
    use super::*;
    use observe::maps;

    const LOWEST: u64 = 65536;

    #[test]
    fn holes_lie_below_between_and_above() {
        let text = "\
00400000-00405000 r-xp 00000000 00:01 1 /bin/p
00500000-00600000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000004000 r-xp 00000000 00:01 2 /lib/l.so
7fffffffe000-7ffffffff000 rw-p 00000000 00:00 0 [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
";
        let space = holes(maps::parse(text).iter(), LOWEST, (1 << 47) - 4096);
        assert_eq!(space.holes, 4, "none above the stack");
        assert_eq!(space.largest_request, 0x7f00_0000_0000 - 0x60_0000);
        assert_eq!(space.largest_at, "0x600000");
    }

    #[test]
    fn nothing_fits_behind_the_end_of_a_32_bit_process() {
        let text = "\
08048000-08049000 r-xp 00000000 00:01 1 /bin/p
f7f46000-f7f48000 r-xp 00000000 00:00 0 [vdso]
ffcd6000-ffcf7000 rw-p 00000000 00:00 0 [stack]
";
        let space = holes(maps::parse(text).iter(), LOWEST, 0xffff_e000);
        assert_eq!((space.holes, space.size), (4, 0xffff_e000 - LOWEST));
        assert_eq!(space.largest_request, 0xf7f4_6000 - 0x0804_9000);
        assert_eq!(space.free, space.size - 0x1000 - 0x2000 - 0x21000);
    }
}
