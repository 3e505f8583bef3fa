//! The order in which rows are measured.

/// The numbers below `count` in an order that `seed` chooses (Fisher and Yates, with SplitMix64): a
/// machine that gets slower or faster meanwhile favours no strategy by its place in the list.
pub fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut state = seed;
    let mut random = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, (random() % (last as u64 + 1)) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_chooses_an_order_of_all() {
        let mut order = shuffled(17, 7);
        assert_eq!(order, shuffled(17, 7));
        assert_ne!(order, shuffled(17, 8));
        order.sort_unstable();
        assert!(order.into_iter().eq(0..17));
    }
}
