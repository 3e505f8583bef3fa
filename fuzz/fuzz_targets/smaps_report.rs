//! The parser in
//! - crates/inspect/src/map.rs
//! - crates/inspect/src/space.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| inspect::laws::smaps_report(data));
