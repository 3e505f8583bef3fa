//! The holes of the address space, and the largest request to mmap that would succeed.

use observe::smaps::Usage;
use serde::Serialize;

use super::limits::Room;

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
    /// The largest request to mmap that would fit: the longest run less the guard gap of a stack
    /// above it, at most [`AddressSpace::limit_left`], and 0 where no mapping may be added.
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
    /// Whether every mmap fails with ENOMEM for the number of mappings, whatever the holes: do_mmap
    /// in mm/mmap.c. Some kernels let one pass at the limit itself.
    pub fn is_full(&self) -> bool {
        self.max_mappings.is_some_and(|most| self.mappings >= most)
    }
}

/// Pages that mmap leaves free below a mapping that grows down: the kernel's default for
/// stack_guard_gap (mm/mmap.c), which its command line can change.
const GUARD_PAGES: u64 = 256;

/// What bounds the addresses of a process, and its requests for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The lowest address that may be mapped: vm.mmap_min_addr.
    pub lowest: u64,
    /// The first address behind user space.
    pub end: u64,
    /// What the limits of the process leave.
    pub room: Room,
    /// vm.max_map_count, where it can be read.
    pub max_mappings: Option<u64>,
}

impl AddressSpace {
    /// The holes between the mappings, and the largest request that the bounds leave.
    pub(crate) fn new<'a>(
        usages: impl IntoIterator<Item = &'a Usage>,
        bounds: Bounds,
    ) -> AddressSpace {
        let page = observe::machine::read().page_size as u64;
        let mut holes = Holes::default();
        let mut counted = 0;
        let mut at = bounds.lowest;
        for usage in usages {
            let mapping = &usage.mapping;
            // The gate page lies in the kernel's half and belongs to no process.
            counted += u64::from(mapping.path != "[vsyscall]");
            let guard = if usage.grows_down {
                GUARD_PAGES * page
            } else {
                0
            };
            holes.add(at, mapping.start.min(bounds.end), guard);
            at = at.max(mapping.end);
        }
        holes.add(at, bounds.end, 0);
        let left = bounds.room.address_space;
        let mut space = AddressSpace {
            size: bounds.end.saturating_sub(bounds.lowest),
            free: holes.free,
            holes: holes.count,
            longest_hole: holes.longest,
            largest_request: left.map_or(holes.usable, |left| holes.usable.min(left - left % page)),
            largest_at: holes
                .longest_at
                .map_or(String::new(), |at| format!("{at:#x}")),
            external: match holes.free {
                0 => 0.0,
                free => (free - holes.longest) as f64 / free as f64,
            },
            mappings: counted,
            max_mappings: bounds.max_mappings,
            limit_left: left,
            data_limit_left: bounds.room.data,
        };
        if space.is_full() {
            space.largest_request = 0;
        }
        space
    }
}

/// The holes seen so far, added up. Sizes are bytes.
#[derive(Default)]
struct Holes {
    free: u64,
    count: usize,
    longest: u64,
    /// Where the longest begins.
    longest_at: Option<u64>,
    /// The most that a hole has beside its guard gap.
    usable: u64,
}

impl Holes {
    /// Adds `start..end`, of which the last `guard` bytes cannot be mapped.
    fn add(&mut self, start: u64, end: u64, guard: u64) {
        if end <= start {
            return;
        }
        let len = end - start;
        self.free += len;
        self.count += 1;
        self.usable = self.usable.max(len.saturating_sub(guard));
        if len > self.longest {
            self.longest = len;
            self.longest_at = Some(start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observe::smaps;

    const LOWEST: u64 = 65536;
    const END: u64 = (1 << 47) - 4096;

    /// The address space of a saved text, in which `[stack]` grows down.
    fn space(text: &str, end: u64, room: Room, max_mappings: Option<u64>) -> AddressSpace {
        let mut usages = smaps::parse(text);
        for usage in &mut usages {
            usage.grows_down = usage.mapping.path == "[stack]";
        }
        let bounds = Bounds {
            lowest: LOWEST,
            end,
            room,
            max_mappings,
        };
        AddressSpace::new(&usages, bounds)
    }

    #[test]
    fn holes_lie_below_between_and_above() {
        let text = "\
00400000-00405000 r-xp 00000000 00:01 1 /bin/p
00500000-00600000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000004000 r-xp 00000000 00:01 2 /lib/l.so
7fffffffe000-7ffffffff000 rw-p 00000000 00:00 0 [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
";
        let space = space(text, END, Room::default(), None);
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
        let free = space(text, END, Room::default(), Some(3));
        let guard = GUARD_PAGES * observe::machine::read().page_size as u64;
        assert_eq!(free.longest_hole, 0x7fff_ffff_e000 - 0x40_0000);
        assert_eq!(free.largest_request, free.longest_hole - guard);
        assert_eq!(free.mappings, 2, "without the gate page");
        let room = Room {
            address_space: Some((1 << 30) + 1),
            data: None,
        };
        let limited = space(text, END, room, Some(3));
        assert_eq!(limited.largest_request, 1 << 30, "whole pages");
        assert_eq!(space(text, END, room, Some(2)).largest_request, 0);
    }

    #[test]
    fn nothing_fits_behind_the_end_of_a_32_bit_process() {
        let text = "\
08048000-08049000 r-xp 00000000 00:01 1 /bin/p
f7f46000-f7f48000 r-xp 00000000 00:00 0 [vdso]
ffcd6000-ffcf7000 rw-p 00000000 00:00 0 [stack]
";
        let space = space(text, 0xffff_e000, Room::default(), None);
        assert_eq!((space.holes, space.size), (4, 0xffff_e000 - LOWEST));
        assert_eq!(space.largest_request, 0xf7f4_6000 - 0x0804_9000);
        assert_eq!(space.free, space.size - 0x1000 - 0x2000 - 0x21000);
    }
}
