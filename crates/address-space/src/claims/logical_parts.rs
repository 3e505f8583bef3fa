//! A process consists of parts of different kind and size: the textbook's segments, as mappings.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Name, NotMeasured, Quantity, Reading};
use observe::maps::{self, Mapping};
use present::units::bytes;

/// Read-only data of this program.
static CONSTANT: &str = "lies in the file, and no store reaches it";
/// Writable data of this program, with a first value that the file holds.
static VARIABLE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(42);

const MAPPINGS: Quantity = Name("mappings that hold the six parts").count(6, 1);
const KINDS: Quantity = Name("different permissions among them").count(3, 1);

pub(super) const CLAIM: Claim = Claim {
    id: "logical-parts",
    statement: "Code, constants, variables, heap, stack and libraries of a process lie in mappings \
                of their own, each as large as it needs to be and with permissions of its own.",
    measures: "Takes the address of one thing of each kind in this very process and looks up the \
               mapping that holds it in /proc/self/maps. The textbook calls these logical parts \
               segments; the hardware's segment registers play no role in them.",
    control: "six addresses inside one array on the heap",
    notes: &[40],
    needs: &["/proc"],
    syscalls: &["mmap", "brk"],
    man: &["proc_pid_maps(5)", "end(3)"],
    quantities: &[MAPPINGS, KINDS],
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
    let mappings = maps::read(std::process::id() as i32)?;
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
        .with(&MAPPINGS, starts.len())
        .with(&KINDS, kinds.len())
        .figure(draw(&held)))
}

/// The parts from high addresses to low, the way the textbook draws them.
fn draw(held: &[(&str, &Mapping)]) -> String {
    let mut figure = String::new();
    for (name, mapping) in held.iter().rev() {
        let file = mapping.path.rsplit('/').next().unwrap_or_default();
        figure += &format!(
            "{:>12x}  {}  {:>9}  {name:<9}  {file}\n",
            mapping.start,
            mapping.permissions,
            bytes(mapping.len())
        );
    }
    figure
}
