//! Descriptors, open file descriptions, inodes.

use claim::Table;
use present::svg::{Anchor, Document, Element, FAINT, INK};
use runner::{Missing, Panel, Picture, Rows, Run};

use super::WIDTH;
use super::palette::{BOX, USED};

pub const PICTURE: Picture = Picture {
    topic: "open-files",
    title: "Descriptors, open file descriptions and inodes",
    panels: &[
        ("One file, opened twice and duplicated once", opened_twice),
        ("The control: three files", three_files),
        ("A child reads, and its parent moves", fork),
    ],
};

const LAYERS: &str = "layers";
const COLUMNS: [&str; 5] = ["descriptor", "description", "offset", "access", "inode"];
/// Left and right edges of the three columns of boxes.
const BOXES: [(f64, f64); 3] = [(4.0, 62.0), (112.0, 236.0), (284.0, 356.0)];
const HEADS: [&str; 3] = ["descriptor", "open file description", "inode"];
const LINE: f64 = 44.0;
const TOP: f64 = 34.0;
const BOX_HEIGHT: f64 = 28.0;

fn opened_twice(run: &Run<'_>) -> Result<Panel, Missing> {
    let rows = run.experiment(LAYERS)?.rows(&COLUMNS)?;
    let (descriptions, inodes) = (distinct(&rows, 1).len(), distinct(&rows, 4).len());
    let caption = format!(
        "{} descriptors, {descriptions} descriptions, {inodes} inode. Six bytes were read through \
         the first: the offset belongs to the description.",
        rows.len()
    );
    Ok(panel(
        "One file, opened twice and duplicated once",
        &rows,
        caption,
    ))
}

fn three_files(run: &Run<'_>) -> Result<Panel, Missing> {
    let rows = run.control(LAYERS)?.rows(&COLUMNS)?;
    let (descriptions, inodes) = (distinct(&rows, 1).len(), distinct(&rows, 4).len());
    let caption = format!(
        "{} files, each opened once: {descriptions} descriptions, {inodes} inodes. Reading through \
         the first moves no other.",
        rows.len()
    );
    Ok(panel("Three files, each opened once", &rows, caption))
}

/// The different cells of a column, in their order.
fn distinct<'a>(rows: &Rows<'a>, column: usize) -> Vec<&'a str> {
    let mut cells = Vec::new();
    for row in rows {
        if !cells.contains(&row[column]) {
            cells.push(row[column]);
        }
    }
    cells
}

fn panel(title: &str, rows: &Rows<'_>, caption: String) -> Panel {
    let mut table = Table::new("What each descriptor refers to", &COLUMNS);
    for row in rows {
        table.row(row.iter().copied());
    }
    Panel {
        drawing: layers(title, rows, &caption),
        caption,
        table,
    }
}

/// Boxes in three columns, and an arrow for each reference.
fn layers(title: &str, rows: &Rows<'_>, description: &str) -> Document {
    let height = TOP + LINE * rows.len() as f64;
    let mut drawing = Document::new(WIDTH, height, title, description);
    for (head, (left, right)) in HEADS.iter().zip(BOXES) {
        let text = Element::text((left + right) / 2.0, 16.0, head);
        drawing.add(text.anchor(Anchor::Middle).fill(FAINT));
    }
    let line = |index: usize| TOP + LINE * index as f64 + BOX_HEIGHT / 2.0;
    // A box lies in the middle of those that refer to it.
    let middle = |column: usize, cell: &str| {
        let own = (0..rows.len()).filter(|index| rows[*index][column] == cell);
        let own: Vec<f64> = own.map(line).collect();
        own.iter().sum::<f64>() / own.len().max(1) as f64
    };
    for (index, row) in rows.iter().enumerate() {
        draw_arrow(&mut drawing, 0, line(index), middle(1, row[1]));
    }
    for cell in distinct(rows, 1) {
        if let Some(row) = rows.iter().find(|row| row[1] == cell) {
            let y = middle(1, cell);
            draw_arrow(&mut drawing, 1, y, middle(4, row[4]));
            draw_box(
                &mut drawing,
                1,
                y,
                &format!("offset {}, {}", row[2], row[3]),
            );
        }
    }
    for (index, row) in rows.iter().enumerate() {
        draw_box(&mut drawing, 0, line(index), row[0]);
    }
    for inode in distinct(rows, 4) {
        draw_box(&mut drawing, 2, middle(4, inode), inode);
    }
    drawing
}

fn draw_box(drawing: &mut Document, column: usize, y: f64, text: &str) {
    let (left, right) = BOXES[column];
    let top = y - BOX_HEIGHT / 2.0;
    let frame = Element::rect(left, top, right - left, BOX_HEIGHT).rounded(5.0);
    drawing.add(frame.fill(BOX).stroke(USED, 1.2));
    let text = Element::text((left + right) / 2.0, y + 4.0, text);
    drawing.add(text.anchor(Anchor::Middle).fill(INK));
}

/// An arrow from a box of `column` to one of the next.
fn draw_arrow(drawing: &mut Document, column: usize, from: f64, to: f64) {
    let (start, end) = (BOXES[column].1, BOXES[column + 1].0);
    drawing.add(Element::line(start, from, end - 7.0, to).stroke(USED, 1.5));
    let head = [(end, to), (end - 8.0, to - 4.0), (end - 8.0, to + 4.0)];
    drawing.add(Element::polygon(head).fill(USED));
}

fn fork(run: &Run<'_>) -> Result<Panel, Missing> {
    const CLAIM: &str = "fork-shares-description";
    const OFFSET: &str = "parent's offset after the child read 6 bytes";
    let shared = run.experiment(CLAIM)?.number(OFFSET)?;
    let own = run.control(CLAIM)?.number(OFFSET)?;
    let mut table = Table::new(
        "The parent's offset after its child read 6 bytes",
        &["child", "offset"],
    );
    table.row(["inherited the descriptor", &shared.to_string()]);
    table.row(["opened the file itself (control)", &own.to_string()]);
    let caption = format!(
        "The child reads 6 bytes. Through the descriptor that it inherited, its parent stands at \
         {shared}; where it opened the file itself, at {own}."
    );
    let title = "Parent and child after fork";
    let mut drawing = Document::new(WIDTH, TOP + 3.9 * LINE, title, &caption);
    let head = |drawing: &mut Document, y: f64, text: &str| {
        drawing.add(Element::text(4.0, y, text).fill(FAINT));
    };
    head(&mut drawing, 16.0, "inherited: one description");
    let y = TOP + BOX_HEIGHT / 2.0;
    let (parent, child) = (y, y + 0.82 * LINE);
    draw_arrow(&mut drawing, 0, parent, (parent + child) / 2.0);
    draw_arrow(&mut drawing, 0, child, (parent + child) / 2.0);
    draw_box(&mut drawing, 0, parent, "parent");
    draw_box(&mut drawing, 0, child, "child");
    draw_box(
        &mut drawing,
        1,
        (parent + child) / 2.0,
        &format!("offset {shared}"),
    );
    let below = child + 0.85 * LINE;
    head(&mut drawing, below, "opened by the child itself (control)");
    let parent = below + 12.0 + BOX_HEIGHT / 2.0;
    let child = parent + 0.82 * LINE;
    draw_arrow(&mut drawing, 0, parent, parent);
    draw_arrow(&mut drawing, 0, child, child);
    draw_box(&mut drawing, 0, parent, "parent");
    draw_box(&mut drawing, 0, child, "child");
    draw_box(&mut drawing, 1, parent, &format!("offset {own}"));
    draw_box(&mut drawing, 1, child, "another one");
    Ok(Panel {
        drawing,
        caption,
        table,
    })
}
