//! The laws of the files of one process.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::draw::Draw;
use super::read_line_by_line;
use crate::cgroup::Membership;
use crate::limits::{Limit, Limits};
use crate::maps::{Mapping, Permissions};
use crate::pagemap::Page;
use crate::program::ElfClass;
use crate::schedstat::SchedStat;
use crate::smaps::{HugePages, Usage};
use crate::stat::Stat;
use crate::status::Status;
use crate::wchan::Blocked;
use crate::{
    auxv, cgroup, limits, maps, pagemap, personality, program, schedstat, smaps, stat, status,
    wchan,
};

/// [`auxv::parse_word_size`].
pub fn auxv(data: &[u8]) {
    assert!(matches!(
        auxv::parse_word_size(data, 4096),
        None | Some(4 | 8)
    ));
    // One vector in both widths. Its keys are none of AT_PAGESZ.
    let mut draw = Draw::new(data);
    let page = 4096 << draw.below(5);
    let mut pairs: Vec<[u64; 2]> = (0..draw.below(20))
        .map(|_| [7 + draw.below(50), draw.below(1 << 32)])
        .collect();
    let at = draw.below(pairs.len() as u64 + 1) as usize;
    pairs.insert(at, [6, page]);
    let wide: Vec<u8> = pairs
        .iter()
        .flatten()
        .flat_map(|word| word.to_ne_bytes())
        .collect();
    let narrow = pairs
        .iter()
        .flatten()
        .flat_map(|word| (*word as u32).to_ne_bytes());
    let narrow: Vec<u8> = narrow.collect();
    assert_eq!(auxv::parse_word_size(&wide, page), Some(8));
    assert_eq!(auxv::parse_word_size(&narrow, page), Some(4));
}

/// [`cgroup::parse`].
pub fn cgroup(data: &[u8]) {
    read_line_by_line(data, |text| cgroup::parse(text));
    let mut draw = Draw::new(data);
    let named = draw.flag();
    let group = Membership {
        controllers: match named {
            true => vec![draw.word().replace([',', ':'], "_"), "memory".to_owned()],
            false => Vec::new(),
        },
        path: PathBuf::from(draw_path(&mut draw)),
    };
    let number = draw.below(1 << 32);
    let mut line = format!("{number}:{}:", group.controllers.join(",")).into_bytes();
    line.extend(group.path.as_os_str().as_bytes());
    assert_eq!(cgroup::parse(line), [group]);
}

fn draw_path(draw: &mut Draw<'_>) -> OsString {
    let mut path = OsString::from("/");
    path.push(draw.name());
    path
}

/// [`program::parse_class`].
pub fn elf_class(data: &[u8]) {
    let class = program::parse_class(data);
    let of_the_head = program::parse_class(&data[..data.len().min(5)]);
    assert_eq!(class, of_the_head, "five bytes decide");
    let mut file = b"\x7fELF".to_vec();
    file.extend(data);
    let expected = match data.first() {
        Some(1) => Some(ElfClass::Bits32),
        Some(2) => Some(ElfClass::Bits64),
        _ => None,
    };
    assert_eq!(program::parse_class(&file), expected);
}

/// [`limits::parse`], [`limits::parse_soft`] and [`limits::parse_limit`].
pub fn limits(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    limits::parse(&text);
    limits::parse_soft(&text, "Max data size");
    limits::parse_limit(&text);
    let mut draw = Draw::new(data);
    let limits = Limits {
        address_space: draw.flag().then(|| draw.number()),
        data: draw.flag().then(|| draw.number()),
    };
    let print =
        |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    let mut text = format!(
        "{:26}{:21}{:21}{:10}\n",
        "Limit", "Soft Limit", "Hard Limit", "Units"
    );
    for (name, limit) in [
        ("data size", limits.data),
        ("address space", limits.address_space),
    ] {
        let name = format!("Max {name}");
        let _ = writeln!(
            text,
            "{name:25} {:20} {:20} bytes     ",
            print(limit),
            "unlimited"
        );
    }
    assert_eq!(limits::parse(&text), Some(limits));
    let data_size = limits.data.map_or(Limit::Unlimited, Limit::At);
    assert_eq!(limits::parse_soft(&text, "Max data size"), Some(data_size));
}

/// [`maps::parse`].
pub fn maps(data: &[u8]) {
    read_line_by_line(data, |text| maps::parse(text));
    for mapping in maps::parse(data) {
        assert_eq!(mapping.start + mapping.len(), mapping.end);
    }
    let mapping = draw_mapping(&mut Draw::new(data));
    assert_eq!(maps::parse(print_mapping(&mapping)), [mapping]);
}

fn draw_mapping(draw: &mut Draw<'_>) -> Mapping {
    let start = draw.number();
    let bits = draw.below(16);
    Mapping {
        start,
        end: start.saturating_add(draw.number()),
        permissions: Permissions {
            read: bits & 1 != 0,
            write: bits & 2 != 0,
            execute: bits & 4 != 0,
            shared: bits & 8 != 0,
        },
        offset: draw.number(),
        device: (draw.number() as u32, draw.number() as u32),
        inode: draw.number(),
        path: match draw.below(4) {
            0 => OsString::new(),
            1 => "[heap]".into(),
            _ => draw_path(draw),
        },
    }
}

/// show_vma_header_prefix in fs/proc/task_mmu.c.
fn print_mapping(mapping: &Mapping) -> Vec<u8> {
    let line = format!(
        "{:08x}-{:08x} {} {:08x} {:02x}:{:02x} {} ",
        mapping.start,
        mapping.end,
        mapping.permissions,
        mapping.offset,
        mapping.device.0,
        mapping.device.1,
        mapping.inode
    );
    let path = mapping.path.as_bytes();
    let head = match path.is_empty() {
        true => line,
        false => format!("{line:73}"),
    };
    [head.as_bytes(), path, b"\n"].concat()
}

/// [`pagemap::decode`] and [`pagemap::runs`].
pub fn pagemap(data: &[u8]) {
    let pages = pagemap::decode(data);
    assert_eq!(pages.len(), data.len() / 8);
    let frames = pages.iter().filter(|page| page.frame().is_some()).count();
    let runs = pagemap::runs(&pages);
    assert!(runs <= frames && (runs == 0) == (frames == 0));
    for page in &pages {
        assert!(
            page.frame()
                .is_none_or(|frame| page.present() && frame < 1 << 55)
        );
    }
    let first = Draw::new(data).below(1 << 54).max(1);
    let pages: Vec<Page> = (first..first + 9)
        .map(|frame| Page(1 << 63 | frame))
        .collect();
    assert_eq!(pagemap::runs(&pages), 1);
}

/// [`personality::parse`].
pub fn personality(data: &[u8]) {
    personality::parse(&String::from_utf8_lossy(data));
    let flags = Draw::new(data).number() as u32;
    assert_eq!(personality::parse(&format!("{flags:08x}\n")), Some(flags));
}

/// [`schedstat::parse`].
pub fn schedstat(data: &[u8]) {
    schedstat::parse(&String::from_utf8_lossy(data));
    let mut draw = Draw::new(data);
    let stat = SchedStat {
        running_ns: draw.number(),
        waiting_ns: draw.number(),
        runs: draw.number(),
    };
    let text = format!("{} {} {}\n", stat.running_ns, stat.waiting_ns, stat.runs);
    assert_eq!(schedstat::parse(&text), stat);
}

/// [`smaps::parse`].
pub fn smaps(data: &[u8]) {
    let mappings = smaps::parse(data).into_iter().map(|usage| usage.mapping);
    assert_eq!(mappings.collect::<Vec<_>>(), maps::parse(data));
    let mut draw = Draw::new(data);
    let usages: Vec<Usage> = (0..3).map(|_| draw_usage(&mut draw)).collect();
    let text: Vec<u8> = usages.iter().flat_map(print_usage).collect();
    assert_eq!(smaps::parse(text), usages);
}

fn draw_usage(draw: &mut Draw<'_>) -> Usage {
    let mapping = draw_mapping(draw);
    let mut kib = || draw.below(1 << 54) * 1024;
    Usage {
        mapping,
        rss: kib(),
        pss: kib(),
        private_dirty: kib(),
        anonymous: kib(),
        anon_huge_pages: kib(),
        swap: kib(),
        grows_down: draw.flag(),
        huge_pages: [HugePages::AsSet, HugePages::Wanted, HugePages::Forbidden]
            [draw.below(3) as usize],
    }
}

fn print_usage(usage: &Usage) -> Vec<u8> {
    let mut text = String::new();
    let sizes = [
        ("Size", 4096),
        ("Rss", usage.rss),
        ("Pss", usage.pss),
        ("Private_Dirty", usage.private_dirty),
        ("Anonymous", usage.anonymous),
        ("AnonHugePages", usage.anon_huge_pages),
        ("Swap", usage.swap),
    ];
    for (key, bytes) in sizes {
        let key = format!("{key}:");
        let _ = writeln!(text, "{key:16}{:8} kB", bytes / 1024);
    }
    let _ = writeln!(
        text,
        "VmFlags: rd wr {}ac {}",
        if usage.grows_down { "gd " } else { "" },
        match usage.huge_pages {
            HugePages::AsSet => "",
            HugePages::Wanted => "hg ",
            HugePages::Forbidden => "nh ",
        }
    );
    [print_mapping(&usage.mapping), text.into_bytes()].concat()
}

/// [`stat::parse`].
pub fn stat(data: &[u8]) {
    stat::parse(data);
    let mut draw = Draw::new(data);
    let [user, system, child_user, child_system, faults] = [(); 5].map(|()| draw.number());
    // The kernel writes the name as it is, line feeds and parentheses too.
    let mut name = draw.name();
    name.push(["", ")", "(", "\n", ") R 1"][draw.below(5) as usize]);
    let stat = Stat {
        name,
        state: ['R', 'S', 'D', 'Z', 'T', 't', 'X', 'I'][draw.below(8) as usize],
        flags: draw.below(1 << 32),
        cpu_ticks: user.saturating_add(system),
        reaped_ticks: child_user.saturating_add(child_system),
        minor_faults: faults,
        layout: None,
    };
    let Stat {
        name, state, flags, ..
    } = &stat;
    let pid = draw.below(1 << 22);
    let rest = format!(
        ") {state} 1 {pid} {pid} 0 -1 {flags} {faults} 0 0 0 {user} {system} {child_user} \
         {child_system}\n"
    );
    let text = [
        format!("{pid} (").as_bytes(),
        name.as_bytes(),
        rest.as_bytes(),
    ]
    .concat();
    assert_eq!(stat::parse(text), Some(stat));
}

/// [`status::parse`].
pub fn status(data: &[u8]) {
    status::parse(&String::from_utf8_lossy(data));
    let mut draw = Draw::new(data);
    let has_memory = draw.flag();
    let status = Status {
        state: ['R', 'S', 'D', 'Z', 'T', 't', 'X', 'I'][draw.below(8) as usize],
        threads: draw.number(),
        fd_size: draw.number(),
        resident_kib: if has_memory { draw.number() } else { 0 },
        voluntary_switches: draw.number(),
        involuntary_switches: draw.number(),
        virtual_kib: has_memory.then(|| draw.number()),
        data_kib: has_memory.then(|| draw.number()),
        effective_capabilities: draw.number(),
        parent: draw.below(1 << 22) as i32,
        tracer: draw.below(1 << 22) as i32,
        allowed_cpus: format!("0-{},{}", draw.below(99), draw.below(9999)),
    };
    // A line feed in the name is escaped by the kernel.
    let text = print_status(&status, &draw.name());
    assert_eq!(status::parse(&text), status);
}

/// fs/proc/array.c and fs/proc/task_mmu.c.
fn print_status(status: &Status, name: &OsStr) -> String {
    let name = name.to_string_lossy();
    let mut text = format!(
        "Name:\t{name}\nUmask:\t0022\nState:\t{} (somehow)\nPPid:\t{}\nTracerPid:\t{}\n\
         FDSize:\t{}\nGroups:\t0 27 \n",
        status.state, status.parent, status.tracer, status.fd_size
    );
    if let (Some(size), Some(data)) = (status.virtual_kib, status.data_kib) {
        let resident = status.resident_kib;
        let _ = write!(
            text,
            "VmSize:\t{size:8} kB\nVmRSS:\t{resident:8} kB\nVmData:\t{data:8} kB\n"
        );
    }
    let _ = write!(
        text,
        "Threads:\t{}\nCapEff:\t{:016x}\nCpus_allowed_list:\t{}\nvoluntary_ctxt_switches:\t{}\n\
         nonvoluntary_ctxt_switches:\t{}\n",
        status.threads,
        status.effective_capabilities,
        status.allowed_cpus,
        status.voluntary_switches,
        status.involuntary_switches
    );
    text
}

/// [`wchan::parse`].
pub fn wchan(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(name) = wchan::parse(&text) {
        assert!(!name.is_empty() && name != "0" && text.contains(&name));
        assert_eq!(wchan::parse(&name), Some(name), "a name is its own name");
    }
    let function = Draw::new(data).word().replace('.', "_");
    for suffix in ["", "\n", ".constprop.0", ".isra.0\n"] {
        assert_eq!(
            wchan::parse(&format!("{function}{suffix}")).as_ref(),
            Some(&function)
        );
    }
}

/// [`wchan::parse_syscall`].
pub fn syscall(data: &[u8]) {
    let garbage = wchan::parse_syscall(&String::from_utf8_lossy(data));
    assert!(garbage.is_none_or(|call| call.number >= 0));
    let mut draw = Draw::new(data);
    let call = Blocked {
        number: draw.below(1 << 31) as i64,
        arguments: [(); 6].map(|()| draw.number()),
    };
    let mut text = call.number.to_string();
    for word in call
        .arguments
        .into_iter()
        .chain([draw.number(), draw.number()])
    {
        let _ = write!(text, " {word:#x}");
    }
    assert_eq!(wchan::parse_syscall(&(text + "\n")), Some(call));
}
