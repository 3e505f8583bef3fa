//! `/proc/buddyinfo`: free blocks of physical memory by zone and order (proc_buddyinfo(5)).

use crate::{Error, read_text};

/// One zone's free blocks: block `order` holds 2^order pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// NUMA node.
    pub node: u32,
    /// Name: `DMA32`, `Normal`.
    pub name: String,
    /// Number of free blocks, by order.
    pub free: Vec<u64>,
}

impl Zone {
    /// Free pages in all.
    pub fn pages(&self) -> u64 {
        self.pages_from(0)
    }

    /// Share of the free pages that lie in blocks too small for a request of `order`, 0 to 1: the
    /// kernel's unusable free space index (mm/vmstat.c, extfrag/unusable_index). 0 without free
    /// pages.
    pub fn unusable_share(&self, order: usize) -> f64 {
        match self.pages() {
            0 => 0.0,
            pages => (pages - self.pages_from(order)) as f64 / pages as f64,
        }
    }

    fn pages_from(&self, order: usize) -> u64 {
        let blocks = self.free.iter().enumerate().skip(order);
        blocks.fold(0, |sum: u64, (order, &count)| {
            sum.saturating_add(count.saturating_mul(1 << order))
        })
    }
}

/// Reads the free blocks of every zone.
///
/// # Errors
/// That of open(2) or read(2).
pub fn read() -> Result<Vec<Zone>, Error> {
    read_text("/proc/buddyinfo").map(|text| parse(&text))
}

/// Parses the text of the file; lines that are none of its own are skipped.
pub fn parse(text: &str) -> Vec<Zone> {
    text.lines().filter_map(line).collect()
}

fn line(text: &str) -> Option<Zone> {
    let (node, rest) = text.trim_start().strip_prefix("Node")?.split_once(',')?;
    let mut words = rest.split_ascii_whitespace();
    if words.next()? != "zone" {
        return None;
    }
    let name = words.next()?.to_owned();
    // 63 orders would be more memory than there are addresses.
    let free = words
        .take(63)
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    Some(Zone {
        node: node.trim().parse().ok()?,
        name,
        free,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        let zones = parse(
            "Node 0, zone      DMA      0      0      1\n\
             Node 1, zone   Normal      4      2      1\n",
        );
        assert_eq!(zones.len(), 2);
        assert_eq!((zones[1].node, zones[1].name.as_str()), (1, "Normal"));
        assert_eq!(zones[1].pages(), 4 + 4 + 4);
        assert_eq!(zones[1].unusable_share(0), 0.0);
        assert_eq!(zones[1].unusable_share(2), 8.0 / 12.0);
        assert_eq!(zones[1].unusable_share(3), 1.0);
        assert_eq!(zones[0].unusable_share(2), 0.0);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "\\PC*", words in "(Node|zone|,|[0-9]{1,25}| |\n){0,60}") {
            for zone in parse(&text).into_iter().chain(parse(&words)) {
                for order in 0..70 {
                    prop_assert!((0.0..=1.0).contains(&zone.unusable_share(order)));
                }
            }
        }
    }
}
