//! The holes of the address space, and the largest request to mmap that would succeed.

use observe::maps::Mapping;
use observe::smaps::Usage;
use observe::sysctl;
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

/// The runs of addresses between the mappings, from vm.mmap_min_addr to the end of user space.
pub fn address_space(
    pid: i32,
    width: Width,
    usages: &[Usage],
    room: Room,
    max_mappings: Option<u64>,
) -> AddressSpace {
    let lowest = sysctl::read(sysctl::MMAP_MIN_ADDR).unwrap_or(65536);
    let mappings = usages
        .iter()
        .map(|usage| (&usage.mapping, usage.grows_down));
    let mut space = holes(mappings, lowest, width.end_of_user_space(pid));
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

/// The holes between `mappings`, each with whether it grows down.
fn holes<'a>(
    mappings: impl Iterator<Item = (&'a Mapping, bool)>,
    lowest: u64,
    highest: u64,
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
    let mut gap = |start: u64, end: u64, below_a_stack: bool| {
        if end > start {
            space.free += end - start;
            space.holes += 1;
            let kept = if below_a_stack { guard } else { 0 };
            let usable = (end - start).saturating_sub(kept);
            space.largest_request = space.largest_request.max(usable);
            if end - start > space.longest_hole {
                space.longest_hole = end - start;
                space.largest_at = format!("{start:#x}");
            }
        }
    };
    let mut counted = 0;
    for (mapping, grows_down) in mappings {
        // The gate page lies in the kernel's half and belongs to no process.
        counted += u64::from(mapping.path != "[vsyscall]");
        gap(at, mapping.start.min(highest), grows_down);
        at = at.max(mapping.end);
    }
    gap(at, highest, false);
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

    /// The holes of a saved address space, whose mapping `[stack]` grows down.
    fn holes_of(text: &str, highest: u64) -> AddressSpace {
        let maps = maps::parse(text);
        let with_direction = maps.iter().map(|map| (map, map.path == "[stack]"));
        holes(with_direction, LOWEST, highest)
    }

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
        let space = holes_of(text, (1 << 47) - 4096);
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
        let mut space = holes_of(text, (1 << 47) - 4096);
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
        let space = holes_of(text, 0xffff_e000);
        assert_eq!((space.holes, space.size), (4, 0xffff_e000 - LOWEST));
        assert_eq!(space.largest_request, 0xf7f4_6000 - 0x0804_9000);
        assert_eq!(space.free, space.size - 0x1000 - 0x2000 - 0x21000);
    }
}
