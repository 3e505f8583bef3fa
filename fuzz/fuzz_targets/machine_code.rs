//! The parser in
//! - crates/spinlock/src/claims/one_instruction.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spinlock::laws::machine_code(data));
