//! Serialising accept by a file lock: the herd moves from the socket to the lock.

use anyhow::Result;
use claim::Prediction::{AtLeast, Between};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Table};
use harness::pin;

use super::acts::{self, WORKER};
use super::pool::{self, Bursts, Pool};
use super::sleepers::look_at;
use super::{TRACEPOINT_IF_ALLOWED, WITHOUT_PINNING, reading, tracepoint};

const FEW: usize = 4;
const MANY: usize = 32;
const CONNECTIONS: usize = 40;

const FLOCK: Quantity = grows("wakeups with 32 workers over those with 4, under flock");
const FCNTL: Quantity = grows("wakeups with 32 workers over those with 4, under fcntl");

const fn grows(name: &'static str) -> Quantity {
    Name(name)
        .predict(AtLeast(1.5), Between(0.9, 1.2))
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
    .shown_by("of connections that come one after the other, one worker accepts at least half")
    .or_not_measured("run it on a machine that does little else meanwhile");
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
    measures: "Workers take a lock before they accept and give it up after, all on one CPU, so \
               that who gives it up takes it again before another runs. Wakeups per connection \
               are compared between 4 and 32 workers.",
    control: "a robust mutex on a futex in shared memory: two wakeups, however many workers",
    notes: &[13],
    needs: &[TRACEPOINT_IF_ALLOWED, claim::QUIET_MACHINE],
    acts: &[
        FORK,
        WAIT_IN_FLOCK,
        WAIT_IN_FCNTL,
        ONE_CPU,
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
    // next locker race for it; on one CPU the process that gave the lock up always runs on and
    // takes it again first.
    pin::stay_here()?;
    let tracepoint = tracepoint();
    let set = |strategy: &str, workers, look| {
        pool::measure(strategy, workers, (CONNECTIONS, 1), tracepoint.kernel, look)
    };
    let sets = |strategy: &str, look| -> Result<[Bursts; 2]> {
        Ok([set(strategy, FEW, look)?, set(strategy, MANY, look)?])
    };
    let locks: [(&str, [Bursts; 2]); 2] = match arm {
        Arm::Experiment => [
            ("flock", sets("mutex-flock", count_in_flock)?),
            ("fcntl", sets("mutex-fcntl", count_in_fcntl)?),
        ],
        Arm::Control => [
            ("futex", sets("mutex-futex", count_in_flock)?),
            ("futex", sets("mutex-futex", count_in_fcntl)?),
        ],
    };
    let columns = [
        "mutex",
        "4 workers",
        "32 workers",
        "most of 40 by one worker",
    ];
    let mut table = Table::new("wakeups per connection", &columns);
    for (lock, [few, many]) in &locks {
        let per = |woken: &Bursts| woken.wakeups() as f64 / CONNECTIONS as f64;
        let most = format!("{} and {}", most_by_one(few), most_by_one(many));
        let wakeups = [few, many].map(|woken| format!("{:.2}", per(woken)));
        let cells = [(*lock).to_owned()].into_iter().chain(wakeups);
        table.row(cells.chain([most]));
    }
    let growth = |[few, many]: &[Bursts; 2]| many.wakeups() as f64 / few.wakeups() as f64;
    let [(_, by_flock), (_, by_fcntl)] = &locks;
    let all = || by_flock.iter().chain(by_fcntl);
    let forked = |sets: &[Bursts; 2]| sets[0].forked == FEW && sets[1].forked == MANY;
    Ok(reading(&tracepoint)
        .act(&FORK, forked(by_flock) && forked(by_fcntl))
        .act(&WAIT_IN_FLOCK, by_flock[1].asleep == MANY - 1)
        .act(&WAIT_IN_FCNTL, by_fcntl[1].asleep == MANY - 1)
        .act(&ONE_CPU, all().all(|woken| woken.on_one_cpu))
        .act(
            &TAKE_AGAIN,
            all().all(|woken| 2 * most_by_one(woken) >= CONNECTIONS as u64),
        )
        .act(&CONNECT, all().all(|woken| woken.closed == CONNECTIONS))
        .with(&FLOCK, growth(by_flock))
        .with(&FCNTL, growth(by_fcntl))
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

/// The most connections that one worker accepted. Who takes the lock again accepts the next one.
fn most_by_one(woken: &Bursts) -> u64 {
    let workers = woken.rounds.first().map_or(0, Vec::len);
    let accepted = |index: usize| {
        let rounds = woken.rounds.iter();
        rounds.map(|round| round[index].counts.accepted).sum()
    };
    (0..workers).map(accepted).max().unwrap_or(0)
}
