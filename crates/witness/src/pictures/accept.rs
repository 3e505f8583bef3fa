//! Who wakes for a connection.

use claim::Table;
use present::svg::{Colour, Document, Element, FAINT, INK, PAPER};
use runner::{Missing, Panel, Picture, Run, Seen};

use super::WIDTH;
use super::bars::{self, Bar};
use super::palette::{IDLE, NEEDED, WASTED};

pub const PICTURE: Picture = Picture {
    topic: "accept-queue",
    title: "Who wakes for a connection",
    panels: &[
        ("One connection, eight workers", timeline),
        ("One connection, a hundred workers", hundred),
        ("Wakeups for each connection", strategies),
    ],
};

const ASLEEP: &str = "others-stay-asleep";
const WORKERS: [&str; 3] = ["worker", "woke", "accepted"];
const LINE: f64 = 19.0;
const TOP: f64 = 56.0;
/// Left edges of both timelines, and how wide each is.
const LEFT: [f64; 2] = [58.0, 214.0];
const SPAN: f64 = 142.0;
/// A cell of the hundred, with the gap behind it.
const CELL: f64 = 16.0;
/// From the left edge to the moment of the connection.
const MOMENT: f64 = 46.0;

/// Of each worker, how often it woke, and how many connections it got.
fn workers(seen: &Seen<'_>) -> Result<Vec<[u64; 2]>, Missing> {
    let row = |row: Vec<&str>| {
        let number = |cell: &str| cell.parse().map_err(|_| seen.missing("woke, accepted"));
        Ok([number(row[1])?, number(row[2])?])
    };
    seen.rows(&WORKERS)?.into_iter().map(row).collect()
}

fn timeline(run: &Run<'_>) -> Result<Panel, Missing> {
    let arms = [
        ("accept", workers(&run.experiment(ASLEEP)?)?),
        ("poll", workers(&run.control(ASLEEP)?)?),
    ];
    let awake = |workers: &[[u64; 2]]| workers.iter().filter(|[woke, _]| *woke > 0).count();
    let [in_accept, in_poll] = [awake(&arms[0].1), awake(&arms[1].1)];
    let caption = format!(
        "One client connects. Of {} workers that sleep in accept, {in_accept} wakes; of {} that \
         sleep in poll, {in_poll} wake, and one of them gets the connection.",
        arms[0].1.len(),
        arms[1].1.len()
    );
    let most = arms
        .iter()
        .map(|(_, workers)| workers.len())
        .max()
        .unwrap_or(0);
    let height = TOP + LINE * most as f64 + 26.0;
    let mut drawing = Document::new(WIDTH, height, "One connection, eight workers", &caption);
    let mut table = Table::new(
        "What one connection did to each worker",
        &["worker", "call", "woke", "accepted"],
    );
    for ((call, workers), left) in arms.iter().zip(LEFT) {
        draw_timeline(&mut drawing, call, workers, left);
        for (number, [woke, accepted]) in workers.iter().enumerate() {
            table.row([
                number.to_string(),
                (*call).to_owned(),
                woke.to_string(),
                accepted.to_string(),
            ]);
        }
    }
    for number in 0..most {
        let y = TOP + LINE * number as f64 + 11.0;
        drawing.add(Element::text(0.0, y, &format!("worker {number}")).fill(FAINT));
    }
    draw_legend(&mut drawing, height - 6.0);
    Ok(Panel {
        drawing,
        caption,
        table,
    })
}

fn draw_timeline(drawing: &mut Document, call: &str, workers: &[[u64; 2]], left: f64) {
    let bottom = TOP + LINE * workers.len() as f64 - 4.0;
    let at = left + MOMENT;
    drawing.add(
        Element::text(left, 14.0, &format!("asleep in {call}"))
            .heading(12.5)
            .fill(INK),
    );
    drawing.add(Element::text(at - 4.0, 36.0, "a client connects").fill(FAINT));
    for (number, [woke, accepted]) in workers.iter().enumerate() {
        let y = TOP + LINE * number as f64;
        drawing.add(
            Element::rect(left, y + 5.0, SPAN, 4.0)
                .rounded(2.0)
                .fill(IDLE),
        );
        let colour = if *accepted > 0 { NEEDED } else { WASTED };
        if *woke > 0 {
            let length = if *accepted > 0 { 60.0 } else { 26.0 };
            drawing.add(Element::rect(at, y, length, 14.0).rounded(3.0).fill(colour));
        }
    }
    drawing.add(Element::line(at, 41.0, at, bottom).stroke(INK, 1.0));
}

fn draw_legend(drawing: &mut Document, y: f64) {
    let entries = [
        (0.0, IDLE, "asleep"),
        (74.0, NEEDED, "awake, gets it"),
        (192.0, WASTED, "awake for nothing"),
    ];
    for (x, colour, text) in entries {
        drawing.add(
            Element::rect(x, y - 9.0, 10.0, 10.0)
                .rounded(2.0)
                .fill(colour),
        );
        drawing.add(Element::text(x + 15.0, y, text).fill(FAINT));
    }
}

fn hundred(run: &Run<'_>) -> Result<Panel, Missing> {
    const CLAIM: &str = "thundering-herd";
    const WAKEUPS: &str = "wakeups per connection, 100 workers";
    const WASTE: &str = "of them wasted";
    let arms = [
        ("asleep in epoll_wait", run.experiment(CLAIM)?),
        ("asleep in accept", run.control(CLAIM)?),
    ];
    let mut table = Table::new(
        "Wakeups for each connection, 100 workers",
        &["workers", "wakeups", "of them wasted"],
    );
    let mut counts = Vec::new();
    for (arm, seen) in &arms {
        let (wakeups, wasted) = (seen.number(WAKEUPS)?, seen.number(WASTE)?);
        table.row([
            (*arm).to_owned(),
            format!("{wakeups:.2}"),
            format!("{wasted:.2}"),
        ]);
        counts.push((*arm, wakeups, wasted));
    }
    let caption = format!(
        "A hundred workers, one connection: {:.0} wake where they sleep in epoll_wait (each with \
         an instance of its own), {:.0} of them for nothing; {:.0} where they sleep in accept.",
        counts[0].1, counts[0].2, counts[1].1
    );
    let mut drawing = Document::new(WIDTH, 216.0, "One connection, a hundred workers", &caption);
    for ((arm, wakeups, wasted), left) in counts.iter().zip([6.0, 192.0]) {
        drawing.add(Element::text(left, 14.0, arm).heading(12.5).fill(INK));
        draw_cells(&mut drawing, left, 100.0, IDLE);
        draw_cells(&mut drawing, left, *wakeups, WASTED);
        draw_cells(&mut drawing, left, wakeups - wasted, NEEDED);
        for line in 1..10 {
            let at = CELL * f64::from(line) - 2.0;
            let gap = |from: (f64, f64), to: (f64, f64)| {
                let line = Element::line(left + from.0, 26.0 + from.1, left + to.0, 26.0 + to.1);
                line.stroke(PAPER, 4.0)
            };
            drawing.add(gap((at, 0.0), (at, 10.0 * CELL)));
            drawing.add(gap((0.0, at), (10.0 * CELL, at)));
        }
    }
    draw_legend(&mut drawing, 210.0);
    Ok(Panel {
        drawing,
        caption,
        table,
    })
}

/// Fills the first `count` of a hundred cells, in rows of ten.
fn draw_cells(drawing: &mut Document, left: f64, count: f64, colour: Colour) {
    let count = count.clamp(0.0, 100.0).round();
    for row in 0..10 {
        let before = 10.0 * f64::from(row);
        let cells = (count - before).min(10.0);
        if cells > 0.0 {
            let y = 26.0 + CELL * f64::from(row);
            drawing.add(Element::rect(left, y, CELL * cells - 4.0, CELL - 4.0).fill(colour));
        }
    }
}

/// A way to wait, how many workers there are, and the wakeups that one connection costs.
struct Strategy {
    name: &'static str,
    workers: u32,
    wakeups: f64,
}

fn strategies(run: &Run<'_>) -> Result<Panel, Missing> {
    let all = measured(run)?;
    let mut table = Table::new(
        "Wakeups for each connection",
        &["strategy", "workers", "wakeups"],
    );
    let mut bars = Vec::new();
    for Strategy {
        name,
        workers,
        wakeups,
    } in all
    {
        table.row([
            name.to_owned(),
            workers.to_string(),
            format!("{wakeups:.2}"),
        ]);
        let label = format!("{name}, {workers}");
        let bar = Bar::new(label, wakeups, bars::short(wakeups));
        bars.push(bar.needed(wakeups.min(1.0)));
    }
    let caption = "One wakeup is needed (green). Who sleeps in accept, or watches with \
                   EPOLLEXCLUSIVE, gets by with it however many wait; poll and epoll wake all.";
    let full = bars.iter().map(|bar| bar.value).fold(1.0, f64::max);
    Ok(Panel {
        drawing: bars::draw(
            "Wakeups for each connection",
            "strategy, workers: wakeups",
            full,
            &bars,
        ),
        caption: caption.to_owned(),
        table,
    })
}

/// What the claims of the run measured of it, few workers first.
fn measured(run: &Run<'_>) -> Result<Vec<Strategy>, Missing> {
    const EIGHT: (&str, &str) = (
        "accept-wakes-exactly-one",
        "wakeups of 8 workers by 50 connections",
    );
    const EXCLUSIVE: (&str, &str) = ("exclusive-waiters", "workers that woke, over 3 connections");
    const HERD: (&str, &str) = ("thundering-herd", "wakeups per connection, 100 workers");
    const CPU: (&str, &str) = (
        "herd-costs-cpu",
        "wakeups per connection of the first 100 workers",
    );
    let experiment = |(claim, quantity)| run.experiment(claim)?.number(quantity);
    let control = |(claim, quantity)| run.control(claim)?.number(quantity);
    let strategy = |name, workers, wakeups| Strategy {
        name,
        workers,
        wakeups,
    };
    let mut all = vec![
        strategy("accept", 8, experiment(EIGHT)? / 50.0),
        strategy("EPOLLEXCLUSIVE", 8, experiment(EXCLUSIVE)? / 3.0),
        strategy("epoll", 8, control(EXCLUSIVE)? / 3.0),
        strategy("poll", 8, control(EIGHT)? / 50.0),
        strategy("accept", 100, control(HERD)?),
    ];
    // It needs a machine that does little else, and may be missing.
    if let Ok(wakeups) = control(CPU) {
        all.push(strategy("EPOLLEXCLUSIVE", 100, wakeups));
    }
    all.push(strategy("epoll", 100, experiment(HERD)?));
    Ok(all)
}
