//! The parser in
//! - crates/proof/src/sabotage/mutation.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proof::laws::mutations(data));
