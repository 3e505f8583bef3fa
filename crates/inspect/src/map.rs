//! The mappings sorted into logical parts.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use observe::maps::Mapping;
use observe::smaps::Usage;
use present::foreign_text::serialize_name;
use serde::{Serialize, Serializer};

use super::target::Target;

/// What a mapping is for: the logical part that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Machine code of the program.
    Code,
    /// Read-only data of the program.
    Constants,
    /// Writable data of the program, with what follows its file (`.bss`).
    Variables,
    /// The heap that brk(2) grows.
    Heap,
    /// Anonymous memory from mmap(2): large blocks, other arenas, threads' stacks.
    Anonymous,
    /// Addresses held without access (PROT_NONE).
    Reserved,
    /// Libraries: every part of another file of which some part is mapped executable.
    Library,
    /// Files that are mapped and not executed.
    File,
    /// Memory shared with other processes: memfd, shmem, System V.
    Shared,
    /// The main thread's stack.
    Stack,
    /// The kernel's own mappings: vdso, vvar, vsyscall.
    Kernel,
}

impl Kind {
    /// Its name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Code => "code",
            Kind::Constants => "constants",
            Kind::Variables => "variables",
            Kind::Heap => "heap",
            Kind::Anonymous => "anonymous",
            Kind::Reserved => "reserved",
            Kind::Library => "libraries",
            Kind::File => "files",
            Kind::Shared => "shared",
            Kind::Stack => "stack",
            Kind::Kernel => "kernel's",
        }
    }
}

/// The mappings of one kind, added up. Sizes are bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// What they are for.
    pub part: Kind,
    /// How many there are.
    pub mappings: usize,
    /// Addresses they take.
    pub size: u64,
    /// Resident (Rss).
    pub resident: u64,
    /// Resident, shared pages divided by their users (Pss).
    pub proportional: u64,
    /// Swapped out.
    pub swapped: u64,
}

/// One mapping. Sizes are bytes.
#[derive(Debug, Clone, Serialize)]
pub struct MappingReport {
    /// First address, in hexadecimal.
    pub start: String,
    /// First address after it, in hexadecimal.
    pub end: String,
    /// Length.
    pub size: u64,
    /// As in maps: `r-xp`.
    pub permissions: String,
    /// What it is for.
    pub part: Kind,
    /// The file or the kernel's name for it; empty for anonymous memory.
    #[serde(flatten, serialize_with = "serialize_path")]
    pub path: OsString,
    /// Resident (Rss).
    pub resident: u64,
    /// Resident, shared pages divided by their users (Pss).
    pub proportional: u64,
}

fn serialize_path<S: Serializer>(path: &OsStr, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_name(["path", "path_bytes"], path, serializer)
}

/// Adds up the mappings of each kind, in the order of the kinds.
pub(crate) fn parts(usages: &[Usage], kinds: &[Kind]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (usage, kind) in usages.iter().zip(kinds.iter().copied()) {
        let i = parts
            .iter()
            .position(|part| part.part == kind)
            .unwrap_or_else(|| {
                parts.push(Part {
                    part: kind,
                    mappings: 0,
                    size: 0,
                    resident: 0,
                    proportional: 0,
                    swapped: 0,
                });
                parts.len() - 1
            });
        let part = &mut parts[i];
        part.mappings += 1;
        part.size = part.size.saturating_add(usage.mapping.len());
        part.resident = part.resident.saturating_add(usage.rss);
        part.proportional = part.proportional.saturating_add(usage.pss);
        part.swapped = part.swapped.saturating_add(usage.swap);
    }
    parts.sort_by_key(|part| part.part);
    parts
}

/// Every mapping with what it is for.
pub(crate) fn mappings(usages: &[Usage], kinds: &[Kind]) -> Vec<MappingReport> {
    let described = usages
        .iter()
        .zip(kinds.iter().copied())
        .map(|(usage, part)| MappingReport {
            start: format!("{:#x}", usage.mapping.start),
            end: format!("{:#x}", usage.mapping.end),
            size: usage.mapping.len(),
            permissions: usage.mapping.permissions.to_string(),
            part,
            path: usage.mapping.path.clone(),
            resident: usage.rss,
            proportional: usage.pss,
        });
    described.collect()
}

/// What each mapping is for.
pub(crate) fn kinds(target: &Target, usages: &[Usage]) -> Vec<Kind> {
    let executed: HashSet<(&OsStr, u64)> = usages
        .iter()
        .filter(|usage| usage.mapping.permissions.execute)
        .map(|usage| (usage.mapping.path.as_os_str(), usage.mapping.inode))
        .collect();
    let program = target.program.as_deref().map(as_in_maps);
    let mut kinds: Vec<Kind> = Vec::with_capacity(usages.len());
    for (i, usage) in usages.iter().enumerate() {
        let mapping = &usage.mapping;
        let after_variables =
            i > 0 && kinds[i - 1] == Kind::Variables && usages[i - 1].mapping.end == mapping.start;
        let library = executed.contains(&(mapping.path.as_os_str(), mapping.inode));
        let is_program = program.as_ref() == Some(&mapping.path);
        kinds.push(kind(mapping, is_program, library, after_variables));
    }
    kinds
}

/// What /proc/PID/maps has for a line feed.
pub(crate) const LINE_FEED: &str = r"\012";

/// The path of a file as /proc/PID/maps has it: a newline is `\012`, all else is itself
/// (get_vma_name in fs/proc/task_mmu.c, mangle_path in fs/seq_file.c).
pub(crate) fn as_in_maps(path: &Path) -> OsString {
    let lines: Vec<&[u8]> = path
        .as_os_str()
        .as_bytes()
        .split(|&byte| byte == b'\n')
        .collect();
    OsString::from_vec(lines.join(LINE_FEED.as_bytes()))
}

fn kind(mapping: &Mapping, is_program: bool, library: bool, after_variables: bool) -> Kind {
    let permissions = mapping.permissions;
    let begins = |with: &str| mapping.path.as_encoded_bytes().starts_with(with.as_bytes());
    let none = !permissions.read && !permissions.write && !permissions.execute;
    match mapping.path.as_encoded_bytes() {
        b"[heap]" => Kind::Heap,
        b"[stack]" => Kind::Stack,
        _ if begins("[v") => Kind::Kernel,
        _ if permissions.shared && begins("/memfd:")
            || begins("/SYSV")
            || begins("/dev/zero")
            || begins("/dev/shm/") =>
        {
            Kind::Shared
        }
        _ if begins("/") && is_program => match (permissions.execute, permissions.write) {
            (true, _) => Kind::Code,
            (_, true) => Kind::Variables,
            _ => Kind::Constants,
        },
        _ if begins("/") && library => Kind::Library,
        _ if begins("/") => Kind::File,
        _ if permissions.shared => Kind::Shared,
        _ if none => Kind::Reserved,
        _ if after_variables && permissions.write => Kind::Variables,
        _ => Kind::Anonymous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observe::smaps;

    const TEXT: &str = "\
00400000-00401000 r--p 00000000 00:01 1 /bin/p
00401000-00402000 r-xp 00001000 00:01 1 /bin/p
00402000-00403000 rw-p 00002000 00:01 1 /bin/p
00403000-00405000 rw-p 00000000 00:00 0
00500000-00600000 rw-p 00000000 00:00 0 [heap]
Rss:                  12 kB
7f0000000000-7f0000001000 r-xp 00000000 00:01 2 /lib/l.so
7f0000001000-7f0000002000 rw-p 00000000 00:01 2 /lib/l.so
7f0000002000-7f0000003000 ---p 00000000 00:00 0
7f0000003000-7f0000004000 r--s 00000000 00:01 3 /data
7fffffffe000-7ffffffff000 rw-p 00000000 00:00 0 [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
";

    #[test]
    fn a_newline_in_the_name_of_the_program_is_known_again() {
        let target = Target {
            pid: 1,
            command: "p".into(),
            program: Some("/bin/p\nq".into()),
        };
        let usages = smaps::parse(TEXT.replace("/bin/p", r"/bin/p\012q"));
        assert_eq!(kinds(&target, &usages)[..2], [Kind::Constants, Kind::Code]);
    }

    #[test]
    fn kinds_of_saved_text() {
        let target = Target {
            pid: 1,
            command: "p".into(),
            program: Some("/bin/p".into()),
        };
        let usages = smaps::parse(TEXT);
        use Kind::*;
        let expected = [
            Constants, Code, Variables, Variables, Heap, Library, Library, Reserved, File, Stack,
            Kernel,
        ];
        let kinds = kinds(&target, &usages);
        assert_eq!(kinds, expected);
        let heap = parts(&usages, &kinds)
            .into_iter()
            .find(|part| part.part == Heap)
            .unwrap();
        assert_eq!((heap.size, heap.resident), (1 << 20, 12 * 1024));
    }
}
