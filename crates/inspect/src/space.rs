//! The holes of the address space, and the largest request to mmap that would succeed.

use std::collections::HashSet;

use observe::maps::Mapping;
use observe::smaps::Usage;
use serde::Serialize;

use super::limits::Room;
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
    /// Length of the longest run.
    pub longest_hole: u64,
    /// The largest request to mmap that would fit: the longest run less the guard gap of a stack above
    /// it, at most [`AddressSpace::limit_left`], and 0 where no mapping may be added.
    pub largest_request: u64,
    /// Where the longest run begins, in hexadecimal.
    pub largest_at: String,
    /// Share of the free addresses that lie outside of the longest run, 0 to 1.
    pub external: f64,
    /// Mappings that count against vm.max_map_count, as a number.
    pub mappings: u64,
    /// vm.max_map_count; null where it cannot be read.
    pub max_mappings: Option<u64>,
    /// What RLIMIT_AS leaves beside VmSize; null where it is not set.
    pub limit_left: Option<u64>,
    /// What RLIMIT_DATA leaves to private writable mappings; null where it is not set.
    pub data_limit_left: Option<u64>,
}

impl AddressSpace {
    /// Whether every mmap fails with ENOMEM for the number of mappings, whatever the holes: do_mmap in
    /// mm/mmap.c. Some kernels let one pass at the limit itself.
    pub fn full(&self) -> bool {
        self.max_mappings.is_some_and(|most| self.mappings >= most)
    }
}

/// Pages below a mapping that grows down which mmap leaves free (mm/mmap.c, stack_guard_gap): the kernel's
/// default; its command line can set another.
const GUARD_PAGES: u64 = 256;

/// The runs of addresses between the mappings, from vm.mmap_min_addr to the end of user space; `growing`
/// has the first addresses of mappings that grow down.
pub fn address_space(
    pid: i32,
    width: Width,
    usages: &[Usage],
    growing: &HashSet<u64>,
    room: Room,
    max_mappings: Option<u64>,
) -> AddressSpace {
    let lowest = observe::read("/proc/sys/vm/mmap_min_addr")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(65536);
    let mappings = usages.iter().map(|usage| &usage.mapping);
    let mut space = holes(mappings, lowest, width.end_of_user_space(pid), growing);
    space.max_mappings = max_mappings;
    space.limit_left = room.address_space;
    space.data_limit_left = room.data;
    space.bound();
    space
}

impl AddressSpace {
    /// Holds what the holes would take against the limits.
    fn bound(&mut self) {
        let page = observe::machine::this().page_size as u64;
        let left = self.limit_left.map_or(u64::MAX, |left| left - left % page);
        self.largest_request = match self.full() {
            true => 0,
            false => self.largest_request.min(left),
        };
    }
}

fn holes<'a>(
    mappings: impl Iterator<Item = &'a Mapping>,
    lowest: u64,
    highest: u64,
    growing: &HashSet<u64>,
) -> AddressSpace {
    let mut space = AddressSpace {
        size: highest.saturating_sub(lowest),
        free: 0,
        holes: 0,
        longest_hole: 0,
        largest_request: 0,
        largest_at: String::new(),
        external: 0.0,
        mappings: 0,
        max_mappings: None,
        limit_left: None,
        data_limit_left: None,
    };
    let guard = GUARD_PAGES * observe::machine::this().page_size as u64;
    let mut at = lowest;
    let mut gap = |start: u64, end: u64| {
        if end > start {
            space.free += end - start;
            space.holes += 1;
            let kept = if growing.contains(&end) { guard } else { 0 };
            let usable = (end - start).saturating_sub(kept);
            space.largest_request = space.largest_request.max(usable);
            if end - start > space.longest_hole {
                space.longest_hole = end - start;
                space.largest_at = format!("{start:#x}");
            }
        }
    };
    let mut counted = 0;
    for mapping in mappings {
        // The gate page lies in the kernel's half and belongs to no process.
        counted += u64::from(mapping.path != "[vsyscall]");
        gap(at, mapping.start.min(highest));
        at = at.max(mapping.end);
    }
    gap(at, highest);
    space.mappings = counted;
    if space.free > 0 {
        space.external = (space.free - space.longest_hole) as f64 / space.free as f64;
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
        let space = holes(
            maps::parse(text).iter(),
            LOWEST,
            (1 << 47) - 4096,
            &HashSet::new(),
        );
        assert_eq!(space.holes, 4, "none above the stack");
        assert_eq!(space.largest_request, 0x7f00_0000_0000 - 0x60_0000);
        assert_eq!(space.largest_at, "0x600000");
    }

    #[test]
    fn limits_and_the_gap_below_a_stack_bound_what_fits() {
        let text = "\
00010000-00400000 r-xp 00000000 00:01 1 /bin/p
7fffffffe000-7ffffffff000 rw-p 00000000 00:00 0 [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
";
        let growing = HashSet::from([0x7fff_ffff_e000]);
        let maps = maps::parse(text);
        let mut space = holes(maps.iter(), LOWEST, (1 << 47) - 4096, &growing);
        let guard = GUARD_PAGES * observe::machine::this().page_size as u64;
        assert_eq!(space.longest_hole, 0x7fff_ffff_e000 - 0x40_0000);
        assert_eq!(space.largest_request, space.longest_hole - guard);
        assert_eq!(space.mappings, 2, "without the gate page");
        space.limit_left = Some(1 << 30);
        space.max_mappings = Some(3);
        space.bound();
        assert_eq!(space.largest_request, 1 << 30);
        space.max_mappings = Some(2);
        space.bound();
        assert_eq!(space.largest_request, 0);
    }

    #[test]
    fn nothing_fits_behind_the_end_of_a_32_bit_process() {
        let text = "\
08048000-08049000 r-xp 00000000 00:01 1 /bin/p
f7f46000-f7f48000 r-xp 00000000 00:00 0 [vdso]
ffcd6000-ffcf7000 rw-p 00000000 00:00 0 [stack]
";
        let space = holes(
            maps::parse(text).iter(),
            LOWEST,
            0xffff_e000,
            &HashSet::new(),
        );
        assert_eq!((space.holes, space.size), (4, 0xffff_e000 - LOWEST));
        assert_eq!(space.largest_request, 0xf7f4_6000 - 0x0804_9000);
        assert_eq!(space.free, space.size - 0x1000 - 0x2000 - 0x21000);
    }
}
