//! The machine's free physical memory: in how large blocks it lies, and what huge pages it has.
//!
//! A request that the machine refuses to one process may be fragmentation of physical memory, which
//! no look at the process shows. This is the place to look before blaming the program.

use observe::buddyinfo::{self, Zone};
use observe::{huge_pages, meminfo};
use present::foreign_text::{escape, escape_controls};
use present::units::{bytes, count, percent};
use present::{Column, Table, fill_sentences, fold_lines};
use serde::Serialize;

use super::Error;

/// Free memory and huge pages, as the JSON document has it. Sizes are bytes.
#[derive(Debug, Clone, Serialize)]
pub struct SystemReport {
    /// Version of this document's form.
    pub schema: u32,
    /// Bytes in a page.
    pub page_size: u64,
    /// The zones.
    pub zones: Vec<ZoneReport>,
    /// Memory that programs could have without swapping; null where the kernel does not say.
    pub available: Option<u64>,
    /// Huge pages.
    pub huge: Huge,
    /// What could not be seen, and why.
    pub unseen: Vec<String>,
}

/// One zone of physical memory.
#[derive(Debug, Clone, Serialize)]
pub struct ZoneReport {
    /// NUMA node.
    pub node: u32,
    /// Its name.
    pub zone: String,
    /// Free bytes.
    pub free: u64,
    /// One entry an order.
    pub orders: Vec<Order>,
}

/// Free blocks of 2^order pages.
#[derive(Debug, Clone, Serialize)]
pub struct Order {
    /// The order.
    pub order: usize,
    /// Bytes in a block.
    pub block: u64,
    /// Free blocks, as a number.
    pub free_blocks: u64,
    /// Share of the zone's free memory that a request of this order cannot use, 0 to 1.
    pub unusable: f64,
}

/// Huge pages: those that the kernel makes by itself, and the reserved ones.
#[derive(Debug, Clone, Serialize)]
pub struct Huge {
    /// transparent_hugepage/enabled: `always`, `madvise` or `never`; null where the kernel has
    /// none.
    pub transparent: Option<String>,
    /// transparent_hugepage/defrag: when the kernel compacts memory to get one.
    pub defrag: Option<String>,
    /// Bytes of one huge page.
    pub size: Option<u64>,
    /// Bytes that are in transparent huge pages now.
    pub in_use: Option<u64>,
    /// Huge pages that free blocks could make at once, without compaction, as a number.
    pub ready: u64,
    /// Reserved huge pages (hugetlbfs), as a number.
    pub reserved: Option<u64>,
    /// Of these free, as a number.
    pub reserved_free: Option<u64>,
}

/// Looks at the machine.
///
/// # Errors
/// /proc/buddyinfo or /proc/meminfo cannot be read.
pub fn system() -> Result<SystemReport, Error> {
    let page_size = observe::machine::read().page_size as u64;
    let info = meminfo::read()?;
    let zones = buddyinfo::read()?;
    if zones.is_empty() {
        return Err(Error::NotFound {
            file: "/proc/buddyinfo".to_owned(),
            what: "zone",
        });
    }
    let size = info.huge_page_size;
    let order = size.map_or(9, |size| (size / page_size).max(1).ilog2() as usize);
    let mut unseen = Vec::new();
    let mut setting = |name: &str| {
        huge_pages::read(name).unwrap_or_else(|error| {
            unseen.push(error.to_string());
            None
        })
    };
    let huge = Huge {
        transparent: setting(huge_pages::ENABLED),
        defrag: setting(huge_pages::DEFRAG),
        size,
        in_use: info.anon_huge_pages,
        ready: blocks_of(&zones, order),
        reserved: info.huge_pages_reserved,
        reserved_free: info.huge_pages_free,
    };
    unseen.push(
        "which blocks could be made by moving pages: only the kernel knows what it can move".into(),
    );
    Ok(SystemReport {
        schema: 1,
        page_size,
        zones: zones.iter().map(|zone| describe(zone, page_size)).collect(),
        available: info.available,
        huge,
        unseen,
    })
}

/// Blocks of `order` that are free, or part of a larger free one. /proc may be emulated: no sum of
/// its numbers wraps.
pub(crate) fn blocks_of(zones: &[Zone], order: usize) -> u64 {
    let free = zones.iter();
    let free = free.flat_map(|zone| zone.free.iter().enumerate().skip(order));
    free.fold(0, |sum: u64, (larger, &blocks)| {
        sum.saturating_add(blocks.saturating_mul(1 << (larger - order)))
    })
}

pub(crate) fn describe(zone: &Zone, page_size: u64) -> ZoneReport {
    let order = |(order, &free_blocks): (usize, &u64)| Order {
        order,
        block: page_size.saturating_mul(1 << order),
        free_blocks,
        unusable: zone.unusable_share(order),
    };
    ZoneReport {
        node: zone.node,
        zone: zone.name.clone(),
        free: zone.pages().saturating_mul(page_size),
        orders: zone.free.iter().enumerate().map(order).collect(),
    }
}

/// The report for people, in `width` columns of a terminal.
pub fn text(report: &SystemReport, width: Option<usize>) -> String {
    let mut text = String::new();
    for zone in &report.zones {
        text.push_str(&format!(
            "node {}, zone {}: {} free\n",
            zone.node,
            escape(&zone.zone),
            bytes(zone.free)
        ));
        text.push_str(&orders(zone).render(width));
        text.push('\n');
    }
    text.push_str(&fill_sentences(
        "unusable: share of the zone's free memory in blocks too small for a request of that \
         order\n\n",
        width,
    ));
    let huge = &report.huge;
    let word = |word: &Option<String>| word.as_ref().map_or("not in this kernel".into(), escape);
    text.push_str(&format!(
        "huge pages of {}: transparent {}, defrag {}\n  \
         {} could be made now without compaction, {} in use\n",
        huge.size.map_or("unknown size".into(), bytes),
        word(&huge.transparent),
        word(&huge.defrag),
        count(huge.ready),
        huge.in_use.map_or("unknown".into(), bytes)
    ));
    if let (Some(reserved), Some(free)) = (huge.reserved, huge.reserved_free) {
        text.push_str(&format!(
            "  reserved: {}, of these free: {}\n",
            count(reserved),
            count(free)
        ));
    }
    text.push_str("\nnot seen\n");
    for line in &report.unseen {
        text.push_str(&format!("  {}\n", escape_controls(line)));
    }
    fold_lines(&text, width)
}

fn orders(zone: &ZoneReport) -> Table {
    let headings = ["order", "block", "free blocks", "unusable"];
    let mut table = Table::new(headings.map(Column::right));
    for order in &zone.orders {
        table.row([
            order.order.to_string(),
            bytes(order.block),
            count(order.free_blocks),
            percent(order.unusable),
        ]);
    }
    table
}
