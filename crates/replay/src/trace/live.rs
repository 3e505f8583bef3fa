//! The blocks that are live at one point of the trace, by the names that the trace gives them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Slot and size of each live block, by address or number.
pub(crate) type Live = HashMap<u64, (u32, u64), BuildHasherDefault<Folded>>;

/// A hash by one multiplication: the upper half of the product is folded onto the lower, so that
/// every bit of the result depends on every bit of the key. The standard library's hash withstands
/// an attacker, for a third of the time that reading a trace takes; a trace made of collisions
/// slows down nothing but its own replay.
#[derive(Default)]
pub(crate) struct Folded(u64);

impl Hasher for Folded {
    fn write_u64(&mut self, key: u64) {
        let product = u128::from(key ^ 0x2545_F491_4F6C_DD1D) * 0x9E37_79B9_7F4A_7C15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    /// Required by the trait; keys are whole numbers and go through `write_u64`.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
