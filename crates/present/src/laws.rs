//! What is true of text of others, whatever it is.
//!
//! Tests try the law a fixed number of times; `fuzz/` hands it to libFuzzer. In other builds this
//! module does not exist.
#![expect(clippy::expect_used, reason = "a law that is broken panics")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::fold_lines;
use crate::foreign_text::{
    acts_on_display, escape, escape_controls, escape_lines, escape_markup, unescape,
};

/// The functions of [`crate::foreign_text`], and lines that are folded.
pub fn foreign_text(data: &[u8]) {
    let shown = escape(OsStr::from_bytes(data));
    assert!(!shown.contains(acts_on_display), "{shown:?}");
    assert_eq!(unescape(&shown).as_deref(), Some(data), "{shown}");
    assert_eq!(escape_controls(&shown), shown, "drawn once or twice");

    let text = String::from_utf8_lossy(data);
    if let Some(bytes) = unescape(&text) {
        assert!(bytes.len() <= text.len());
    }
    let line = escape_controls(&text);
    assert!(!line.contains(acts_on_display), "{line:?}");
    assert_eq!(escape_controls(&line), line);
    let lines = escape_lines(&text);
    assert!(
        !lines.contains(|c| c != '\n' && acts_on_display(c)),
        "{lines:?}"
    );
    assert_eq!(lines.matches('\n').count(), text.matches('\n').count());
    assert_eq!(escape_lines(&lines), lines);

    let markup = escape_markup(&text);
    assert!(!markup.contains(['<', '>', '"', '\'']), "{markup}");
    assert_eq!(without_entities(&markup), line);

    for width in [1, 20, 80] {
        let folded = fold_lines(&lines, Some(width));
        let letters = |text: &str| text.replace(char::is_whitespace, "");
        assert_eq!(letters(&folded), letters(&lines), "no character is lost");
    }
}

/// The text that [`escape_markup`] made `markup` of.
fn without_entities(markup: &str) -> String {
    let mut text = String::new();
    let mut rest = markup;
    while let Some((plain, entity)) = rest.split_once('&') {
        let (name, after) = entity.split_once(';').expect("an entity ends");
        text.push_str(plain);
        text.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            _ => panic!("{name} is no entity"),
        });
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    samples::test_laws! { foreign_text }
}
