//! Texts of calls that are alike: what they have in common, and what differs.

use proof::record::{Outcome, TracedCall};

/// Stands for what differs among calls that are alike.
pub const DIFFERS: &str = "…";

/// How much may differ among calls that stand in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Looseness {
    /// Numbers, where nothing new happened between the calls.
    Nearby,
    /// Numbers.
    Numbers,
    /// Numbers, and texts in quotes.
    Texts,
    /// Everything but what came of the call.
    Arguments,
}

impl Looseness {
    /// From the strictest to the loosest.
    pub const ALL: [Looseness; 4] = [
        Looseness::Nearby,
        Looseness::Numbers,
        Looseness::Texts,
        Looseness::Arguments,
    ];
}

/// What two calls have in common that are alike. Of a call that did not return that is no more
/// than its first argument. The number 0 is no other number: it often means success, or nothing.
/// Where texts may differ it is one among the arguments, such as the size of an empty file.
pub fn shape(call: &TracedCall, looseness: Looseness) -> String {
    let text = match &call.outcome {
        Outcome::Unanswered => call.text.split(',').next().unwrap_or_default(),
        Outcome::Failed(error) if looseness == Looseness::Arguments => return error.clone(),
        Outcome::Done(_) if looseness == Looseness::Arguments => return String::new(),
        Outcome::Done(_) | Outcome::Failed(_) => &call.text,
    };
    let is_blank = |piece: &str, is_zero_a_number: bool| match piece.chars().next() {
        Some('"') => looseness >= Looseness::Texts,
        Some(first) => first.is_ascii_digit() && (piece != "0" || is_zero_a_number),
        None => false,
    };
    let blanked = |text, is_zero_a_number| -> String {
        let pieces = pieces(text, looseness).into_iter();
        let blank = |piece| {
            if is_blank(piece, is_zero_a_number) {
                DIFFERS
            } else {
                piece
            }
        };
        pieces.map(blank).collect()
    };
    let (arguments, result) = text.rsplit_once(" = ").unwrap_or((text, ""));
    blanked(arguments, looseness >= Looseness::Texts) + " = " + &blanked(result, false)
}

/// The text of calls that are alike, with a mark for what differs among them.
pub fn common(texts: &[String], looseness: Looseness) -> String {
    let mut texts = texts.iter().map(|text| pieces(text, looseness));
    let mut common: Vec<&str> = texts.next().unwrap_or_default();
    for pieces in texts {
        if common.len() == pieces.len() {
            for (here, there) in common.iter_mut().zip(pieces) {
                if *here != there {
                    *here = DIFFERS;
                }
            }
            continue;
        }
        let pairs = common.iter().zip(&pieces);
        let start = pairs.take_while(|(here, there)| here == there).count();
        let longest = common.len().min(pieces.len()) - start;
        let pairs = common.iter().rev().zip(pieces.iter().rev()).take(longest);
        let end = pairs.take_while(|(here, there)| here == there).count();
        common.splice(start..common.len() - end, [DIFFERS]);
    }
    common.dedup_by(|next, before| *next == DIFFERS && *before == DIFFERS);
    common.concat()
}

/// A text in pieces: each number, each text in quotes where those may differ, and what stands
/// between them. A number inside a word, as in `u64`, is a part of the word.
fn pieces(text: &str, looseness: Looseness) -> Vec<&str> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' if looseness >= Looseness::Texts => quoted(rest),
            _ if is_word(first) => rest.find(|it| !is_word(it)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (piece, others) = rest.split_at(length);
        pieces.push(piece);
        rest = others;
    }
    pieces
}

/// The length of the text in quotes with which this one begins, the quotation marks included.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|&(_, character)| {
        let is_end = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        is_end
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(texts: &[&str], looseness: Looseness) -> String {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        common(&texts, looseness)
    }

    #[test]
    fn what_differs_is_marked_and_what_is_the_same_stands() {
        let brk = ["0x55d7) = 0x55d7", "0x66d8) = 0x66d8"];
        assert_eq!(merge(&brk[..1], Looseness::Nearby), brk[0]);
        assert_eq!(merge(&brk, Looseness::Nearby), "…) = …");
        let opens = [r#"1, "a\" b", 8) = 3"#, r#"1, "c", 8) = 3"#];
        assert_eq!(merge(&opens, Looseness::Texts), "1, …, 8) = 3");
        let maps = ["1, A|B, 8) = 5", "1, C, 8) = 5", "1, 8) = 5"];
        assert_eq!(merge(&maps, Looseness::Arguments), "1, …8) = 5");
        assert_eq!(merge(&["1, 2", "1"], Looseness::Arguments), "1…");
        assert_eq!(merge(&["", "猫"], Looseness::Arguments), "…");
    }

    #[test]
    fn a_zero_and_a_word_are_no_number() {
        let shape = |text: &str, result: &str, looseness| {
            let call = TracedCall {
                pid: 1,
                name: "kcmp".to_owned(),
                text: format!("{text}) = {result}"),
                outcome: Outcome::Done(result.to_owned()),
            };
            shape(&call, looseness)
        };
        let nearby = |text, result| shape(text, result, Looseness::Nearby);
        assert_eq!(nearby("7, 5", "1"), nearby("7, 6", "2"));
        assert_ne!(nearby("7, 5", "1"), nearby("7, 5", "0"));
        assert_ne!(nearby("u32", "1"), nearby("u64", "1"));
        assert_ne!(nearby(r#""a""#, "1"), nearby(r#""b""#, "1"));
        let texts = |text| shape(text, "1", Looseness::Texts);
        assert_eq!(texts(r#""a""#), texts(r#""b, c""#));
        assert_eq!(texts("size=0"), texts("size=7"));
        assert_ne!(nearby("size=0", "1"), nearby("size=7", "1"));
        let result = |result| shape("7", result, Looseness::Texts);
        assert_ne!(result("0"), result("1"));
    }
}
