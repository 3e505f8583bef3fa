//! The same requests through four policies, and the arena of each drawn as a line of text.
#![allow(clippy::print_stdout, reason = "an example shows something")]

use placement::{BestFit, Block, FirstFit, NextFit, Placement, WorstFit};

/// Bytes of the arena: one character each.
const ARENA: u64 = 48;

/// A block with the letter that it is drawn with, and its size in bytes.
type Live = (char, Block, u64);

fn main() {
    let policies: [(&str, Box<dyn Placement>); 4] = [
        ("first fit", Box::new(FirstFit::new(ARENA))),
        ("next fit", Box::new(NextFit::new(ARENA))),
        ("best fit", Box::new(BestFit::new(ARENA))),
        ("worst fit", Box::new(WorstFit::new(ARENA))),
    ];
    println!("A to F are placed, A, C and E are freed, then g (5 bytes), h (7) and i (10) come.\n");
    for (name, mut policy) in policies {
        let mut live = Vec::new();
        for (letter, size) in [('A', 10), ('B', 4), ('C', 6), ('D', 4), ('E', 14), ('F', 4)] {
            place(policy.as_mut(), &mut live, letter, size);
        }
        for index in [4, 2, 0] {
            let (_, block, size) = live.remove(index);
            policy.free(block, size);
        }
        let before = draw(policy.as_ref(), &live);
        println!("{name:<10} {before}  {} bytes free", policy.free_bytes());
        let mut refused = String::new();
        for (letter, size) in [('g', 5), ('h', 7), ('i', 10)] {
            if !place(policy.as_mut(), &mut live, letter, size) {
                let largest = policy.largest();
                refused = format!("; no room for {letter}: {largest} bytes at most");
            }
        }
        let after = draw(policy.as_ref(), &live);
        println!(
            "{:<10} {after}  {} bytes free{refused}",
            "",
            policy.free_bytes()
        );
    }
}

/// Places a block and says whether there was room.
fn place(policy: &mut dyn Placement, live: &mut Vec<Live>, letter: char, size: u64) -> bool {
    let block = policy.place(size);
    live.extend(block.map(|block| (letter, block, size)));
    block.is_some()
}

/// A letter for each byte of a block, a dot for each free one.
fn draw(policy: &dyn Placement, live: &[Live]) -> String {
    let mut bytes = vec!['.'; ARENA as usize];
    for &(letter, block, size) in live {
        for extent in policy.extents(block, size) {
            bytes[extent.start as usize..extent.end() as usize].fill(letter);
        }
    }
    bytes.into_iter().collect()
}
