//! A line that a person answers: a number, a word, a wish; and whether the guess is right.
//!
//! Numbers are read as people write them: `4,096`, `about 100`, `4 KiB`, `seven`, `1e6`. A
//! word beside the number must stand in the question: who writes `6 or 7` has not answered.

use claim::{Prediction, Report, Value};

use super::Asked;
use super::digits::plain;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// This is the answer.
    Guess(Value),
    /// The answer is to be shown, without a guess.
    Show,
    /// A hint is wanted.
    Hint,
    /// No more questions.
    Stop,
    /// It is none of these.
    Unclear,
}

/// How far from what was observed a number may be, as a share of it, where a range is predicted.
const TOLERANCE: f64 = 0.02;

/// Numbers that people write as words; what stands at place N means N.
const NUMBERS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];

/// Words beside a number that change nothing.
const FILLERS: [&str; 6] = ["about", "approximately", "ca", "exactly", "all", "only"];

/// Reads one line, which may hold anything.
pub(crate) fn reply(line: &[u8], asked: &Asked<'_>) -> Reply {
    let Ok(text) = std::str::from_utf8(line) else {
        return Reply::Unclear;
    };
    let text = text.trim().to_lowercase();
    match text.as_str() {
        "" => return Reply::Show,
        "?" | "hint" | "help" => return Reply::Hint,
        "q" | "quit" | "exit" | "stop" => return Reply::Stop,
        _ => {}
    }
    let value = match asked.words() {
        Some(words) => word(&text, words, asked.question.yes),
        None => number(&text, asked),
    };
    value.map_or(Reply::Unclear, Reply::Guess)
}

/// What may be answered, in words.
pub(crate) fn form(asked: &Asked<'_>) -> String {
    match (asked.words(), asked.question.yes, asked.quantity.unit) {
        (Some(_), Some(_), _) => "yes or no".to_owned(),
        (Some([a, b]), None, _) => format!("`{a}` or `{b}`"),
        (None, _, "") => "a number".to_owned(),
        (None, _, unit) => format!("a number of {unit}"),
    }
}

/// Whether `guess` is right: among what the claim predicts, as long as the kernel does that, or as
/// good as what was observed. Where an exact number is predicted, only the exact one is as good.
pub(crate) fn is_right(guess: &Value, asked: &Asked<'_>, report: &Report) -> bool {
    let Some(observed) = report.observed.get(asked.quantity.name) else {
        return false;
    };
    let predicted = asked.quantity.experiment;
    let tolerance = match predicted {
        Prediction::Count(_) => 0.0,
        _ => TOLERANCE,
    };
    predicted.allows(observed) && predicted.allows(guess) || is_near(guess, observed, tolerance)
}

fn is_near(guess: &Value, observed: &Value, tolerance: f64) -> bool {
    match (guess.as_f64(), observed.as_f64()) {
        (Some(guess), Some(observed)) => (guess - observed).abs() <= tolerance * observed.abs(),
        _ => guess == observed,
    }
}

fn word(text: &str, words: [&'static str; 2], yes: Option<&str>) -> Option<Value> {
    let is_yes = |word: &&str| Some(*word) == yes;
    let found = match text {
        "yes" | "y" if yes.is_some() => words.into_iter().find(is_yes),
        "no" | "n" if yes.is_some() => words.into_iter().find(|word| !is_yes(word)),
        _ => words.into_iter().find(|word| word.to_lowercase() == text),
    };
    found.map(Value::from)
}

fn number(text: &str, asked: &Asked<'_>) -> Option<Value> {
    // `7 of 8` is 7.
    let text = text.split(" of ").next()?;
    let is_digit = |letter: char| letter.is_ascii_digit();
    let (before, digits, after) = match text.find(is_digit) {
        Some(start) => {
            let end = text.rfind(is_digit)? + 1;
            // `.5` is a half.
            let start = start - usize::from(text[..start].ends_with('.'));
            let digits = plain(&format!("0{}", &text[start..end]))?;
            (&text[..start], digits, &text[end..])
        }
        None => spelled(text)?,
    };
    let (before, sign) = match before.trim_end().strip_suffix('-') {
        Some(before) => (before, -1.0),
        None => (before, 1.0),
    };
    let size = asked.quantity.unit;
    let mut factor = 1.0;
    for word in words_of(before).chain(words_of(after)) {
        match (bytes_in(&word), bytes_in(&size.to_lowercase())) {
            (Some(given), Some(own)) => factor = given / own,
            _ if is_in_question(&word, asked) => {}
            _ => return None,
        }
    }
    let value: f64 = digits.parse().ok()?;
    let value = sign * value * factor;
    // A whole number that a double holds exactly.
    let is_whole = value.fract() == 0.0 && (0.0..=9e15).contains(&value);
    match value.is_finite() {
        true if is_whole => Some(Value::Count(value as u64)),
        true => Some(Value::Number(value)),
        false => None,
    }
}

/// A number that is written as a word, and the text before and behind it.
fn spelled(text: &str) -> Option<(&str, String, &str)> {
    let value = |word: &str| match word {
        "none" | "nothing" | "no" => Some(0),
        "hundred" => Some(100),
        _ => NUMBERS.iter().position(|number| *number == word),
    };
    let mut words = text.split_whitespace();
    let found = words.find_map(|word| Some((word, value(word)?)));
    let (word, value) = found?;
    let (before, after) = text.split_once(word)?;
    Some((before, value.to_string(), after))
}

fn words_of(text: &str) -> impl Iterator<Item = String> {
    let is_mark = |letter: char| letter.is_whitespace() || "~=+.,!()".contains(letter);
    text.split(is_mark)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
}

/// Whether a word says nothing that the question does not say, in the singular or the plural.
fn is_in_question(word: &str, asked: &Asked<'_>) -> bool {
    let texts = [
        asked.question.asks,
        asked.quantity.name,
        asked.quantity.unit,
    ];
    let words = texts
        .iter()
        .flat_map(|text| text.split(|letter: char| !letter.is_alphabetic()));
    let is_plural = |many: &str, one: &str| {
        let ending = many.strip_prefix(one);
        ending.is_some_and(|ending| ["", "s", "es"].contains(&ending))
    };
    FILLERS.contains(&word)
        || words
            .map(str::to_lowercase)
            .any(|known| !known.is_empty() && (is_plural(&known, word) || is_plural(word, &known)))
}

/// How many bytes a unit of memory has; none of a word that is no such unit.
fn bytes_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "b" | "byte" | "bytes" => 1.0,
        "k" | "kb" | "kib" => 1024.0,
        "m" | "mb" | "mib" => 1_048_576.0,
        "g" | "gb" | "gib" => 1_073_741_824.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use claim::Prediction::AtLeast;
    use claim::{Act, Claim, Does, InControl, Name, Quantity, Register, Topic, Verdict};

    use crate::Question;
    use crate::laws::QUESTION;

    use super::*;

    const BYTES: Quantity = Name("bytes that are wasted").count(8192, 0).unit("bytes");
    const LARGEST: Quantity = Name("largest mmap").count(1024, 4).unit("KiB");
    const ERROR: Quantity = Name("what the write ended in").word("EBADF", "ok");
    const WRITE: Act = Does("writes")
        .call("write", "")
        .shown_by("the byte")
        .in_control(InControl::Not);
    const CLAIM: Claim = Claim {
        id: "waste",
        statement: "It wastes.",
        measures: "nothing",
        control: "nothing",
        acts: &[WRITE],
        quantities: &[BYTES, LARGEST, ERROR],
        ..Claim::DEFAULT
    };

    fn replies(quantity: &Quantity, yes: Option<&'static str>, lines: &[&str]) -> Vec<Reply> {
        let register = Register::new(&[Topic::new("guesses", "waste", &[CLAIM])]).expect("valid");
        let question = Question {
            claim: "waste",
            quantity: quantity.name,
            yes,
            call: Some("write"),
            ..QUESTION
        };
        let asked = Asked::find(&register, &question).expect("its claim is there");
        let replies = lines.iter().map(|line| reply(line.as_bytes(), &asked));
        replies.collect()
    }

    fn count(count: u64) -> Reply {
        Reply::Guess(Value::Count(count))
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let right = [
            "8192",
            " 8,192 ",
            "8 192",
            "8_192",
            "8192 bytes",
            "8 KiB",
            "8kb",
            "8K",
            "8192.0",
            "about 8192 wasted bytes",
            "~8192",
            "0.0078125 MiB",
            "+8192",
            "8,192 Byte.",
        ];
        for (line, reply) in right.iter().zip(replies(&BYTES, None, &right)) {
            assert_eq!(reply, count(8192), "{line}");
        }
        let largest = ["1 MiB", "1024", "1024 KiB", "1,048,576 bytes"];
        assert_eq!(replies(&LARGEST, None, &largest), vec![count(1024); 4]);
        let small = ["none", "zero", "seven", "Twelve bytes", "0,5", ".5", "-3"];
        let numbers = [count(0), count(0), count(7), count(12)];
        let rest = [0.5, 0.5, -3.0].map(|number| Reply::Guess(Value::Number(number)));
        let expected: Vec<Reply> = numbers.into_iter().chain(rest).collect();
        assert_eq!(replies(&BYTES, None, &small), expected);
    }

    #[test]
    fn powers_of_ten_are_numbers() {
        let lines = ["1e5", "8.192E3 bytes", "+2e+3", "-1e300"];
        let least = Reply::Guess(Value::Number(-1e300));
        let expected = [count(100_000), count(8192), count(2000), least];
        assert_eq!(replies(&BYTES, None, &lines), expected);
    }

    #[test]
    fn what_is_no_answer_is_unclear() {
        let lines = [
            "banana",
            "6 or 7",
            "6 bananas",
            "1,2,3",
            "1..2",
            "0x10",
            "nan",
            "inf",
            "--",
            "6-7",
            "1e",
            "1e2e3",
            "1e5.5",
            "1 e 5",
            "1e999",
            "6/7",
            "5 GB/s",
            "yes",
            "\u{663}",
            "9,99,9",
            ",",
            ".",
        ];
        for (line, reply) in lines.iter().zip(replies(&BYTES, None, &lines)) {
            assert_eq!(reply, Reply::Unclear, "{line}");
        }
        let endless = "9".repeat(400);
        assert_eq!(replies(&BYTES, None, &[&endless]), [Reply::Unclear]);
    }

    #[test]
    fn wishes_are_no_answers() {
        let lines = ["", " \t\r", "?", "Hint", "q", "QUIT"];
        let expected = [
            Reply::Show,
            Reply::Show,
            Reply::Hint,
            Reply::Hint,
            Reply::Stop,
            Reply::Stop,
        ];
        assert_eq!(replies(&BYTES, None, &lines), expected);
        assert_eq!(replies(&ERROR, Some("ok"), &lines), expected);
    }

    #[test]
    fn a_word_is_itself_and_yes_or_no_where_the_question_says_so() {
        let word = |word: &str| Reply::Guess(Value::from(word));
        let (ok, error) = (word("ok"), word("EBADF"));
        assert_eq!(
            replies(&ERROR, Some("ok"), &["yes", "No", "n", "OK", "ebadf", "5"]),
            [
                ok.clone(),
                error.clone(),
                error.clone(),
                ok.clone(),
                error,
                Reply::Unclear
            ]
        );
        assert_eq!(replies(&ERROR, None, &["yes", "ok"]), [Reply::Unclear, ok]);
    }

    /// On a kernel that keeps the claim its prediction is the measure, on another what it did.
    #[test]
    fn a_guess_is_judged_by_the_prediction_and_by_the_kernel() {
        const MANY: Quantity =
            Name("wakeups").predict(Prediction::Between(50.0, 52.5), AtLeast(396.0));
        const COUNTED: Claim = Claim {
            quantities: &[BYTES, MANY],
            ..CLAIM
        };
        let topic = Topic::new("guesses", "waste", &[COUNTED]);
        let register = Register::new(&[topic]).expect("valid");
        let is_right = |quantity: &Quantity, guess: u64, observed: u64| {
            let question = Question {
                claim: "waste",
                quantity: quantity.name,
                call: Some("write"),
                ..QUESTION
            };
            let asked = Asked::find(&register, &question).expect("its claim is there");
            let mut report = Report::without_readings(&topic, &COUNTED, Verdict::Holds);
            let observed = Value::Count(observed);
            report.observed.insert(quantity.name.to_owned(), observed);
            is_right(&Value::Count(guess), &asked, &report)
        };
        // An exact number is exact.
        assert!(is_right(&BYTES, 8192, 8192) && !is_right(&BYTES, 8191, 8192));
        // This kernel wastes nothing: who said so is right, and the claim is not.
        assert!(is_right(&BYTES, 0, 0) && !is_right(&BYTES, 8192, 0));
        // In a range each number is right, and so is one near to what was observed.
        assert!(is_right(&MANY, 52, 50) && !is_right(&MANY, 53, 50));
        assert!(is_right(&MANY, 396, 400) && !is_right(&MANY, 50, 400));
    }
}
