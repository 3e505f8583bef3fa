//! The parser in
//! - crates/spinlock/src/compare/lock_name.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spinlock::laws::lock_names(data));
