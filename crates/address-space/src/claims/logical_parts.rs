//! A process consists of parts of different kind and size: the textbook's segments, as mappings.
#![expect(unsafe_code, reason = "sbrk, to know where the heap ends")]

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use claim::{Act, Arm, Claim, Does, InControl, Name, NotMeasured, Quantity, Reading};
use observe::maps::Mapping;
use present::foreign_text::escape;
use present::units::bytes;

use crate::evidence::mappings;
use crate::layout;

/// Read-only data of this program.
static CONSTANT: &str = "lies in the file, and no store reaches it";
/// Writable data of this program, with a first value that the file holds.
static VARIABLE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(42);

const MAPPINGS: Quantity = Name("mappings that hold the six parts").count(6, 1);

const PLACE: Act = Does("takes the address of one thing of each kind")
    .in_memory()
    .shown_by(
        "what /proc/self/stat tells of the program's code and data, and of heap and stack; where \
         it has no addresses, the program's headers, [heap] in /proc/self/maps and AT_RANDOM",
    )
    .in_control(InControl::Not)
    .or_not_measured("use a kernel whose /proc/self/stat has start_code, start_data and start_brk");

pub(super) const CLAIM: Claim = Claim {
    id: "logical-parts",
    statement: "Code, constants, variables, heap, stack and a library of a process lie in mappings \
                of their own, each with a beginning and an end of its own.",
    measures: "Takes the address of one thing of each kind in this very process and looks up the \
               mapping that holds it in /proc/self/maps. The textbook calls these logical parts \
               segments; the hardware's segment registers play no role in them.",
    control: "six addresses inside one array on the heap",
    notes: &[40],
    needs: &["/proc"],
    acts: &[PLACE],
    man: &["proc_pid_maps(5)", "proc_pid_stat(5)", "end(3)"],
    quantities: &[MAPPINGS],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let local = 0u8;
    let heap = vec![0u8; 6000];
    let on_heap = heap.as_ptr() as u64;
    let parts: [(&str, u64); 6] = match arm {
        Arm::Experiment => [
            ("code", measure as *const () as u64),
            ("constants", CONSTANT.as_ptr() as u64),
            ("variables", &raw const VARIABLE as u64),
            ("heap", on_heap),
            ("library", libc::malloc as *const () as u64),
            ("stack", &raw const local as u64),
        ],
        Arm::Control => [0, 1, 2, 3, 4, 5].map(|i| ("array", on_heap + i * 1000)),
    };
    let mappings = mappings()?;
    let mut held: Vec<(&str, &Mapping)> = Vec::new();
    for (name, address) in parts {
        let holds = |mapping: &&Mapping| (mapping.start..mapping.end).contains(&address);
        let mapping = mappings.iter().find(holds);
        held.push((
            name,
            mapping.with_context(|| format!("no mapping holds the {name}"))?,
        ));
    }
    if arm == Arm::Experiment && held[0].1.path == held[4].1.path {
        let why = "this program is linked statically: the C library lies in the program's own file";
        return NotMeasured::err(why, "build it for a target with shared libraries");
    }
    if arm == Arm::Experiment && held[3].1.path != "[heap]" {
        let why = "malloc of this program takes its memory from elsewhere than the heap of brk(2)";
        return NotMeasured::err(why, "run it with the C library's own malloc");
    }
    held.sort_by_key(|(_, mapping)| mapping.start);
    let starts: BTreeSet<u64> = held.iter().map(|(_, mapping)| mapping.start).collect();
    let kinds: BTreeSet<String> = held
        .iter()
        .map(|(_, mapping)| mapping.permissions.to_string())
        .collect();
    Ok(Reading::kernel()
        .act(&PLACE, is_one_of_each(&parts.map(|(_, address)| address))?)
        .with(&MAPPINGS, starts.len())
        .note(format!("{} different permissions among them", kinds.len()))
        .figure(draw(&held)))
}

/// Whether these are, in the order of the experiment, addresses of the kinds that they stand for,
/// by what the kernel noted when it started the program. Constants and the library are in none of
/// the parts that it noted.
fn is_one_of_each(addresses: &[u64; 6]) -> Result<bool> {
    let Some(layout) = layout::own()? else {
        return Ok(false);
    };
    // SAFETY: sbrk(0) moves nothing and answers where the heap ends.
    let heap = layout.heap_start..unsafe { libc::sbrk(0) } as u64;
    // No stack of a first thread is larger than this without being asked for.
    let stack = layout.stack_start.saturating_sub(1 << 30)..layout.stack_start;
    let kind = |address: &u64| match address {
        it if layout.code.contains(it) => "code",
        it if layout.data.contains(it) => "variables",
        it if heap.contains(it) => "heap",
        it if stack.contains(it) => "stack",
        _ => "none",
    };
    let kinds = addresses.each_ref().map(kind);
    Ok(kinds == ["code", "none", "variables", "heap", "none", "stack"])
}

/// The parts from high addresses to low, the way the textbook draws them.
fn draw(held: &[(&str, &Mapping)]) -> String {
    let mut figure = String::new();
    for (name, mapping) in held.iter().rev() {
        let file = Path::new(&mapping.path).file_name().map(escape);
        let file = file.unwrap_or_default();
        figure += &format!(
            "{:>12x}  {}  {:>9}  {name:<9}  {file}\n",
            mapping.start,
            mapping.permissions,
            bytes(mapping.len())
        );
    }
    figure
}
