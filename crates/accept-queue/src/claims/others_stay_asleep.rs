//! One connection, worker by worker: the one that got it ran, the others did not notice.

use anyhow::Result;
use claim::{Act, Arm, Claim, Name, Quantity, Reading, Table};

use super::sleepers::count_in_accept;
use super::{acts, pool};

const WORKERS: usize = 8;

const UNTOUCHED: Quantity =
    Name("workers whose count of sleeps did not move").count(WORKERS as u64 - 1, 0);

const FORK: Act = acts::fork("forks eight workers", WORKERS);
const ACCEPT: Act = acts::sleep_in_accept(WORKERS);
const CONNECT: Act = acts::connect("connects once, while all workers sleep", 1);

pub(super) const CLAIM: Claim = Claim {
    id: "others-stay-asleep",
    statement: "One process gets the connection; the others stay asleep: they do not run at all.",
    measures: "Eight workers sleep in accept, all on one socket. Their voluntary context switches \
               are read, one client connects and is served, and they are read again once all \
               sleep.",
    control: "the workers sleep in poll: each of the eight runs",
    notes: &[12],
    example: Some("accept_in_four_children"),
    lesson: Some("strace-accept-wakes-one"),
    acts: &[FORK, ACCEPT, CONNECT],
    man: &["accept(2)", "proc_pid_status(5)"],
    quantities: &[UNTOUCHED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let strategy = arm.choose("blocking", "poll");
    let columns = ["worker", "pid", "woke", "accepted"];
    let mut table = Table::new("what one connection did to each", &columns);
    let mut untouched = 0u64;
    let woken = pool::measure(strategy, WORKERS, (1, 1), None, count_in_accept)?;
    for round in &woken.rounds {
        for (index, worker) in round.iter().enumerate() {
            let counts = worker.counts;
            untouched += u64::from(counts.sleeps == 0);
            let row = [
                index as u64,
                worker.pid as u64,
                counts.sleeps,
                counts.accepted,
            ];
            table.row(row.map(|number| number.to_string()));
        }
    }
    Ok(Reading::counters()
        .act(&FORK, woken.forked == WORKERS)
        .act(&ACCEPT, woken.asleep == WORKERS)
        .act(&CONNECT, woken.closed == 1)
        .with(&UNTOUCHED, untouched)
        .table(table))
}
