//! Synthetic loads, the same for the same seed.

use super::slots::SlotNumbers;
use super::{Op, Summary};

/// A synthetic load, named after the sizes of its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Whole segments of 1 to 408 KiB, about 100 live: the load that segmentation was made for.
    Segments,
    /// Sizes uniform in 1 to 4096 bytes, about 4000 live.
    Uniform,
    /// Mostly small, some very large sizes (Pareto, shape 1.2), about 4000 live.
    Pareto,
    /// 2^k + 1 bytes: the sizes that a buddy system likes least, about 4000 live.
    Powers,
    /// Many small blocks, every second one freed, then larger ones: holes that fit nothing.
    Phases,
}

/// xorshift64*, good enough to mix sizes and the same on every machine. Source: Vigna, "An
/// experimental exploration of Marsaglia's xorshift generators, scrambled" (2016).
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed, 0 included.
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        ((u128::from(mixed) * u128::from(bound)) >> 64) as u64
    }
}

/// `operations` operations of a load, and what they add up to. Each seed gives a load of its own,
/// the same in every run.
pub fn generate(load: Load, operations: u64, seed: u64) -> (Vec<Op>, Summary) {
    let mut generator = Generator {
        random: Random::new(seed),
        wanted: operations as usize,
        live: Vec::new(),
        slots: SlotNumbers::default(),
        ops: Vec::new(),
    };
    match load {
        Load::Phases => generator.phases(),
        Load::Segments => generator.steady(100, |random| 1024 + random.below(407 * 1024)),
        Load::Uniform => generator.steady(4000, |random| 1 + random.below(4096)),
        Load::Powers => generator.steady(4000, |random| (16 << random.below(9)) + 1),
        Load::Pareto => generator.steady(4000, |random| {
            let uniform = (random.below(1 << 32) + 1) as f64 / (1u64 << 32) as f64;
            ((16.0 / uniform.powf(1.0 / 1.2)) as u64).min(1 << 24)
        }),
    }
    let summary = Summary::from_operations(&generator.ops);
    (generator.ops, summary)
}

struct Generator {
    random: Random,
    wanted: usize,
    live: Vec<u32>,
    slots: SlotNumbers,
    ops: Vec<Op>,
}

impl Generator {
    /// Grows to about `blocks` live blocks and then frees a random block for every new one.
    fn steady(&mut self, blocks: u64, size: impl Fn(&mut Random) -> u64) {
        while self.ops.len() < self.wanted {
            // The number of live blocks stays near `blocks`: the more there are, the likelier a
            // free.
            if self.random.below(2 * blocks) < self.live.len() as u64 {
                let victim = self.random.below(self.live.len() as u64) as usize;
                let slot = self.live.swap_remove(victim);
                self.free(slot);
            } else {
                let size = size(&mut self.random);
                self.place(size);
            }
        }
    }

    /// Rounds of 1000 blocks of one size, of which every second stays. The blocks of a round
    /// are half as large again as those of the round before, whose holes therefore fit none of
    /// them.
    fn phases(&mut self) {
        let mut size = 64;
        while self.ops.len() < self.wanted {
            let first = self.live.len();
            for _ in 0..1000 {
                self.place(size);
            }
            let round = self.live.split_off(first);
            for pair in round.chunks_exact(2) {
                self.free(pair[0]);
                self.live.push(pair[1]);
            }
            if self.live.len() > 8000 {
                for slot in self.live.drain(..4000).collect::<Vec<_>>() {
                    self.free(slot);
                }
            }
            size = if size > 4096 { 64 } else { size + size / 2 };
        }
        self.ops.truncate(self.wanted);
    }

    fn place(&mut self, size: u64) {
        let slot = self.slots.take();
        self.live.push(slot);
        self.ops.push(Op::Place { slot, size });
    }

    fn free(&mut self, slot: u32) {
        self.ops.push(Op::Free { slot });
        self.slots.give_back(slot);
    }
}
