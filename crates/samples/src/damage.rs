//! Ways to damage a sample: what a cut, a foreign or a hostile text has and a good one has not.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Numbers at and beyond the ends of every type, as a text may write them.
const NUMBERS: &[&str] = &[
    "",
    "0",
    "-1",
    "+1",
    "1e9",
    "nan",
    "0x",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18014398509481983",
    "18014398509481984",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999999",
    "7fffffff",
    "ffffffff",
    "ffffffffffffffff",
    "10000000000000000",
];

/// Bytes that end lines, words or strings where none should end, or are no text.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\t",
    b"\x1b[2J",
    b"\x7f",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\\",
    b" ",
    b":",
    b"-",
    b",",
    b"(",
    b")",
    b"=",
    b"#",
    b"\"",
    b"<&>",
    "é".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{202e}".as_bytes(),
    "٣".as_bytes(),
];

/// One damage.
#[derive(Clone, Debug)]
pub enum Damage {
    /// The bytes end early.
    Truncate(Index),
    /// A line stands there twice.
    DuplicateLine(Index),
    /// A line is missing.
    RemoveLine(Index),
    /// A line stands elsewhere.
    MoveLine(Index, Index),
    /// The n-th number is another one.
    Number(Index, &'static str),
    /// Bytes stand where they do not belong.
    Insert(Index, &'static [u8]),
    /// A byte is repeated until its line is too long for any buffer.
    Lengthen(Index, usize),
    /// Bytes are another number: binary formats have lengths and kinds.
    Overwrite(Index, Vec<u8>),
    /// Every line ends as on another system.
    CarriageReturns,
    /// What is behind some byte is the end of another sample.
    Splice(Index, Vec<u8>),
}

/// Some damage; other samples are those that may be spliced in.
pub fn damage(others: Vec<Vec<u8>>) -> impl Strategy<Value = Damage> {
    let index = || any::<Index>();
    prop_oneof![
        2 => index().prop_map(Damage::Truncate),
        1 => index().prop_map(Damage::DuplicateLine),
        1 => index().prop_map(Damage::RemoveLine),
        1 => (index(), index()).prop_map(|(from, to)| Damage::MoveLine(from, to)),
        4 => (index(), select(NUMBERS)).prop_map(|(at, number)| Damage::Number(at, number)),
        3 => (index(), select(PIECES)).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        1 => (index(), 1..10_000_usize).prop_map(|(at, times)| Damage::Lengthen(at, times)),
        3 => (index(), extreme()).prop_map(|(at, bytes)| Damage::Overwrite(at, bytes)),
        1 => Just(Damage::CarriageReturns),
        1 => (index(), select(others)).prop_map(|(at, other)| Damage::Splice(at, other)),
    ]
}

/// The bytes of a number of 1, 2, 4 or 8 bytes: any, or one at the end of its type.
fn extreme() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(1 << 31),
        any::<u64>()
    ];
    let width = select([1, 2, 4, 8].as_slice());
    (value, width).prop_map(|(value, width): (u64, usize)| value.to_ne_bytes()[..width].to_vec())
}

impl Damage {
    /// Damages `bytes`.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Damage::Truncate(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Damage::DuplicateLine(line) => edit_lines(bytes, |lines| {
                let line = line.index(lines.len());
                lines.insert(line, lines[line].clone());
            }),
            Damage::RemoveLine(line) => edit_lines(bytes, |lines| {
                lines.remove(line.index(lines.len()));
            }),
            Damage::MoveLine(from, to) => edit_lines(bytes, |lines| {
                let line = lines.remove(from.index(lines.len()));
                lines.insert(to.index(lines.len() + 1), line);
            }),
            Damage::Number(at, number) => replace_number(bytes, *at, number),
            Damage::Insert(at, piece) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, piece.iter().copied());
            }
            Damage::Lengthen(at, times) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                let run = vec![bytes[at]; *times];
                bytes.splice(at..at, run);
            }
            Damage::Overwrite(at, with) => {
                let at = at.index(bytes.len() + 1);
                let end = bytes.len().min(at + with.len());
                bytes.splice(at..end, with.iter().copied());
            }
            Damage::CarriageReturns => edit_lines(bytes, |lines| {
                let all_but_last = lines.len() - 1;
                lines[..all_but_last]
                    .iter_mut()
                    .for_each(|line| line.push(b'\r'));
            }),
            Damage::Splice(at, other) => {
                let at = at.index(bytes.len() + 1);
                bytes.truncate(at);
                bytes.extend(other.get(at..).unwrap_or_default());
            }
            Damage::Lengthen(..) => {}
        }
    }
}

/// The lines without their line feeds; there is always one, which may be empty.
fn edit_lines(bytes: &mut Vec<u8>, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut lines: Vec<Vec<u8>> = bytes
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    edit(&mut lines);
    *bytes = lines.join(&b'\n');
}

/// Puts `number` where one of the runs of digits stands.
fn replace_number(bytes: &mut Vec<u8>, at: Index, number: &str) {
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let begins = |&at: &usize| is_digit(at) && (at == 0 || !is_digit(at - 1));
    let starts: Vec<usize> = (0..bytes.len()).filter(begins).collect();
    if starts.is_empty() {
        return;
    }
    let start = starts[at.index(starts.len())];
    let length = bytes[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    bytes.splice(start..start + length, number.bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    /// Each kind of damage at some place changes this sample, and none panics on an empty one.
    #[test]
    fn each_kind_damages() {
        let sample = b"a 1\nb 22\nc 333\n".to_vec();
        let mut runner = TestRunner::deterministic();
        let mut changed = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let tree = damage(vec![b"x 9\ny 8\nz 7777777\n".to_vec()]).new_tree(&mut runner);
            let damage = tree.expect("no filter").current();
            let mut bytes = sample.clone();
            damage.apply(&mut bytes);
            damage.apply(&mut Vec::new());
            if bytes != sample {
                let kind = format!("{damage:?}");
                changed.insert(kind.split('(').next().map(str::to_owned));
            }
        }
        assert_eq!(changed.len(), 10, "{changed:?}");
    }
}
