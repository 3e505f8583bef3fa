//! Who asks for it is not preempted while it holds a lock: time slice extensions.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Result;
use claim::Prediction::{AtLeast, AtMost};
use claim::{Act, Arm, Claim, Does, InControl, Name, NotMeasured, Quantity, Reading, Table};
use harness::clock::Work;
use harness::rseq;
use harness::statistics::median;
use observe::hypervisor;

use super::slice_lock::{Heard, REFUSED, Silent, SliceLock, TALLY, Unheard};
use crate::claims::{EXCLUDE, LOCK_MEMORY, crowd, pinned_by_turns, two_cpus};
use crate::compare::contender::{Contender, Visitor};
use crate::compare::render::nanoseconds;
use crate::compare::window::{ContentionWindow, Regime, Setup, Timed};

const PREEMPTED: Quantity =
    Name("holders preempted, of those whose time slice ended inside a section")
        .predict(AtMost(50.0), AtLeast(90.0))
        .unit("%");

/// How many threads are too many for two CPUs.
const MANY: usize = 8;
/// Length of a section, in ns: shorter than the extension, which is 5 us or more.
const SECTION_NS: u64 = 1000;
const ROUNDS: usize = 5;
/// So many slices that end inside a section show what becomes of them.
const ENDS: u64 = 20;
/// So many extensions are no accident.
const EXTENSIONS: u64 = 10;
/// What enables the extensions.
const ENABLE: &str = "use Linux 7.0 or later with CONFIG_RSEQ_SLICE_EXTENSION, booted without \
                      rseq_slice_ext=off, and no filter on rseq and prctl";
/// What gives a thread the time to finish.
const LONGER: &str = "run it on real processors, or let an extension last longer (up to 50000 in \
                      /sys/kernel/debug/rseq/slice_ext_nsec)";
/// An emulator may need more time to grant an extension than the extension lasts.
const TOO_SLOW: &str = "a program imitates the processors of this machine, and most extensions \
                        were over before the holder had finished";
const CROWD: Act = crowd("starts eight threads", MANY);
const PINNED: Act = pinned_by_turns(MANY);
const REGISTER: Act = Does("registers an area of restartable sequences for each thread")
    .call("rseq", "")
    .times(MANY)
    .shown_by("the number of a CPU, which the kernel wrote into each area");
const ALLOW: Act = Does("has the kernel listen to each thread's requests")
    .call("prctl", "")
    .times(MANY)
    .shown_by("RSEQ_CS_FLAG_SLICE_EXT_ENABLED, which the kernel wrote into each area")
    .in_control(InControl::Not);
const ASK: Act = Does("asks for more time around each section")
    .in_memory()
    .by("each thread")
    .shown_by("a request that stands, or was granted, at the end of a section");
const SPIN: Act = Does("waits for test-and-set by spinning")
    .in_memory()
    .by("each thread")
    .shown_by("the lock's memory in /proc/self/mem: one byte, 1 inside a section, 0 in the end")
    .or_not_measured(LOCK_MEMORY);
const END_INSIDE: Act = Does("ends time slices inside sections, 20 times or more")
    .in_memory()
    .by("the scheduler")
    .shown_by("rseq areas: the sequence that the kernel forgot, or the extension that it granted")
    .or_not_measured("try again: the threads' slices ended elsewhere");

const EXTEND: Act = Does("lets holders run on, 10 times or more")
    .in_memory()
    .by("the kernel")
    .shown_by("rseq_slice_yield, which answers that the CPU was given up within the extension")
    .in_control(InControl::Not)
    .or_not_measured(LONGER);

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "slice-lets-the-holder-finish",
    statement: "A thread that asks for more time before it takes a lock is not preempted while it \
                holds it: the kernel lets it finish, and takes the CPU afterwards.",
    measures: "Eight threads contend on two CPUs for test-and-set with sections of 1 us, and each \
               requests a slice extension around its sections. Each thread's rseq area tells \
               whether the kernel preempted it inside, or granted the extension. Beside it, the \
               same lock without requests.",
    control: "the threads request the same, and have not told the kernel to listen",
    notes: &[18, 21, 30],
    needs: &["Linux 7.0 with CONFIG_RSEQ_SLICE_EXTENSION", "two CPUs"],
    acts: &[
        CROWD, PINNED, REGISTER, ALLOW, ASK, SPIN, END_INSIDE, EXTEND, EXCLUDE,
    ],
    man: &["rseq(2)", "prctl(2)", "sched(7)"],
    quantities: &[PREEMPTED],
    // An emulator is slow.
    limit: Duration::from_secs(60),
    measure,
    ..Claim::DEFAULT
};

/// What a window shows, and what its threads counted.
struct Observed {
    window: ContentionWindow,
    registered: u64,
    allowed: u64,
    asked: u64,
    preempted: u64,
    finished: u64,
    yielded: u64,
}

/// The windows of one lock.
#[derive(Default)]
struct Row {
    crowded: Vec<Observed>,
    /// In ns, of each round.
    with_two: Vec<f64>,
    with_many: Vec<f64>,
}

fn measure(arm: Arm) -> Result<Reading> {
    let cpus = two_cpus()?;
    if let Err(error) = rseq::require_slice_extensions() {
        return NotMeasured::err(error.to_string(), ENABLE);
    }
    let work = Work::calibrate();
    let (mut silent, mut asking) = (Row::default(), Row::default());
    for _ in 0..ROUNDS {
        silent.add::<Silent>(&cpus, work)?;
        match arm {
            Arm::Experiment => asking.add::<Heard>(&cpus, work)?,
            Arm::Control => asking.add::<Unheard>(&cpus, work)?,
        }
    }
    let all = || silent.crowded.iter().chain(&asking.crowded);
    let in_all = |evidence: fn(&ContentionWindow) -> bool| all().all(|it| evidence(&it.window));
    let (preempted, finished) = (asking.sum(|it| it.preempted), asking.sum(|it| it.finished));
    let ended = preempted + finished;
    // A thread that is kept from the lock for a whole window has no area in it.
    let every = |evidence: fn(&Observed) -> bool| asking.crowded.iter().all(evidence);
    let share = preempted as f64 * 100.0 / ended as f64;
    let is_emulated = hypervisor::is_emulated();
    let heard = every(|it| it.registered > 0 && it.allowed == it.registered);
    let asked = every(|it| it.asked > 0);
    if is_emulated && heard && asked && share > 50.0 {
        return NotMeasured::err(TOO_SLOW, LONGER);
    }
    let reading = Reading::kernel()
        .act(&CROWD, in_all(|window| window.threads.len() == MANY))
        .act(&PINNED, in_all(|window| window.pinned))
        .act(&REGISTER, every(|it| it.registered > 0))
        .act(&ALLOW, heard)
        .act(&ASK, asked)
        .act(&SPIN, in_all(|window| window.memory.is_flag()))
        .act(&END_INSIDE, ended >= ENDS)
        .act(&EXTEND, asking.sum(|it| it.yielded) >= EXTENSIONS)
        .act(&EXCLUDE, in_all(|window| window.lost == 0))
        .with(&PREEMPTED, share)
        .table(table(&[
            ("no request", &silent),
            ("with a slice request", &asking),
        ]))
        .note(times(&silent, &asking));
    Ok(match (arm, is_emulated) {
        (Arm::Experiment, true) => reading.caveat(
            "a program imitates the processors of this machine: which holder was preempted is the \
             kernel's, the times are the emulator's",
        ),
        _ => reading,
    })
}

impl Row {
    /// Opens a window with two threads and one with many.
    fn add<M: super::slice_lock::Manner>(&mut self, cpus: &[usize], work: Work) -> Result<()> {
        let two = open::<SliceLock<M>>(2, 30, cpus, work)?;
        self.with_two.push(two.window.time_per_operation());
        let many = open::<SliceLock<M>>(MANY, 120, cpus, work)?;
        self.with_many.push(many.window.time_per_operation());
        self.crowded.push(many);
        Ok(())
    }

    fn sum(&self, number: fn(&Observed) -> u64) -> u64 {
        self.crowded.iter().map(number).sum()
    }
}

fn open<C: Contender>(threads: usize, ms: u64, cpus: &[usize], work: Work) -> Result<Observed> {
    let setup = Setup {
        regime: Regime {
            threads,
            critical_ns: SECTION_NS,
            think_ns: 0,
        },
        length: Duration::from_millis(ms),
        work,
        cpus,
        timed: Timed::Nothing,
        interrupt: None,
    };
    let window = Visitor::visit::<C>(setup)?;
    if let Some(error) = REFUSED.get() {
        return NotMeasured::err(error.to_string(), ENABLE);
    }
    Ok(Observed {
        window,
        registered: TALLY.registered.load(Relaxed),
        allowed: TALLY.allowed.load(Relaxed),
        asked: TALLY.asked.load(Relaxed),
        preempted: TALLY.preempted.load(Relaxed),
        finished: TALLY.finished.load(Relaxed),
        yielded: TALLY.yielded.load(Relaxed),
    })
}

fn table(rows: &[(&str, &Row)]) -> Table {
    let title = "test-and-set, sections of 1 us: medians of five windows, sums of all";
    let columns = [
        "test-and-set",
        "2 threads",
        "8 threads",
        "8 by 2",
        "holders preempted",
        "finished in an extension",
    ];
    let mut table = Table::new(title, &columns);
    for (name, row) in rows {
        let (two, many) = (middle(&row.with_two), middle(&row.with_many));
        table.row([
            (*name).to_owned(),
            nanoseconds(two),
            nanoseconds(many),
            format!("{:.1} times", many / two),
            row.sum(|it| it.preempted).to_string(),
            row.sum(|it| it.finished).to_string(),
        ]);
    }
    table
}

/// How much faster the crowd is with requests, round by round.
fn times(silent: &Row, asking: &Row) -> String {
    let both = silent.with_many.iter().zip(&asking.with_many);
    let mut ratios: Vec<f64> = both.map(|(silent, asking)| silent / asking).collect();
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (
        ratios.first().unwrap_or(&0.0),
        ratios.last().unwrap_or(&0.0),
    );
    format!(
        "eight threads take {:.2} times as long per operation without requests as with them \
         ({least:.2} to {most:.2} in five pairs of windows)",
        middle(&ratios)
    )
}

/// The median; no number of none.
fn middle(values: &[f64]) -> f64 {
    median(values.to_vec()).unwrap_or(f64::NAN)
}
