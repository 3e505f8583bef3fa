//! Every policy over real memory: no block loses a byte, no free byte is lost.

use placement::{Block, Paging, Placement, Segments};
use proptest::prelude::*;
use replay::Policy;
use replay::arena::CheckedArena;

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

/// Every policy of a replay; two of them have to record where their blocks lie.
fn policies(arena: u64) -> Vec<(String, Box<dyn Placement>)> {
    let build = |policy: Policy| -> Box<dyn Placement> {
        match policy {
            Policy::Segments => Box::new(Segments::new(arena).with_moves()),
            Policy::Paging(page) => Box::new(Paging::new(arena, page).with_frames()),
            policy => policy.build(arena),
        }
    };
    let policies = Policy::all(&[16, 512]).into_iter();
    policies
        .map(|policy| (policy.name(), build(policy)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn blocks_keep_their_bytes_in_real_memory(arena in 1u64..8000, steps in steps()) {
        for (name, policy) in policies(arena) {
            if policy.arena() == 0 {
                continue;
            }
            let mut memory = CheckedArena::new(policy).unwrap();
            let whole = memory.policy().free_bytes();
            let mut live: Vec<(Block, u64)> = Vec::new();
            for step in &steps {
                match step {
                    Step::Place(size) => {
                        let fits = memory.policy().largest() >= memory.policy().allotted(*size);
                        let block = memory.place(*size).unwrap();
                        let case = format!("{name}: largest() and place() disagree");
                        prop_assert_eq!(block.is_some(), fits, "{}", case);
                        live.extend(block.map(|block| (block, *size)));
                    }
                    Step::Free(index) if !live.is_empty() => {
                        memory.free(live.swap_remove(index.index(live.len())).0).unwrap();
                    }
                    Step::Free(_) => {}
                }
                let used: u64 = live.iter().map(|&(_, size)| memory.policy().allotted(size)).sum();
                prop_assert_eq!(memory.policy().free_bytes() + used, whole, "{}: bytes lost", name);
            }
            for (block, _) in live {
                memory.free(block).unwrap();
            }
            prop_assert_eq!(memory.policy().free_bytes(), whole, "{}: bytes lost in the end", name);
            prop_assert_eq!(memory.policy().footprint(), 0, "{}: an empty arena is in use", name);
        }
    }
}
