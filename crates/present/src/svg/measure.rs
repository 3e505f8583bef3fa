//! How much room a text takes in a picture, so that none is cut.

use crate::foreign_text::escape_controls;

/// Advance widths of DejaVu Sans from the blank to the tilde, in hundredths of the font's size. Of
/// the fonts that programs take for `sans-serif` it is among the widest.
const WIDTHS: [u8; 95] = [
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75,
    79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35,
    63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
];
/// For any other character: a Chinese one is as wide as the size, an emoji somewhat wider.
const OTHER: f64 = 1.3;
/// What stands for a part that was left out.
const ELLIPSIS: &str = "...";

/// The width in pixels of a text as it is drawn, in a font of so many pixels. A bold one takes a
/// seventh more.
pub fn text_width(text: &str, size: f64) -> f64 {
    let width = |character: char| {
        let index = u32::from(character).checked_sub(u32::from(' '));
        let known = index.and_then(|index| WIDTHS.get(index as usize));
        known.map_or(OTHER, |&hundredths| f64::from(hundredths) / 100.0)
    };
    escape_controls(text).chars().map(width).sum::<f64>() * size
}

/// The text, or its two ends where all of it takes more than `room` pixels.
pub fn shorten(text: &str, size: f64, room: f64) -> String {
    let text = escape_controls(text);
    if text_width(&text, size) <= room {
        return text;
    }
    let characters: Vec<char> = text.chars().collect();
    let ends = |kept: usize| -> String {
        let (first, last) = (kept.div_ceil(2), kept / 2);
        let first = characters[..first].iter();
        let last = characters[characters.len() - last..].iter();
        first.chain(&['.'; ELLIPSIS.len()]).chain(last).collect()
    };
    let fitting = (0..characters.len()).map(ends);
    let fitting = fitting.take_while(|short| text_width(short, size) <= room);
    fitting.last().unwrap_or_default()
}

/// The text in lines of at most `room` pixels, broken between words. A single word that is longer
/// is shortened.
pub fn wrap(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let word = shorten(word, size, room);
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) <= room => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_wide_as_its_characters_as_drawn() {
        assert_eq!(text_width("", 10.0), 0.0);
        assert!((text_width("mi", 10.0) - 12.5).abs() < 1e-9);
        assert_eq!(text_width("\x1b", 10.0), text_width(r"\x1b", 10.0));
        assert!(text_width("猫", 10.0) >= 10.0);
    }

    #[test]
    fn what_is_too_long_keeps_both_ends() {
        assert_eq!(shorten("libc.so.6", 10.0, 60.0), "libc.so.6");
        let short = shorten("libvery-long-indeed.so.6", 10.0, 60.0);
        assert!(short.starts_with("lib") && short.ends_with(".6"), "{short}");
        assert!(text_width(&short, 10.0) <= 60.0);
        assert_eq!(shorten("anything", 10.0, 1.0), "");
    }

    #[test]
    fn lines_are_broken_between_words_and_none_is_too_long() {
        let text = "every window of this lock was refused, whatever-a-very-long-word-says";
        let lines = wrap(text, 10.0, 120.0);
        assert!(lines.len() > 2);
        assert!(lines.iter().all(|line| text_width(line, 10.0) <= 120.0));
        assert_eq!(lines[0], "every window of this");
        assert_eq!(wrap("short", 10.0, 120.0), ["short"]);
    }
}
