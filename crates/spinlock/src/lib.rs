//! spinlock
