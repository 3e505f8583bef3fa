//! What does a placement cost: ours on plain offsets, beside allocators that place in real memory?
//!
//! Every contestant carries out the same operations of the same generated trace in an arena four
//! times the peak, so that no request fails, and every block starts at a multiple of 16 bytes, as
//! malloc's must: the peers round sizes up within, ours place bytes and are given sizes that are
//! rounded up already.
//!
//! Like stands beside like: `segregated fit` beside talc and rlsf, which take any good hole out of
//! bins; `buddy` beside buddy_system_allocator; `first fit` beside linked_list_allocator. First fit
//! and best fit owe one certain hole, the linear scan's, which talc does not look for. The peers
//! write headers into the memory that they hand out, ours keep their tables apart. `first fit`
//! against `linear scan` at 100,000 live blocks is the target of the tree: 10 times.
#![expect(unsafe_code, reason = "the peers hand out raw memory")]
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot start has nothing to measure"
)]

use std::alloc::Layout;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use anyhow::Result;
use benches::Reference;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use harness::memory::Memory;
use placement::{
    BestFit, Block, Buddy, Choice, FirstFit, LinearScan, NextFit, Placement, SegregatedFit,
    WorstFit,
};
use replay::trace::Op;
use replay::trace::generate::{Load, Random, generate};

/// An allocator, ours or a peer's: a place for so many bytes, by a number that frees it again.
trait Contestant {
    fn place(&mut self, size: u64) -> u64;
    fn free(&mut self, at: u64, size: u64);
}

/// Ours.
struct Ours<P>(P);

impl<P: Placement> Contestant for Ours<P> {
    fn place(&mut self, size: u64) -> u64 {
        self.0
            .place(rounded(size))
            .map(|block| block.0)
            .expect("the arena is large enough")
    }

    fn free(&mut self, at: u64, size: u64) {
        self.0.free(Block(at), rounded(size));
    }
}

/// A peer over memory that lives as long as it does.
struct Peer<A> {
    allocator: A,
    _memory: Memory,
}

trait Allocator {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>>;
    fn release(&mut self, at: NonNull<u8>, layout: Layout);
}

impl<A: Allocator> Contestant for Peer<A> {
    fn place(&mut self, size: u64) -> u64 {
        let block = self
            .allocator
            .allocate(layout(size))
            .expect("the arena is large enough");
        block.as_ptr() as u64
    }

    fn free(&mut self, at: u64, size: u64) {
        let at = NonNull::new(at as *mut u8).expect("no block lies at address 0");
        self.allocator.release(at, layout(size));
    }
}

/// malloc's alignment in bytes.
const ALIGNMENT: u64 = 16;

fn rounded(size: u64) -> u64 {
    size.next_multiple_of(ALIGNMENT)
}

fn layout(size: u64) -> Layout {
    Layout::from_size_align(size as usize, ALIGNMENT as usize).expect("a size of a generated trace")
}

type Talc = talc::base::Talc<talc::source::Manual, talc::DefaultBinning>;
type Tlsf = rlsf::Tlsf<'static, u32, u32, 24, 32>;

impl Allocator for Talc {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: sizes of a trace are at least 1.
        unsafe { Talc::allocate(self, layout) }
    }

    fn release(&mut self, at: NonNull<u8>, layout: Layout) {
        // SAFETY: allocated here with this layout, freed once by the trace.
        unsafe { self.deallocate(at.as_ptr(), layout) }
    }
}

impl Allocator for Tlsf {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        Tlsf::allocate(self, layout)
    }

    fn release(&mut self, at: NonNull<u8>, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.deallocate(at, layout.align()) }
    }
}

impl Allocator for linked_list_allocator::Heap {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.allocate_first_fit(layout).ok()
    }

    fn release(&mut self, at: NonNull<u8>, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.deallocate(at, layout) }
    }
}

impl Allocator for buddy_system_allocator::Heap<40> {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.alloc(layout).ok()
    }

    fn release(&mut self, at: NonNull<u8>, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.dealloc(at, layout) }
    }
}

/// A contestant in an arena of so many bytes.
type Make = fn(u64) -> Box<dyn Contestant>;

const CONTESTANTS: [(&str, Make); 10] = [
    ("first fit", |arena| Box::new(Ours(FirstFit::new(arena)))),
    ("next fit", |arena| Box::new(Ours(NextFit::new(arena)))),
    ("best fit", |arena| Box::new(Ours(BestFit::new(arena)))),
    ("worst fit", |arena| Box::new(Ours(WorstFit::new(arena)))),
    ("segregated fit", |arena| {
        Box::new(Ours(SegregatedFit::new(arena)))
    }),
    ("buddy", |arena| Box::new(Ours(Buddy::new(arena)))),
    ("talc", |arena| {
        peer(arena, |base, len| {
            let mut talc = Talc::new(talc::source::Manual);
            // SAFETY: the memory is talc's alone until the peer is dropped.
            unsafe { talc.claim(base, len) }.expect("talc takes the memory");
            talc
        })
    }),
    ("rlsf", |arena| {
        peer(arena, |base, len| {
            let mut tlsf = Tlsf::new();
            let block = NonNull::slice_from_raw_parts(NonNull::new(base).expect("mapped"), len);
            // SAFETY: as above.
            unsafe { tlsf.insert_free_block_ptr(block) }.expect("rlsf takes the memory");
            tlsf
        })
    }),
    ("linked_list_allocator", |arena| {
        peer(arena, |base, len| {
            // SAFETY: as above.
            unsafe { linked_list_allocator::Heap::new(base, len) }
        })
    }),
    ("buddy_system_allocator", |arena| {
        peer(arena, |base, len| {
            let mut buddy = buddy_system_allocator::Heap::<40>::new();
            // SAFETY: as above.
            unsafe { buddy.init(base as usize, len) };
            buddy
        })
    }),
];

fn peer<A: Allocator + 'static>(
    arena: u64,
    make: impl FnOnce(*mut u8, usize) -> A,
) -> Box<dyn Contestant> {
    let mut memory = Memory::private(arena as usize).expect("memory for the arena");
    // Touched beforehand: page faults are another bench's question.
    memory.write_every(4096, 0);
    let bytes = memory.bytes();
    let allocator = make(bytes.as_mut_ptr(), bytes.len());
    Box::new(Peer {
        allocator,
        _memory: memory,
    })
}

/// The whole trace through one contestant.
fn replay(contestant: &mut dyn Contestant, ops: &[Op], blocks: &mut [(u64, u64)]) -> Duration {
    let start = Instant::now();
    for &op in ops {
        let (slot, size) = match op {
            Op::Place { slot, size } | Op::Resize { slot, size } => (slot as usize, size),
            Op::Free { slot } => (slot as usize, 0),
        };
        let (at, was) = blocks[slot];
        if was > 0 {
            contestant.free(at, was);
        }
        let at = if size > 0 { contestant.place(size) } else { 0 };
        blocks[slot] = (at, size);
    }
    start.elapsed()
}

fn traces(criterion: &mut Criterion) {
    for (name, kind) in [
        ("uniform", Load::Uniform),
        ("pareto", Load::Pareto),
        ("segments", Load::Segments),
    ] {
        let (ops, summary) = generate(kind, 100_000, 1);
        let mut group = criterion.benchmark_group(name);
        group
            .throughput(Throughput::Elements(ops.len() as u64))
            .sample_size(10);
        for (contestant, make) in CONTESTANTS {
            group.bench_function(contestant, |bencher| {
                bencher.iter_custom(|rounds| {
                    let mut time = Duration::ZERO;
                    for _ in 0..rounds {
                        let mut contestant = make(4 * summary.peak_bytes);
                        let mut blocks = vec![(0, 0); summary.slots as usize];
                        time += replay(contestant.as_mut(), &ops, &mut blocks);
                    }
                    time
                });
            });
        }
    }
}

/// One free and one placement in an arena that holds so many blocks and nearly as many holes.
fn live_blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("first fit by live blocks");
    for live in [1_000u64, 10_000, 100_000] {
        let arena = live * 512 * 4;
        let contestants: [(&str, Make); 2] = [
            ("tree", |arena| Box::new(Ours(FirstFit::new(arena)))),
            ("linear scan", |arena| {
                Box::new(Ours(LinearScan::new(Choice::First, arena)))
            }),
        ];
        for (name, make) in contestants {
            let mut random = Random::new(1);
            let mut contestant = make(arena);
            let mut blocks: Vec<(u64, u64)> = (0..2 * live)
                .map(|_| {
                    let size = 1 + random.below(1024);
                    (contestant.place(size), size)
                })
                .collect();
            for _ in 0..live {
                let victim = random.below(blocks.len() as u64) as usize;
                let (at, size) = blocks.swap_remove(victim);
                contestant.free(at, size);
            }
            group.bench_function(BenchmarkId::new(name, live), |bencher| {
                bencher.iter(|| {
                    let victim = random.below(live) as usize;
                    let (at, size) = blocks[victim];
                    contestant.free(at, size);
                    let size = 1 + random.below(1024);
                    blocks[victim] = (contestant.place(size), size);
                });
            });
        }
    }
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = live_blocks, traces
}

fn main() -> Result<()> {
    let measure = || {
        all();
        Criterion::default().configure_from_args().final_summary();
    };
    benches::run(measure, Reference::InGroup(&["talc", "tree 1000"]))
}
