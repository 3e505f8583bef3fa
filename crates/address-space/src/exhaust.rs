//! An address space without room: what the claim on its fragmentation does in its child.
//!
//! Everything but one arena is reserved, so that holes punched into the arena are the only room left.
//! Between the first reservation and the last munmap nothing may allocate: there would be no room.
#![expect(
    unsafe_code,
    reason = "mmap and munmap of ranges that are not kept in values"
)]

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
const MOST: usize = 4096;

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
    /// Whether a mapping of [`UNIT`] succeeded right after that one: if so, it was not the number of
    /// mappings that ran out.
    pub unit_fits: bool,
    /// The largest mapping once one separator is gone, in bytes.
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

/// Fills the address space of this process with no more than `spare` mappings, makes holes of 512 MiB in
/// all, and looks for the largest mapping. Everything is given back before it returns.
///
/// # Errors
/// The arena cannot be reserved; munmap fails for another reason than vm.max_map_count.
pub fn measure(holes: Holes, page: usize, spare: usize) -> Result<Outcome> {
    let mut taken = [(0usize, 0usize); MOST];
    // Each hole splits a mapping, and the arena is one.
    let most = MOST.min(spare.saturating_sub(2 * HOLES + 1));
    let mut reservations = 0;
    let arena = reserve(ARENA).context("mmap an arena of 1 GiB")?;
    let mut size = 1usize << 62;
    let mut full = most == 0;
    while size >= page && !full {
        match reserve(size) {
            Ok(at) => {
                taken[reservations] = (at, size);
                reservations += 1;
                full = reservations == most;
            }
            Err(_) => size /= 2,
        }
    }
    let room = match full {
        true => None,
        false => Some(probe(arena, holes, page, reservations)),
    };
    // SAFETY: the arena is reserved, or parts of it are; nothing else can have been mapped into it.
    let arena = unsafe { release(arena, ARENA) };
    for &(at, size) in &taken[..reservations] {
        // Whole reservations; one that stays takes addresses of a child that is about to end.
        // SAFETY: reserved above and not released since.
        let _ = unsafe { release(at, size) };
    }
    arena.context("munmap the arena")?;
    Ok(match room {
        None => Outcome::Obstructed(format!(
            "{most} mappings do not fill the gaps of this address space, and more are not tried: {MOST} at most, \
             and no more than vm.max_map_count allows"
        )),
        Some(Err(Errno::ENOMEM)) => Outcome::Obstructed(
            "munmap inside the arena: ENOMEM, which is vm.max_map_count and not a want of room"
                .into(),
        ),
        Some(room) => Outcome::Measured(room.context("munmap inside the arena")?),
    })
}

fn probe(arena: usize, holes: Holes, page: usize, reservations: usize) -> Result<Room, Errno> {
    let separator = match holes {
        Holes::Scattered => {
            for hole in 0..HOLES {
                // SAFETY: a unit of the reserved arena.
                unsafe { release(arena + 2 * hole * UNIT, UNIT) }?;
            }
            arena + UNIT
        }
        Holes::Together => {
            // SAFETY: the lower half of the reserved arena.
            unsafe { release(arena, HOLES * UNIT) }?;
            arena + HOLES * UNIT
        }
    };
    let units = units()?;
    let largest = largest(page)?;
    let refusal = attempt(UNIT + page)?.map_or_else(|errno| errno as i32, |()| 0);
    let unit_fits = attempt(UNIT)?.is_ok();
    // SAFETY: a unit of the arena that is reserved still.
    unsafe { release(separator, UNIT) }?;
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
    let mut taken = [0; HOLES + 1];
    let mut count = 0;
    while count < taken.len()
        && let Ok(at) = reserve(UNIT)
    {
        taken[count] = at;
        count += 1;
    }
    for &at in &taken[..count] {
        // SAFETY: reserved above.
        unsafe { release(at, UNIT) }?;
    }
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

/// Reserves `size` bytes of addresses and gives them back: what mmap said, and an error where munmap fails.
fn attempt(size: usize) -> Result<Result<(), Errno>, Errno> {
    Ok(match reserve(size) {
        // SAFETY: reserved in this very expression.
        Ok(at) => Ok(unsafe { release(at, size) }?),
        Err(errno) => Err(errno),
    })
}

/// Addresses without memory: PROT_NONE, and so not counted by vm.overcommit_memory either.
fn reserve(size: usize) -> Result<usize, Errno> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing that exists.
    let at = unsafe { libc::mmap(null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
    if at == libc::MAP_FAILED {
        Err(Errno::last())
    } else {
        Ok(at as usize)
    }
}

/// Gives addresses back.
///
/// # Safety
/// The range holds nothing but addresses that [`reserve`] returned, and those never were readable, so
/// that no reference points into them.
unsafe fn release(at: usize, size: usize) -> Result<(), Errno> {
    // SAFETY: as the caller promises.
    Errno::result(unsafe { libc::munmap(at as *mut libc::c_void, size) }).map(drop)
}

/// What a person can do where mappings run out.
pub const MORE_MAPPINGS: &str = "as root: sysctl vm.max_map_count=65530; and run it without what maps much into every \
                                 process (LD_PRELOAD, a sanitizer)";

/// Makes sure that what will be refused is refused for want of room: no limit on the address space's
/// size, and mappings enough for the holes. Returns how many mappings this process may still make.
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
    let used = observe::maps::of(std::process::id() as i32)?.len();
    ensure!(used > 0, "/proc/self/maps is empty");
    if limit < used + 4 * HOLES {
        let why =
            format!("vm.max_map_count is {limit}; {used} mappings and {HOLES} holes need more");
        return refuse(why, MORE_MAPPINGS);
    }
    Ok(limit - used)
}
