//! What does one look at a descriptor cost?
//!
//! The same two descriptors of this very process, one a duplicate of the other, seen by each of the
//! means that `observe` has. `a system call` is the floor: getppid(2) does next to nothing.
#![expect(clippy::expect_used, reason = "a set-up that fails ends the run")]

use std::fs::File;
use std::hint::black_box;
use std::os::fd::{AsFd, AsRawFd};

use anyhow::Result;
use benches::Reference;
use criterion::{Criterion, criterion_group};

fn look(criterion: &mut Criterion) {
    let own = std::process::id() as i32;
    let file = File::open("/proc/self/exe").expect("its own program");
    let copy = file.try_clone().expect("room for a descriptor");
    let process = observe::pidfd::open(own).expect("a pidfd of itself");
    let (a, b) = ((own, file.as_raw_fd()), (own, copy.as_raw_fd()));
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());

    // A look that is refused costs less than one that is answered: measure only what is answered.
    let kcmp = observe::kcmp::descriptions(a, b).is_ok_and(|order| order.is_eq());
    let query = observe::description::query(file.as_fd(), copy.as_fd()) == Ok(true);
    let getfd = observe::pidfd::getfd(process.as_fd(), file.as_raw_fd()).is_ok();

    let mut group = criterion.benchmark_group("one look at a descriptor");
    group.bench_function("a system call", |b| {
        b.iter(|| black_box(std::os::unix::process::parent_id()));
    });
    if query {
        group.bench_function("F_DUPFD_QUERY", |b| {
            b.iter(|| observe::description::query(file.as_fd(), copy.as_fd()));
        });
    }
    if kcmp {
        group.bench_function("kcmp", |bencher| {
            bencher.iter(|| observe::kcmp::descriptions(black_box(a), black_box(b)));
        });
    }
    if getfd {
        group.bench_function("pidfd_getfd and close", |b| {
            b.iter(|| observe::pidfd::getfd(process.as_fd(), file.as_raw_fd()));
        });
    }
    group.bench_function("readlink /proc/self/fd/N", |b| {
        b.iter(|| std::fs::read_link(&link))
    });
    group.bench_function("fdinfo, read and parsed", |b| {
        b.iter(|| observe::fdinfo::read(black_box(own), file.as_raw_fd()));
    });
    group.finish();
}

criterion_group!(all, look);

fn main() -> Result<()> {
    let measure = || {
        all();
        Criterion::default().configure_from_args().final_summary();
    };
    benches::run(measure, Reference::InGroup(&["a system call"]))
}
