//! A trace as it is read: arms, processes, explanations, calls.

use std::collections::HashSet;

use claim::{Call, Claim};
use present::fold_lines;
use present::foreign_text::escape_controls;
use proof::record::{Arm, Outcome, Recorded, Recording, TracedCall};

use super::family::Family;
use super::lesson::{Lesson, Step};

const ORDER: &str = "A call stands where it was entered, with what it answered later. \
                     Only calls that matter are shown.";

const FIGURES: &str = "The figures of a run without strace: each stop by a tracer takes time and \
                       counts as a voluntary context switch.\n";

/// Characters of a text in quotes that are shown.
const LONGEST_STRING: usize = 32;

/// The whole trace: the command that one could give oneself, and both arms.
pub fn trace(claim: &Claim, lesson: &Lesson, recording: &Recording, width: usize) -> String {
    let calls: Vec<&str> = lesson.calls().into_iter().collect();
    let options = lesson.options.iter().map(|option| format!(" {option}"));
    let command = format!(
        "$ strace -f{} -e trace=?{} witness run {}\n{ORDER}\n",
        options.collect::<String>(),
        calls.join(",?"),
        claim.id
    );
    let arms = [(Arm::Experiment, "EXPERIMENT"), (Arm::Control, "CONTROL")];
    let arms = arms.map(|(arm, title)| {
        let calls: Vec<&Recorded> = recording.calls(arm).collect();
        format!(
            "\n{title}\n{}",
            of_arm(arm, last_turn(&calls, arm.name()), lesson, width)
        )
    });
    fold_lines(&(command + &arms.concat()), Some(width))
}

/// The claim's own report, of a run of its own.
pub fn figures(report: &str, width: usize) -> String {
    format!("\n{}\n{report}", fold_lines(FIGURES, Some(width)))
}

/// The calls of the last time that the arm was measured: a refuted claim is measured again.
fn last_turn<'a>(calls: &'a [&'a Recorded], arm: &str) -> &'a [&'a Recorded] {
    let begins = |recorded: &&Recorded| {
        let call = &recorded.call;
        call.name == "prctl" && call.text.starts_with(&format!("PR_SET_NAME, \"{arm}\""))
    };
    let start = calls.iter().rposition(begins).unwrap_or(0);
    calls.get(start..).unwrap_or_default()
}

/// A call that is shown, or several that are alike.
struct Line<'a> {
    /// Who made each.
    pids: Vec<i32>,
    kind: Call,
    /// The name of who made them, and what they have in common.
    key: (&'a str, String),
    /// The first of them.
    call: &'a TracedCall,
}

fn of_arm(arm: Arm, calls: &[&Recorded], lesson: &Lesson, width: usize) -> String {
    let family = Family::of(arm.name(), calls);
    let mut out = String::new();
    for line in family.lines() {
        out += &format!("  {}\n", escape_controls(&line));
    }
    let of_arm = |step: &&Step| arm == Arm::Control || !step.only_in_control;
    let steps: Vec<&Step> = lesson.steps.iter().filter(of_arm).collect();
    let mut said = vec![false; steps.len()];
    for line in lines(arm, calls, &family, &steps) {
        if let Some(step) = step_to_say(&steps, &said, line.kind) {
            said[step] = true;
            out += &comment(&steps[step].says, width);
        }
        let name = line.key.0;
        let who = match line.pids.as_slice() {
            [pid] => format!("{pid} {name}"),
            pids => format!("{} x {name}", pids.len()),
        };
        out += &format!(
            "    {}  {}\n",
            escape_controls(&who),
            escape_controls(&text(line.call))
        );
    }
    out
}

/// What is said above a call.
fn comment(text: &str, width: usize) -> String {
    const MARK: &str = "  # ";
    let text = fold_lines(text, Some(width.saturating_sub(MARK.len())));
    text.lines().map(|line| format!("{MARK}{line}\n")).collect()
}

/// The calls that a step speaks of. Those that are alike but for numbers stand together, unless
/// something new happened between them, or there is more to say of a call of this kind.
fn lines<'a>(
    arm: Arm,
    calls: &[&'a Recorded],
    family: &'a Family,
    steps: &[&Step],
) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    let mut known = HashSet::new();
    // The first line behind the last call of which there was none alike before.
    let mut recent = 0;
    for recorded in calls {
        let call = &recorded.call;
        let kind = steps.iter().find(|step| step.is(arm, recorded));
        let Some((kind, name)) = kind.zip(family.name(call.pid)) else {
            continue;
        };
        let key = (name, key(call));
        let sentences = steps.iter().filter(|step| step.call == kind.call).count();
        let of_kind = |line: &&Line<'_>| line.kind == kind.call;
        let may_join = lines.iter().filter(of_kind).count() >= sentences;
        let alike = lines[recent..].iter_mut().find(|line| line.key == key);
        match alike.filter(|_| may_join) {
            Some(line) => line.pids.push(call.pid),
            None => {
                if known.insert(key.clone()) {
                    recent = lines.len();
                }
                lines.push(Line {
                    pids: vec![call.pid],
                    kind: kind.call,
                    key,
                    call,
                });
            }
        }
    }
    lines
}

/// The step that is to be said above a call of this kind: the first that was not yet.
fn step_to_say(steps: &[&Step], said: &[bool], kind: Call) -> Option<usize> {
    (0..steps.len()).find(|&at| steps[at].call == kind && !said[at])
}

/// What two calls have in common that are alike: the text with each number as one character, and
/// of a call that did not return its first argument.
fn key(call: &TracedCall) -> String {
    let text = match call.outcome {
        Outcome::Unanswered => call.text.split(',').next().unwrap_or_default(),
        Outcome::Done(_) | Outcome::Failed(_) => &call.text,
    };
    let mut key = String::new();
    for character in text.chars() {
        match character {
            _ if character.is_ascii_digit() && key.ends_with('#') => {}
            _ if character.is_ascii_digit() => key.push('#'),
            _ => key.push(character),
        }
    }
    key
}

/// A call as strace prints it, without what distracts.
fn text(call: &TracedCall) -> String {
    let arguments = match call.outcome {
        Outcome::Unanswered => {
            let known = call.text.trim_end_matches(" = ?").trim_end_matches(')');
            let known = known.trim_end().trim_end_matches(',');
            format!("{known}, <unfinished ...>")
        }
        Outcome::Done(_) | Outcome::Failed(_) => {
            short_strings(&with_cookie(&with_faults(&call.text)))
        }
    };
    format!("{}({arguments}", call.name)
}

/// Of the counters of getrusage(2) the minor faults alone.
fn with_faults(text: &str) -> String {
    let shortened = || {
        let (before, fields) = text.split_once('{')?;
        let (fields, after) = fields.rsplit_once('}')?;
        let faults = fields
            .split(", ")
            .find(|field| field.starts_with("ru_minflt="))?;
        Some(format!("{before}{{..., {faults}, ...}}{after}"))
    };
    shortened().unwrap_or_else(|| text.to_owned())
}

/// The cookie of a socket as the number that sock_diag(7) gives, rather than as eight bytes.
fn with_cookie(text: &str) -> String {
    let decoded = || {
        let (before, rest) = text.split_once("SO_COOKIE, \"")?;
        let (bytes, after) = rest.split_once('"')?;
        Some(format!("{before}SO_COOKIE, [{}]{after}", cookie(bytes)?))
    };
    decoded().unwrap_or_else(|| text.to_owned())
}

/// Each text in quotes with so many characters at most.
fn short_strings(text: &str) -> String {
    let mut short = String::new();
    let mut inside = None;
    let mut escaped = false;
    for character in text.chars() {
        let is_quote = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        inside = match (is_quote, inside) {
            (true, None) => Some(0),
            (true, Some(_)) => None,
            (false, inside) => inside.map(|length: usize| length + 1),
        };
        match inside {
            Some(length) if length > LONGEST_STRING => {}
            _ => short.push(character),
        }
    }
    short
}

/// The number in eight bytes, which strace prints as a text in C: the lowest byte comes first, or
/// last where the machine has it so.
fn cookie(text: &str) -> Option<u64> {
    let mut bytes = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            bytes.push(u8::try_from(u32::from(character)).ok()?);
            continue;
        }
        let mut octal = String::new();
        while octal.len() < 3 && characters.peek().is_some_and(|digit| digit.is_digit(8)) {
            octal.extend(characters.next());
        }
        bytes.push(match octal.is_empty() {
            false => u8::from_str_radix(&octal, 8).ok()?,
            true => match characters.next()? {
                'n' => b'\n',
                't' => b'\t',
                'r' => b'\r',
                'v' => 11,
                'f' => 12,
                other => u8::try_from(u32::from(other)).ok()?,
            },
        });
    }
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_read_as_strace_prints_it() {
        for (text, number) in [
            (r#"\265\20\0\0\0\0\0\0"#, Some(4277)),
            (r#"A\n\0\0\0\0\0\0"#, Some(2625)),
            (r#"\\\"\0\0\0\0\0\0"#, Some(8796)),
            (r#"\265"#, None),
            (r#"\"#, None),
            (r#"\777\0\0\0\0\0\0\0"#, None),
            ("猫", None),
        ] {
            assert_eq!(cookie(text), number.map(u64::from_le), "{text}");
        }
    }

    #[test]
    fn what_distracts_is_left_out() {
        assert_eq!(
            with_faults("RUSAGE_SELF, {ru_utime={tv_sec=0}, ru_minflt=107, ru_majflt=0}) = 0"),
            "RUSAGE_SELF, {..., ru_minflt=107, ...}) = 0"
        );
        assert_eq!(with_faults("3, 8) = 0"), "3, 8) = 0");
        let zeros = r"\0".repeat(100);
        let short = format!("3, \"{}\", 8) = 0", r"\0".repeat(16));
        assert_eq!(short_strings(&format!("3, \"{zeros}\", 8) = 0")), short);
        assert_eq!(
            short_strings(r#"3, "a\"b", 3) = 3"#),
            r#"3, "a\"b", 3) = 3"#
        );
    }
}
