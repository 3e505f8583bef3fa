//! The report for people; 80 columns show it unfolded.

use present::foreign_text::{escape, escape_controls};
use present::units::{bytes, count, percent};
use present::{Column, Table, fill_sentences, fold_lines};

use super::InspectReport;
use super::heap::Heap;
use super::map::{Kind, Part};
use super::space::AddressSpace;
use super::waste::{BASE_PAGE, Waste};

/// The whole report in `width` columns of a terminal; `every_mapping` lists them one by one.
pub fn text(report: &InspectReport, every_mapping: bool, width: Option<usize>) -> String {
    let mut text = format!("process {} ({})", report.pid, escape(&report.command));
    if report.address_bits == 32 {
        text.push_str(", 32-bit");
    }
    if report.partial {
        text.push_str(", PARTIAL: see the end");
    }
    text.push_str("\n\n");
    text.push_str(&parts(report).render(width));
    if every_mapping {
        text.push_str(&format!("\n{}", mappings(report).render(width)));
    }
    text.push_str(&holes(&report.address_space));
    text.push_str(&fill_sentences(&waste(&report.waste), width));
    if let Some(heap) = &report.heap {
        let heap = describe(heap, report.resident(Kind::Anonymous));
        text.push_str(&fill_sentences(&heap, width));
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
    text.push_str(&fill_sentences(&unseen_lines(report), width));
    fold_lines(&text, width)
}

fn parts(report: &InspectReport) -> Table {
    let mut table = Table::new([
        Column::left("part"),
        Column::right("mappings"),
        Column::right("size"),
        Column::right("resident"),
        Column::right("proportional"),
    ]);
    for part in &report.parts {
        table.row([
            part.part.name().into(),
            count(part.mappings as u64),
            bytes(part.size),
            bytes(part.resident),
            bytes(part.proportional),
        ]);
    }
    let total = |size: fn(&Part) -> u64| {
        let sizes = report.parts.iter().map(size);
        sizes.fold(0, u64::saturating_add)
    };
    table.row([
        "all".into(),
        count(report.mappings.len() as u64),
        bytes(total(|part| part.size)),
        bytes(total(|part| part.resident)),
        bytes(total(|part| part.proportional)),
    ]);
    table
}

fn mappings(report: &InspectReport) -> Table {
    let mut table = Table::new([
        Column::left(""),
        Column::left(""),
        Column::right(""),
        Column::right(""),
        Column::left(""),
        Column::left("").wrapping(),
    ]);
    for mapping in &report.mappings {
        table.row([
            mapping.start.clone(),
            mapping.permissions.clone(),
            bytes(mapping.size),
            bytes(mapping.resident),
            mapping.part.name().into(),
            escape(&mapping.path),
        ]);
    }
    table
}

fn waste(waste: &Waste) -> String {
    let mut text = "\ninternal waste\n".to_owned();
    if waste.huge_pages == 0 {
        text.push_str("  no anonymous huge pages\n");
    } else {
        text.push_str(&format!(
            "  {} in huge pages; of {} base pages (4 KiB) looked at, {} hold only zeros\n",
            bytes(waste.huge_pages),
            count(waste.huge_looked_at / BASE_PAGE as u64),
            count(waste.huge_unused / BASE_PAGE as u64)
        ));
    }
    text + &format!(
        "  {} behind the ends of {} mapped files\n",
        bytes(waste.file_tails),
        count(waste.files)
    )
}

fn unseen_lines(report: &InspectReport) -> String {
    let mut text = "\nnot seen\n".to_owned();
    for line in &report.unseen {
        text.push_str(&format!("  {}\n", escape_controls(line)));
    }
    let heap = report.heap.as_ref().map(|heap| heap.changed);
    text.push_str("  a single moment: the process was not stopped; ");
    text + match (report.changed_meanwhile, heap) {
        (true, Some(true)) => "its mappings and its heap changed\n",
        (true, _) => "its mappings changed\n",
        (false, Some(true)) => "its heap changed, its mappings did not\n",
        (false, Some(false)) => "mappings and heap were the same when looked at again\n",
        (false, None) => "its mappings did not change\n",
    }
}

fn holes(space: &AddressSpace) -> String {
    let mut text = format!(
        "\naddress space\n  {} holes between the mappings, the longest {} at {}\n  \
         the largest mmap that fits: ",
        count(space.holes as u64),
        bytes(space.longest_hole),
        space.largest_at
    );
    text.push_str(&match space.is_full() {
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
            "  the program maps {}, whose heap this is not and is not walked\n",
            escape(other)
        ));
    }
    if outside > heap.size {
        let whose = match &heap.other_allocator {
            Some(_) => "heaps of the other allocator, large chunks by mmap, stacks of threads",
            None => "arenas of other threads, large chunks by mmap, stacks of threads",
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
        "  {} of {} pages are pinned by a live chunk ({}), while \
         live chunks fill {} of the heap; malloc_trim could give back {} at most\n",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::tests::report_of;

    #[test]
    fn a_hostile_name_stays_on_its_line_and_comes_back() {
        let path = "/tmp/x\n  77 sshd\x1b[2J\u{202e}";
        let report = report_of("evil\x1b]2;title\x07", path);
        let drawn = text(&report, true, None);
        assert!(
            drawn.starts_with("process 77 (evil\\x1b]2;title\\x07)\n"),
            "{drawn}"
        );
        let line = drawn
            .lines()
            .find(|line| line.starts_with("0x1000"))
            .unwrap();
        let shown = line.split_once("files  ").unwrap().1;
        let bytes = present::foreign_text::unescape(shown).unwrap();
        assert_eq!(bytes, path.as_bytes());
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let report = report_of("sleep", &"/a/long/path".repeat(9));
        for width in [60, 80] {
            let drawn = text(&report, true, Some(width));
            assert!(drawn.lines().all(|line| line.len() <= width), "{drawn}");
        }
    }
}
