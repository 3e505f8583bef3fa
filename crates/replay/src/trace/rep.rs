//! The malloc lab's `.rep` form: four numbers, each on a line (suggested heap size, number of
//! blocks, number of operations, weight), then the lines of [`super::plain`].

use super::error::excerpt;
use super::{Event, plain};

/// How far the header has been read.
#[derive(Default)]
pub(crate) struct Rep {
    header: u32,
}

impl Rep {
    /// Whether only lines of [`super::plain`] can follow.
    pub fn header_read(&self) -> bool {
        self.header == 4
    }

    pub fn parse(&mut self, line: &str) -> Result<Event, String> {
        if self.header_read() || line.trim().is_empty() {
            return plain::parse(line);
        }
        self.header += 1;
        let number: u64 = line.trim().parse().map_err(|_| {
            format!(
                "header line {} of 4 is no number: {}",
                self.header,
                excerpt(line)
            )
        })?;
        Ok(if self.header == 3 {
            Event::Announced(number)
        } else {
            Event::Nothing
        })
    }
}
