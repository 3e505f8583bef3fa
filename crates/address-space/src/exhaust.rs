//! Fills the address space, then punches holes into it: what the claim on fragmentation does in its
//! child.
//!
//! Everything but one arena is reserved, so that holes punched into the arena are the only room
//! left. Between the first reservation and the last munmap nothing may allocate: there would be no
//! room. So what is kept meanwhile has its memory before, the text of /proc/self/maps as well, and
//! none of it lies on the stack, which may be small.

mod reservation;

use std::fs::File;
use std::io::Read;
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use observe::maps::{self, Mapping};
use serde::{Deserialize, Serialize};

use reservation::Reservation;

/// Bytes of a hole and of the separator behind it.
pub const UNIT: usize = 1 << 20;
/// Number of holes.
pub const HOLES: usize = 512;

const ARENA: usize = 2 * HOLES * UNIT;
/// Reservations that fill the rest: a few for each power of two.
const MAX_RESERVATIONS: usize = 4096;

/// Bytes of /proc/self/maps that are read: a line of 100 for each mapping that may be.
const TEXT: usize = 100 * (MAX_RESERVATIONS + 4 * HOLES);

/// What came of the attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Outcome {
    /// Nothing but the want of room limited mmap.
    Measured(Room),
    /// Something else did, or might have: what.
    Obstructed(String),
}

/// What mmap could still do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Room {
    /// Mappings of [`UNIT`] that fit at the same time, as a number.
    pub units: usize,
    /// The largest mapping, in bytes.
    pub largest: usize,
    /// The error number of a mapping of [`UNIT`] and one page; 0 where it succeeded.
    pub refusal: i32,
    /// Whether a mapping of [`UNIT`] succeeded right after that refusal: if so, the number of
    /// mappings was not its cause.
    pub unit_fits: bool,
    /// The largest mapping once one separator is unmapped, in bytes.
    pub joined: usize,
    /// Reservations that it took to fill the address space.
    pub reservations: usize,
    /// What /proc/self/maps had of it.
    pub seen: Seen,
}

/// What /proc/self/maps showed of the arena.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Seen {
    /// Gaps between mappings in the arena, as a number.
    pub gaps: usize,
    /// Bytes of all gaps.
    pub free: usize,
    /// The largest gap, in bytes.
    pub largest: usize,
    /// The largest gap once one separator was unmapped, in bytes.
    pub largest_after: usize,
}

/// Where the holes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holes {
    /// Every second unit of the arena.
    Scattered,
    /// The lower half of the arena, in one piece.
    Together,
}

/// Fills the address space of this process with no more than `spare` mappings, makes holes of
/// 512 MiB in all, and looks for the largest mapping. Everything is given back before it returns.
///
/// # Errors
/// The arena cannot be reserved; munmap fails for another reason than vm.max_map_count; /proc is
/// not mounted.
pub fn measure(holes: Holes, page: usize, spare: usize) -> Result<Outcome> {
    // Each hole splits a mapping, and the arena is one.
    let most = MAX_RESERVATIONS.min(spare.saturating_sub(2 * HOLES + 1));
    let mut desk = Desk::new(most)?;
    let arena = Reservation::new(ARENA).context("mmap an arena of 1 GiB")?;
    fill(&mut desk.taken, most, page);
    let reservations = desk.taken.len();
    let whole = arena.at..arena.at + arena.size;
    let room = (reservations < most).then(|| probe(&mut desk, arena, holes, page));
    // What follows allocates.
    desk.taken.clear();
    Ok(match room {
        None => Outcome::Obstructed(format!(
            "{most} mappings do not fill the gaps of this address space, and more are not tried: \
             {MAX_RESERVATIONS} at most, and no more than vm.max_map_count allows"
        )),
        Some(Err(Errno::ENOMEM)) => Outcome::Obstructed(
            "munmap inside the arena: ENOMEM, which is vm.max_map_count and not a want of room"
                .into(),
        ),
        Some(room) => {
            let mut room = room.context("munmap inside the arena")?;
            room.reservations = reservations;
            room.seen = seen(&desk, &whole);
            Outcome::Measured(room)
        }
    })
}

/// What is written down while nothing may allocate: each has its memory before.
struct Desk {
    taken: Vec<Reservation>,
    /// What stands between the holes; given back at the end, with the rest of the arena.
    separators: Vec<Reservation>,
    units: Vec<Reservation>,
    maps: File,
    /// The text of /proc/self/maps with the holes, and after one separator was unmapped.
    texts: [Vec<u8>; 2],
}

impl Desk {
    fn new(most: usize) -> Result<Desk> {
        let text = || vec![0; TEXT];
        Ok(Desk {
            taken: Vec::with_capacity(most),
            separators: Vec::with_capacity(HOLES),
            units: Vec::with_capacity(HOLES + 1),
            maps: File::open("/proc/self/maps").context("open /proc/self/maps")?,
            texts: [text(), text()],
        })
    }

    /// Reads /proc/self/maps; what does not fit is left out, and shows as a gap.
    fn copy_maps(&mut self, which: usize) -> Result<(), Errno> {
        use std::io::Seek;
        let errno = |error: std::io::Error| observe::errno(&error);
        self.maps.rewind().map_err(errno)?;
        let mut filled = 0;
        loop {
            match self.maps.read(&mut self.texts[which][filled..]) {
                Ok(0) => return Ok(()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(errno(error)),
            }
        }
    }
}

/// Reserves what is left of the address space, the largest pieces first, with `most` reservations.
/// The address space is full if it took less.
fn fill(taken: &mut Vec<Reservation>, most: usize, page: usize) {
    let mut size = 1usize << 62;
    while size >= page && taken.len() < most {
        match Reservation::new(size) {
            Ok(reservation) => taken.push(reservation),
            Err(_) => size /= 2,
        }
    }
}

fn probe(
    desk: &mut Desk,
    mut arena: Reservation,
    holes: Holes,
    page: usize,
) -> Result<Room, Errno> {
    match holes {
        Holes::Scattered => {
            for _ in 0..HOLES {
                arena.cut(UNIT).release()?;
                desk.separators.push(arena.cut(UNIT));
            }
        }
        Holes::Together => {
            arena.cut(HOLES * UNIT).release()?;
            desk.separators.push(arena.cut(UNIT));
        }
    }
    desk.copy_maps(0)?;
    let units = units(&mut desk.units)?;
    let largest = largest(page)?;
    let refusal = attempt(UNIT + page)?.map_or_else(|errno| errno as i32, |()| 0);
    let unit_fits = attempt(UNIT)?.is_ok();
    desk.separators.swap_remove(0).release()?;
    desk.copy_maps(1)?;
    let joined = self::largest(page)?;
    desk.separators.clear();
    Ok(Room {
        units,
        largest,
        refusal,
        unit_fits,
        joined,
        reservations: 0,
        seen: Seen::default(),
    })
}

/// What both texts say of the gaps in `arena`.
fn seen(desk: &Desk, arena: &Range<usize>) -> Seen {
    let [before, after] = [&desk.texts[0], &desk.texts[1]].map(|text| {
        // The rest of its buffer is empty.
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        gaps(&maps::parse(text), arena)
    });
    let largest = |gaps: &[usize]| gaps.iter().copied().max().unwrap_or(0);
    Seen {
        gaps: before.len(),
        free: before.iter().sum(),
        largest: largest(&before),
        largest_after: largest(&after),
    }
}

/// The sizes of the gaps between `mappings` inside `range`, in bytes.
fn gaps(mappings: &[Mapping], range: &Range<usize>) -> Vec<usize> {
    let mut gaps = Vec::new();
    let mut at = range.start as u64;
    let end = range.end as u64;
    for mapping in mappings {
        if mapping.end <= at {
            continue;
        }
        let start = mapping.start.min(end);
        gaps.extend((start > at).then(|| (start - at) as usize));
        at = mapping.end;
        if at >= end {
            return gaps;
        }
    }
    gaps.push((end - at) as usize);
    gaps
}

/// Takes units until no more fits, up to one more than there should be, and gives them back.
fn units(taken: &mut Vec<Reservation>) -> Result<usize, Errno> {
    while taken.len() <= HOLES
        && let Ok(unit) = Reservation::new(UNIT)
    {
        taken.push(unit);
    }
    let count = taken.len();
    taken.drain(..).try_for_each(Reservation::release)?;
    Ok(count)
}

/// Bisection over whole pages.
fn largest(page: usize) -> Result<usize, Errno> {
    let (mut fits, mut fails) = (0, ARENA / page + 1);
    while fails - fits > 1 {
        let pages = fits + (fails - fits) / 2;
        match attempt(pages * page)? {
            Ok(()) => fits = pages,
            Err(_) => fails = pages,
        }
    }
    Ok(fits * page)
}

/// Reserves `size` bytes of addresses and gives them back: what mmap said, and an error where
/// munmap fails.
fn attempt(size: usize) -> Result<Result<(), Errno>, Errno> {
    match Reservation::new(size) {
        Ok(reservation) => reservation.release().map(Ok),
        Err(errno) => Ok(Err(errno)),
    }
}

/// What a person can do where mappings run out.
pub const MAPPINGS_REMEDY: &str = "as root: sysctl vm.max_map_count=65530; and run it without what \
                                 maps much into every process (LD_PRELOAD, a sanitizer)";

/// vm.max_map_count where nobody has changed it.
const USUAL_MAPPINGS: u64 = 65_530;

/// Makes sure that what will be refused is refused for want of room: no limit on the address
/// space's size, and mappings enough for the holes. Returns how many mappings this process may
/// still make.
///
/// # Errors
/// [`claim::NotMeasured`] when a limit is in the way.
pub fn room_is_the_only_limit() -> Result<usize> {
    use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
    let refuse = |why: String, enable: &str| Err(claim::NotMeasured::new(why, enable).into());
    let (soft, hard) = getrlimit(Resource::RLIMIT_AS).context("getrlimit RLIMIT_AS")?;
    if soft != RLIM_INFINITY {
        if hard != RLIM_INFINITY {
            let why = format!("RLIMIT_AS is {hard} bytes: its ENOMEM would not be fragmentation");
            return refuse(why, "ulimit -Hv unlimited");
        }
        setrlimit(Resource::RLIMIT_AS, hard, hard).context("setrlimit RLIMIT_AS")?;
    }
    // A kernel or a container may not show it; whether it was in the way is seen later, too.
    let limit = observe::sysctl::read(observe::sysctl::MAX_MAP_COUNT).unwrap_or(USUAL_MAPPINGS);
    let limit = usize::try_from(limit)?;
    let used = observe::maps::read(std::process::id() as i32)?.len();
    ensure!(used > 0, "/proc/self/maps is empty");
    if limit < used + 4 * HOLES {
        let why =
            format!("vm.max_map_count is {limit}; {used} mappings and {HOLES} holes need more");
        return refuse(why, MAPPINGS_REMEDY);
    }
    Ok(limit - used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_lies_between_mappings() {
        let text = "1000-2000 ---p 00000000 00:00 0\n4000-5000 ---p 00000000 00:00 0\n\
                    5000-6000 rw-p 00000000 00:00 0\n9000-a000 ---p 00000000 00:00 0\n";
        let mappings = maps::parse(text);
        assert_eq!(gaps(&mappings, &(0x1000..0xa000)), [0x2000, 0x3000]);
        assert_eq!(gaps(&mappings, &(0x1800..0x8000)), [0x2000, 0x2000]);
        assert_eq!(gaps(&mappings, &(0x5000..0x6000)), [0; 0]);
        assert_eq!(gaps(&[], &(0x5000..0x6000)), [0x1000]);
    }
}
