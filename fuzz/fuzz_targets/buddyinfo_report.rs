//! The parser in
//! - crates/inspect/src/system.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| inspect::laws::buddyinfo_report(data));
