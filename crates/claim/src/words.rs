//! Words that quantities of several topics take as their values.

/// Two things are one and the same.
pub const SAME: &str = "same";

/// Two things are two.
pub const DIFFERENT: &str = "different";

/// [`SAME`] or [`DIFFERENT`].
pub const fn sameness(same: bool) -> &'static str {
    if same { SAME } else { DIFFERENT }
}
