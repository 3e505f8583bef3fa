//! How many connections a second does each way of sharing a socket take, and does the number of
//! workers matter?
//!
//! One client keeps 16 connections open at a time; workers accept and close. Beside them, in the
//! same run, one process that connects, accepts and closes by itself, over TCP (the ceiling: nobody
//! is ever woken) and over AF_UNIX (no TCP either). Compare ratios within one run; two runs, or two
//! machines, do not compare. `-- --test` runs everything once, for CI.
#![expect(clippy::expect_used, reason = "a set-up that fails ends the run")]
#![expect(
    clippy::print_stderr,
    reason = "says which strategy the kernel refuses"
)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::{Duration, Instant};

use accept_queue::{Client, Workers, wait_for_close};
use anyhow::Result;
use benches::Reference;
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group};
use prefork::{Metering, Site, strategies};

/// The group of the references.
const ONE_PROCESS: &str = "connections, one process does it all";
/// Connections that the client keeps open.
const OPEN: usize = 16;

/// Makes `count` connections, `OPEN` at a time, and waits until the server has closed each.
fn connections(client: &mut Client, count: u64) -> Duration {
    let start = Instant::now();
    let mut open: VecDeque<TcpStream> = VecDeque::with_capacity(OPEN);
    for _ in 0..count {
        if open.len() == OPEN {
            wait_for_close(open.pop_front().expect("an open connection"))
                .expect("a served connection");
        }
        open.push_back(client.connect().expect("a connection"));
    }
    for connection in open {
        wait_for_close(connection).expect("a served connection");
    }
    start.elapsed()
}

fn shared_sockets(criterion: &mut Criterion) {
    for workers in [1, 8, 32] {
        let mut group = criterion.benchmark_group(format!("connections, {workers} workers"));
        group
            .throughput(Throughput::Elements(1))
            .sampling_mode(SamplingMode::Flat);
        for strategy in strategies::ALL {
            let site = Site::loopback(workers);
            let mut prepared = match (strategy.prepare)(&site) {
                Ok(prepared) => prepared,
                Err(refused) => {
                    eprintln!("{}: left out: {refused:#}", strategy.name);
                    continue;
                }
            };
            let address = prepared.listeners[0].local_addr().expect("an address");
            let mut herd =
                Workers::start(&mut prepared, workers, Metering::Nothing).expect("workers");
            drop(prepared);
            herd.wait_until_asleep().expect("workers asleep");
            let mut client = Client::new(address);
            group.bench_function(BenchmarkId::from_parameter(strategy.name), |bencher| {
                bencher.iter_custom(|count| connections(&mut client, count));
            });
        }
        group.finish();
    }
}

fn references(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(ONE_PROCESS);
    group.throughput(Throughput::Elements(1));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let mut client = Client::new(listener.local_addr().expect("an address"));
    group.bench_function("TCP", |bencher| {
        bencher.iter(|| {
            let mut connection = client.connect().expect("a connection");
            drop(listener.accept().expect("it is in the queue"));
            black_box(connection.read(&mut [0; 1]).expect("the end"))
        });
    });
    // An abstract name: no file is made (unix(7)).
    let name = format!("accept-contention-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).expect("a name");
    let listener = UnixListener::bind_addr(&address).expect("a listener");
    group.bench_function("AF_UNIX", |bencher| {
        bencher.iter(|| {
            let mut connection = UnixStream::connect_addr(&address).expect("a connection");
            drop(listener.accept().expect("it is in the queue"));
            black_box(connection.read(&mut [0; 1]).expect("the end"))
        });
    });
    group.finish();
}

/// Fifty benchmarks of one second each keep the whole under three minutes, even where others work.
fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(20)
        .nresamples(10_000)
}

criterion_group! {
    name = all;
    config = short();
    targets = references, shared_sockets
}

fn main() -> Result<()> {
    let measure = || {
        all();
        Criterion::default().configure_from_args().final_summary();
    };
    benches::run(measure, Reference::Of(ONE_PROCESS, "TCP"))
}
