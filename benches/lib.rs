//! Criterion benchmarks: one file, one question.
