//! Readings and acts of all kinds, and the verdict on each.

use std::time::Duration;

use super::*;
use crate::{Does, InControl, Name};

const WAKEUPS: Quantity = Name("wakeups").count(1, 8);
const SLEEPS: Quantity = Name("sleeps").count(1, 8);
const ACCEPT: Act = Does("blocks in accept")
    .call("accept4", "")
    .by("worker")
    .shown_by("its place in the kernel")
    .in_control(InControl::Not);
const LISTEN: Act = Does("listens")
    .call("listen", "128")
    .shown_by("the socket's state");
const MEET: Act = Does("meets the other")
    .in_memory()
    .shown_by("meetings")
    .or_not_measured("two CPUs");

/// A claim of these quantities and acts.
fn claim(quantities: &'static [Quantity], acts: &'static [Act]) -> Claim {
    Claim {
        quantities,
        acts,
        ..Claim::DEFAULT
    }
}

fn wakeups(count: u64) -> Reading {
    Reading::counters().with(&WAKEUPS, count)
}

fn judge_in(order: Order, claim: &Claim, experiment: Reading, control: Reading) -> Verdict {
    let readings = Readings {
        experiment,
        control,
        duration: Duration::ZERO,
    };
    Verdict::judge(claim, order, &readings)
}

fn judge(claim: &Claim, experiment: Reading, control: Reading) -> Verdict {
    judge_in(Order::AsClaimed, claim, experiment, control)
}

fn why(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::NotMeasured { why, .. }
        | Verdict::ControlFailed { why, .. }
        | Verdict::Error(why) => why,
        _ => "",
    }
}

#[test]
fn holds_only_with_a_working_control() {
    let claim = claim(&[WAKEUPS], &[]);
    for (experiment, control, expected) in [
        (1, 8, "holds"),
        // A blind instrument proves nothing.
        (1, 1, "not_measured"),
        // The control worked, the kernel disagrees.
        (8, 8, "refuted"),
        (8, 1, "refuted"),
        (5, 5, "not_measured"),
        (0, 0, "not_measured"),
    ] {
        let verdict = judge(&claim, wakeups(experiment), wakeups(control));
        assert_eq!(verdict.name(), expected, "{experiment} and {control}");
    }
}

#[test]
fn a_contradiction_never_outweighs_a_failed_control() {
    const BOTH: &[Quantity] = &[WAKEUPS, SLEEPS];
    const TURNED: &[Quantity] = &[SLEEPS, WAKEUPS];
    for quantities in [BOTH, TURNED] {
        let experiment = wakeups(8).with(&SLEEPS, 1_u64);
        let control = wakeups(8).with(&SLEEPS, 1_u64);
        let verdict = judge(&claim(quantities, &[]), experiment, control);
        assert!(
            matches!(verdict, Verdict::ControlFailed { .. }),
            "{verdict:?}"
        );
        assert!(why(&verdict).contains("`sleeps` read 1"), "{verdict:?}");
    }
}

#[test]
fn a_ratio_to_nothing_is_no_value() {
    let claim = claim(&[WAKEUPS], &[]);
    let none = |number: f64| Reading::counters().with(&WAKEUPS, number);
    for (experiment, control) in [
        (none(f64::NAN), wakeups(8)),
        (wakeups(1), none(f64::INFINITY)),
        (none(f64::NAN), none(f64::NEG_INFINITY)),
    ] {
        // As it comes from the process that measures.
        let sent = serde_json::to_string(&experiment).expect("JSON");
        let experiment = serde_json::from_str(&sent).expect("a reading");
        let verdict = judge(&claim, experiment, control);
        assert_eq!(verdict.name(), "not_measured");
        assert!(why(&verdict).contains("`wakeups` has no value in the "));
    }
}

#[test]
fn no_verdict_without_every_act() {
    let claim = claim(&[WAKEUPS], &[LISTEN, ACCEPT]);
    let reading = |count, listened, accepted| {
        let reading = wakeups(count).act(&LISTEN, listened);
        reading.act(&ACCEPT, accepted)
    };
    // As predicted, and contradicted: both only where the acts were done.
    for (woke, expected) in [(1, "holds"), (8, "refuted")] {
        let done = judge(&claim, reading(woke, true, true), reading(8, true, false));
        assert_eq!(done.name(), expected);
        for (experiment, control, named) in [
            ((true, false), (true, false), "worker blocks in accept"),
            ((false, true), (true, false), "listens (listen(128))"),
            ((true, true), (false, false), "in the control"),
            ((true, true), (true, true), "what only the experiment does"),
        ] {
            let experiment = reading(woke, experiment.0, experiment.1);
            let control = reading(8, control.0, control.1);
            let verdict = judge(&claim, experiment, control);
            assert_eq!(verdict.name(), "error", "{verdict:?}");
            assert!(why(&verdict).contains(named), "{verdict:?}");
        }
    }
}

#[test]
fn exchanged_arms_do_what_belongs_to_them() {
    let claim = claim(&[WAKEUPS], &[ACCEPT]);
    let (experiment, control) = (
        wakeups(1).act(&ACCEPT, true),
        wakeups(8).act(&ACCEPT, false),
    );
    let exchanged = judge_in(
        Order::Exchanged,
        &claim,
        control.clone(),
        experiment.clone(),
    );
    assert_eq!(exchanged, Verdict::Refuted);
    let as_claimed = judge(&claim, control, experiment);
    assert_eq!(as_claimed.name(), "error", "{as_claimed:?}");
}

#[test]
fn what_chance_denies_is_not_measured_and_a_broken_act_comes_first() {
    let claim = claim(&[WAKEUPS], &[MEET, LISTEN]);
    let reading = |met, listened| wakeups(8).act(&MEET, met).act(&LISTEN, listened);
    let verdict = judge(&claim, reading(false, true), reading(true, true));
    assert!(matches!(&verdict, Verdict::NotMeasured { enable, .. } if enable == "two CPUs"));
    let verdict = judge(&claim, reading(false, true), reading(true, false));
    assert_eq!(verdict.name(), "error", "{verdict:?}");
}

#[test]
fn what_is_missing_or_not_listed_is_a_broken_set_up() {
    let claim = claim(&[WAKEUPS], &[LISTEN]);
    let good = || wakeups(1).act(&LISTEN, true);
    let other = || wakeups(8).act(&LISTEN, true);
    for (experiment, control, expected) in [
        (
            Reading::counters().act(&LISTEN, true),
            other(),
            "did not read `wakeups`",
        ),
        (good(), wakeups(8), "evidence of the act `listens`"),
        (
            good().with(&SLEEPS, 1_u64),
            other(),
            "read `sleeps`, which the claim does not",
        ),
        (
            good(),
            other().act(&MEET, true),
            "the act `meets the other`, which the claim",
        ),
    ] {
        let verdict = judge(&claim, experiment, control);
        assert_eq!(verdict.name(), "error");
        assert!(why(&verdict).contains(expected), "{verdict:?}");
    }
}

#[test]
fn a_caveat_survives_only_while_the_claim_holds() {
    let claim = claim(&[WAKEUPS], &[]);
    let (experiment, control) = (wakeups(1).caveat("but"), wakeups(8));
    let holds = judge(&claim, experiment.clone(), control.clone());
    assert_eq!(holds, Verdict::HoldsWith("but".into()));
    assert_eq!(judge(&claim, control, experiment), Verdict::Refuted);
}

/// What a kernel lacks in both arms alike is no part of the verdict, and of none but a caveat.
#[test]
fn a_claim_is_judged_by_what_its_kernel_has() {
    let claim = claim(&[WAKEUPS, SLEEPS], &[LISTEN, ACCEPT]);
    let whole = |count, accepted| {
        let reading = wakeups(count).with(&SLEEPS, count);
        reading.act(&LISTEN, true).act(&ACCEPT, accepted)
    };
    let partly = |count: u64| {
        let reading = wakeups(count).act(&LISTEN, true);
        reading.leave_out("this kernel has no accept", &[SLEEPS], &[ACCEPT])
    };
    let verdict = judge(&claim, partly(1), partly(8));
    let caveat = "this kernel has no accept; not measured: `sleeps`".to_owned();
    assert_eq!(verdict, Verdict::HoldsWith(caveat));
    assert_eq!(judge(&claim, partly(8), partly(8)).name(), "refuted");
    assert_eq!(judge(&claim, partly(1), partly(1)).name(), "not_measured");
    let one_sided = judge(&claim, partly(1), whole(8, false));
    assert!(why(&one_sided).contains("different parts"), "{one_sided:?}");
    let other_side = judge(&claim, whole(1, true), partly(8));
    assert_eq!(other_side.name(), "error");
    let nothing = |reading: Reading| reading.leave_out("nothing at all", &[WAKEUPS], &[]);
    let verdict = judge(&claim, nothing(partly(1)), nothing(partly(8)));
    assert!(why(&verdict).contains("every quantity"), "{verdict:?}");
    let stranger = |reading: Reading| reading.leave_out("no such thing", &[], &[MEET]);
    let verdict = judge(&claim, stranger(partly(1)), stranger(partly(8)));
    assert!(why(&verdict).contains("does not list"), "{verdict:?}");
}
