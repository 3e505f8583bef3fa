//! A living process from outside: its map, what it wastes, its holes, its heap, its frames. Reads only.
//!
//! [`inspect`] gathers the [`Report`]: [`map`] sorts the mappings into logical parts, [`space`] finds the
//! holes between them, up to the end that the process's [`width`] sets, and what its [`limits`] leave of them, [`heap`] walks glibc's main heap, [`waste`] looks into huge pages and behind the ends of
//! files, [`frames`] counts physical runs. [`text`] and [`svg`] draw it.

pub mod frames;
pub mod heap;
pub mod limits;
pub mod map;
pub mod space;
pub mod svg;
pub mod system;
pub mod target;
pub mod text;
pub mod waste;
pub mod width;

use anyhow::Result;
use frames::Frames;
use heap::Heap;
use limits::Room;
use map::{Kind, MappingReport, Part};
use observe::sysctl;
use serde::Serialize;
use space::AddressSpace;
use target::Target;
use waste::Waste;
use width::Width;

/// Everything seen of one process, as the JSON document has it. Sizes are bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Version of this document's form.
    pub schema: u32,
    /// The process.
    pub pid: i32,
    /// Its name (proc_pid_comm(5)).
    pub command: String,
    /// Bits of its addresses: 32 or 64.
    pub address_bits: u8,
    /// The logical parts, in the order of their addresses' kinds.
    pub parts: Vec<Part>,
    /// Every mapping in address order.
    pub mappings: Vec<MappingReport>,
    /// The holes between the mappings.
    pub address_space: AddressSpace,
    /// Internal waste.
    pub waste: Waste,
    /// glibc's main heap; null where there is none to see, and then `unseen` says why.
    pub heap: Option<Heap>,
    /// Physical runs; null where not permitted, and then `unseen` says why.
    pub frames: Option<Frames>,
    /// Whether the process changed its mappings while it was read: the parts then belong to
    /// different moments.
    pub changed_meanwhile: bool,
    /// Whether something that could have been seen was not.
    pub partial: bool,
    /// What could not be seen, and why.
    pub unseen: Vec<String>,
}

impl Report {
    /// Resident bytes of the mappings that are for `kind`.
    pub fn resident(&self, kind: Kind) -> u64 {
        let parts = self.parts.iter().filter(|part| part.part == kind);
        parts.map(|part| part.resident).sum()
    }
}

/// Looks at process `pid`.
///
/// # Errors
/// No such process, a kernel thread, a process that has ended, one that may not be looked at.
pub fn inspect(pid: i32) -> Result<Report> {
    let target = Target::open(pid)?;
    let usages = target.usages()?;
    let mut unseen =
        vec!["other threads' arenas; chunks in thread caches and fast bins look live".to_owned()];
    let mut partial = false;
    let mut see = |what: &str, error: anyhow::Error, missing: bool| {
        unseen.push(format!("{what}: {error:#}"));
        partial |= missing;
    };

    let width = Width::of(pid).unwrap_or_else(|error| {
        let what = "whether its addresses have 32 bits (taken for 64)";
        see(what, error, true);
        Width::Bits64
    });
    let heap = match heap::walk(&target, width, &usages) {
        Ok(heap) => Some(heap),
        Err(heap::Unwalked::Absent(why)) => {
            see("glibc heap", anyhow::anyhow!(why), false);
            None
        }
        Err(heap::Unwalked::Refused(error)) => {
            see("glibc heap", error, true);
            None
        }
    };
    if let Some(other) = heap.as_ref().and_then(|heap| heap.other_allocator.as_ref()) {
        let why = "the program maps this library, and no heap but glibc's is walked";
        see(&format!("heap of {other}"), anyhow::anyhow!(why), false);
    }
    let room = Room::of(pid).unwrap_or_else(|error| {
        see("RLIMIT_AS and RLIMIT_DATA", error, true);
        Room::default()
    });
    let max_mappings = sysctl::read(sysctl::MAX_MAP_COUNT);
    let max_mappings = max_mappings.map_err(|error| see("vm.max_map_count", error.into(), true));
    let waste = waste::measure(&target, &usages, |what, error| see(what, error, true));
    if waste.huge_looked_at < waste.huge_pages {
        let all = "not all of them were found and looked at within what a report may cost";
        see("use of huge pages", anyhow::anyhow!(all), true);
    }
    let frames = match frames::measure(&target, &usages) {
        Ok(frames) => {
            if frames.cut_short {
                let all = "there are too many pages to look at all";
                see("physical runs", anyhow::anyhow!(all), true);
            }
            Some(frames)
        }
        Err(error) => {
            see("physical runs", error, true);
            None
        }
    };
    let after = target.mappings()?;
    let before = usages
        .iter()
        .map(|usage| (usage.mapping.start, usage.mapping.end));
    let changed_meanwhile = !before.eq(after.iter().map(|mapping| (mapping.start, mapping.end)));
    let kinds = map::kinds(&target, &usages);
    let heap_changed = heap.as_ref().is_some_and(|heap| heap.changed);
    Ok(Report {
        schema: 1,
        pid,
        command: target.command.clone(),
        address_bits: width.bits(),
        parts: map::parts(&usages, &kinds),
        mappings: map::mappings(&usages, &kinds),
        address_space: space::address_space(pid, width, &usages, room, max_mappings.ok()),
        waste,
        heap,
        frames,
        changed_meanwhile,
        partial: partial || changed_meanwhile || heap_changed,
        unseen,
    })
}
