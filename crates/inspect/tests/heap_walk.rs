//! The walk over a living glibc heap against what glibc says of itself.
//!
//! A program of its own, without the test harness: the heap of 100,000 blocks must be the main
//! thread's, and its process is forked from one that has a single thread.
#![cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "mallinfo2"))]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program, not a library"
)]

#[cfg(not(target_env = "gnu"))]
fn main() {
    eprintln!("not glibc: no heap to walk");
}

#[cfg(target_env = "gnu")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut heap = child::fork("heap", |parent| {
        // What is freed and what stays differ in size, so that taking one for the other shows.
        let mut blocks: Vec<Option<Vec<u8>>> = (0..100_000)
            .map(|i| Some(vec![1; if i % 2 == 0 { 700 } else { 1300 }]))
            .collect();
        blocks.iter_mut().step_by(2).for_each(|block| *block = None);
        // The first round fills the thread cache with what sending allocates, so that the second
        // leaves the heap as mallinfo2 saw it.
        for _ in 0..2 {
            // SAFETY: mallinfo2 only reads the allocator's own figures.
            let info = unsafe { libc::mallinfo2() };
            parent.send(&(info.ordblks as u64, info.fordblks as u64))?;
            parent.checkpoint()?;
        }
        Ok(blocks.iter().flatten().count() as u64)
    })?;
    let (_, _): (u64, u64) = heap.recv()?;
    heap.at_checkpoint()?;
    heap.release()?;
    let (holes, free): (u64, u64) = heap.recv()?;
    heap.at_checkpoint()?;

    let report = inspect::inspect(heap.pid())?;
    let walked = report
        .heap
        .ok_or_else(|| format!("no heap: {:?}", report.unseen))?;
    println!("mallinfo2: {holes} holes, {free} bytes; walked: {walked:?}");
    assert_eq!(walked.holes, holes, "holes");
    assert!(
        walked.free.abs_diff(free) * 100 <= free,
        "free bytes within 1 %"
    );
    assert_eq!(
        walked.attempts, 1,
        "a process that holds still is read at once"
    );
    assert!(!walked.changed && walked.free_again == Some(walked.free));
    assert!(walked.live + walked.free <= walked.size && walked.external > 0.9);
    assert!(
        walked.pinned_pages * 100 > walked.pages * 95,
        "nearly every page is pinned"
    );

    heap.release()?;
    assert_eq!(heap.join()?, 50_000);
    Ok(())
}
