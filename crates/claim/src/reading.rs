//! What the arms of a claim observed.

use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::left_out::LeftOut;
use crate::{Act, Quantity};

/// One observed value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number of things.
    Count(u64),
    /// A ratio, a rate, a duration.
    Number(f64),
    /// A word: `same`, `EAGAIN`, `TIME_WAIT`.
    Word(String),
}

/// Where the numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The kernel was asked about the object itself: kcmp, a tracepoint, sock_diag, pagemap.
    Kernel,
    /// Inferred from effects and counters that every process may read.
    Counters,
}

/// What one arm read, with anything worth showing beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The observed values, by the names of their quantities.
    pub(crate) values: IndexMap<String, Value>,
    /// Quantities that came out as no number: a ratio of nothing to nothing.
    pub(crate) without_value: Vec<String>,
    /// Whether the evidence of each act was there, by what the act does.
    pub(crate) acts: IndexMap<String, bool>,
    /// What this kernel has nothing for: judged without it.
    #[serde(default)]
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) evidence: Evidence,
    pub(crate) caveat: Option<String>,
    pub(crate) details: Vec<Detail>,
}

/// What both arms read: all that the process that measures sends to the one that judges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Readings {
    /// What the arm read that stands in the experiment's place.
    pub experiment: Reading,
    /// What the arm read that stands in the control's place.
    pub control: Reading,
    /// How long both together took.
    pub duration: Duration,
}

/// Something to show beside the numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// A sentence.
    Note(String),
    /// Lines to be shown as they are: a diagram, an excerpt of /proc.
    Figure(String),
    /// Rows under named columns.
    Table(Table),
}

/// A titled table of text cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What the table shows.
    pub title: String,
    /// Column heads.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

impl Reading {
    /// A reading of the objects themselves.
    pub fn kernel() -> Self {
        Reading::new(Evidence::Kernel)
    }

    /// A reading of effects and counters.
    pub fn counters() -> Self {
        Reading::new(Evidence::Counters)
    }

    /// An empty reading of the given evidence.
    pub fn new(evidence: Evidence) -> Self {
        Reading {
            values: IndexMap::new(),
            without_value: Vec::new(),
            acts: IndexMap::new(),
            left_out: Vec::new(),
            evidence,
            caveat: None,
            details: Vec::new(),
        }
    }

    /// Adds the observed `value` of `quantity`, which must be one that the claim lists. A number
    /// that is none or infinite, the ratio to a counter that did not move, leaves it without a
    /// value: the claim is not measured then.
    #[must_use]
    pub fn with(mut self, quantity: &Quantity, value: impl Into<Value>) -> Self {
        let name = quantity.name.to_owned();
        match value.into() {
            Value::Number(number) if !number.is_finite() => self.without_value.push(name),
            value => drop(self.values.insert(name, value)),
        }
        self
    }

    /// Says whether the evidence of `act` was there: that which the act names, read from the kernel
    /// and not concluded from the call's answer. Both arms say it of every act of the claim, those
    /// of which the control must show no evidence among them.
    #[must_use]
    pub fn act(mut self, act: &Act, shown: bool) -> Self {
        self.acts.insert(act.does.to_owned(), shown);
        self
    }

    /// Says under which reservation the claim holds.
    #[must_use]
    pub fn caveat(mut self, caveat: impl Into<String>) -> Self {
        self.caveat = Some(caveat.into());
        self
    }

    /// Adds a sentence to show.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.details.push(Detail::Note(note.into()));
        self
    }

    /// Adds a diagram to show.
    #[must_use]
    pub fn figure(mut self, figure: impl Into<String>) -> Self {
        self.details.push(Detail::Figure(figure.into()));
        self
    }

    /// Adds a table to show.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.details.push(Detail::Table(table));
        self
    }
}

impl Table {
    /// A table without rows yet.
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        Table {
            title: title.into(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row of as many cells as there are columns.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl Value {
    /// The number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Count(count) => Some(*count as f64),
            Value::Number(number) => Some(*number),
            Value::Word(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Count(count) => write!(f, "{count}"),
            Value::Number(number) if number.abs() >= 100.0 => write!(f, "{number:.0}"),
            Value::Number(number) => write!(f, "{number:.3}"),
            Value::Word(word) => f.write_str(word),
        }
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Value::Count(count)
    }
}

impl From<u32> for Value {
    fn from(count: u32) -> Self {
        Value::Count(count.into())
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Value::Count(count as u64)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Number(number)
    }
}

impl From<&str> for Value {
    fn from(word: &str) -> Self {
        Value::Word(word.to_owned())
    }
}

impl From<String> for Value {
    fn from(word: String) -> Self {
        Value::Word(word)
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Evidence::Kernel => "kernel",
            Evidence::Counters => "counters",
        })
    }
}
