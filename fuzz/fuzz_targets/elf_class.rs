//! The parser in
//! - crates/observe/src/program.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::elf_class(data));
