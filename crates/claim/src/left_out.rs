//! Parts of a claim that a kernel has nothing for: it is judged by the rest.

use serde::{Deserialize, Serialize};

use crate::{Act, Claim, Quantity, Reading};

/// Quantities and acts that cannot be read on a kernel that lacks what they are about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    /// What the kernel lacks.
    why: String,
    quantities: Vec<String>,
    acts: Vec<String>,
}

impl Reading {
    /// Leaves out `quantities` and `acts`, since this kernel lacks what they are about: `why`, a
    /// clause. The claim is then judged by the rest, and holds at most with the caveat that says
    /// so. Both arms must leave out the same.
    ///
    /// Only for what a kernel says that it does not have (ENOSYS and the like), never for what was
    /// refused or came out otherwise.
    #[must_use]
    pub fn leave_out(
        mut self,
        why: impl Into<String>,
        quantities: &[Quantity],
        acts: &[Act],
    ) -> Self {
        self.left_out.push(LeftOut {
            why: why.into(),
            quantities: quantities.iter().map(|it| it.name.to_owned()).collect(),
            acts: acts.iter().map(|it| it.does.to_owned()).collect(),
        });
        self
    }

    pub(crate) fn leaves_out_quantity(&self, name: &str) -> bool {
        let mut names = self.left_out.iter().flat_map(|it| &it.quantities);
        names.any(|it| it == name)
    }

    pub(crate) fn leaves_out_act(&self, does: &str) -> bool {
        let mut acts = self.left_out.iter().flat_map(|it| &it.acts);
        acts.any(|it| it == does)
    }

    /// The reservations under which the claim holds, in words: the claim's own, and what was left
    /// out.
    pub(crate) fn reservations(&self) -> Option<String> {
        let left_out = self.left_out.iter().map(|it| {
            let (what, parts) = match &it.quantities[..] {
                [] => ("not shown", &it.acts),
                _ => ("not measured", &it.quantities),
            };
            let names: Vec<String> = parts.iter().map(|it| format!("`{it}`")).collect();
            format!("{}; {what}: {}", it.why, names.join(", "))
        });
        let all: Vec<String> = self.caveat.iter().cloned().chain(left_out).collect();
        (!all.is_empty()).then(|| all.join(". "))
    }
}

/// What is wrong about what the two arms leave out; nothing where they leave out the same parts of
/// the claim, and a quantity remains.
pub(crate) fn fault(claim: &Claim, experiment: &Reading, control: &Reading) -> Option<String> {
    let parts = |reading: &Reading| {
        let parts = reading.left_out.iter();
        let parts = parts.flat_map(|it| it.quantities.iter().chain(&it.acts).cloned());
        parts.collect::<Vec<String>>()
    };
    let (out, same) = (parts(experiment), parts(control));
    let is_part = |name: &&String| {
        let quantity = claim.quantities.iter().any(|it| it.name == **name);
        quantity || claim.acts.iter().any(|it| it.does == **name)
    };
    if let Some(stranger) = out.iter().find(|name| !is_part(name)) {
        return Some(format!(
            "the instrument left out `{stranger}`, which the claim does not list"
        ));
    }
    if out != same {
        return Some("the two arms left out different parts of the claim".to_owned());
    }
    let nothing_remains = !claim.quantities.is_empty()
        && claim
            .quantities
            .iter()
            .all(|it| out.iter().any(|name| name == it.name));
    nothing_remains.then(|| "the instrument left out every quantity".to_owned())
}
