//! Memory before and after fragmentation, pages and frames.

use claim::Table;
use present::svg::{Anchor, Colour, Document, Element, FAINT, INK};
use runner::{Missing, Panel, Picture, Run};

use super::WIDTH;
use super::bars::{self, Bar};
use super::palette::{BOX, IDLE, USED, WASTED};

pub const PICTURE: Picture = Picture {
    topic: "address-space",
    title: "Memory before and after fragmentation, pages and frames",
    panels: &[
        ("Enough is free, in holes too short", holes),
        ("Pages side by side, frames anywhere", frames),
        ("A frame comes when it is touched", lazy),
        ("Addresses run out, memory does not", addresses),
        ("The larger the page, the more is empty", waste),
        ("What a heap full of holes can give", heap),
    ],
};

const LEFT: f64 = 4.0;
const RIGHT: f64 = 356.0;

/// `256 KiB` as bytes.
fn in_bytes(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let factor = match unit {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

fn holes(run: &Run<'_>) -> Result<Panel, Missing> {
    const CLAIM: &str = "segments-fragment-externally";
    const COLUMNS: [&str; 4] = ["policy", "free", "longest run", "16 KiB"];
    let (segments, pages) = (run.experiment(CLAIM)?, run.control(CLAIM)?);
    let rows = segments.rows(&COLUMNS)?;
    let paged = pages.rows(&COLUMNS)?;
    let mut table = Table::new(
        "16 KiB asked for when every second part was freed",
        &COLUMNS,
    );
    for row in rows.iter().chain(&paged) {
        table.row(row.iter().copied());
    }
    let first = rows.first().ok_or_else(|| segments.missing("policy"))?;
    let (free, longest) = (in_bytes(first[1]), in_bytes(first[2]));
    let (Some(free), Some(longest)) = (free, longest) else {
        return Err(segments.missing("free, longest run"));
    };
    let holes = (free / longest).round().clamp(1.0, 512.0) as usize;
    let failed = rows.iter().filter(|row| row[3] == "fails").count();
    let placed = paged.iter().filter(|row| row[3] == "placed").count();
    let caption = format!(
        "{} are free, in {holes} holes of {}. A request for 16 KiB fails under {failed} of {} \
         placement policies; in pages it is placed, {placed} times of {}.",
        first[1],
        first[2],
        rows.len(),
        paged.len()
    );
    let mut drawing = Document::new(
        WIDTH,
        168.0,
        "An arena before and after every second part was freed",
        &caption,
    );
    let cell = (RIGHT - LEFT) / (2 * holes) as f64;
    let text = |drawing: &mut Document, y: f64, text: &str| {
        drawing.add(Element::text(LEFT, y, text).fill(FAINT));
    };
    text(&mut drawing, 14.0, "before: full");
    text(&mut drawing, 64.0, "after: every second part freed");
    text(
        &mut drawing,
        114.0,
        "asked for: 16 KiB in one piece, longer than any hole",
    );
    let parts = |y: f64, colour: Colour, is_drawn: fn(&usize) -> bool| {
        let mut group = Element::group().fill(colour);
        for part in (0..2 * holes).filter(is_drawn) {
            let width = (cell - 0.8).max(0.4);
            group.add(Element::rect(LEFT + cell * part as f64, y, width, 22.0));
        }
        group
    };
    drawing.add(Element::rect(LEFT, 20.0, RIGHT - LEFT, 22.0).fill(USED));
    drawing.add(parts(70.0, IDLE, |part| part.is_multiple_of(2)));
    drawing.add(parts(70.0, USED, |part| !part.is_multiple_of(2)));
    let wanted = 16.0 * 1024.0 / longest * cell;
    drawing.add(Element::rect(LEFT, 120.0, wanted, 22.0).fill(WASTED));
    let fits = if failed == rows.len() {
        "fits nowhere"
    } else {
        "see the table"
    };
    drawing.add(Element::text(LEFT + wanted + 8.0, 135.0, fits).fill(INK));
    Ok(Panel {
        drawing,
        caption,
        table,
    })
}

fn frames(run: &Run<'_>) -> Result<Panel, Missing> {
    const CLAIM: &str = "any-frame-will-do";
    const COLUMNS: [&str; 2] = ["page", "frame"];
    let seen = run.experiment(CLAIM)?;
    let hidden = || seen.missing("the numbers of frames, which need CAP_SYS_ADMIN");
    let rows = seen.rows(&COLUMNS).map_err(|_| hidden())?;
    let places: Option<Vec<f64>> = rows.iter().map(|row| row[1].parse().ok()).collect();
    let places = places.filter(|it| !it.is_empty()).ok_or_else(hidden)?;
    let highest = places.iter().copied().fold(1.0, f64::max);
    let mut table = Table::new("Frames, counted from the lowest of them", &COLUMNS);
    for row in &rows {
        table.row(row.iter().copied());
    }
    let caption = format!(
        "The first {} of 512 pages side by side, and the frames that hold them: spread over {:.0} \
         frames. Nobody notices.",
        rows.len(),
        highest + 1.0
    );
    let title = "Neighbouring pages and their frames";
    let mut drawing = Document::new(WIDTH, 168.0, title, &caption);
    drawing.add(Element::text(LEFT, 14.0, "pages (addresses)").fill(FAINT));
    drawing.add(Element::text(LEFT, 164.0, "frames (memory)").fill(FAINT));
    let last = format!("+{highest:.0}");
    drawing.add(
        Element::text(RIGHT, 164.0, &last)
            .anchor(Anchor::End)
            .fill(FAINT),
    );
    drawing.add(
        Element::rect(LEFT, 124.0, RIGHT - LEFT, 24.0)
            .fill(IDLE)
            .opacity(0.5),
    );
    let width = (RIGHT - LEFT) / places.len() as f64;
    for (number, place) in places.iter().enumerate() {
        let x = LEFT + width * number as f64;
        let frame = LEFT + place / highest * (RIGHT - LEFT - 4.0);
        drawing.add(Element::line(x + width / 2.0, 46.0, frame + 2.0, 124.0).stroke(USED, 1.2));
        drawing.add(Element::rect(frame, 124.0, 4.0, 24.0).fill(USED));
        let page = Element::rect(x + 1.0, 22.0, width - 2.0, 24.0).rounded(3.0);
        drawing.add(page.fill(BOX).stroke(USED, 1.2));
        let label = Element::text(x + width / 2.0, 38.0, rows[number][0]);
        drawing.add(label.anchor(Anchor::Middle).fill(INK));
    }
    Ok(Panel {
        drawing,
        caption,
        table,
    })
}

fn lazy(run: &Run<'_>) -> Result<Panel, Missing> {
    let (lazy, copy) = (
        run.experiment("lazy-pages")?,
        run.experiment("copy-on-write")?,
    );
    let steps = [
        ("after mmap", lazy.number("pages resident after mmap")?),
        (
            "faults, written",
            lazy.number("minor faults while each page is written for the first time")?,
        ),
        (
            "own after fork",
            copy.number("pages that the child has to itself before writing")?,
        ),
        (
            "own once written",
            copy.number("pages that the child has to itself after writing each")?,
        ),
    ];
    let mut table = Table::new("Of 1024 pages", &["moment", "pages"]);
    let mut bars = Vec::new();
    for (moment, pages) in steps {
        table.row([moment.to_owned(), pages.to_string()]);
        bars.push(Bar::new(moment, pages, pages.to_string()));
    }
    let caption = "A process maps 1024 pages: none has a frame. Each gets one in a fault when it \
                   is first written. A child of fork has no page to itself until it writes.";
    Ok(Panel {
        drawing: bars::draw(
            "Pages that have a frame of their own",
            "of 1024 pages",
            1024.0,
            &bars,
        ),
        caption: caption.to_owned(),
        table,
    })
}

fn addresses(run: &Run<'_>) -> Result<Panel, Missing> {
    const CLAIM: &str = "address-space-fragments";
    const LARGEST: &str = "largest mmap that succeeds with 512 MiB free";
    let apart = run.experiment(CLAIM)?.number(LARGEST)? / 1024.0;
    let together = run.control(CLAIM)?.number(LARGEST)? / 1024.0;
    let in_mib = |size: f64| format!("{} MiB", bars::short(size));
    let mut table = Table::new(LARGEST, &["free addresses", "largest"]);
    table.row(["in holes of 1 MiB".to_owned(), in_mib(apart)]);
    table.row(["in one piece (control)".to_owned(), in_mib(together)]);
    let bars = [
        Bar::new("free", 512.0, "512 MiB"),
        Bar::new("in holes", apart, in_mib(apart)),
        Bar::new("in one piece", together, in_mib(together)),
    ];
    let caption = "Pages cure the fragmentation of memory, not that of addresses: with 512 MiB of \
                   them free, the largest mmap is no longer than the longest hole.";
    Ok(Panel {
        drawing: bars::draw(
            "The largest mmap that succeeds",
            "largest mmap",
            512.0,
            &bars,
        ),
        caption: caption.to_owned(),
        table,
    })
}

fn waste(run: &Run<'_>) -> Result<Panel, Missing> {
    const COLUMNS: [&str; 2] = ["page size", "files"];
    let seen = run.experiment("bigger-pages-waste-more")?;
    let rows = seen.rows(&COLUMNS)?;
    let mut table = Table::new("Left empty in the last page of files", &COLUMNS);
    let mut bars = Vec::new();
    for row in &rows {
        table.row(row.iter().copied());
        let share = row[1].trim_end_matches(['%', ' ']).parse::<f64>();
        let share = share.map_err(|_| seen.missing("files"))?;
        bars.push(Bar::new(format!("pages of {}", row[0]), share, row[1]).needed(0.0));
    }
    let caption = "How much of the pages that hold a file is empty, for the files of this machine: \
                   internal fragmentation grows with the page.";
    Ok(Panel {
        drawing: bars::draw(
            "Left empty in the last page",
            "share left empty",
            100.0,
            &bars,
        ),
        caption: caption.to_owned(),
        table,
    })
}

fn heap(run: &Run<'_>) -> Result<Panel, Missing> {
    const CLAIM: &str = "heap-holes";
    const LARGEST: &str = "largest request that fits, as a share of the free bytes";
    const TRIM: &str = "resident memory that malloc_trim gives back, as a share of the free bytes";
    let (apart, together) = (run.experiment(CLAIM)?, run.control(CLAIM)?);
    let percent = |share: f64| format!("{} %", bars::short(100.0 * share));
    let mut table = Table::new(
        "Shares of the free bytes of a heap",
        &[
            "share",
            "every second block freed",
            "the upper half (control)",
        ],
    );
    let mut bars = Vec::new();
    for (name, quantity) in [("largest request", LARGEST), ("given back", TRIM)] {
        let (holes, piece) = (apart.number(quantity)?, together.number(quantity)?);
        table.row([name.to_owned(), percent(holes), percent(piece)]);
        bars.push(Bar::new(format!("{name}, holes"), holes, percent(holes)));
        bars.push(Bar::new("in one piece", piece, percent(piece)));
    }
    let caption = "Half of a heap is free. In thousands of holes it serves no large request, and \
                   the kernel gets next to nothing of it back; in one piece it does both.";
    Ok(Panel {
        drawing: bars::draw(
            "What the free bytes of a heap are good for",
            "share of the free bytes",
            1.0,
            &bars,
        ),
        caption: caption.to_owned(),
        table,
    })
}
