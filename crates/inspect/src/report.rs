//! Everything seen of one process, as the JSON document has it (`schema` 1), and how it is
//! gathered.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;

use observe::smaps::Usage;
use observe::sysctl;
use present::foreign_text::serialize_name;
use serde::{Serialize, Serializer};

use super::Error;
use super::frames::{self, Frames};
use super::heap::{self, Heap, HeapError};
use super::limits::Room;
use super::map::{self, Kind, MappingReport, Part};
use super::space::{AddressSpace, Bounds};
use super::target::Target;
use super::waste::{self, Waste};
use super::width::Width;

/// Everything seen of one process. Sizes are bytes.
#[derive(Debug, Clone, Serialize)]
pub struct InspectReport {
    /// Version of this document's form.
    pub schema: u32,
    /// The process.
    pub pid: i32,
    /// Its name (proc_pid_comm(5)).
    #[serde(flatten, serialize_with = "serialize_command")]
    pub command: OsString,
    /// Bits of its addresses: 32 or 64.
    pub address_bits: u8,
    /// The logical parts, in the order of [`Kind`].
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

impl InspectReport {
    /// Resident bytes of the mappings that are for `kind`.
    pub fn resident(&self, kind: Kind) -> u64 {
        let parts = self.parts.iter().filter(|part| part.part == kind);
        parts.fold(0, |sum: u64, part| sum.saturating_add(part.resident))
    }
}

fn serialize_command<S: Serializer>(name: &OsStr, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_name(["command", "command_bytes"], name, serializer)
}

/// Looks at process `pid`.
///
/// # Errors
/// [`Error::NoSuchProcess`], [`Error::KernelThread`], [`Error::Zombie`], [`Error::Ended`],
/// [`Error::NotPermitted`]. What else cannot be seen stands in the report.
pub fn inspect(pid: i32) -> Result<InspectReport, Error> {
    let target = Target::open(pid)?;
    let usages = target.usages()?;
    let mut unseen = Unseen::new();
    let width = Width::read(pid).unwrap_or_else(|error| {
        unseen.note_missed("whether its addresses have 32 bits (taken for 64)", &error);
        Width::Bits64
    });
    let heap = walk_heap(&target, width, &usages, &mut unseen);
    let bounds = bounds(pid, width, &mut unseen);
    let (waste, refused) = waste::measure(&target, &usages);
    if let Some(error) = refused {
        unseen.note_missed("use of huge pages", &error);
    }
    if waste.huge_looked_at < waste.huge_pages {
        let cut = "not all of them were found and looked at within what a report may cost";
        unseen.note_missed("use of huge pages", &cut);
    }
    let frames = measure_frames(&target, &usages, &mut unseen);
    let after = target.mappings()?;
    let range_before = usages
        .iter()
        .map(|usage| (usage.mapping.start, usage.mapping.end));
    let range_after = after.iter().map(|mapping| (mapping.start, mapping.end));
    let changed_meanwhile = !range_before.eq(range_after);
    let kinds = map::kinds(&target, &usages);
    let mut mappings = map::mappings(&usages, &kinds);
    for (mapping, usage) in mappings.iter_mut().zip(&usages) {
        if let Some(path) = target.exact_path(&usage.mapping) {
            mapping.path = path;
        }
    }
    let heap_changed = heap.as_ref().is_some_and(|heap| heap.changed);
    Ok(InspectReport {
        schema: 1,
        pid,
        command: target.command,
        address_bits: width.bits(),
        parts: map::parts(&usages, &kinds),
        mappings,
        address_space: AddressSpace::new(&usages, bounds),
        waste,
        heap,
        frames,
        changed_meanwhile,
        partial: unseen.partial || changed_meanwhile || heap_changed,
        unseen: unseen.lines,
    })
}

/// What could not be seen.
struct Unseen {
    lines: Vec<String>,
    /// Whether anything of it could have been seen.
    partial: bool,
}

impl Unseen {
    /// What no report shows.
    fn new() -> Unseen {
        Unseen {
            lines: vec![
                "other threads' arenas; chunks in thread caches and fast bins look live".to_owned(),
            ],
            partial: false,
        }
    }

    /// Something that is not there to be seen, and why.
    fn note_absent(&mut self, what: &str, why: &dyn Display) {
        self.lines.push(format!("{what}: {why}"));
    }

    /// Something that could have been seen, and why it was not.
    fn note_missed(&mut self, what: &str, why: &dyn Display) {
        self.note_absent(what, why);
        self.partial = true;
    }
}

fn walk_heap(target: &Target, width: Width, usages: &[Usage], unseen: &mut Unseen) -> Option<Heap> {
    match heap::walk(target, width, usages) {
        Ok(heap) => {
            if let Some(other) = &heap.other_allocator {
                let why = "the program maps this library, and no heap but glibc's is walked";
                unseen.note_absent(&format!("heap of {other}"), &why);
            }
            Some(heap)
        }
        Err(HeapError::Absent(why)) => {
            unseen.note_absent("glibc heap", &why);
            None
        }
        Err(HeapError::Refused(error)) => {
            unseen.note_missed("glibc heap", &error);
            None
        }
    }
}

fn bounds(pid: i32, width: Width, unseen: &mut Unseen) -> Bounds {
    let room = Room::read(pid).unwrap_or_else(|error| {
        unseen.note_missed("RLIMIT_AS and RLIMIT_DATA", &error);
        Room::default()
    });
    let max_mappings = sysctl::read(sysctl::MAX_MAP_COUNT);
    let max_mappings = max_mappings.map_err(|error| unseen.note_missed("vm.max_map_count", &error));
    Bounds {
        lowest: sysctl::read(sysctl::MMAP_MIN_ADDR).unwrap_or(65536),
        end: width.end_of_user_space(pid),
        room,
        max_mappings: max_mappings.ok(),
    }
}

fn measure_frames(target: &Target, usages: &[Usage], unseen: &mut Unseen) -> Option<Frames> {
    match frames::measure(target, usages) {
        Ok(frames) => {
            if frames.cut_short {
                let cut = "there are too many pages to look at all";
                unseen.note_missed("physical runs", &cut);
            }
            Some(frames)
        }
        Err(error) => {
            unseen.note_missed("physical runs", &error);
            None
        }
    }
}
