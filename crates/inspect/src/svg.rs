//! The map of a process as an SVG picture: one bar a mapping, as long as the logarithm of its size.

use std::path::Path;

use present::foreign_text::escape;
use present::svg::{Anchor, Colour, Document, Element};
use present::units::bytes;

use super::InspectReport;
use super::map::{Kind, MappingReport};

const ROW: f64 = 18.0;
const BAR: f64 = 14.0;
const LEFT: f64 = 150.0;
const WIDTH: f64 = 420.0;
/// From the upper edge of a bar to the baseline of its text.
const BASELINE: f64 = 11.0;
/// Mappings drawn; a process with more is cut, and the picture says so.
const MAX_BARS: usize = 400;

/// The picture, high addresses at the top.
pub fn svg(report: &InspectReport) -> String {
    let drawn: Vec<_> = report.mappings.iter().rev().take(MAX_BARS).collect();
    let height = 70.0 + ROW * drawn.len() as f64;
    let largest = drawn.iter().map(|mapping| mapping.size).max().unwrap_or(1);
    let title = format!(
        "process {} ({}), high addresses first{}",
        report.pid,
        escape(&report.command),
        omission_note(report.mappings.len() - drawn.len())
    );
    let legend = "pale: addresses; solid: resident. Lengths are logarithms: each equal step \
                  doubles the size.";
    let mut picture =
        Document::new(960.0, height, &title, legend).font("ui-monospace, monospace", 11.0);
    let heading = Element::text(16.0, 24.0, &title).heading(14.0);
    picture.add(heading.font("system-ui, sans-serif"));
    picture.add(Element::text(16.0, 42.0, legend));
    for (index, mapping) in drawn.iter().enumerate() {
        picture.add(bar(mapping, 58.0 + ROW * index as f64, largest));
    }
    picture.render()
}

fn omission_note(mappings: usize) -> String {
    match mappings {
        0 => String::new(),
        _ => format!("; {mappings} lower mappings left out"),
    }
}

fn bar(mapping: &MappingReport, y: f64, largest: u64) -> Element {
    let colour = colour(mapping.part);
    let address = mapping.start.trim_start_matches("0x");
    let path = Path::new(&mapping.path);
    let name = path.file_name().unwrap_or_default();
    let label = format!(
        "{} {:>9} {} {}",
        mapping.permissions,
        bytes(mapping.size),
        mapping.part.name(),
        escape(name)
    );
    let part = |size| Element::rect(LEFT, y, length(size, largest), BAR).fill(colour);
    Element::group()
        .with(Element::text(LEFT - 8.0, y + BASELINE, address).anchor(Anchor::End))
        .with(part(mapping.size).opacity(0.3))
        .with(part(mapping.resident))
        .with(Element::text(LEFT + WIDTH + 12.0, y + BASELINE, &label))
}

/// A page is the shortest bar, the largest mapping the longest; each step right doubles the size.
fn length(size: u64, largest: u64) -> f64 {
    match size {
        0 => 0.0,
        size => {
            (size as f64 / 2048.0).log2().max(0.5) / (largest as f64 / 2048.0).log2().max(1.0)
                * WIDTH
        }
    }
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
    fn a_hostile_name_stays_text() {
        let picture = svg(&report_of("</text><b>\x1b", "/tmp/x\n<script>\u{202e}&"));
        assert!(picture.contains(r"&lt;/text&gt;&lt;b&gt;\x1b"));
        assert!(picture.contains(r"x\n&lt;script&gt;\u{202e}&amp;"));
        assert!(!picture.contains("<script") && !picture.contains('\x1b'));
    }
}
