//! Serialising accept by a file lock: the herd moves from the socket to the lock.

use anyhow::Result;
use claim::Prediction::{AtLeast, Between};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Surprise, Table};
use harness::pin;

use super::WITHOUT_PINNING;
use super::acts::{self, UNTRACED, WORKER};
use super::pool::{self, Bursts, Pool, WorkerRound};
use super::sleepers::look_at;

const FEW: usize = 4;
const MANY: usize = 32;
const CONNECTIONS: usize = 40;

/// How often at least, of forty times, the lock must have been taken again.
const TIMES: usize = 2;

const FLOCK: Quantity = grows("wakeups with 32 workers over those with 4, under flock");
const FCNTL: Quantity = grows("wakeups with 32 workers over those with 4, under fcntl");

const fn grows(name: &'static str) -> Quantity {
    Name(name)
        .predict(AtLeast(4.0), Between(0.9, 1.2))
        .unit("x")
}

const FORK: Act = acts::fork(
    "forks 4 and then 32 workers for each lock",
    2 * (FEW + MANY),
);
const WAIT_IN_FLOCK: Act = waits(
    "sleeps in flock, all but the one that accepts",
    "flock",
    "LOCK_EX",
);
const WAIT_IN_FCNTL: Act = waits(
    "sleeps in fcntl, all but the one that accepts",
    "fcntl",
    "F_SETLKW … F_WRLCK",
);
const ONE_CPU: Act = acts::ONE_CPU.or_not_measured(WITHOUT_PINNING);
/// What makes the herd: the first waiter that is woken finds the lock taken.
const TAKE_AGAIN: Act = Does("takes the lock that it gave up before a waiter runs")
    .in_memory()
    .by(WORKER)
    .times(TIMES)
    .shown_by("in each set, one worker accepts two connections in a row")
    .or_not_measured("run it again: chance, or what else ran on this CPU, prevented it");
const CONNECT: Act = acts::connect(
    "connects forty times to each set, while all workers sleep",
    4 * CONNECTIONS,
);

const fn waits(does: &'static str, call: &'static str, argument: &'static str) -> Act {
    Does(does)
        .call(call, argument)
        .by(WORKER)
        .times(MANY - 1)
        .shown_by("the number of its system call in /proc/PID/syscall")
        .in_control(InControl::Instead("futex", "FUTEX_WAIT"))
}

pub(super) const CLAIM: Claim = Claim {
    id: "accept-mutex-cost",
    statement: "An accept mutex by flock or fcntl can have a herd of its own: where who gives it \
                up takes it again before a waiter runs, its wakeups per connection grow with the \
                number of workers.",
    measures: "Workers take a lock before they accept and give it up after, all on one CPU, where \
               who gives it up often takes it again first. Of connections whose worker did so, \
               the wakeups are compared between 4 and 32 workers.",
    control: "a robust mutex on a futex in shared memory: two wakeups, however many workers",
    surprise: Some(Surprise::Small(
        "the lock against the herd has a herd of its own",
    )),
    notes: &[13],
    acts: &[
        FORK,
        WAIT_IN_FLOCK,
        WAIT_IN_FCNTL,
        ONE_CPU,
        UNTRACED,
        TAKE_AGAIN,
        CONNECT,
    ],
    man: &["flock(2)", "fcntl_locking(2)", "futex(2)"],
    quantities: &[FLOCK, FCNTL],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    // The waiters of a file lock stand in a chain, each behind the one before (fs/locks.c). The
    // process that gives the lock up wakes the first waiter. If this waiter finds the lock free,
    // the rest moves up behind it without waking: no herd. If the lock has been taken again by
    // then, each wakes in its turn and waits anew: the herd. On two CPUs the first waiter and the
    // next locker race for it; on one CPU the process that gave the lock up often runs on and takes
    // it again first.
    pin::stay_here()?;
    let set = |strategy: &str, workers, look| {
        pool::measure(strategy, workers, (CONNECTIONS, 1), None, look)
    };
    let sets = |strategy: &str, look| -> Result<[Bursts; 2]> {
        Ok([set(strategy, FEW, look)?, set(strategy, MANY, look)?])
    };
    let by_flock = sets(arm.choose("mutex-flock", "mutex-futex"), count_in_flock)?;
    let by_fcntl = sets(arm.choose("mutex-fcntl", "mutex-futex"), count_in_fcntl)?;
    let columns = ["mutex", "workers", "taken again", "or not", "times, of 40"];
    let mut table = Table::new("wakeups per connection", &columns);
    for (lock, sets) in [("flock", &by_flock), ("fcntl", &by_fcntl)] {
        for (workers, woken) in [FEW, MANY].iter().zip(sets) {
            let [again, or_not] = [true, false].map(|again| wakeups(woken, again));
            table.row([
                arm.choose(lock, "futex").to_owned(),
                workers.to_string(),
                format!("{:.2}", mean(&again)),
                format!("{:.2}", mean(&or_not)),
                again.len().to_string(),
            ]);
        }
    }
    let growth =
        |[few, many]: &[Bursts; 2]| mean(&wakeups(many, true)) / mean(&wakeups(few, true)).max(1.0);
    let all = || by_flock.iter().chain(&by_fcntl);
    let forked = |[few, many]: &[Bursts; 2]| few.forked == FEW && many.forked == MANY;
    let taken_again = all().all(|woken| wakeups(woken, true).len() >= TIMES);
    Ok(Reading::counters()
        .act(&FORK, forked(&by_flock) && forked(&by_fcntl))
        .act(&WAIT_IN_FLOCK, by_flock[1].asleep == MANY - 1)
        .act(&WAIT_IN_FCNTL, by_fcntl[1].asleep == MANY - 1)
        .act(&ONE_CPU, all().all(|woken| woken.on_one_cpu))
        .act(&UNTRACED, all().all(|woken| woken.untraced))
        .act(&TAKE_AGAIN, taken_again)
        .act(&CONNECT, all().all(|woken| woken.closed == CONNECTIONS))
        .with(&FLOCK, growth(&by_flock))
        .with(&FCNTL, growth(&by_fcntl))
        .table(table))
}

fn count_in_flock(pool: &Pool) -> Result<usize> {
    count_in(pool, libc::SYS_flock)
}

fn count_in_fcntl(pool: &Pool) -> Result<usize> {
    count_in(pool, libc::SYS_fcntl)
}

/// How many workers sleep in system call `number`.
fn count_in(pool: &Pool, number: libc::c_long) -> Result<usize> {
    let sleepers = look_at(&pool.workers.pids())?;
    let blocked = sleepers.iter().filter(|it| it.call.number == number);
    Ok(blocked.count())
}

/// The wakeups by each connection whose worker took the lock again, so that it accepted the next
/// one, too; or by each of the others.
fn wakeups(woken: &Bursts, taken_again: bool) -> Vec<u64> {
    let acceptor = |round: &[WorkerRound]| round.iter().position(|it| it.counts.accepted > 0);
    let pairs = woken.rounds.iter().zip(woken.rounds.iter().skip(1));
    let pairs = pairs.filter(|(round, next)| (acceptor(round) == acceptor(next)) == taken_again);
    let sleeps = |round: &[WorkerRound]| round.iter().map(|it| it.counts.sleeps).sum();
    pairs.map(|(round, _)| sleeps(round)).collect()
}

/// The mean; 0 of none.
fn mean(counts: &[u64]) -> f64 {
    counts.iter().sum::<u64>() as f64 / counts.len().max(1) as f64
}
