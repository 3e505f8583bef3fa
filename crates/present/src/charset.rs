//! Which characters the reader's terminal can show, by the locale; and ASCII where it is not UTF-8.
//!
//! | Shown instead | Of |
//! |---|---|
//! | `+`, `x` | the marks of what holds and of what does not |
//! | `-`, `\|`, `+`, `>` | lines, corners and arrows |
//! | `...` | an ellipsis |
//! | `\u{e9}` | any other character, by its number |

use std::borrow::Cow;
use std::env::var_os;
use std::fmt::Write;
use std::sync::LazyLock;

static IS_UTF8: LazyLock<bool> = LazyLock::new(|| {
    let variables = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| {
        let value = var_os(name).unwrap_or_default();
        value.to_string_lossy().into_owned()
    });
    names_utf8(&variables)
});

/// Whether the locale's character set is UTF-8: LC_ALL decides, else LC_CTYPE, else LANG; the
/// locale without any of them is POSIX's own, which is ASCII. (locale(7))
pub fn is_utf8() -> bool {
    *IS_UTF8
}

/// The text as the locale can show it.
pub fn for_locale(text: &str) -> Cow<'_, str> {
    match is_utf8() || text.is_ascii() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(to_ascii(text)),
    }
}

/// The text in ASCII: what stands for other characters is in the table above.
pub fn to_ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            _ if character.is_ascii() => ascii.push(character),
            '✔' => ascii.push('+'),
            '✘' => ascii.push('x'),
            '─' | '—' | '–' => ascii.push('-'),
            '│' => ascii.push('|'),
            '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => {
                ascii.push('+')
            }
            '▶' | '→' => ascii.push('>'),
            '…' => ascii.push_str("..."),
            // Writing to a String does not fail.
            _ => drop(write!(ascii, r"\u{{{:x}}}", u32::from(character))),
        }
    }
    ascii
}

/// Whether the first of the variables that is not empty names a locale of UTF-8.
fn names_utf8(variables: &[String]) -> bool {
    let locale = variables.iter().find(|value| !value.is_empty());
    let name = locale.map_or(String::new(), |locale| locale.to_ascii_lowercase());
    name.contains("utf-8") || name.contains("utf8")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        for (variables, is_utf8) in [
            (["", "", ""], false),
            (["", "", "C.UTF-8"], true),
            (["", "", "de_DE.utf8"], true),
            (["C", "", "C.UTF-8"], false),
            (["", "POSIX", "C.UTF-8"], false),
            (["en_US.UTF-8", "C", "C"], true),
            (["", "", "de_DE.ISO-8859-1"], false),
        ] {
            assert_eq!(
                names_utf8(&variables.map(str::to_owned)),
                is_utf8,
                "{variables:?}"
            );
        }
    }

    #[test]
    fn marks_and_lines_keep_their_width() {
        assert_eq!(to_ascii("✔ a ──┐ ├──▶ │"), "+ a --+ +--> |");
        assert_eq!(to_ascii("size … näh"), r"size ... n\u{e4}h");
    }

    proptest! {
        #[test]
        fn nothing_else_is_left(text in any::<String>()) {
            let ascii = to_ascii(&text);
            prop_assert!(ascii.is_ascii());
            prop_assert_eq!(to_ascii(&ascii), ascii);
        }
    }
}
