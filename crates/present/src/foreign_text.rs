//! Text of others, made safe to show: names of processes, paths, lines of a trace.
//!
//! Whoever names a process or a file chooses each of its bytes. A terminal executes some of them, a
//! line feed begins a line that the program did not write, and some characters turn the direction
//! of writing. They are shown by their numbers instead, in the form that Rust's string literals
//! have:
//!
//! | Shown | Stands for |
//! |---|---|
//! | `\\` | a backslash |
//! | `\n`, `\r`, `\t` | line feed, carriage return, tab |
//! | `\x1b` | a control character of ASCII (C0 and DEL), or a byte that is not valid UTF-8 |
//! | `\u{202e}` | a C1 or bidirectional control, a separator of lines, a noncharacter, no width |
//! | `\x20`, `\u{a0}` | a blank at an end of a name, and in a name any blank but that of ASCII |
//!
//! All else stays as it is. [`escape`] is for a name: [`unescape`] gives its bytes back. Whole
//! sentences, which hold names that were escaped already, go through [`escape_controls`] or
//! [`escape_lines`] when they are drawn; these leave a backslash alone, so that applying them twice
//! changes nothing.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use serde::Serializer;
use serde::ser::SerializeMap;

/// A name as it may be shown, with each backslash doubled: no two names look alike by it.
pub fn escape(name: impl AsRef<OsStr>) -> String {
    let bytes = name.as_ref().as_bytes();
    let blank_ends = |it: &&u8| **it == b' ';
    let leading = bytes.iter().take_while(blank_ends).count();
    let trailing = bytes[leading..].iter().rev().take_while(blank_ends).count();
    let mut escaped = BLANK.repeat(leading);
    for chunk in bytes[leading..bytes.len() - trailing].utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => escaped.push_str(r"\\"),
                ' ' => escaped.push(' '),
                _ if character.is_whitespace() && !character.is_control() => {
                    push_number(&mut escaped, character);
                }
                _ => push(&mut escaped, character),
            }
        }
        for byte in chunk.invalid() {
            push_byte(&mut escaped, *byte);
        }
    }
    escaped + &BLANK.repeat(trailing)
}

/// A blank that nobody would see.
const BLANK: &str = r"\x20";

/// The bytes of the name that [`escape`] made `escaped` of; none where it cannot have made that.
pub fn unescape(escaped: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = escaped;
    while let Some((plain, sequence)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let mut characters = sequence.chars();
        match characters.next()? {
            '\\' => bytes.push(b'\\'),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'x' => {
                let digits = characters.as_str().get(..2)?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                characters = characters.as_str()[2..].chars();
            }
            'u' => {
                let (digits, after) = characters.as_str().strip_prefix('{')?.split_once('}')?;
                let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                characters = after.chars();
            }
            _ => return None,
        }
        rest = characters.as_str();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// A name as a document of JSON has it, in two fields of an object. The first is its text, in which
/// U+FFFD stands for what is not valid UTF-8; the second is null, or then all of its bytes in
/// hexadecimal: `636166e9`.
///
/// For a field of a struct: `#[serde(flatten, serialize_with = "..")]` names a function that passes
/// the keys on, `["path", "path_bytes"]`.
///
/// # Errors
/// That of the serializer.
pub fn serialize_name<S: Serializer>(
    keys: [&'static str; 2],
    name: &OsStr,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let bytes = name.as_bytes();
    let hexadecimal = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let exact: Option<String> = name.to_str().is_none().then(hexadecimal);
    let mut fields = serializer.serialize_map(Some(2))?;
    fields.serialize_entry(keys[0], &name.to_string_lossy())?;
    fields.serialize_entry(keys[1], &exact)?;
    fields.end()
}

/// One line of text that may be shown: what a terminal would execute is escaped, line feeds too,
/// and backslashes stay.
pub fn escape_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut escaped, character);
    }
    escaped
}

/// Lines of text that may be shown: as [`escape_controls`], but line feeds stay.
pub fn escape_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escape_controls).collect();
    lines.join("\n")
}

/// Text for the body or a quoted attribute of XML and HTML: as [`escape_controls`], and the
/// markup's own characters become entities. XML 1.0 has no form for most control characters,
/// escaped or not.
pub fn escape_markup(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in escape_controls(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

fn push(escaped: &mut String, character: char) {
    match character {
        '\n' => escaped.push_str(r"\n"),
        '\r' => escaped.push_str(r"\r"),
        '\t' => escaped.push_str(r"\t"),
        _ if character.is_ascii_control() => push_byte(escaped, character as u8),
        _ if acts_on_display(character) => push_number(escaped, character),
        _ => escaped.push(character),
    }
}

fn push_number(escaped: &mut String, character: char) {
    // Writing to a String does not fail.
    let _ = write!(escaped, r"\u{{{:x}}}", u32::from(character));
}

fn push_byte(escaped: &mut String, byte: u8) {
    let _ = write!(escaped, r"\x{byte:02x}");
}

/// Whether a character does something to the text around it instead of being shown. The
/// bidirectional controls are those of Unicode's UAX 9, the noncharacters those that XML 1.0
/// forbids. Characters without a width (the property Default_Ignorable_Code_Point of UAX 44) are
/// among them: two names must not look alike.
pub(crate) fn acts_on_display(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{fffe}'
                | '\u{ffff}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escape_bytes(name: &[u8]) -> String {
        escape(OsStr::from_bytes(name))
    }

    #[test]
    fn each_kind_has_its_form() {
        let cases: [(&[u8], &str); 15] = [
            (b"plain name", "plain name"),
            ("größe 猫".as_bytes(), "größe 猫"),
            (b"a\x1b[1mz\x7f", r"a\x1b[1mz\x7f"),
            (b"one\n  77 sshd\t\r", r"one\n  77 sshd\t\r"),
            (b"back\\slash", r"back\\slash"),
            ("a\u{202e}b\u{2067}".as_bytes(), r"a\u{202e}b\u{2067}"),
            ("\u{9b}1m".as_bytes(), r"\u{9b}1m"),
            ("ss\u{200b}hd".as_bytes(), r"ss\u{200b}hd"),
            ("tag\u{e0041}\u{3164}".as_bytes(), r"tag\u{e0041}\u{3164}"),
            (b"  two  blanks  ", r"\x20\x20two  blanks\x20\x20"),
            (b"  ", r"\x20\x20"),
            (b" \xff", r"\x20\xff"),
            ("no\u{a0}break\u{3000}".as_bytes(), r"no\u{a0}break\u{3000}"),
            (b"\xc3\x28pair", r"\xc3(pair"),
            (b"\x28\xc3pair", r"(\xc3pair"),
        ];
        for (name, shown) in cases {
            assert_eq!(escape_bytes(name), shown);
        }
    }

    #[test]
    fn a_sentence_keeps_its_backslashes_and_is_escaped_once() {
        let name = escape("a\\b\x1bc");
        assert_eq!(name, r"a\\b\x1bc");
        assert_eq!(escape_controls(&name), name);
        assert_eq!(escape_lines("one\x07\ntwo\r\n"), "one\\x07\ntwo\\r\n");
    }

    #[test]
    fn two_names_that_read_alike_differ_in_their_bytes() {
        #[derive(serde::Serialize)]
        struct File {
            #[serde(flatten, serialize_with = "path")]
            path: std::ffi::OsString,
            size: u64,
        }
        fn path<S: Serializer>(path: &OsStr, serializer: S) -> Result<S::Ok, S::Error> {
            serialize_name(["path", "path_bytes"], path, serializer)
        }
        let json = |path| {
            let path = OsStr::from_bytes(path).to_owned();
            serde_json::to_string(&File { path, size: 1 }).unwrap()
        };
        assert_eq!(
            json("é\n".as_bytes()),
            r#"{"path":"é\n","path_bytes":null,"size":1}"#
        );
        assert_eq!(
            [json(b"caf\xe9"), json(b"caf\xe8")],
            [
                r#"{"path":"caf�","path_bytes":"636166e9","size":1}"#,
                r#"{"path":"caf�","path_bytes":"636166e8","size":1}"#
            ]
        );
    }

    #[test]
    fn markup_has_entities_and_no_control_character() {
        assert_eq!(
            escape_markup("<a href=\"x\" b='y'>&\x1b\n\u{ffff}"),
            r"&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\x1b\n\u{ffff}"
        );
    }

    #[test]
    fn what_escape_cannot_have_made_has_no_name() {
        for wrong in [r"\", r"\q", r"\x1", r"\xg0", r"\u202e", r"\u{d800}", r"\u{"] {
            assert_eq!(unescape(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn the_name_comes_back(name in any::<Vec<u8>>()) {
            prop_assert_eq!(unescape(&escape_bytes(&name)), Some(name));
        }

        #[test]
        fn the_text_comes_back(name in any::<String>()) {
            let shown = escape(&name);
            prop_assert!(!shown.chars().any(acts_on_display));
            prop_assert_eq!(escape_controls(&shown), shown.clone());
            prop_assert_eq!(unescape(&shown), Some(name.into_bytes()));
        }
    }
}
