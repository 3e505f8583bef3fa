//! Fills the address space, then punches holes into it: what the claim on fragmentation does in its
//! child.
//!
//! Everything but one arena is reserved, so that holes punched into the arena are the only room
//! left. Between the first reservation and the last munmap nothing may allocate: there would be no
//! room. Each range of addresses is a value that owns it, so that only own ranges can be unmapped.
#![expect(unsafe_code, reason = "mmap and munmap of addresses without memory")]

use std::ptr::null_mut;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// Bytes of a hole and of the separator behind it.
pub const UNIT: usize = 1 << 20;
/// Number of holes.
pub const HOLES: usize = 512;

const ARENA: usize = 2 * HOLES * UNIT;
/// Reservations that fill the rest: a few for each power of two.
const MAX_RESERVATIONS: usize = 4096;

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
/// The arena cannot be reserved; munmap fails for another reason than vm.max_map_count.
pub fn measure(holes: Holes, page: usize, spare: usize) -> Result<Outcome> {
    // Each hole splits a mapping, and the arena is one.
    let most = MAX_RESERVATIONS.min(spare.saturating_sub(2 * HOLES + 1));
    let arena = Reservation::new(ARENA).context("mmap an arena of 1 GiB")?;
    let mut taken = [const { None }; MAX_RESERVATIONS];
    let reservations = fill(&mut taken[..most], page);
    let room = (reservations < most).then(|| probe(arena, holes, page, reservations));
    // What follows allocates.
    drop(taken);
    Ok(match room {
        None => Outcome::Obstructed(format!(
            "{most} mappings do not fill the gaps of this address space, and more are not tried: \
             {MAX_RESERVATIONS} at most, and no more than vm.max_map_count allows"
        )),
        Some(Err(Errno::ENOMEM)) => Outcome::Obstructed(
            "munmap inside the arena: ENOMEM, which is vm.max_map_count and not a want of room"
                .into(),
        ),
        Some(room) => Outcome::Measured(room.context("munmap inside the arena")?),
    })
}

/// Reserves what is left of the address space, the largest pieces first; returns their number.
/// The address space is full if that is less than the length of `taken`.
fn fill(taken: &mut [Option<Reservation>], page: usize) -> usize {
    let mut size = 1usize << 62;
    let mut count = 0;
    while size >= page && count < taken.len() {
        match Reservation::new(size) {
            Ok(reservation) => {
                taken[count] = Some(reservation);
                count += 1;
            }
            Err(_) => size /= 2,
        }
    }
    count
}

fn probe(
    mut arena: Reservation,
    holes: Holes,
    page: usize,
    reservations: usize,
) -> Result<Room, Errno> {
    // What stands between the holes; given back at the end, with the rest of the arena.
    let mut separators = [const { None }; HOLES];
    match holes {
        Holes::Scattered => {
            for separator in &mut separators {
                arena.cut(UNIT).release()?;
                *separator = Some(arena.cut(UNIT));
            }
        }
        Holes::Together => {
            arena.cut(HOLES * UNIT).release()?;
            separators[0] = Some(arena.cut(UNIT));
        }
    }
    let units = units()?;
    let largest = largest(page)?;
    let refusal = attempt(UNIT + page)?.map_or_else(|errno| errno as i32, |()| 0);
    let unit_fits = attempt(UNIT)?.is_ok();
    separators[0].take().map_or(Ok(()), Reservation::release)?;
    let joined = self::largest(page)?;
    Ok(Room {
        units,
        largest,
        refusal,
        unit_fits,
        joined,
        reservations,
    })
}

/// Takes units until no more fits, up to one more than there should be, and gives them back.
fn units() -> Result<usize, Errno> {
    let mut taken = [const { None }; HOLES + 1];
    let mut count = 0;
    while count < taken.len()
        && let Ok(unit) = Reservation::new(UNIT)
    {
        taken[count] = Some(unit);
        count += 1;
    }
    taken
        .into_iter()
        .flatten()
        .try_for_each(Reservation::release)?;
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

/// Addresses without memory (PROT_NONE), which vm.overcommit_memory does not count either. No other
/// value has any of them, and no reference points there, since they never were readable.
struct Reservation {
    at: usize,
    size: usize,
}

impl Reservation {
    /// Reserves `size` bytes where the kernel likes.
    fn new(size: usize) -> Result<Reservation, Errno> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing that exists.
        let at = unsafe { libc::mmap(null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
        if at == libc::MAP_FAILED {
            Err(Errno::last())
        } else {
            Ok(Reservation {
                at: at as usize,
                size,
            })
        }
    }

    /// Cuts the lowest `size` bytes off: whole pages, and no more than there are.
    fn cut(&mut self, size: usize) -> Reservation {
        let size = size.min(self.size);
        let lowest = Reservation { at: self.at, size };
        self.at += size;
        self.size -= size;
        lowest
    }

    /// Gives the addresses back.
    fn release(mut self) -> Result<(), Errno> {
        let whole = self.cut(self.size);
        let result = whole.unmap();
        // Those that could not be given back are not tried again.
        std::mem::forget(whole);
        result
    }

    fn unmap(&self) -> Result<(), Errno> {
        // SAFETY: these addresses are this value's alone, which is not used after this, and nothing
        // points to them. Whoever maps something takes addresses that are free, and these are not.
        Errno::result(unsafe { libc::munmap(self.at as *mut libc::c_void, self.size) }).map(drop)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.size > 0 {
            // One that stays takes addresses of a child that is about to end.
            let _ = self.unmap();
        }
    }
}

/// What a person can do where mappings run out.
pub const MAPPINGS_REMEDY: &str = "as root: sysctl vm.max_map_count=65530; and run it without what \
                                 maps much into every process (LD_PRELOAD, a sanitizer)";

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
    let limit = usize::try_from(observe::sysctl::read(observe::sysctl::MAX_MAP_COUNT)?)?;
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

    fn is_mapped(address: usize) -> Result<bool> {
        let maps = observe::maps::read(std::process::id() as i32)?;
        let address = address as u64;
        Ok(maps.iter().any(|m| (m.start..m.end).contains(&address)))
    }

    #[test]
    fn what_is_cut_off_is_given_back_alone() -> Result<()> {
        let mut whole = Reservation::new(3 * UNIT)?;
        let lowest = whole.cut(UNIT);
        let next = whole.cut(UNIT);
        assert_eq!(
            (next.at, whole.at),
            (lowest.at + UNIT, lowest.at + 2 * UNIT)
        );
        // Whether the hole is there is not asked: another test may map something into it at once.
        next.release()?;
        assert!(is_mapped(lowest.at)? && is_mapped(whole.at)?);
        let rest = whole.cut(2 * UNIT);
        assert_eq!((rest.size, whole.size), (UNIT, 0), "no more than there is");
        Ok(())
    }
}
