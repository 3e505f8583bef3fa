//! Medians, spreads, Jain's index and a shuffle: pure functions.

/// The middle value; of an even number, the mean of the two in the middle; None of none.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// (largest - smallest) / median; None of none.
pub fn spread(values: &[f64]) -> Option<f64> {
    let largest = values.iter().copied().max_by(f64::total_cmp)?;
    let smallest = values.iter().copied().min_by(f64::total_cmp)?;
    Some((largest - smallest) / median(values.to_vec())?)
}

/// Jain's fairness index (sum x)^2 / (n sum x^2): 1 if all got the same, 1/n if one got all; None
/// if all shares are 0. Jain, Chiu, Hawe, DEC-TR-301 (1984).
pub fn jain(shares: &[u64]) -> Option<f64> {
    let sum: f64 = shares.iter().map(|&share| share as f64).sum();
    let squares: f64 = shares
        .iter()
        .map(|&share| share as f64 * share as f64)
        .sum();
    (squares > 0.0).then(|| sum * sum / (shares.len() as f64 * squares))
}

/// Fisher and Yates' shuffle with a 64-bit splitmix generator; `state` goes on from call to call.
pub fn shuffle<T>(items: &mut [T], state: &mut u64) {
    for last in (1..items.len()).rev() {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut random = *state;
        random = (random ^ (random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        random = (random ^ (random >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        random ^= random >> 31;
        items.swap(last, (random % (last as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn the_spread_is_relative() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[1.0, 2.0, 4.0]), Some(1.5));
    }

    #[test]
    fn jain_knows_equal_and_greedy() {
        assert_eq!(jain(&[5, 5, 5, 5]), Some(1.0));
        assert_eq!(jain(&[9, 0, 0, 0]), Some(0.25));
        assert_eq!(jain(&[0, 0]), None);
    }

    #[test]
    fn a_shuffle_keeps_all_and_repeats_with_its_seed() {
        let (mut a, mut b): (Vec<u32>, Vec<u32>) = ((0..50).collect(), (0..50).collect());
        shuffle(&mut a, &mut 7);
        shuffle(&mut b, &mut 7);
        assert_eq!(a, b);
        assert_ne!(a, (0..50).collect::<Vec<_>>());
        a.sort_unstable();
        assert_eq!(a, (0..50).collect::<Vec<_>>());
    }
}
