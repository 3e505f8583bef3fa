//! Synthetic loads, the same for the same seed.

use super::{Op, Summary};

/// A synthetic load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whole segments of 1 to 408 KiB, about 100 live: what segmentation was made for.
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

impl Kind {
    /// Every kind with its name on the command line.
    pub const ALL: [(&str, Kind); 5] = [
        ("segments", Kind::Segments),
        ("uniform", Kind::Uniform),
        ("pareto", Kind::Pareto),
        ("powers", Kind::Powers),
        ("phases", Kind::Phases),
    ];
}

/// xorshift64*: good enough to mix sizes, and the same everywhere.
pub struct Random(u64);

impl Random {
    /// Any seed, 0 included.
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

/// `operations` operations of a load, and what they add up to.
pub fn generate(kind: Kind, operations: u64, seed: u64) -> (Vec<Op>, Summary) {
    let mut load = Load {
        random: Random::new(seed),
        wanted: operations as usize,
        live: Vec::new(),
        spare: Vec::new(),
        ops: Vec::new(),
        slots: 0,
    };
    match kind {
        Kind::Phases => load.phases(),
        Kind::Segments => load.steady(100, |random| 1024 + random.below(407 * 1024)),
        Kind::Uniform => load.steady(4000, |random| 1 + random.below(4096)),
        Kind::Powers => load.steady(4000, |random| (16 << random.below(9)) + 1),
        Kind::Pareto => load.steady(4000, |random| {
            let uniform = (random.below(1 << 32) + 1) as f64 / (1u64 << 32) as f64;
            ((16.0 / uniform.powf(1.0 / 1.2)) as u64).min(1 << 24)
        }),
    }
    let summary = Summary::of(&load.ops);
    (load.ops, summary)
}

struct Load {
    random: Random,
    wanted: usize,
    live: Vec<u32>,
    spare: Vec<u32>,
    ops: Vec<Op>,
    slots: u32,
}

impl Load {
    /// Grows to about `blocks` live blocks and then frees a random block for every new one.
    fn steady(&mut self, blocks: u64, size: impl Fn(&mut Random) -> u64) {
        while self.ops.len() < self.wanted {
            // The count wanders around `blocks`: the more there are, the likelier a free.
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

    /// Rounds of a thousand blocks of one size, of which every second one stays; each round's blocks are
    /// half as large again, so that the holes of the last round fit none of them.
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
        let slot = self.spare.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        self.live.push(slot);
        self.ops.push(Op::Place { slot, size });
    }

    fn free(&mut self, slot: u32) {
        self.ops.push(Op::Free { slot });
        self.spare.push(slot);
    }
}
