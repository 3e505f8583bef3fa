//! Processes that are hard to inspect: a heap that moves, a huge empty mapping, a process that
//! dies, another user's, one without a C library.
//!
//! A program of its own, without the test harness: its processes are forked from one that has a
//! single thread.
#![allow(
    clippy::disallowed_methods,
    reason = "a test runs programs, on x86-64 only"
)]
#![expect(unsafe_code, reason = "a mapping that nothing lies in")]
#![allow(clippy::print_stdout, reason = "a program, not a library")]

#[cfg(target_arch = "x86_64")]
#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::error::Error;
use std::num::NonZeroUsize;

use inspect::InspectReport;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;

type Outcome = Result<(), Box<dyn Error>>;
type Case = fn() -> Outcome;

fn main() -> Outcome {
    let cases: [(&str, Case); 7] = [
        ("a heap that moves", moving_heap),
        ("16 TiB of nothing", sparse),
        ("as many mappings as may be", all_mappings),
        ("RLIMIT_AS", limited),
        ("a process that dies meanwhile", dying),
        ("another user's process", another_users),
        ("a program without a C library", no_libc),
    ];
    for (name, case) in cases {
        case().map_err(|error| format!("{name}: {error}"))?;
        println!("{name}: ok");
    }
    Ok(())
}

fn check(report: &InspectReport, what: &str, holds: bool) -> Outcome {
    match holds {
        true => Ok(()),
        false => Err(format!("{what}: {report:#?}").into()),
    }
}

/// Each report is sound or says that it is not; and sooner or later one says that it is not.
fn moving_heap() -> Outcome {
    let mut child = child::fork("moving heap", |parent| {
        parent.send(&())?;
        let mut blocks: Vec<Vec<u8>> = Vec::new();
        for i in 0usize.. {
            // Sizes that go neither to the thread cache nor to mmap, and a heap that grows and
            // shrinks.
            blocks.push(vec![1; 2000 + i * 7919 % 50_000]);
            if blocks.len() > 500 {
                blocks.swap_remove(i * 7919 % 500);
            }
            if i % 2000 == 0 {
                blocks.clear();
            }
        }
        Ok(())
    })?;
    child.recv::<()>()?;
    loop {
        let report = inspect::inspect(child.pid())?;
        let moved = match &report.heap {
            None => true,
            Some(heap) => {
                check(&report, "sums", heap.live + heap.free <= heap.size)?;
                check(&report, "holes", heap.holes <= heap.chunks)?;
                heap.changed || heap.attempts > 1
            }
        };
        let flagged =
            report.changed_meanwhile || report.heap.as_ref().is_some_and(|heap| heap.changed);
        check(&report, "marked as partial", report.partial || !flagged)?;
        if moved || flagged {
            break;
        }
    }
    Ok(child.signal(Signal::SIGKILL)?)
}

fn sparse() -> Outcome {
    const LEN: u64 = 16 << 40;
    let mut child = child::fork("16 TiB", |parent| {
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        let len = NonZeroUsize::new(LEN as usize).ok_or("64 bits")?;
        // SAFETY: a new mapping where the kernel likes; nothing else refers to it.
        let first = unsafe { mmap_anonymous(None, len, access, flags) }?;
        // SAFETY: its first byte, writable, and mapped until the process ends.
        unsafe { first.cast::<u8>().write(1) };
        parent.checkpoint()?;
        Ok(())
    })?;
    child.at_checkpoint()?;
    let report = inspect::inspect(child.pid())?;
    child.release()?;
    child.join()?;
    let found = report.mappings.iter().find(|mapping| mapping.size >= LEN);
    check(&report, "the mapping", found.is_some())?;
    let resident: u64 = report.parts.iter().map(|part| part.resident).sum();
    check(
        &report,
        "next to nothing of it is resident",
        resident < 1 << 30,
    )?;
    if let (Some(frames), Some(found)) = (&report.frames, found) {
        // The page of zeros has a frame and is not resident: there may be more pages, never fewer.
        let page = observe::machine::read().page_size as u64;
        let others = (resident - found.resident) / page;
        check(&report, "the others' frames", frames.pages >= others)?;
        check(&report, "not wholly looked at", frames.cut_short)?;
    }
    check(&report, "it stood still", !report.changed_meanwhile)
}

/// A hole that is long enough, and no mapping may be added: what the report says is what mmap
/// answers.
fn all_mappings() -> Outcome {
    const MOST: u64 = 1 << 17;
    let most = observe::sysctl::read(observe::sysctl::MAX_MAP_COUNT)?;
    if most > MOST {
        println!("vm.max_map_count is {most}: too many to make");
        return Ok(());
    }
    let mut child = child::fork("all mappings", |parent| {
        let page = NonZeroUsize::new(1 << 16).ok_or("64 bits")?;
        let map = |i: u64| {
            // Neighbours that allow different things do not merge.
            let access = match i % 2 {
                0 => ProtFlags::PROT_NONE,
                _ => ProtFlags::PROT_READ,
            };
            // SAFETY: a new mapping where the kernel likes; nothing refers to it or reads it.
            unsafe { mmap_anonymous(None, page, access, MapFlags::MAP_PRIVATE) }
        };
        parent.checkpoint()?;
        let refused = (0..=MOST).find_map(|i| map(i).err());
        parent.checkpoint()?;
        Ok(refused.map(|errno| errno as i32))
    })?;
    child.at_checkpoint()?;
    let before = inspect::inspect(child.pid())?;
    child.release()?;
    child.at_checkpoint()?;
    let report = inspect::inspect(child.pid())?;
    child.release()?;
    let refused = child.join()?;
    check(
        &before,
        "room before",
        before.address_space.largest_request > 1 << 40,
    )?;
    if refused != Some(nix::errno::Errno::ENOMEM as i32) {
        return Err(format!("mmap: {refused:?}").into());
    }
    let space = &report.address_space;
    match space.largest_request == 0 && space.longest_hole > 1 << 40 {
        true => Ok(()),
        false => Err(format!("{space:?}").into()),
    }
}

/// The largest request that the report names succeeds, and a page more does not.
fn limited() -> Outcome {
    const ROOM: u64 = 64 << 20;
    let mut child = child::fork("RLIMIT_AS", |parent| {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
        let size = size.and_then(|size| size.trim().strip_suffix(" kB"));
        let size: u64 = size.ok_or("no VmSize")?.parse()?;
        let limit = size * 1024 + ROOM;
        let (_, hard) = getrlimit(Resource::RLIMIT_AS)?;
        setrlimit(Resource::RLIMIT_AS, limit.min(hard), hard)?;
        parent.checkpoint()?;
        let largest: u64 = parent.recv()?;
        let page = observe::machine::read().page_size as u64;
        let try_to_map = |len: u64| {
            let len = NonZeroUsize::new(len as usize)?;
            let flags = MapFlags::MAP_PRIVATE;
            // SAFETY: a new mapping where the kernel likes; nothing refers to it or reads it.
            unsafe { mmap_anonymous(None, len, ProtFlags::PROT_NONE, flags) }.ok()
        };
        let more = try_to_map(largest + page).is_some();
        Ok((try_to_map(largest).is_some(), more))
    })?;
    child.at_checkpoint()?;
    let report = inspect::inspect(child.pid())?;
    child.release()?;
    child.send(&report.address_space.largest_request)?;
    let outcome = child.join()?;
    check(
        &report,
        &format!("(as large, larger) succeeded: {outcome:?}"),
        outcome == (true, false),
    )
}

/// At whatever moment it ends: a report, or an error that says that it ended.
fn dying() -> Outcome {
    let mut seen = [0; 2];
    for _ in 0..40 {
        let mut child = child::fork("short life", |parent| {
            parent.checkpoint()?;
            Ok(())
        })?;
        child.at_checkpoint()?;
        let pid = child.pid();
        inspect::inspect(pid)?;
        child.release()?;
        loop {
            match inspect::inspect(pid) {
                Ok(_) => seen[0] += 1,
                Err(error) => {
                    let error = format!("{error:#}");
                    let names_the_end =
                        error.contains("ended") || error.contains("no such process");
                    if !names_the_end || !error.contains(&pid.to_string()) {
                        return Err(error.into());
                    }
                    seen[1] += 1;
                    break;
                }
            }
        }
        child.join()?;
    }
    println!("{} reports before the end, {} errors", seen[0], seen[1]);
    Ok(())
}

/// Process 1 is another user's for all but root.
fn another_users() -> Outcome {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    match inspect::inspect(1) {
        Ok(report) => check(&report, "read though not permitted", report.partial),
        Err(error) => {
            let error = format!("{error:#}");
            match error.contains("process 1") || error.contains("/proc/1/") {
                true => Ok(()),
                false => Err(error.into()),
            }
        }
    }
}

/// The smallest program there is: pause(2) in a loop, and no heap at all.
fn no_libc() -> Outcome {
    #[cfg(target_arch = "x86_64")]
    {
        use std::os::unix::fs::PermissionsExt;
        let name = format!("witness-no-libc-{}", std::process::id());
        let path = temporary::folder().join(name);
        std::fs::write(&path, elf())?;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700))?;
        let program = std::process::Command::new(&path).spawn();
        std::fs::remove_file(&path)?;
        let mut program = program?;
        // spawn returns when exec(2) has closed the old descriptors, and before it maps the new
        // program.
        let maps = format!("/proc/{}/maps", program.id());
        while !std::fs::read_to_string(&maps)?.contains("witness-no-libc") {
            std::thread::yield_now();
        }
        let report = inspect::inspect(program.id() as i32);
        program.kill()?;
        program.wait()?;
        let report = report?;
        check(
            &report,
            "the program itself",
            report.command == "witness-no-libc",
        )?;
        check(&report, "a heap where none is", report.heap.is_none())?;
        let reason = report
            .unseen
            .iter()
            .any(|line| line.starts_with("glibc heap: "));
        check(&report, "the reason", reason)?;
        let code = report
            .parts
            .iter()
            .any(|part| part.part == inspect::map::Kind::Code && part.mappings == 1);
        check(&report, "code", code)?;
    }
    Ok(())
}

/// elf(5): a header, one segment to load, nine bytes of code.
#[cfg(target_arch = "x86_64")]
fn elf() -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    // mov eax, SYS_pause; syscall; jmp back
    const CODE: [u8; 9] = [0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7];
    let len = 64 + 56 + CODE.len() as u64;
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    file.resize(16, 0);
    let halves = |file: &mut Vec<u8>, values: &[u16]| {
        values
            .iter()
            .for_each(|value| file.extend(value.to_le_bytes()));
    };
    halves(&mut file, &[2, 62, 1, 0]); // ET_EXEC, EM_X86_64, version
    for value in [BASE + 120, 64, 0] {
        file.extend(value.to_le_bytes());
    }
    halves(&mut file, &[0, 0, 64, 56, 1, 0, 0, 0]);
    halves(&mut file, &[1, 0, 5, 0]); // PT_LOAD, readable and executable
    for value in [0, BASE, BASE, len, len, 0x1000] {
        file.extend(u64::to_le_bytes(value));
    }
    file.extend(CODE);
    file
}
