//! How wide a line may be, and folding of those that are wider.

use std::io::stdout;

use terminal_size::{Width, terminal_size, terminal_size_of};
use textwrap::core::display_width;
use textwrap::{Options, WordSplitter};

use crate::charset::for_locale;

/// Columns that a line on standard output may take: those of the terminal; where it is no terminal,
/// COLUMNS, or those of the terminal that the program was started from, as in `... | less`. None
/// where nothing tells. (environ(7), TIOCGWINSZ in ioctl_tty(2))
pub fn terminal_width() -> Option<usize> {
    #[expect(clippy::disallowed_methods, reason = "it is asked for its width")]
    let own = terminal_size_of(stdout()).map(|(Width(width), _)| usize::from(width));
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let started_from = || terminal_size().map(|(Width(width), _)| usize::from(width));
    own.or_else(columns)
        .or_else(started_from)
        .filter(|&width| width > 0)
}

/// Breaks the lines that are wider than `width` between words, and indents what follows as deep as
/// the line began. Lines that fit stay as they are, byte by byte.
pub fn fold_lines(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let text = for_locale(text);
    let lines: Vec<String> = text.split('\n').map(|line| fold(line, width)).collect();
    lines.join("\n")
}

/// Sentences, a paragraph a line, as wide as the terminal; 80 columns where nothing tells how wide
/// that is. Whoever breaks the lines of sentences in the source has them broken twice.
pub fn fill_sentences(text: &str, width: Option<usize>) -> String {
    fold_lines(text, Some(width.unwrap_or(80)))
}

fn fold(line: &str, width: usize) -> String {
    if display_width(line) <= width {
        return line.to_owned();
    }
    let words = line.trim_start_matches(' ');
    let indent = &line[..line.len() - words.len()];
    let options = Options::new(width)
        .word_splitter(WordSplitter::NoHyphenation)
        .initial_indent(indent)
        .subsequent_indent(indent);
    textwrap::fill(words, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_filled_whatever_is_known_of_the_terminal() {
        let text = "word ".repeat(30) + "end\n";
        let widest = |width| {
            let filled = fill_sentences(&text, width);
            filled.lines().map(str::len).max()
        };
        assert_eq!(widest(None), Some(79));
        assert_eq!(widest(Some(60)), Some(59));
    }

    #[test]
    fn only_long_lines_are_folded_and_keep_their_indent() {
        let text = "a table  1\n  because it waits too long\n";
        assert_eq!(fold_lines(text, None), text);
        assert_eq!(fold_lines(text, Some(27)), text);
        assert_eq!(
            fold_lines(text, Some(16)),
            "a table  1\n  because it\n  waits too long\n"
        );
    }
}
