//! From lines to operations: blocks get slots, faults get line numbers, and the live bytes are
//! added up.

use std::collections::hash_map::Entry;
use std::io::Read;

use super::error::excerpt;
use super::lines::{Line, Lines};
use super::live::Live;
use super::rep::Rep;
use super::slots::SlotNumbers;
use super::valgrind::Valgrind;
use super::{Event, Fault, Format, LARGEST_REQUEST, Op, PARTIAL, Summary, TraceError, plain};

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
    state: State,
}

/// What has been read, and what the next line is read with.
struct State {
    parser: Parser,
    live: Live,
    slots: SlotNumbers,
    /// Operations that the header announces.
    announced: Option<u64>,
    /// Frees of blocks whose allocation was not seen.
    unknown_frees: u64,
    /// Operations of other processes.
    other_process: u64,
    lines_read: u64,
    summary: Summary,
}

impl<R: Read> Reader<R> {
    /// A reader of `input`; without a `format` the first line decides.
    pub fn new(input: R, format: Option<Format>) -> Self {
        Reader {
            lines: Lines::new(input),
            state: State {
                parser: format.map_or(Parser::Undecided, Parser::new),
                live: Live::default(),
                slots: SlotNumbers::default(),
                announced: None,
                unknown_frees: 0,
                other_process: 0,
                lines_read: 0,
                summary: Summary::default(),
            },
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
                return self.state.finish().map(|()| None);
            };
            if let Some(op) = self.state.read(&line)? {
                return Ok(Some(op));
            }
        }
    }

    /// What has been read so far; complete once [`Reader::next_op`] has given `None`.
    pub fn summary(&self) -> &Summary {
        &self.state.summary
    }
}

impl State {
    /// Reads one line: the operation in it, if it has one.
    fn read(&mut self, line: &Line<'_>) -> Result<Option<Op>, TraceError> {
        self.lines_read = line.number;
        let at_line = |fault| TraceError {
            line: line.number,
            fault,
        };
        let event = match self.parse(line) {
            Err(Fault::Syntax(why)) if !line.terminated => Err(why),
            parsed => Ok(parsed.map_err(at_line)?),
        };
        if !line.terminated {
            self.break_off(line.number, event).map_err(at_line)?;
            return Ok(None);
        }
        let event = event.map_err(Fault::Syntax).map_err(at_line)?;
        let Some(op) = self.apply(event).map_err(at_line)? else {
            return Ok(None);
        };
        match self.announced {
            Some(most) if self.summary.operations > most => {
                Err(at_line(Fault::MoreThanAnnounced(most)))
            }
            _ => Ok(Some(op)),
        }
    }

    /// What a line says, and before it, where that is not known yet, which form the trace has.
    fn parse(&mut self, line: &Line<'_>) -> Result<Event, Fault> {
        let usual = match &self.parser {
            Parser::Plain => plain::parse_usual(line.bytes),
            Parser::Rep(rep) if rep.header_read() => plain::parse_usual(line.bytes),
            _ => None,
        };
        if let Some(event) = usual {
            return Ok(event);
        }
        let text = line.text()?;
        if matches!(self.parser, Parser::Undecided) {
            if text.trim().is_empty() {
                return Ok(Event::Nothing);
            }
            let format = Format::detect(text).ok_or_else(|| Fault::UnknownForm(excerpt(text)))?;
            self.parser = Parser::new(format);
        }
        if let (Parser::Plain, Some(why)) = (&self.parser, text.strip_prefix(PARTIAL)) {
            self.summary.partial = Some(why.to_owned());
            return Ok(Event::Nothing);
        }
        self.parser.parse(text).map_err(Fault::Syntax)
    }

    /// Takes in a last line without a newline. It may be cut inside a number: it is left out, and
    /// the trace is partial. What would be wrong with any ending is an error still.
    fn break_off(&mut self, line: u64, parsed: Result<Event, String>) -> Result<(), Fault> {
        let valgrind = matches!(self.parser, Parser::Valgrind(_));
        let why = match parsed {
            Ok(Event::Nothing) if !valgrind => return Ok(()),
            Ok(Event::Free { id }) if !valgrind && !self.begins_a_live_number(id) => {
                return Err(Fault::NotLive(id));
            }
            Ok(_) => String::new(),
            Err(why) => format!(": {why}"),
        };
        self.summary.partial = Some(format!("the trace breaks off in line {line}{why}"));
        Ok(())
    }

    /// Whether the digits of `id` are the first ones of a live block's number.
    fn begins_a_live_number(&self, id: u64) -> bool {
        let begins = |live: u64| {
            std::iter::successors(Some(live), |&rest| (rest > 9).then_some(rest / 10))
                .any(|beginning| beginning == id)
        };
        self.live.keys().any(|&live| begins(live))
    }

    fn apply(&mut self, event: Event) -> Result<Option<Op>, Fault> {
        let (op, freed) = match event {
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
                let size = request_size(size)?;
                let Entry::Vacant(vacant) = self.live.entry(id) else {
                    return Err(self.allocated_twice(id));
                };
                let slot = self.slots.take();
                vacant.insert((slot, size));
                (Op::Place { slot, size }, None)
            }
            Event::Free { id } => match self.live.remove(&id) {
                Some((slot, size)) => {
                    self.slots.give_back(slot);
                    (Op::Free { slot }, Some(size))
                }
                None => return self.unknown_free(id).map(|()| None),
            },
            Event::Resize { old, new, size } => {
                let size = request_size(size)?;
                let Some((slot, old_size)) = self.live.remove(&old) else {
                    self.unknown_free(old)?;
                    return self.apply(Event::Place { id: new, size });
                };
                if self.live.insert(new, (slot, size)).is_some() {
                    return Err(self.allocated_twice(new));
                }
                (Op::Resize { slot, size }, Some(old_size))
            }
        };
        self.summary.count(freed, op.size());
        self.summary.slots = self.slots.count();
        if self.summary.live_bytes > LARGEST_TOTAL {
            return Err(Fault::TooManyBytes);
        }
        Ok(Some(op))
    }

    /// The block is named as the trace names it: in valgrind's by an address, else by a number.
    fn allocated_twice(&self, id: u64) -> Fault {
        Fault::AllocatedTwice(match self.parser {
            Parser::Valgrind(_) => format!("{id:#X}"),
            _ => id.to_string(),
        })
    }

    /// Counts a free of a block that was never allocated. valgrind may have been attached late; in
    /// the other forms it is a fault.
    fn unknown_free(&mut self, id: u64) -> Result<(), Fault> {
        if !matches!(self.parser, Parser::Valgrind(_)) {
            return Err(Fault::NotLive(id));
        }
        self.unknown_frees += 1;
        Ok(())
    }

    /// Completes the summary at the end of the trace.
    fn finish(&mut self) -> Result<(), TraceError> {
        let summary = &mut self.summary;
        if let Parser::Valgrind(valgrind) = &self.parser {
            summary.complaint = valgrind.complaint();
        }
        if summary.operations == 0 {
            let fault = match self.lines_read {
                0 => Fault::Empty,
                lines => Fault::NoAllocation {
                    lines,
                    complaint: summary.complaint.clone(),
                    partial: summary.partial.take(),
                },
            };
            return Err(TraceError { line: 0, fault });
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
        if self.unknown_frees > 0 {
            let frees = self.unknown_frees;
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

impl Parser {
    fn new(format: Format) -> Parser {
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

/// The size of a request, which must be possible. A request for 0 bytes still gets an address of
/// its own: malloc(3) returns a pointer that can be freed.
fn request_size(size: u64) -> Result<u64, Fault> {
    if size > LARGEST_REQUEST {
        return Err(Fault::LargeRequest(size));
    }
    Ok(size.max(1))
}
