//! What is in a page: hostile text, a question before its answer, the hash of the script.

#![expect(
    clippy::disallowed_methods,
    reason = "sha256sum(1) hashes the script as a browser does"
)]

use std::io::Write;
use std::process::{Command, Stdio};

use claim::{Machine, Partial, Verdict};

use super::*;
use crate::laws::{CLAIM, QUESTION, TOPIC};

const HOSTILE: &str = "\x1b[2J<script>alert(1)</script>\u{202e}\"'&\n";

fn page(verdict: Verdict) -> String {
    page_of(Report::without_readings(&TOPIC, &CLAIM, verdict))
}

fn page_of(report: Report) -> String {
    let register = Register::new(&[TOPIC]).expect("a register");
    let machine = Machine {
        kernel: HOSTILE.to_owned(),
        hypervisor: Some(HOSTILE.to_owned()),
        ..Machine::default()
    };
    let document = Document {
        machine,
        reports: vec![report],
        partial: Some(Partial {
            signal: HOSTILE.to_owned(),
            measured: 1,
            claims: 2,
        }),
    };
    let companions = Companions {
        questions: &[QUESTION],
        pictures: &[],
        left_out: &[HOSTILE.to_owned()],
    };
    render(&register, companions, &document)
}

#[test]
fn hostile_text_stays_text() {
    let hostile = || HOSTILE.to_owned();
    for verdict in [
        Verdict::HoldsWith(hostile()),
        Verdict::Error(hostile()),
        Verdict::NotMeasured {
            why: hostile(),
            enable: hostile(),
        },
    ] {
        let page = page(verdict);
        assert!(!page.contains(['\x1b', '\u{202e}']), "{page}");
        assert!(!page.contains("<script>alert"), "{page}");
        assert_eq!(page.matches("<script>").count(), 1, "its own");
        let shown = r"\x1b[2J&lt;script&gt;alert(1)&lt;/script&gt;\u{202e}&quot;'&amp;\n";
        assert!(page.matches(shown).count() >= 4, "{page}");
    }
}

#[test]
fn a_question_stands_before_its_answer() {
    let page = page(Verdict::Holds);
    let place = |text: &str| {
        page.find(text)
            .unwrap_or_else(|| panic!("{text} in {page}"))
    };
    assert!(place(QUESTION.asks) < place(CLAIM.statement));
    assert!(place(QUESTION.hint) < place(QUESTION.textbook));
}

/// What was predicted of the control stands there where it is not the value that was read.
#[test]
fn a_value_that_was_not_predicted_is_marked() {
    let mut report = Report::without_readings(&TOPIC, &CLAIM, Verdict::Refuted);
    let [wakeups, share] = ["wakeups", "share"];
    report.observed = [(wakeups.into(), 8u64.into()), (share.into(), 0.01.into())].into();
    report.control.observed = [(wakeups.into(), 8u64.into()), (share.into(), 0.7.into())].into();
    let page = page_of(report);
    assert_eq!(page.matches("class=\"otherwise\"").count(), 1, "{page}");
    assert_eq!(page.matches("<small>predicted ≥ 0.5</small>").count(), 1);
    assert!(!page.contains("<small>predicted 8"), "it was read");
}

#[test]
fn a_page_has_no_tag_that_it_can_do_without() {
    let page = page(Verdict::Holds);
    assert!(page.contains("<td") && !page.contains("</td>"), "{page}");
    assert!(!SCRIPT.contains("</") && !STYLE.contains("</"));
}

#[test]
fn what_was_predicted_stands_there_though_nothing_was_measured() {
    let why = || "a reason".to_owned();
    let page = page(Verdict::NotMeasured {
        why: why(),
        enable: why(),
    });
    assert!(page.contains("class=\"band\""), "{page}");
    assert_eq!(page.matches("not read").count(), 2 * CLAIM.quantities.len());
    assert!(
        !page.contains("class=\"observed\"/>"),
        "no mark of a value: {page}"
    );
}

/// The policy names the script by its hash: after a change of the script a browser refuses it.
#[test]
fn the_policy_allows_the_script() {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum, of coreutils");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(SCRIPT.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let digits = String::from_utf8(output.stdout).expect("UTF-8");
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("a byte");
    let hash = base64(&(0..32).map(byte).collect::<Vec<_>>());
    let policy = policy::POLICY;
    assert!(policy.contains(&format!("'sha256-{hash}'")), "{hash}");
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut padded = [0; 3];
        padded[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit) & 63) as usize;
            let is_there = digit <= chunk.len();
            text.push(if is_there { DIGITS[value].into() } else { '=' });
        }
    }
    text
}
