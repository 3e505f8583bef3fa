//! The parser in
//! - crates/inspect/src/heap/chain.rs
//! - crates/inspect/src/heap/layout.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| inspect::laws::heap(data));
