//! A real ENOMEM from mmap with half a gibibyte of addresses free.

use anyhow::Result;
use claim::{Act, Arm, Claim, Does, InControl, Name, NotMeasured, Quantity, Reading, Surprise};
use nix::errno::Errno;

use crate::exhaust::{self, HOLES, Holes, MAPPINGS_REMEDY, Outcome, UNIT};

const KIB: u64 = (UNIT / 1024) as u64;
const ALL_HOLES_KIB: u64 = HOLES as u64 * KIB;

const LARGEST: Quantity = Name("largest mmap that succeeds with 512 MiB free")
    .count(KIB, ALL_HOLES_KIB)
    .unit("KiB");
const REFUSED: Quantity = Name("what mmap of 1 MiB and one page ends in").word("ENOMEM", "success");
const JOINED: Quantity = Name("largest mmap after one separator of 1 MiB went")
    .count(3 * KIB, ALL_HOLES_KIB + KIB)
    .unit("KiB");

const FILL: Act = Does("reserves all other addresses")
    .call("mmap", "PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE")
    .by("full")
    .shown_by("512 mappings of 1 MiB fit at once, and not one more")
    .or_not_measured("run it without what maps and unmaps memory meanwhile (a sanitizer)");
const PUNCH: Act = Does("unmaps 512 MiB of the arena")
    .call("munmap", "")
    .by("full")
    .shown_by("gaps of 512 MiB in all in /proc/self/maps");
const SCATTER: Act = Does("leaves a separator between any two holes")
    .in_memory()
    .by("full")
    .shown_by("512 gaps in /proc/self/maps, none larger than 1 MiB")
    .in_control(InControl::Not);
const JOIN: Act = Does("unmaps the first separator of 1 MiB")
    .call("munmap", "1048576")
    .by("full")
    .shown_by("a gap larger by 1 MiB in /proc/self/maps");

pub(super) const CLAIM: Claim = Claim {
    id: "address-space-fragments",
    statement: "Addresses must be contiguous even where frames need not: mmap fails with ENOMEM \
                while 512 MiB of addresses are free, because no hole has more than 1 MiB.",
    measures: "In a child, reserves every address (PROT_NONE), unmaps 512 holes of 1 MiB with \
               separators of 1 MiB between them, and looks for the largest mmap that succeeds and \
               for the error number of one that does not; then unmaps one separator and looks \
               again.",
    control: "the same 512 MiB in one piece",
    surprise: Some(Surprise::Small(
        "mmap of 2 MiB fails with 512 MiB of addresses free",
    )),
    notes: &[46],
    example: Some("holes_too_small"),
    needs: &["no RLIMIT_AS", "vm.max_map_count above 3000"],
    acts: &[FILL, PUNCH, SCATTER, JOIN],
    man: &["mmap(2)", "proc_sys_vm(5)"],
    quantities: &[LARGEST, REFUSED, JOINED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let spare = exhaust::room_is_the_only_limit()?;
    let page = super::page_size();
    let holes = arm.choose(Holes::Scattered, Holes::Together);
    let full = child::fork("full", move |_| Ok(exhaust::measure(holes, page, spare)?))?;
    let room = match full.join()? {
        Outcome::Measured(room) if room.largest >= UNIT && !room.unit_fits => {
            let why = "1 MiB was mapped before the refusal and not after it: mappings ran out \
                       (vm.max_map_count), not room";
            return NotMeasured::err(why, MAPPINGS_REMEDY);
        }
        Outcome::Measured(room) => room,
        Outcome::Obstructed(why) => return NotMeasured::err(why, MAPPINGS_REMEDY),
    };
    let refused = match room.refusal {
        0 => "success".to_owned(),
        errno => format!("{:?}", Errno::from_raw(errno)),
    };
    let seen = room.seen;
    Ok(Reading::kernel()
        .act(&FILL, room.units == 512)
        .act(&PUNCH, seen.free == 512 << 20)
        .act(&SCATTER, seen.gaps == 512 && seen.largest == 1 << 20)
        .act(&JOIN, seen.largest_after > seen.largest)
        .with(&LARGEST, room.largest / 1024)
        .with(&REFUSED, refused)
        .with(&JOINED, room.joined / 1024)
        .note(format!(
            "{} reservations filled the rest of the address space; mmap of 1 MiB {} right after \
             the refusal, so the number of mappings (vm.max_map_count) was not what ran out",
            room.reservations,
            if room.unit_fits {
                "succeeded"
            } else {
                "failed as before"
            }
        )))
}
