//! What surprises in a claim that holds.

/// A finding that those who know the textbook do not expect. It is written by the author of the
/// claim and not computed: what surprises is no matter of numbers.
///
/// ```
/// use claim::Surprise;
///
/// const HERD: Surprise = Surprise::Great("one connection wakes 100 workers, 99 for nothing");
/// const QUEUE: Surprise = Surprise::Small("a backlog of 0 lets one connection wait");
/// assert!(HERD > QUEUE && HERD.finding().starts_with("one connection"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surprise {
    /// It corrects a detail: the finding, a clause that begins in lower case.
    Small(&'static str),
    /// It contradicts what most people believe.
    Great(&'static str),
}

impl Surprise {
    /// The finding, a clause that begins in lower case and has no full stop.
    pub const fn finding(self) -> &'static str {
        match self {
            Surprise::Small(finding) | Surprise::Great(finding) => finding,
        }
    }

    /// Whether most people believe the contrary.
    pub const fn is_great(self) -> bool {
        matches!(self, Surprise::Great(_))
    }
}
