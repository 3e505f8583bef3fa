//! A table and a picture of made-up numbers, one of them under a hostile name.
//!
//! `cargo run -p present --example table_and_picture [FILE]` prints the table and, where a file is
//! named, draws the picture into it.

use std::path::Path;

use present::foreign_text::escape;
use present::svg::{Anchor, Document, Element, SERIES};
use present::units::bytes;
use present::{Column, Error, OutputFile, Table, print, terminal_width};

const SIZES: [(&str, u64); 3] = [
    ("editor", 48 << 20),
    ("shell", 3 << 20),
    ("evil\x1b[2J\n  1 init\u{202e}</text>", 17 << 20),
];

fn main() -> Result<(), Error> {
    let mut table = Table::new([Column::left("process").wrapping(), Column::right("size")]);
    for (name, size) in SIZES {
        table.row([escape(name), bytes(size)]);
    }
    print(&table.render(terminal_width()))?;
    match std::env::args_os().nth(1) {
        Some(path) => OutputFile::at(Path::new(&path))?.write(&picture()),
        None => Ok(()),
    }
}

fn picture() -> String {
    let mut picture = Document::new(
        480.0,
        100.0,
        "Made-up sizes of three processes",
        "A bar for each process, as long as its memory.",
    );
    for (index, (name, size)) in SIZES.into_iter().enumerate() {
        let y = 10.0 + 28.0 * index as f64;
        let length = size as f64 / (1 << 20) as f64 * 4.0;
        picture.add(Element::text(230.0, y + 14.0, &escape(name)).anchor(Anchor::End));
        picture.add(Element::rect(240.0, y, length, 20.0).fill(SERIES[index]));
        picture.add(Element::text(246.0 + length, y + 14.0, &bytes(size)));
    }
    picture.render()
}
