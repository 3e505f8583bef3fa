//! The map of a process as an SVG picture: a row a mapping, its size on a logarithmic scale and the
//! share of it that is resident on a linear one.

use std::path::Path;

use present::foreign_text::escape;
use present::svg::{Anchor, Colour, Document, Element, FAINT, GRID, INK, shorten};
use present::units::{bytes, percent};

use super::InspectReport;
use super::map::{Kind, MappingReport};

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 16.0;
const TOP: f64 = 86.0;
const ROW: f64 = 18.0;
const BAR: f64 = 12.0;
/// From the upper edge of a bar to the baseline of its text.
const BASELINE: f64 = 10.0;
const FONT: f64 = 11.0;
/// Where the columns begin, or end where their texts are set to the right.
const ADDRESS_END: f64 = 138.0;
const SIZE: f64 = 150.0;
const SIZE_WIDTH: f64 = 230.0;
const BYTES_END: f64 = 456.0;
const SHARE: f64 = 470.0;
const SHARE_WIDTH: f64 = 70.0;
const SHARE_END: f64 = 586.0;
const PERMISSIONS: f64 = 600.0;
const PART: f64 = 640.0;
const NAME: f64 = 716.0;
/// Mappings drawn; a process with more is cut, and the picture says so.
const MAX_BARS: usize = 400;
/// Where the scale of sizes begins: half a page.
const SMALLEST: f64 = 2048.0;

/// The picture, high addresses at the top.
pub fn svg(report: &InspectReport) -> String {
    let drawn: Vec<_> = report.mappings.iter().rev().take(MAX_BARS).collect();
    let height = TOP + ROW * drawn.len() as f64 + MARGIN;
    let largest = drawn.iter().map(|mapping| mapping.size).max().unwrap_or(1);
    let title = format!(
        "process {} ({}), high addresses first{}{}",
        report.pid,
        escape(&report.command),
        omission_note(report.mappings.len() - drawn.len()),
        match report.changed_meanwhile {
            true => "; they changed while they were read",
            false => "",
        }
    );
    let legend = "Size: addresses, on a scale on which each step to the right is sixteen times as \
                  much. Resident: the share of them that lies in memory.";
    let mut picture =
        Document::new(WIDTH, height, &title, legend).font("DejaVu Sans, sans-serif", FONT);
    let heading = shorten(&title, 16.0, WIDTH - 2.0 * MARGIN);
    picture.add(Element::text(MARGIN, 24.0, &heading).heading(14.0));
    picture.add(Element::text(MARGIN, 43.0, legend).fill(FAINT));
    picture.add(column_heads());
    picture.add(scale(largest, height - MARGIN));
    for (index, mapping) in drawn.iter().enumerate() {
        picture.add(row(mapping, TOP + ROW * index as f64, largest));
    }
    picture.render()
}

fn omission_note(mappings: usize) -> String {
    match mappings {
        0 => String::new(),
        _ => format!("; {mappings} lower mappings left out"),
    }
}

fn column_heads() -> Element {
    let y = 62.0;
    let right = |x, name| Element::text(x, y, name).anchor(Anchor::End);
    Element::group()
        .fill(FAINT)
        .with(right(ADDRESS_END, "begins at"))
        .with(Element::text(SIZE, y, "size"))
        .with(Element::text(SHARE, y, "resident"))
        .with(Element::text(PART, y, "part"))
        .with(Element::text(NAME, y, "file"))
}

/// Marks at 4 KiB, 64 KiB, 1 MiB and so on.
fn scale(largest: u64, bottom: f64) -> Element {
    let marks = (0..13).map(|step| 4096_u64 << (4 * step));
    let shown = marks.take_while(|&mark| mark <= largest);
    shown.fold(Element::group(), |group, mark| {
        let x = SIZE + length(mark, largest);
        let label = shorten(&bytes(mark), 9.0, SIZE_WIDTH);
        let label = Element::text(x, TOP - 9.0, &label).anchor(Anchor::Middle);
        group
            .with(Element::line(x, TOP - 5.0, x, bottom).stroke(GRID, 1.0))
            .with(label.fill(FAINT).size(9.0))
    })
}

fn row(mapping: &MappingReport, y: f64, largest: u64) -> Element {
    let colour = colour(mapping.part);
    let text = |x, text: &str| Element::text(x, y + BASELINE, text);
    let right = |x, shown: &str| text(x, shown).anchor(Anchor::End);
    let address = mapping.start.trim_start_matches("0x");
    let name = Path::new(&mapping.path).file_name().unwrap_or_default();
    let share = (mapping.resident as f64 / mapping.size.max(1) as f64).min(1.0);
    let outline = Element::rect(SHARE, y, SHARE_WIDTH, BAR).outline(GRID, 1.0);
    Element::group()
        .tooltip(&escape(&mapping.path))
        .with(right(ADDRESS_END, address))
        .with(Element::rect(SIZE, y, length(mapping.size, largest), BAR).fill(colour))
        .with(right(BYTES_END, &bytes(mapping.size)))
        .with(
            Element::rect(SHARE, y, SHARE_WIDTH * share, BAR)
                .fill(INK)
                .opacity(0.65),
        )
        .with(outline)
        .with(right(SHARE_END, &percent(share)))
        .with(text(PERMISSIONS, &mapping.permissions))
        .with(text(PART, mapping.part.name()))
        .with(text(
            NAME,
            &shorten(&escape(name), FONT, WIDTH - MARGIN - NAME),
        ))
}

/// How long the bar of a size is: that of the largest mapping is the longest.
fn length(size: u64, largest: u64) -> f64 {
    let steps = |size: u64| (size as f64 / SMALLEST).log2().max(0.0);
    (steps(size) / steps(largest).max(1.0)).min(1.0) * SIZE_WIDTH
}

fn colour(kind: Kind) -> Colour {
    match kind {
        Kind::Code => Colour::fixed("#d55e00"),
        Kind::Constants => Colour::fixed("#e69f00"),
        Kind::Variables => Colour::fixed("#b8860b"),
        Kind::Heap => Colour::fixed("#0072b2"),
        Kind::Anonymous => Colour::fixed("#56b4e9"),
        Kind::Reserved => Colour::fixed("#999999"),
        Kind::Library | Kind::File => Colour::fixed("#009e73"),
        Kind::Shared => Colour::fixed("#cc79a7"),
        Kind::Stack => Colour::pair("#6a3d9a", "#a97fd6"),
        Kind::Kernel => Colour::pair("#444444", "#b4b4b4"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use present::svg::text_width;
    use samples::picture::faults;

    use super::*;
    use crate::map::Part;
    use crate::space::AddressSpace;
    use crate::waste::Waste;

    /// A report of a process with one mapping.
    pub(crate) fn report_of(command: &str, path: &str) -> InspectReport {
        InspectReport {
            schema: 1,
            pid: 77,
            command: command.into(),
            address_bits: 64,
            parts: vec![Part {
                part: Kind::File,
                mappings: 1,
                size: 8192,
                resident: 4096,
                proportional: 4096,
                swapped: 0,
            }],
            mappings: vec![MappingReport {
                start: "0x1000".into(),
                end: "0x3000".into(),
                size: 8192,
                permissions: "r--p".into(),
                part: Kind::File,
                path: path.into(),
                resident: 4096,
                proportional: 4096,
            }],
            address_space: AddressSpace {
                size: 1 << 47,
                free: 1 << 46,
                holes: 1,
                longest_hole: 1 << 46,
                largest_request: 1 << 46,
                largest_at: "0x3000".into(),
                external: 0.0,
                mappings: 1,
                max_mappings: None,
                limit_left: None,
                data_limit_left: None,
            },
            waste: Waste {
                huge_pages: 0,
                huge_looked_at: 0,
                huge_unused: 0,
                file_tails: 0,
                files: 1,
            },
            heap: None,
            frames: None,
            changed_meanwhile: false,
            partial: false,
            unseen: Vec::new(),
        }
    }

    #[test]
    fn a_hostile_name_stays_text_and_nothing_is_cut() {
        let picture = svg(&report_of("</text><b>\x1b", "/tmp/x\n<script>\u{202e}&"));
        assert!(picture.contains(r"&lt;/text&gt;&lt;b&gt;\x1b"));
        assert!(picture.contains(r"x\n&lt;script&gt;\u{202e}&amp;"));
        assert_eq!(faults(&picture, text_width), [""; 0]);
        let long = svg(&report_of(&"\x01".repeat(15), &"/\u{202e}猫".repeat(99)));
        assert_eq!(faults(&long, text_width), [""; 0]);
    }

    /// Beside a size on a logarithmic scale, 36 of 132 KiB once looked like two thirds.
    #[test]
    fn what_is_resident_is_a_share() {
        let mut report = report_of("p", "/f");
        for (resident, width) in [(0, 0.0), (2048, 17.5), (8192, 70.0), (1 << 30, 70.0)] {
            report.mappings[0].resident = resident;
            let part = format!("width=\"{width}\" height=\"12\" fill=\"#222222\"");
            assert!(svg(&report).contains(&part), "{resident}: {}", svg(&report));
        }
    }

    #[test]
    fn a_map_that_changed_meanwhile_says_so() {
        let mut report = report_of("p", "/f");
        assert!(!svg(&report).contains("changed"));
        report.changed_meanwhile = true;
        assert!(svg(&report).contains("; they changed while they were read</title>"));
    }

    #[test]
    fn the_largest_of_sizes_stays_in_its_column() {
        let mut report = report_of("p", "/f");
        for size in [0, 1, 4096, 1 << 47, u64::MAX] {
            report.mappings[0].size = size;
            assert_eq!(faults(&svg(&report), text_width), [""; 0], "{size}");
        }
    }
}
