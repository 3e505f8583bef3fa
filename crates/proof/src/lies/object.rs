//! The calls that claims are about: a kernel that answers them falsely is rightly refuted.

/// A line each: the claim, the call, the reason.
const OBJECTS: &str = include_str!("../../lies-object.txt");

/// A call that is what a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// The claim.
    pub claim: &'static str,
    /// The call.
    pub call: &'static str,
    /// Why the claim may be refuted by a kernel that answers it falsely.
    pub reason: &'static str,
}

/// All of them.
pub fn objects() -> impl Iterator<Item = Object> {
    let lines = OBJECTS.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut words = line.splitn(3, char::is_whitespace);
        let (claim, call) = (words.next()?, words.next()?);
        let reason = words.next()?.trim();
        Some(Object {
            claim,
            call,
            reason,
        })
    })
}

/// Whether `claim` is about `call`.
pub fn is_object(claim: &str, call: &str) -> bool {
    objects().any(|object| object.claim == claim && object.call == call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_a_claim_a_call_and_a_reason() {
        let lines = OBJECTS
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        assert_eq!(lines.count(), objects().count());
        for object in objects() {
            assert!(object.reason.split(' ').count() > 3, "{object:?}");
        }
    }
}
