//! The parser in
//! - crates/accept-queue/src/herd/assertion.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| accept_queue::laws::assertions(data));
