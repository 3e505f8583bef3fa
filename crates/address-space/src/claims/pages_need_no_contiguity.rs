//! The page table puts pages in any order, and moves them without moving a byte.

use std::collections::HashSet;
use std::io::Write;
use std::ops::Range;
use std::os::unix::process::parent_id;

use anyhow::{Context, Result};
use claim::InControl::{Instead, Not};
use claim::{Act, Arm, Claim, Does, Name, Quantity, Reading, Surprise};
use harness::memory::{Memory, MemoryInUse, is_pagemap_missing, minor_faults, pages};
use harness::memory::{present, resident};
use nix::sys::memfd::{MFdFlags, memfd_create};
use observe::maps::Mapping;
use observe::pagemap::{Page, Pagemap};

use super::page_size;
use crate::evidence::{BASE_PAGES, addresses, every_page_holds, forbid_huge_pages};
use crate::evidence::{is_free, is_mapped, mappings};

const PAGES: usize = 1024;
const FILE_PAGES: usize = 16;

const REVERSED: Quantity = Name("pages of a file, of 16, that read in reverse order")
    .count(FILE_PAGES as u64, 0)
    .unit("pages");
const SERVED: Quantity =
    Name("pages in memory, of 512 asked for at once, once every second of 1024 was given back")
        .count(PAGES as u64 / 2, 0)
        .unit("pages");
const STAYED: Quantity =
    Name("pages at another address, of 1024, on the frame they were on before")
        .count(PAGES as u64, 0)
        .unit("pages");

const MAP_FILE: Act = Does("maps 16 pages of a file one by one")
    .call("mmap", "4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED")
    .times(FILE_PAGES)
    .shown_by("rw-s and an inode for each of them in /proc/self/maps");
const TURN: Act = Does("lets the first page show the last one of the file")
    .in_memory()
    .shown_by("the offsets in /proc/self/maps fall from page to page")
    .in_control(Not);
const GIVE_BACK: Act = Does("gives back every second page")
    .call("madvise", "4096, MADV_DONTNEED")
    .times(PAGES / 2)
    .shown_by("pagemap has every second page in memory, and all stay in /proc/self/maps")
    .in_control(Instead("munmap", "4096"));
const ASK: Act = Does("asks for 512 pages at once, wherever they lie")
    .call(
        "mmap",
        "NULL, 2097152, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS",
    )
    .shown_by("rw-p for all of them in /proc/self/maps")
    .in_control(Instead(
        "mmap",
        "2097152, PROT_READ|PROT_WRITE … MAP_FIXED_NOREPLACE … EEXIST",
    ));
const WRITE: Act = Does("writes each page that it got")
    .in_memory()
    .shown_by("each byte, when it is read, has the value that was written")
    .in_control(Not);
const SHARE: Act = Does("lets a child share the frames")
    .call("clone", "SIGCHLD")
    .shown_by("the parent that getppid(2) tells the child; pagemap has no page that is exclusive");
const MOVE: Act = Does("moves the pages")
    .call("mremap", "4194304, 4194304, MREMAP_MAYMOVE|MREMAP_FIXED")
    .shown_by("the new addresses and not the old ones in /proc/self/maps")
    .in_control(Not);
const ARRIVE: Act = Does("writes the pages before they get another address")
    .in_memory()
    .shown_by("each byte, read at the other address, has the value that was written");

pub(super) const CLAIM: Claim = Claim {
    id: "pages-need-no-contiguity",
    statement: "Addresses and memory are tied page by page: a file can be mapped backwards, a \
                large request is served from wherever frames are free, and mremap moves pages \
                without copying.",
    measures: "Maps the 16 pages of a memfd in reverse order and reads them; gives back every \
               second of 1024 pages and asks for 512 at once; lets a forked child share the \
               frames of 1024 pages, moves the pages to another address with mremap, and asks \
               pagemap how many of them are shared with the child still.",
    control: "the file in its own order; the 512 pages asked for at the addresses that were given \
              back, which must be contiguous; memcpy to a new mapping",
    surprise: Some(Surprise::Small("mremap moves 1024 pages and copies none")),
    notes: &[41, 42, 43, 44],
    example: Some("file_mapped_backwards"),
    needs: &["/proc/self/pagemap"],
    acts: &[
        MAP_FILE, TURN, BASE_PAGES, GIVE_BACK, ASK, WRITE, SHARE, MOVE, ARRIVE,
    ],
    man: &[
        "mmap(2)",
        "mremap(2)",
        "memfd_create(2)",
        "proc_pid_pagemap(5)",
    ],
    quantities: &[REVERSED, SERVED, STAYED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let page = page_size();
    super::ask_for(4 * PAGES * page)?;
    let reading = read_reversed(Reading::kernel(), arm, page)?;
    let reading = ask_after_scattering(reading, arm, page)?;
    let reading = move_pages(reading, arm, page)?;
    Ok(match is_pagemap_missing() {
        true => reading.caveat(
            "this kernel has no pagemap, so that smaps tells what is in memory, and the memory \
             that the machine has in use whether a page got another frame",
        ),
        false => reading,
    })
}

/// Pages of a file, mapped one by one, read as if the file had been turned round.
fn read_reversed(reading: Reading, arm: Arm, page: usize) -> Result<Reading> {
    let mut file = std::fs::File::from(
        memfd_create(c"witness-pages", MFdFlags::MFD_CLOEXEC).context("memfd_create")?,
    );
    for number in 0..FILE_PAGES {
        file.write_all(&vec![number as u8; page])
            .context("write to a memfd")?;
    }
    let mut order: Vec<usize> = (0..FILE_PAGES).collect();
    if arm == Arm::Experiment {
        order.reverse();
    }
    let mapped = Memory::map_pages(&file, page, &order)?;
    let read = mapped.first_bytes(1);
    let numbered = read.chunks_exact(page).enumerate();
    let reversed = numbered.filter(|(i, bytes)| {
        let mut bytes = bytes.iter();
        bytes.all(|&byte| usize::from(byte) == FILE_PAGES - 1 - i)
    });
    let maps = mappings()?;
    let offsets: Option<Vec<u64>> = addresses(&mapped)
        .step_by(page)
        .map(|address| offset(&maps, address))
        .collect();
    let falls = |offsets: &Vec<u64>| offsets.windows(2).all(|pair| pair[0] > pair[1]);
    Ok(reading
        .act(
            &MAP_FILE,
            offsets.is_some() && is_mapped(&maps, &addresses(&mapped), "rw-s"),
        )
        .act(&TURN, offsets.as_ref().is_some_and(falls))
        .with(&REVERSED, reversed.count()))
}

/// Where in its file the byte at `address` lies; none where no file is mapped there.
fn offset(maps: &[Mapping], address: usize) -> Option<u64> {
    let address = address as u64;
    let holds = |it: &&Mapping| (it.start..it.end).contains(&address) && it.inode != 0;
    let mapping = maps.iter().find(holds)?;
    Some(mapping.offset + (address - mapping.start))
}

/// Fragments memory and then asks for a large piece: how many of its pages are in memory.
fn ask_after_scattering(reading: Reading, arm: Arm, page: usize) -> Result<Reading> {
    let size = PAGES / 2 * page;
    let mut memory = Memory::private(PAGES * page)?;
    let base_pages = forbid_huge_pages(&memory)?;
    memory.write_every(page, 1);
    let whole = addresses(&memory);
    let (large, punched) = match arm {
        Arm::Experiment => {
            memory.discard_every_second(page)?;
            let punched = match is_pagemap_missing() {
                true => resident(&memory)?.0 as usize == whole.len() / 2,
                false => is_punched(&whole, page)?,
            };
            (Ok(Memory::private(size)?), punched)
        }
        Arm::Control => {
            let large = memory.ask_for_its_gaps(page, size)?;
            (large, !is_pagemap_missing() && is_punched(&whole, page)?)
        }
    };
    let reading = reading
        .act(&BASE_PAGES, base_pages)
        .act(&GIVE_BACK, punched);
    let mut large = match large {
        Ok(large) => large,
        Err(errno) => {
            let note = format!("mmap at the first gap: {errno}");
            let reading = reading.act(&ASK, false).act(&WRITE, false);
            return Ok(reading.with(&SERVED, 0_u64).note(note));
        }
    };
    forbid_huge_pages(&large)?;
    large.write_every(page, 1);
    let shown = shown_pages(&large)?.unwrap_or_default();
    let frames: HashSet<u64> = shown.into_iter().filter_map(Page::frame).collect();
    let is_alone =
        |frame: &&u64| !frames.contains(&(*frame + 1)) && !frames.contains(&(*frame - 1));
    let reading = match frames.len() {
        0 => reading,
        got => reading.note(format!(
            "of the {got} frames that served the large request, {} had no neighbour among them",
            frames.iter().filter(is_alone).count()
        )),
    };
    Ok(reading
        .act(&ASK, is_mapped(&mappings()?, &addresses(&large), "rw-p"))
        .with(&SERVED, present(&large)?)
        .act(&WRITE, every_page_holds(&large, page, 1)))
}

/// Whether every second page of `range` is in memory, and all of it is mapped still.
fn is_punched(range: &Range<usize>, page: usize) -> Result<bool> {
    let pagemap = Pagemap::open(std::process::id() as i32)?;
    let pages = pagemap.pages(range.start as u64, range.len() as u64)?;
    let alternate = |(i, it): (usize, &Page)| it.present() == (i % 2 == 0);
    let punched = pages.iter().enumerate().all(alternate) && pages.len() == range.len() / page;
    Ok(punched && is_mapped(&mappings()?, range, "rw-p"))
}

/// What pagemap tells of `memory`; none where the kernel has none.
fn shown_pages(memory: &Memory) -> Result<Option<Vec<Page>>> {
    Ok((!is_pagemap_missing()).then(|| pages(memory)).transpose()?)
}

/// Pages by which the memory in use has grown since `before`; 0 where pagemap tells more.
fn growth_since(before: Option<MemoryInUse>, page: usize) -> Result<u64> {
    let grown = |before| Ok(MemoryInUse::now()?.pages_since(before, page));
    before.map_or(Ok(0), grown)
}

/// How many of the moved pages are on a frame that the child has, too: by what pagemap shows of
/// them, and where there is none by how many pages were not needed anew.
fn count_stayed(now: Option<&Vec<Page>>, new: u64) -> usize {
    let stayed = |page: &&Page| page.present() && !page.exclusive();
    match now {
        Some(pages) => pages.iter().filter(stayed).count(),
        None => PAGES.saturating_sub(new as usize),
    }
}

/// Gives pages another address while a child keeps their frames: a frame that the child maps, too,
/// is an old one.
fn move_pages(reading: Reading, arm: Arm, page: usize) -> Result<Reading> {
    let (mut memory, mut target) = (plain_memory(page)?, plain_memory(page)?);
    let at_start = MemoryInUse::for_pagemap()?;
    memory.write_every(page, 1);
    let mut sharer = child::fork("sharer", |parent| {
        parent.send(&parent_id())?;
        Ok(parent.checkpoint()?)
    })?;
    let forked_by: u32 = sharer.recv()?;
    sharer.at_checkpoint()?;
    let (old, frames) = (addresses(&memory), shown_pages(&memory)?);
    let is_shared = match &frames {
        Some(pages) => !pages.iter().any(|page| page.exclusive()),
        // So many were written; a fork that copied them would have taken as many again.
        None => growth_since(at_start, page)? < (PAGES + PAGES / 2) as u64,
    };
    let at_move = MemoryInUse::for_pagemap()?;
    let before = minor_faults()?;
    let moved = match arm {
        Arm::Experiment => memory.move_onto(target)?,
        Arm::Control => {
            target.bytes().copy_from_slice(memory.bytes());
            target
        }
    };
    moved.read_every(page);
    let faults = minor_faults()? - before;
    let (now, new) = (shown_pages(&moved)?, growth_since(at_move, page)?);
    let maps = mappings()?;
    let stayed = match addresses(&moved).start != old.start {
        true => count_stayed(now.as_ref(), new),
        false => 0,
    };
    let reading = reading
        .act(&SHARE, forked_by == std::process::id() && is_shared)
        .act(
            &MOVE,
            is_mapped(&maps, &addresses(&moved), "rw-p") && is_free(&maps, &old),
        )
        .act(&ARRIVE, every_page_holds(&moved, page, 1))
        .with(&STAYED, stayed)
        .note(format!(
            "the pages were read at the other address with {faults} minor faults"
        ));
    sharer.release()?;
    sharer.join()?;
    let (Some(now), Some(frames), Arm::Experiment) = (now, frames, arm) else {
        return Ok(reading);
    };
    let same = |(new, old): &(&Page, &Page)| new.frame().is_some() && new.frame() == old.frame();
    Ok(match now.iter().zip(&frames).filter(same).count() {
        0 => reading,
        same => reading.note(format!(
            "pagemap shows the same frame number as before for {same} of the {PAGES} pages"
        )),
    })
}

/// Private memory in base pages only.
fn plain_memory(page: usize) -> Result<Memory> {
    let memory = Memory::private(PAGES * page)?;
    forbid_huge_pages(&memory)?;
    Ok(memory)
}
