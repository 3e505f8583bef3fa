//! The report for people, in at most 80 columns.

use present::units::{bytes, columns, count, percent};

use super::InspectReport;
use super::heap::Heap;
use super::map::Kind;
use super::space::AddressSpace;
use super::waste::BASE_PAGE;

/// The whole report; `every_mapping` lists them one by one.
pub fn text(report: &InspectReport, every_mapping: bool) -> String {
    let mut text = format!("process {} ({})", report.pid, report.command);
    if report.address_bits == 32 {
        text.push_str(", 32-bit");
    }
    if report.partial {
        text.push_str(", PARTIAL: see the end");
    }
    text.push_str("\n\n");
    let mut rows = vec![
        ["part", "mappings", "size", "resident", "proportional"]
            .map(String::from)
            .to_vec(),
    ];
    for part in &report.parts {
        rows.push(vec![
            part.part.name().into(),
            count(part.mappings as u64),
            bytes(part.size),
            bytes(part.resident),
            bytes(part.proportional),
        ]);
    }
    let total = |of: fn(&super::map::Part) -> u64| report.parts.iter().map(of).sum::<u64>();
    rows.push(vec![
        "all".into(),
        count(report.mappings.len() as u64),
        bytes(total(|part| part.size)),
        bytes(total(|part| part.resident)),
        bytes(total(|part| part.proportional)),
    ]);
    text.push_str(&columns(&rows));
    if every_mapping {
        text.push_str(&mappings(report));
    }

    text.push_str(&holes(&report.address_space));

    let waste = &report.waste;
    text.push_str("\ninternal waste\n");
    if waste.huge_pages == 0 {
        text.push_str("  no anonymous huge pages\n");
    } else {
        text.push_str(&format!(
            "  {} in huge pages; of {} base pages (4 KiB) looked\n  at, {} hold only zeros\n",
            bytes(waste.huge_pages),
            count(waste.huge_looked_at / BASE_PAGE as u64),
            count(waste.huge_unused / BASE_PAGE as u64)
        ));
    }
    text.push_str(&format!(
        "  {} behind the ends of {} mapped files\n",
        bytes(waste.file_tails),
        count(waste.files)
    ));

    if let Some(heap) = &report.heap {
        text.push_str(&describe(heap, report.resident(Kind::Anonymous)));
    }
    if let Some(frames) = &report.frames {
        let cut = if frames.cut_short {
            " (PARTIAL: too many pages to look at all)"
        } else {
            ""
        };
        text.push_str(&format!(
            "\nphysical memory\n  {} pages in {} runs of frames, the longest {} pages{cut}\n",
            count(frames.pages),
            count(frames.runs),
            count(frames.longest)
        ));
    }
    text.push_str("\nnot seen\n");
    for line in &report.unseen {
        text.push_str(&format!("  {line}\n"));
    }
    let heap = report.heap.as_ref().map(|heap| heap.changed);
    text.push_str("  a single moment: the process was not stopped; ");
    text.push_str(match (report.changed_meanwhile, heap) {
        (true, Some(true)) => "its mappings and its heap changed\n",
        (true, _) => "its mappings changed\n",
        (false, Some(true)) => "its heap changed, its mappings did not\n",
        (false, Some(false)) => "mappings and heap were\n  the same when looked at again\n",
        (false, None) => "its mappings did not change\n",
    });
    text
}

fn mappings(report: &InspectReport) -> String {
    let mut rows = Vec::new();
    for mapping in &report.mappings {
        rows.push(vec![
            mapping.start.clone(),
            mapping.permissions.clone(),
            bytes(mapping.size),
            bytes(mapping.resident),
            mapping.part.name().into(),
            mapping.path.clone(),
        ]);
    }
    format!("\n{}", columns(&rows))
}

fn holes(space: &AddressSpace) -> String {
    let mut text = format!(
        "\naddress space\n  {} holes between the mappings, the longest {} at {}\n  the largest mmap that fits: ",
        count(space.holes as u64),
        bytes(space.longest_hole),
        space.largest_at
    );
    text.push_str(&match space.full() {
        true => "none, whatever the holes: vm.max_map_count is reached\n".to_owned(),
        false => format!("{}\n", bytes(space.largest_request)),
    });
    if let Some(most) = space.max_mappings {
        let mappings = count(space.mappings);
        text.push_str(&format!(
            "  {mappings} of at most {} mappings\n",
            count(most)
        ));
    }
    if let Some(left) = space.limit_left {
        text.push_str(&format!("  RLIMIT_AS leaves {}\n", bytes(left)));
    }
    if let Some(left) = space.data_limit_left {
        let left = bytes(left);
        text.push_str(&format!(
            "  RLIMIT_DATA leaves {left} of private writable mappings\n"
        ));
    }
    text
}

/// The heap, beside what is resident of the anonymous memory `outside` it.
fn describe(heap: &Heap, outside: u64) -> String {
    let mut text = format!(
        "\nglibc heap: {}, {} resident\n",
        bytes(heap.size),
        bytes(heap.resident)
    );
    if let Some(other) = &heap.other_allocator {
        text.push_str(&format!(
            "  the program maps {other}, whose heap this is not and is not walked\n"
        ));
    }
    if outside > heap.size {
        let whose = match &heap.other_allocator {
            Some(_) => "heaps\n  of the other allocator, large chunks by mmap, stacks of threads",
            None => "arenas\n  of other threads, large chunks by mmap, stacks of threads",
        };
        text.push_str(&format!(
            "  {} of anonymous memory are resident outside: {whose}\n",
            bytes(outside)
        ));
    }
    text.push_str(&format!(
        "  {} live chunks hold {}\n  {} holes hold {}, {} of it the top chunk\n",
        count(heap.live_chunks),
        bytes(heap.live),
        count(heap.holes),
        bytes(heap.free),
        bytes(heap.top)
    ));
    text.push_str(&format!(
        "  largest malloc without growing: {} bytes; external fragmentation {}\n",
        count(heap.largest_request),
        percent(heap.external)
    ));
    text.push_str(&format!(
        "  {} of {} pages are pinned by a live chunk ({}), while\n  live chunks fill {} of the heap; malloc_trim could give back {} at most\n",
        count(heap.pinned_pages),
        count(heap.pages),
        percent(heap.pinned_pages as f64 / heap.pages.max(1) as f64),
        percent(heap.live as f64 / heap.size.max(1) as f64),
        bytes(heap.returnable)
    ));
    let again = match heap.attempts {
        1 => String::new(),
        attempts => format!(", at attempt {attempts}: the process allocates meanwhile"),
    };
    let after = match heap.free_again {
        _ if !heap.changed => String::new(),
        Some(free) => format!(
            "  the heap changes: walked again, its holes hold {}; all of the above is roughly so\n",
            bytes(free)
        ),
        None => "  the heap changes: walked again, its chunks did not chain\n".to_owned(),
    };
    text.push_str(&format!(
        "  walked {} chunks in {:.1} ms{again}\n{after}",
        count(heap.chunks),
        heap.walk_ms
    ));
    text
}
