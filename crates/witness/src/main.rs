//! witness
fn main() {}
