//! From lines to operations: blocks get slots, faults get line numbers, and the live bytes are added up.

use std::collections::hash_map::Entry;
use std::io::Read;

use super::lines::Lines;
use super::live::Live;
use super::rep::Rep;
use super::valgrind::Valgrind;
use super::{Event, Format, LARGEST_REQUEST, Op, PARTIAL, Summary, TraceError, excerpt, plain};

/// The sum of live bytes may not pass this (2^62), so that no policy's arithmetic can overflow.
const LARGEST_TOTAL: u64 = 1 << 62;

enum Parser {
    Undecided,
    Valgrind(Valgrind),
    Rep(Rep),
    Plain,
}

/// Reads a trace one operation at a time.
pub struct Reader<R> {
    lines: Lines<R>,
    parser: Parser,
    live: Live,
    spare: Vec<u32>,
    announced: Option<u64>,
    foreign_frees: u64,
    other_process: u64,
    lines_read: u64,
    summary: Summary,
}

impl<R: Read> Reader<R> {
    /// A reader of `input`; without a `format` the first line decides.
    pub fn new(input: R, format: Option<Format>) -> Self {
        Reader {
            lines: Lines::new(input),
            parser: format.map_or(Parser::Undecided, Parser::of),
            live: Live::default(),
            spare: Vec::new(),
            announced: None,
            foreign_frees: 0,
            other_process: 0,
            lines_read: 0,
            summary: Summary::default(),
        }
    }

    /// The next operation; `None` at the end.
    ///
    /// # Errors
    /// A damaged line, with its number; an empty or binary trace; a failed read. A last line that
    /// breaks off without a newline is not an error but makes the trace partial.
    pub fn next_op(&mut self) -> Result<Option<Op>, TraceError> {
        loop {
            let Some(line) = self.lines.next()? else {
                return self.finish().map(|()| None);
            };
            let (number, whole) = (line.number, line.whole);
            self.lines_read = number;
            let quick = match &self.parser {
                Parser::Plain => plain::quick(line.bytes),
                Parser::Rep(rep) if rep.header_read() => plain::quick(line.bytes),
                _ => None,
            };
            let parsed = match quick {
                Some(event) => Ok(event),
                None => {
                    let text = line.text()?;
                    if matches!(self.parser, Parser::Undecided) {
                        if text.trim().is_empty() {
                            continue;
                        }
                        self.parser = Parser::of(decide(number, text)?);
                    }
                    if let (Parser::Plain, Some(why)) = (&self.parser, text.strip_prefix(PARTIAL)) {
                        self.summary.partial = Some(why.to_owned());
                        continue;
                    }
                    self.parser.parse(text)
                }
            };
            if !whole {
                self.last_words(number, parsed)?;
                continue;
            }
            let op = parsed.and_then(|event| self.apply(event));
            let at = |message| TraceError {
                line: number,
                message,
            };
            let Some(op) = op.map_err(at)? else { continue };
            match self.announced {
                Some(most) if self.summary.operations > most => {
                    return Err(at(format!(
                        "one operation more than the {most} that the header announces"
                    )));
                }
                _ => return Ok(Some(op)),
            }
        }
    }

    /// The last line, where no newline ends it: what looks whole here may be half a number, so that it
    /// is left out and makes the trace partial. What is wrong in any case is an error still.
    fn last_words(&mut self, line: u64, parsed: Result<Event, String>) -> Result<(), TraceError> {
        let valgrind = matches!(self.parser, Parser::Valgrind(_));
        let why = match parsed {
            Ok(Event::Nothing) if !valgrind => return Ok(()),
            // More digits may have followed.
            Ok(Event::Free { id }) if !valgrind && !self.begins_a_live(id) => {
                let message = format!("block {id} is not live here");
                return Err(TraceError { line, message });
            }
            Ok(_) => String::new(),
            Err(why) => format!(": {why}"),
        };
        self.summary.partial = Some(format!("the trace breaks off in line {line}{why}"));
        Ok(())
    }

    fn begins_a_live(&self, id: u64) -> bool {
        let begins = |live: u64| {
            std::iter::successors(Some(live), |&rest| (rest > 9).then_some(rest / 10))
                .any(|beginning| beginning == id)
        };
        self.live.keys().any(|&live| begins(live))
    }

    /// What has been read so far; complete once [`Reader::next_op`] has given `None`.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    fn apply(&mut self, event: Event) -> Result<Option<Op>, String> {
        let op = match event {
            Event::Nothing => return Ok(None),
            Event::OtherProcess => {
                self.other_process += 1;
                return Ok(None);
            }
            Event::Announced(operations) => {
                self.announced = Some(operations);
                return Ok(None);
            }
            Event::Place { id, size } => {
                let size = acceptable(size)?;
                let Entry::Vacant(vacant) = self.live.entry(id) else {
                    return Err(self.twice(id));
                };
                let slot = self.spare.pop().unwrap_or_else(|| {
                    self.summary.slots += 1;
                    self.summary.slots - 1
                });
                vacant.insert((slot, size));
                self.grow(size)?;
                Op::Place { slot, size }
            }
            Event::Free { id } => match self.live.remove(&id) {
                Some((slot, size)) => {
                    self.summary.live_bytes -= size;
                    self.spare.push(slot);
                    Op::Free { slot }
                }
                None => return self.foreign(id).map(|()| None),
            },
            Event::Resize { old, new, size } => {
                let size = acceptable(size)?;
                let Some((slot, was)) = self.live.remove(&old) else {
                    self.foreign(old)?;
                    return self.apply(Event::Place { id: new, size });
                };
                self.summary.live_bytes -= was;
                if self.live.insert(new, (slot, size)).is_some() {
                    return Err(self.twice(new));
                }
                self.grow(size)?;
                Op::Resize { slot, size }
            }
        };
        self.summary.operations += 1;
        self.summary.live_blocks = self.live.len() as u64;
        self.summary.peak_blocks = self.summary.peak_blocks.max(self.summary.live_blocks);
        Ok(Some(op))
    }

    /// The block is named as the trace names it: valgrind by its address, the other forms by a number.
    fn twice(&self, id: u64) -> String {
        let name = match self.parser {
            Parser::Valgrind(_) => format!("{id:#X}"),
            _ => id.to_string(),
        };
        format!("block {name} is allocated twice without a free")
    }

    fn grow(&mut self, size: u64) -> Result<(), String> {
        let summary = &mut self.summary;
        summary.live_bytes += size;
        if summary.live_bytes > LARGEST_TOTAL {
            return Err("more than 2^62 bytes live at once".into());
        }
        summary.peak_bytes = summary.peak_bytes.max(summary.live_bytes);
        summary.total_bytes = summary.total_bytes.saturating_add(size);
        Ok(())
    }

    /// A free of what was never allocated: valgrind may have been attached late, the other forms have
    /// no such excuse.
    fn foreign(&mut self, id: u64) -> Result<(), String> {
        if !matches!(self.parser, Parser::Valgrind(_)) {
            return Err(format!("block {id} is not live here"));
        }
        self.foreign_frees += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), TraceError> {
        let summary = &mut self.summary;
        if let Parser::Valgrind(valgrind) = &self.parser {
            summary.complaint = valgrind.complaint();
        }
        if summary.operations == 0 {
            let lines = self.lines_read;
            let message = match (&summary.complaint, summary.partial.take()) {
                _ if lines == 0 => "the trace is empty".to_string(),
                (Some(complaint), _) => format!("no allocation in {lines} lines:\n{complaint}"),
                (None, None) => format!("no allocation in {lines} lines"),
                (None, Some(partial)) => format!("no allocation in {lines} lines; {partial}"),
            };
            return Err(TraceError { line: 0, message });
        }
        if let (None, Some(complaint)) = (&summary.partial, &summary.complaint) {
            summary.partial = complaint.lines().next().map(str::to_owned);
        }
        if let Some(announced) = self.announced
            && announced > summary.operations
            && summary.partial.is_none()
        {
            summary.partial = Some(format!(
                "the header announces {announced} operations, the trace holds {}",
                summary.operations
            ));
        }
        if self.foreign_frees > 0 {
            let frees = self.foreign_frees;
            summary.notes.push(format!(
                "{frees} frees of blocks whose allocation is not in the trace"
            ));
        }
        if self.other_process > 0 {
            let lines = self.other_process;
            summary
                .notes
                .push(format!("{lines} operations of forked processes, left out"));
        }
        Ok(())
    }
}

fn decide(line: u64, text: &str) -> Result<Format, TraceError> {
    Format::of(text).ok_or_else(|| TraceError {
        line,
        message: format!(
            "no form of trace begins with {}; known: valgrind --trace-malloc=yes, .rep, plain",
            excerpt(text)
        ),
    })
}

impl Parser {
    fn of(format: Format) -> Parser {
        match format {
            Format::Valgrind => Parser::Valgrind(Valgrind::default()),
            Format::Rep => Parser::Rep(Rep::default()),
            Format::Plain => Parser::Plain,
        }
    }

    fn parse(&mut self, line: &str) -> Result<Event, String> {
        match self {
            Parser::Valgrind(valgrind) => valgrind.parse(line),
            Parser::Rep(rep) => rep.parse(line),
            Parser::Plain | Parser::Undecided => plain::parse(line),
        }
    }
}

/// A request for 0 bytes still gets an address of its own: malloc(3) returns a pointer that can be freed.
fn acceptable(size: u64) -> Result<u64, String> {
    if size > LARGEST_REQUEST {
        return Err(format!(
            "{size} bytes: more than any address space holds (2^47)"
        ));
    }
    Ok(size.max(1))
}
