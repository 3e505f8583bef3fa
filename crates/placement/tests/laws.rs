//! The fast policies against the linear scan, and what must be true of every policy.

use placement::{
    BestFit, Block, Buddy, Choice, FirstFit, LinearScan, NextFit, Paging, Placement, Segments,
    SegregatedFit, WorstFit,
};
use proptest::prelude::*;

/// Places (0..) or frees the n-th live block.
#[derive(Debug, Clone)]
enum Step {
    Place(u64),
    Free(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![4 => 1u64..40, 2 => 1u64..400, 1 => Just(16u64)];
    let step = prop_oneof![
        5 => size.prop_map(Step::Place),
        4 => any::<prop::sample::Index>().prop_map(Step::Free),
    ];
    prop::collection::vec(step, 0..600)
}

fn same_addresses(mut fast: impl Placement, choice: Choice, arena: u64, steps: &[Step]) {
    let mut slow = LinearScan::new(choice, arena);
    let mut live: Vec<((Block, Block), u64)> = Vec::new();
    for step in steps {
        match step {
            Step::Place(size) => {
                let (block, expected) = (fast.place(*size), slow.place(*size));
                let start = block.map(|block| fast.start(block));
                let expected_start = expected.map(|block| slow.start(block));
                assert_eq!(start, expected_start, "{choice:?}, {size} bytes");
                live.extend(block.zip(expected).map(|blocks| (blocks, *size)));
            }
            Step::Free(index) if !live.is_empty() => {
                let ((block, same), size) = live.swap_remove(index.index(live.len()));
                fast.free(block, size);
                slow.free(same, size);
            }
            Step::Free(_) => {}
        }
        let figures = |policy: &dyn Placement| {
            (
                policy.free_bytes(),
                policy.largest(),
                policy.holes(),
                policy.footprint(),
            )
        };
        assert_eq!(figures(&fast), figures(&slow), "{choice:?} after {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_tree_gives_the_linear_scans_addresses(arena in 0u64..5000, steps in steps()) {
        same_addresses(FirstFit::new(arena), Choice::First, arena, &steps);
        same_addresses(NextFit::new(arena), Choice::Next, arena, &steps);
        same_addresses(BestFit::new(arena), Choice::Best, arena, &steps);
        same_addresses(WorstFit::new(arena), Choice::Worst, arena, &steps);
    }
}

#[test]
fn compaction_makes_one_hole_and_counts_its_price() {
    let mut segments = Segments::new(100);
    let blocks: Vec<Block> = (0..10).map(|_| segments.place(10).unwrap()).collect();
    for block in blocks.iter().step_by(2) {
        segments.free(*block, 10);
    }
    assert_eq!((segments.holes(), segments.free_bytes()), (5, 50));
    assert!(
        segments.place(50).is_some(),
        "50 bytes are free, in holes of 10"
    );
    assert_eq!(
        segments.moved_bytes(),
        50,
        "five segments of 10 bytes slid down"
    );
}

#[test]
fn next_fit_goes_on_where_it_stopped() {
    let mut next = NextFit::new(30);
    let first = next.place(10).unwrap();
    next.place(10).unwrap();
    next.free(first, 10);
    assert_eq!(next.place(10), Some(Block(20)), "the hole at 0 lies behind");
    assert_eq!(
        next.place(10),
        Some(Block(0)),
        "and is found on the second lap"
    );
}

#[test]
fn buddies_join_again() {
    let mut buddy = Buddy::new(64 + 16);
    assert_eq!((buddy.holes(), buddy.largest()), (2, 64));
    let blocks: Vec<Block> = (0..5).map(|_| buddy.place(9).unwrap()).collect();
    assert_eq!((buddy.place(1), buddy.free_bytes()), (None, 0));
    for block in blocks {
        buddy.free(block, 9);
    }
    assert_eq!((buddy.holes(), buddy.largest()), (2, 64));
}

#[test]
fn free_neighbours_at_the_end_are_not_in_use_though_they_are_no_buddies() {
    // 992 bytes are blocks of 512, 256, 128, 64 and 32; the last two of order 1 are 928 and 960.
    let mut buddy = Buddy::new(992);
    let first = buddy.place(16).unwrap();
    buddy.place(32).unwrap();
    buddy.free(first, 16);
    assert_eq!((buddy.free_bytes(), buddy.footprint()), (960, 928));
}

#[test]
fn segregated_fit_takes_a_hole_of_the_first_class_that_will_do() {
    let mut fit = SegregatedFit::new(1000);
    let sizes = [200, 1, 50, 1, 55, 1];
    let blocks: Vec<Block> = sizes.map(|size| fit.place(size).unwrap()).to_vec();
    for (&block, size) in blocks.iter().zip(sizes).step_by(2) {
        fit.free(block, size);
    }
    let mut start_of = |size| fit.place(size).map(|block| fit.start(block));
    // The class of the hole of 55 bytes begins at 54: it is sure to do.
    assert_eq!(start_of(54), Some(252));
    assert_eq!(
        start_of(49),
        Some(201),
        "neither 200 nor 692 free bytes are cut for it"
    );
    assert_eq!(
        start_of(692),
        Some(308),
        "no class is sure to do, and its own has it"
    );
    assert_eq!(start_of(693), None);
}

#[test]
fn segregated_fit_does_not_search_a_class_to_its_end() {
    // Nine holes of 32 and 33 bytes, one class, with one byte in use between them; the longest is
    // freed first.
    let sizes: Vec<u64> = std::iter::once(33).chain([32; 8]).collect();
    let mut fit = SegregatedFit::new(sizes.iter().map(|size| size + 1).sum());
    let blocks: Vec<Block> = sizes
        .iter()
        .map(|&size| {
            let block = fit.place(size).unwrap();
            fit.place(1).unwrap();
            block
        })
        .collect();
    for (&block, &size) in blocks.iter().zip(&sizes) {
        fit.free(block, size);
    }
    assert_eq!((fit.holes(), fit.largest()), (9, 32));
    assert_eq!(fit.place(33), None, "eight shorter holes lie before it");
    assert!(fit.place(32).is_some());
    assert!(fit.place(33).is_some(), "now it is among the first eight");
}

/// Every policy over an arena of `arena` bytes.
fn policies(arena: u64) -> Vec<(&'static str, Box<dyn Placement>)> {
    let linear = |choice| Box::new(LinearScan::new(choice, arena));
    vec![
        ("first fit", Box::new(FirstFit::new(arena))),
        ("next fit", Box::new(NextFit::new(arena))),
        ("best fit", Box::new(BestFit::new(arena))),
        ("worst fit", Box::new(WorstFit::new(arena))),
        ("segregated fit", Box::new(SegregatedFit::new(arena))),
        ("buddy", Box::new(Buddy::new(arena))),
        ("segments", Box::new(Segments::new(arena).with_moves())),
        ("paging", Box::new(Paging::new(arena, 4096))),
        ("linear first", linear(Choice::First)),
        ("linear next", linear(Choice::Next)),
        ("linear best", linear(Choice::Best)),
        ("linear worst", linear(Choice::Worst)),
    ]
}

#[test]
fn no_size_is_too_small_or_too_large_to_ask_for() {
    for arena in [0, 1, 4095, 4096, 1 << 63, u64::MAX] {
        for (name, mut policy) in policies(arena) {
            let case = format!("{name}, {arena} bytes");
            let free = policy.free_bytes();
            assert_eq!(policy.place(0), None, "{case}: nothing asked for");
            assert_eq!(policy.free_bytes(), free, "{case}: nothing taken");
            let largest = policy.largest();
            assert!(largest <= free && free <= arena, "{case}");
            if largest < u64::MAX {
                assert_eq!(policy.place(u64::MAX), None, "{case}");
                assert_eq!(policy.place(largest + 1), None, "{case}");
            }
            if largest > 0 {
                let block = policy.place(largest).unwrap();
                assert_eq!(policy.free_bytes(), free - largest, "{case}: all taken");
                policy.free(block, largest);
            }
            assert_eq!(
                (policy.free_bytes(), policy.footprint()),
                (free, 0),
                "{case}"
            );
        }
    }
}

#[test]
fn extents_sum_to_what_is_allotted() {
    for (name, mut policy) in policies(1 << 20) {
        if name == "paging" {
            policy = Box::new(Paging::new(1 << 20, 4096).with_frames());
        }
        for size in [1, 17, 4096, 5000] {
            let block = policy.place(size).unwrap();
            let extents = policy.extents(block, size);
            let sum: u64 = extents.iter().map(|extent| extent.len).sum();
            assert_eq!(sum, policy.allotted(size), "{name}: {size} bytes");
            assert_eq!(extents[0].start, policy.start(block), "{name}");
        }
    }
}

/// Numbers without a pattern, the same in every run (Marsaglia, Xorshift RNGs, 2003).
struct Random(u64);

impl Random {
    /// A number below `bound`, which is at least 1.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Thousands of holes: a tree of several levels, grown, emptied and grown again.
#[test]
fn a_tall_tree_gives_the_linear_scans_addresses() {
    let mut random = Random(7);
    let arena = 1 << 20;
    for choice in [Choice::First, Choice::Next, Choice::Best, Choice::Worst] {
        let mut fast: Box<dyn Placement> = match choice {
            Choice::First => Box::new(FirstFit::new(arena)),
            Choice::Next => Box::new(NextFit::new(arena)),
            Choice::Best => Box::new(BestFit::new(arena)),
            Choice::Worst => Box::new(WorstFit::new(arena)),
        };
        let mut slow = LinearScan::new(choice, arena);
        let mut live: Vec<((Block, Block), u64)> = Vec::new();
        // The share of placements swings, so that the arena fills and empties.
        for step in 0..12_000u64 {
            let places = if step / 3000 % 2 == 0 { 90 } else { 20 };
            if live.is_empty() || random.below(100) < places {
                let size = 1 + random.below(300);
                let (block, same) = (fast.place(size), slow.place(size));
                assert_eq!(
                    block.map(|block| fast.start(block)),
                    same.map(|block| slow.start(block)),
                    "{choice:?}, step {step}"
                );
                live.extend(block.zip(same).map(|blocks| (blocks, size)));
            } else {
                let victim = random.below(live.len() as u64) as usize;
                let ((block, same), size) = live.swap_remove(victim);
                fast.free(block, size);
                slow.free(same, size);
            }
            assert_eq!(fast.holes(), slow.holes(), "{choice:?}, step {step}");
        }
        assert_eq!(
            (fast.largest(), fast.footprint()),
            (slow.largest(), slow.footprint())
        );
        for ((block, _), size) in live {
            fast.free(block, size);
        }
        assert_eq!(
            (fast.holes(), fast.largest()),
            (1, arena),
            "{choice:?}: emptied"
        );
    }
}
