//! The claims, one a file; `ALL` is the order of the tour.

mod address_space_fragments;
mod any_frame_will_do;
mod bigger_pages_waste_more;
mod copy_on_write;
mod heap_holes;
mod huge_page_rounds_up;
mod lazy_pages;
mod logical_parts;
mod page_rounds_up;
mod pages_need_no_contiguity;
mod segment_limit;
mod segments_fit_exactly;
mod segments_fragment_externally;

use claim::Claim;

/// Every claim of the topic.
pub const ALL: &[Claim] = &[
    logical_parts::CLAIM,
    segment_limit::CLAIM,
    segments_fit_exactly::CLAIM,
    segments_fragment_externally::CLAIM,
    address_space_fragments::CLAIM,
    any_frame_will_do::CLAIM,
    pages_need_no_contiguity::CLAIM,
    page_rounds_up::CLAIM,
    huge_page_rounds_up::CLAIM,
    bigger_pages_waste_more::CLAIM,
    heap_holes::CLAIM,
    lazy_pages::CLAIM,
    copy_on_write::CLAIM,
];

/// Bytes of a transparent huge page where a page table holds 512 entries of 4 KiB. The claims about
/// huge pages are not measured where pages are larger.
const HUGE_PAGE: usize = 2 << 20;

/// Bytes in a page of this machine.
pub(crate) fn page_size() -> usize {
    observe::machine::read().page_size
}

/// Makes sure that [`HUGE_PAGE`] is the size of a huge page here.
fn require_pages_of_4_kib() -> anyhow::Result<()> {
    match page_size() {
        4096 => Ok(()),
        other => claim::NotMeasured::err(
            format!("base pages of {other} bytes have huge pages of another size"),
            "use a kernel with pages of 4 KiB",
        ),
    }
}

/// Makes sure that `wanted` bytes of memory can be had twice over, so that no claim ever brings the
/// out-of-memory killer; a machine that has less does not measure.
fn ask_for(wanted: usize) -> anyhow::Result<()> {
    let available = match observe::memory::available_memory() {
        Ok(available) => available,
        Err(error) => {
            let why = format!("how much memory is free cannot be read: {error}");
            return claim::NotMeasured::err(why, "mount /proc with all of its files");
        }
    };
    if available / 2 < wanted as u64 {
        return claim::NotMeasured::err(
            format!(
                "it needs {} of memory and leaves as much free; {} are available",
                present::units::bytes(wanted as u64),
                present::units::bytes(available)
            ),
            "free memory, or raise the limit of the control group",
        );
    }
    Ok(())
}
