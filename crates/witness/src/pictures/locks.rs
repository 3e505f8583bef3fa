//! Locks: who gets them, what waiting costs, and what a broken one loses.

use claim::Table;
use present::svg::{Anchor, Colour, Document, Element, FAINT, INK, PAPER, SERIES};
use runner::{Missing, Panel, Picture, Run, Seen};

use super::WIDTH;
use super::bars::{self, Bar};
use super::palette::IDLE;

pub const PICTURE: Picture = Picture {
    topic: "spinlock",
    title: "Who gets a lock, and what waiting costs",
    panels: &[
        ("Four threads, two CPUs, 100 ms", lanes),
        ("One second of waiting", waiting),
        ("What two racers count", counted),
    ],
};

const UNFAIR: &str = "unfair-against-ticket";
const COLUMNS: [&str; 3] = ["thread", "CPU", "operations"];
/// The threads' colours.
const THREADS: [Colour; 4] = [SERIES[0], SERIES[1], SERIES[2], SERIES[4]];
const LEFT: f64 = 52.0;
const RIGHT: f64 = 296.0;
const LANE: f64 = 26.0;

/// What one thread did: its number, its CPU, its operations.
type Thread<'a> = (usize, &'a str, u64);

fn threads<'a>(seen: &Seen<'a>) -> Result<Vec<Thread<'a>>, Missing> {
    let row = |(number, row): (usize, Vec<&'a str>)| {
        let operations = row[2].parse().map_err(|_| seen.missing("operations"))?;
        Ok((number, row[1], operations))
    };
    let rows = seen.rows(&COLUMNS)?;
    rows.into_iter().enumerate().map(row).collect()
}

fn lanes(run: &Run<'_>) -> Result<Panel, Missing> {
    let locks = [
        ("test-and-set", threads(&run.experiment(UNFAIR)?)?),
        ("ticket lock", threads(&run.control(UNFAIR)?)?),
    ];
    let columns = ["thread", "CPU", "lock", "operations"];
    let mut table = Table::new("Operations of each thread in 100 ms", &columns);
    for (lock, threads) in &locks {
        for (number, cpu, operations) in threads {
            table.row([
                number.to_string(),
                (*cpu).to_owned(),
                (*lock).to_owned(),
                operations.to_string(),
            ]);
        }
    }
    let share = |threads: &[Thread<'_>]| {
        let all: u64 = threads.iter().map(|(_, _, operations)| operations).sum();
        let most = threads.iter().map(|(_, _, operations)| operations).max();
        100.0 * most.copied().unwrap_or(0) as f64 / all.max(1) as f64
    };
    let caption = format!(
        "Each lane is a CPU; its colours are the threads that held the lock there, by their number \
         of operations, not in their order. One thread has {:.0} % of them under test-and-set, \
         {:.0} % under the ticket lock.",
        share(&locks[0].1),
        share(&locks[1].1)
    );
    let mut drawing = Document::new(WIDTH, 198.0, "Operations by CPU and thread", &caption);
    for ((lock, threads), top) in locks.iter().zip([14.0, 100.0]) {
        drawing.add(Element::text(0.0, top, lock).heading(12.5).fill(INK));
        draw_lanes(&mut drawing, threads, top + 8.0);
    }
    for (number, colour) in THREADS.iter().enumerate() {
        let x = 84.0 * number as f64;
        drawing.add(
            Element::rect(x, 183.0, 10.0, 10.0)
                .rounded(2.0)
                .fill(*colour),
        );
        let text = Element::text(x + 15.0, 192.0, &format!("thread {number}"));
        drawing.add(text.fill(FAINT));
    }
    Ok(Panel {
        drawing,
        caption,
        table,
    })
}

/// A lane for each CPU; the fullest is as long as there is room.
fn draw_lanes(drawing: &mut Document, threads: &[Thread<'_>], top: f64) {
    let mut cpus: Vec<&str> = threads.iter().map(|(_, cpu, _)| *cpu).collect();
    cpus.sort_unstable();
    cpus.dedup();
    let of_cpu = |cpu: &str| -> u64 {
        let own = threads.iter().filter(|(_, own, _)| *own == cpu);
        own.map(|(_, _, operations)| operations).sum()
    };
    let fullest = cpus.iter().map(|cpu| of_cpu(cpu)).max().unwrap_or(0).max(1) as f64;
    for (index, cpu) in cpus.iter().enumerate() {
        let y = top + LANE * index as f64;
        let label = format!("CPU {cpu}");
        drawing.add(
            Element::text(LEFT - 8.0, y + 14.0, &label)
                .anchor(Anchor::End)
                .fill(FAINT),
        );
        drawing.add(
            Element::rect(LEFT, y, RIGHT - LEFT, 20.0)
                .fill(IDLE)
                .opacity(0.5),
        );
        let mut x = LEFT;
        for (number, _, operations) in threads.iter().filter(|(_, own, _)| own == cpu) {
            let width = *operations as f64 / fullest * (RIGHT - LEFT);
            let colour = THREADS[number % THREADS.len()];
            drawing.add(
                Element::rect(x, y, width, 20.0)
                    .fill(colour)
                    .stroke(PAPER, 0.6),
            );
            x += width;
        }
        let total = of_cpu(cpu).to_string();
        drawing.add(Element::text(RIGHT + 8.0, y + 14.0, &total).fill(INK));
    }
}

fn waiting(run: &Run<'_>) -> Result<Panel, Missing> {
    const CLAIM: &str = "busy-wait-burns-cpu";
    const CPU: &str = "user CPU of the waiter, per second of waiting";
    let spins = run.experiment(CLAIM)?.number(CPU)?;
    let sleeps = run.control(CLAIM)?.number(CPU)?;
    let mut table = Table::new(
        "CPU time of a waiter for each second of waiting",
        &["waiter", "seconds"],
    );
    table.row(["spins".to_owned(), format!("{spins:.6}")]);
    table.row(["sleeps (control)".to_owned(), format!("{sleeps:.6}")]);
    let percent = |share: f64| format!("{} %", bars::short(100.0 * share));
    let bars = [
        Bar::new("at a spinlock", spins, percent(spins)).needed(0.0),
        Bar::new("at a mutex", sleeps, percent(sleeps)).needed(0.0),
    ];
    let caption = "CPU time that a waiter burns while it gets nothing done, for each second. Who \
                   spins has it all where no other program wants the CPU; who sleeps has \
                   next to none.";
    Ok(Panel {
        drawing: bars::draw(
            "CPU time burned by waiting",
            "a second of waiting",
            1.0,
            &bars,
        ),
        caption: caption.to_owned(),
        table,
    })
}

fn counted(run: &Run<'_>) -> Result<Panel, Missing> {
    const CLAIM: &str = "test-and-set-excludes";
    const NAMES: [(&str, &str); 2] = [
        ("two threads", "increments counted, two threads"),
        (
            "two processes",
            "increments counted, two processes over MAP_SHARED",
        ),
    ];
    let (swap, separate) = (run.experiment(CLAIM)?, run.control(CLAIM)?);
    let mut table = Table::new(
        "Increments counted, of 400000",
        &["racers", "one swap", "load, then store"],
    );
    let mut bars = Vec::new();
    let mut most: f64 = 1.0;
    for (racers, quantity) in NAMES {
        let (good, bad) = (swap.number(quantity)?, separate.number(quantity)?);
        table.row([racers.to_owned(), good.to_string(), bad.to_string()]);
        bars.push(Bar::new(
            format!("swap, {}", &racers[4..]),
            good,
            good.to_string(),
        ));
        bars.push(Bar::new(
            format!("load/store, {}", &racers[4..]),
            bad,
            bad.to_string(),
        ));
        most = most.max(good).max(bad);
    }
    let caption = "Two racers add 1 two hundred thousand times each, behind a flag. Taken by one \
                   swap, it loses nothing; by a load and then a store (control), it does.";
    Ok(Panel {
        drawing: bars::draw("Increments counted", "increments counted", most, &bars),
        caption: caption.to_owned(),
        table,
    })
}
