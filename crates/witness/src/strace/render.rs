//! A trace as it is read: arms, processes, explanations, calls.

use std::collections::HashSet;

use claim::Claim;
use present::fold_lines;
use present::foreign_text::escape_controls;
use proof::record::{Arm, Recorded, Recording, TracedCall};

use super::alike::{Looseness, common, shape};
use super::bookkeeping::without_bookkeeping;
use super::family::Family;
use super::lesson::{Lesson, Step};
use super::shorten;

const ORDER: &str = "A call stands where it was entered, with what it answered later. \
                     Only calls that matter are shown; calls that are alike stand in one line, \
                     where the first of them was, with … for what differs. A sentence is said \
                     above the first line of its call. The measuring process has the name of its \
                     arm.";

const FIGURES: &str = "The figures of a run without strace: each stop by a tracer takes time and \
                       counts as a voluntary context switch.\n";

/// Lines of calls in an arm beyond which calls are taken together that are less alike.
const LONGEST_ARM: usize = 14;

/// The whole trace: the command that one could give oneself, and both arms.
///
/// `program` is how this program was called.
pub fn trace(
    claim: &Claim,
    lesson: &Lesson,
    recording: &Recording,
    program: &str,
    width: usize,
) -> String {
    let command = command(claim, lesson, program, width) + "\n" + ORDER + "\n";
    let arms = [(Arm::Experiment, "EXPERIMENT"), (Arm::Control, "CONTROL")];
    let arms = arms.map(|(arm, title)| {
        let calls: Vec<&Recorded> = recording.calls(arm).collect();
        let what = match arm {
            Arm::Experiment => String::new(),
            Arm::Control => comment(&format!("The control: {}.", claim.control), width),
        };
        let calls = of_arm(arm, last_turn(&calls, arm.name()), lesson, width);
        format!("\n{title}\n{what}{calls}")
    });
    fold_lines(&(command + &arms.concat()), Some(width))
}

/// The command that shows the same calls, as a shell takes it: quoted, since a question mark is a
/// pattern, and with a backslash where a line goes on.
fn command(claim: &Claim, lesson: &Lesson, program: &str, width: usize) -> String {
    let options: String = lesson.options.iter().map(|it| format!(" {it}")).collect();
    let mut command = format!("$ strace -f{options} -e \"trace=");
    let mut column = command.len();
    let calls = lesson.calls();
    if calls.is_empty() {
        command += "none\"";
    }
    for (index, call) in calls.iter().enumerate() {
        let end = if index + 1 == calls.len() { '"' } else { ',' };
        let word = format!("?{call}{end}");
        if column + word.len() >= width {
            command += "\\\n";
            column = 0;
        }
        column += word.len();
        command += &word;
    }
    let run = format!("{program} run {}", claim.id);
    match column + 1 + run.chars().count() <= width {
        true => command + " " + &run,
        false => command + " \\\n    " + &run,
    }
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
    /// The first of the steps that speak of it.
    step: usize,
    /// The name of who made them, and what they have in common.
    key: (&'a str, usize, String),
    calls: Vec<&'a TracedCall>,
}

fn of_arm(arm: Arm, calls: &[&Recorded], lesson: &Lesson, width: usize) -> String {
    let family = Family::of(arm.name(), calls);
    let of_arm = |step: &&Step| step.is_of(arm);
    let steps: Vec<&Step> = lesson.steps.iter().filter(of_arm).collect();
    let calls = without_bookkeeping(calls, &family);
    let shown = |looseness| (looseness, lines(arm, &calls, &family, &steps, looseness));
    let is_tried = |it: &Looseness| lesson.keeps_order || *it != Looseness::Nearby;
    let mut tries = Looseness::ALL.into_iter().filter(is_tried).map(shown);
    let fits = |lines: &[Line<'_>]| lines.len() <= LONGEST_ARM;
    let is_last = |looseness| looseness == Looseness::Arguments;
    let chosen = tries.find(|(looseness, lines)| fits(lines) || is_last(*looseness));
    let (looseness, lines) = chosen.unwrap_or((Looseness::Arguments, Vec::new()));
    let mut out = String::new();
    for line in family.lines() {
        out += &hang("  ", &escape_controls(&line), width);
    }
    let at_the_end = lesson.says_at_the_end(arm, !lines.is_empty());
    let mut said = vec![false; steps.len()];
    for line in lines {
        if let Some(step) = step_to_say(&steps, &said, line.step) {
            said[step] = true;
            out += &comment(&steps[step].says, width);
        }
        out += &hang("    ", &escape_controls(&line.text(looseness)), width);
    }
    out + &at_the_end
        .iter()
        .map(|says| comment(says, width))
        .collect::<String>()
}

/// A line that goes on further right than any begins: what begins at its left is another one.
fn hang(indent: &str, line: &str, width: usize) -> String {
    const FURTHER: &str = "      ";
    let folded = fold_lines(&format!("{FURTHER}{line}"), Some(width));
    format!("{indent}{}\n", folded.trim_start())
}

impl Line<'_> {
    /// Who made the calls, and what they have in common.
    fn text(&self, looseness: Looseness) -> String {
        let name = self.key.0;
        let who = match self.calls.as_slice() {
            [call] => format!("{} {name}", call.pid),
            calls => format!("{} x {name}", calls.len()),
        };
        let texts: Vec<String> = self.calls.iter().map(|call| shorten::text(call)).collect();
        format!("{who}  {}", common(&texts, looseness))
    }
}

/// What is said above a call.
fn comment(text: &str, width: usize) -> String {
    const MARK: &str = "  # ";
    let text = fold_lines(text, Some(width.saturating_sub(MARK.len())));
    text.lines().map(|line| format!("{MARK}{line}\n")).collect()
}

/// The calls that a step speaks of. Those that are alike stand together, unless there is more to
/// say of a call of this kind, or, nearby, something new happened between them.
fn lines<'a>(
    arm: Arm,
    calls: &[&'a Recorded],
    family: &'a Family,
    steps: &[&Step],
    looseness: Looseness,
) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    let mut known = HashSet::new();
    // The first line behind the last call of which there was none alike before.
    let mut recent = 0;
    for recorded in calls {
        let call = &recorded.call;
        // What a child does before it has its name belongs to its birth.
        let is_unnamed = recorded.who == arm.name();
        let is_unnamed = is_unnamed && family.name(call.pid) != Some(arm.name());
        let step = steps.iter().position(|step| step.is(arm, recorded));
        let step = step.filter(|_| !is_unnamed);
        let Some((step, name)) = step.zip(family.name(call.pid)) else {
            continue;
        };
        let key = (name, step, shape(call, looseness));
        let is_sentence = |other: &&&Step| other.is_of_call_of(steps[step]);
        let sentences = steps.iter().filter(is_sentence).count();
        let of_step = lines
            .iter()
            .filter(|line| line.step == step)
            .take(sentences);
        let may_join = of_step.count() == sentences;
        let since = if looseness == Looseness::Nearby {
            recent
        } else {
            0
        };
        let alike = lines[since..].iter_mut().rfind(|line| line.key == key);
        match alike.filter(|_| may_join) {
            Some(line) => line.calls.push(call),
            None => {
                if known.insert(key.clone()) {
                    recent = lines.len();
                }
                let calls = vec![call];
                lines.push(Line { step, key, calls });
            }
        }
    }
    lines
}

/// The step that is to be said above a call of which this one speaks: the first that was not yet.
fn step_to_say(steps: &[&Step], said: &[bool], step: usize) -> Option<usize> {
    (0..steps.len()).find(|&at| !said[at] && steps[at].is_of_call_of(steps[step]))
}

#[cfg(test)]
mod tests {
    use claim::{Act, Does, InControl};
    use proof::record::read;

    use super::*;

    const REGISTER: Act = Does("closes what was registered").call("close", "3) = 0");
    const ASK: Act = Does("asks for a lock").call("fcntl", "F_SETLK");
    const REFUSED: Act = Does("is refused").call("fcntl", "F_SETLK … EAGAIN");
    const GROW: Act = Does("lets the heap grow").call("brk", "");
    const TRIM: Act = Does("gives it back").call("brk", "");
    const SLEEP: Act = Does("sleeps in accept4")
        .call("accept4", "= ?")
        .by("worker")
        .in_control(InControl::Instead("poll", "POLLIN"));
    const CLAIM: Claim = Claim {
        id: "a-claim",
        control: "another one",
        acts: &[REGISTER, ASK, REFUSED, GROW, TRIM, SLEEP],
        ..Claim::DEFAULT
    };

    /// What is shown of the calls of an experiment.
    fn shown(calls: &str) -> String {
        let begin = "1  prctl(PR_SET_NAME, \"experiment\") = 0\n";
        let recording = Recording::sort(read(&(begin.to_owned() + calls)));
        let lesson = Lesson::of(&CLAIM);
        let shown = trace(&CLAIM, &lesson, &recording, "target/witness", 200);
        assert!(shown.contains(" target/witness run a-claim\n"), "{shown}");
        let (_, shown) = shown.split_once("EXPERIMENT\n").expect("an experiment");
        let (shown, control) = shown.split_once("\nCONTROL\n").expect("a control");
        let none = "  # The control: another one.\n  # No such call is made here.\n";
        assert_eq!(control, none);
        shown.to_owned()
    }

    #[test]
    fn a_sentence_stands_above_the_call_that_its_act_declares() {
        let shown = shown(
            "1  close(7) = 0\n1  fcntl(5, F_SETLK, 1) = -1 EAGAIN (Try again)\n\
             1  fcntl(5, F_SETLK, 1) = -1 EBADF (Bad)\n1  close(3) = 0\n\
             1  fcntl(5, F_SETLK, 1) = 0\n",
        );
        assert_eq!(
            shown,
            "  # The measuring process is refused.\n    \
             1 experiment  fcntl(5, F_SETLK, 1) = -1 EAGAIN (Try again)\n  \
             # The measuring process closes what was registered.\n    \
             1 experiment  close(3) = 0\n  \
             # The measuring process asks for a lock.\n    \
             1 experiment  fcntl(5, F_SETLK, 1) = 0\n"
        );
    }

    #[test]
    fn acts_that_a_trace_cannot_tell_apart_are_one_sentence() {
        let sentence = "  # The measuring process lets the heap grow; by the same call it also \
                        gives it back.\n";
        let calls = "1  brk(0x55d75) = 0x55d75\n1  brk(0x55d96) = 0x55d96\n";
        assert_eq!(
            shown(calls),
            format!("{sentence}    2 x experiment  brk(…) = …\n")
        );
    }

    #[test]
    fn what_was_to_sleep_is_shown_where_it_returned_too() {
        let shown = shown(
            "1  clone(flags=SIGCHLD) = 2\n2  prctl(PR_SET_NAME, \"worker\") = 0\n\
             2  accept4(3, NULL) = 4\n2  accept4(3, NULL) = 5\n\
             2  accept4(3,  <unfinished ...>\n2  +++ killed by SIGKILL +++\n",
        );
        assert_eq!(
            shown,
            "  1 experiment is the parent of worker 2\n  \
             # `worker` returns from accept4.\n    \
             2 x worker  accept4(3, NULL) = …\n  \
             # `worker` sleeps in accept4.\n    \
             2 worker  accept4(3, <unfinished ...>\n"
        );
    }

    #[test]
    fn what_a_child_does_before_it_has_a_name_is_left_out() {
        let shown = shown(
            "1  clone(flags=SIGCHLD) = 2\n2  close(3) = 0\n\
             2  prctl(PR_SET_NAME, \"worker\") = 0\n1  close(3) = 0\n",
        );
        assert_eq!(
            shown,
            "  1 experiment is the parent of worker 2\n  \
             # The measuring process closes what was registered.\n    \
             1 experiment  close(3) = 0\n"
        );
    }

    #[test]
    fn a_call_that_goes_on_is_no_other_call() {
        for (indent, beginning) in [("  ", "  1 is the parent"), ("    ", "    1 is the parent")] {
            let line = hang(indent, "1 is the parent of worker 2, 3, 4, 5, 6", 24);
            let mut lines = line.lines();
            assert!(
                lines.next().is_some_and(|line| line.starts_with(beginning)),
                "{line}"
            );
            let goes_on = |line: &str| line.starts_with("      ") && line.len() <= 24;
            assert!(lines.clone().count() > 0 && lines.all(goes_on), "{line}");
        }
    }

    /// However many calls of however many forms there are.
    #[test]
    fn no_arm_takes_more_than_a_screen() {
        let one = |number: usize| {
            let form = ["a", "b", "c"]
                .map(|letter| letter.repeat(number % 40))
                .join(",");
            format!(
                "1  fcntl({form}, F_SETLK, {number}) = {number}\n1  brk({number}, {form}) = 0\n"
            )
        };
        let shown = shown(&(0..4000).map(one).collect::<String>());
        assert!(shown.lines().count() <= 2 * LONGEST_ARM, "{shown}");
        assert!(shown.contains("4000 x experiment  fcntl(…"), "{shown}");
    }
}
