//! The document of a run, read again: what docs/json.md says of it, as far as it is compared.

use std::fmt;

use anyhow::{Result, anyhow, bail, ensure};
use claim::{Machine, Partial, SCHEMA, Value};
use indexmap::IndexMap;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

/// What a run found, by the ids of its claims.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Where it ran.
    pub machine: Machine,
    /// What became of each claim, in the document's order.
    pub claims: IndexMap<String, Claim>,
    /// What ended the run before its end.
    pub partial: Option<Partial>,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Claim {
    /// Its stable name.
    pub id: String,
    /// Its topic.
    pub topic: String,
    /// What it came to.
    pub verdict: Verdict,
    /// What the experiment had to read, by quantity.
    #[serde(deserialize_with = "map_of_different_names")]
    pub predicted: IndexMap<String, Prediction>,
    /// What it read; empty where nothing was measured.
    #[serde(deserialize_with = "map_of_different_names")]
    pub observed: IndexMap<String, Value>,
    /// The reservation under which it holds.
    pub caveat: Option<String>,
    /// Why it was not measured, or what broke.
    pub why: Option<String>,
}

/// The five words of the field `verdict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As predicted.
    Holds,
    /// The same, under a reservation.
    HoldsWith,
    /// Otherwise than predicted.
    Refuted,
    /// The surroundings did not allow it.
    NotMeasured,
    /// The set-up broke.
    Error,
}

/// What was predicted of a quantity.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Prediction {
    /// This value.
    Exactly(Value),
    /// A number within bounds.
    Within(Bounds),
}

/// Bounds, which are themselves allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The least.
    #[serde(default)]
    pub at_least: Option<f64>,
    /// The most.
    #[serde(default)]
    pub at_most: Option<f64>,
}

/// The one field that every version of the document has.
#[derive(Deserialize)]
struct Version {
    schema: serde_json::Value,
}

/// The fields of version 1.
#[derive(Deserialize)]
struct Fields {
    kernel: String,
    machine: Machine,
    claims: Vec<Claim>,
    partial: Option<Partial>,
}

impl Document {
    /// Reads the bytes of a document.
    ///
    /// # Errors
    /// They are none: empty, cut off, no JSON, of another schema, without a field that version 1
    /// has, or with one claim twice.
    pub fn parse(bytes: &[u8]) -> Result<Document> {
        ensure!(!bytes.is_empty(), "it is empty");
        let version: Version = serde_json::from_slice(bytes).map_err(explain)?;
        let schema = version.schema;
        if schema != SCHEMA {
            bail!("it has schema {schema}, and this program reads schema {SCHEMA}");
        }
        let fields: Fields = serde_json::from_slice(bytes).map_err(explain)?;
        let mut claims = IndexMap::new();
        for claim in fields.claims {
            let id = claim.id.clone();
            if claims.insert(id.clone(), claim).is_some() {
                bail!("claim `{id}` stands there twice");
            }
        }
        Ok(Document {
            machine: Machine {
                kernel: fields.kernel,
                ..fields.machine
            },
            claims,
            partial: fields.partial,
        })
    }
}

/// What is wrong with a document, and where, in words of this program.
pub(crate) fn explain(error: serde_json::Error) -> anyhow::Error {
    let (line, column) = (error.line(), error.column());
    let place = format!("line {line}, column {column}");
    match error.classify() {
        // It is JSON; what does not fit is the number.
        _ if error.to_string().starts_with("number out of range") => {
            anyhow!("a number is out of range ({place})")
        }
        Category::Eof => anyhow!("it is cut off ({place})"),
        Category::Syntax | Category::Io => anyhow!("it is no JSON ({place})"),
        Category::Data => {
            let fault = fault(&error.to_string());
            anyhow!("it is not the document of `witness run --json`: {fault} ({place})")
        }
    }
}

/// The fault that serde's message tells, which speaks of Rust's types.
fn fault(message: &str) -> String {
    let name = message.split('`').nth(1).unwrap_or_default();
    let kinds = [
        "invalid type",
        "invalid value",
        "invalid length",
        "data did not match",
    ];
    match message.split(" at line ").next().unwrap_or(message) {
        message if message.starts_with("missing field") => format!("there is no `{name}`"),
        message if message.starts_with("unknown") => format!("`{name}` means nothing there"),
        message if kinds.iter().any(|kind| message.starts_with(kind)) => {
            "a value is of another kind than it should be".to_owned()
        }
        message => message.to_owned(),
    }
}

impl Claim {
    /// Whether there are values that the verdict rests on.
    pub fn is_measured(&self) -> bool {
        !matches!(self.verdict, Verdict::NotMeasured | Verdict::Error)
    }
}

impl Verdict {
    /// All of them, the best first.
    pub const ALL: [Verdict; 5] = [
        Verdict::Holds,
        Verdict::HoldsWith,
        Verdict::Refuted,
        Verdict::NotMeasured,
        Verdict::Error,
    ];

    /// Its name in the document.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::HoldsWith => "holds_with",
            Verdict::Refuted => "refuted",
            Verdict::NotMeasured => "not_measured",
            Verdict::Error => "error",
        }
    }

    /// Its name for people.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::HoldsWith => "holds with a caveat",
            Verdict::Refuted => "refuted",
            Verdict::NotMeasured => "not measured",
            Verdict::Error => "error",
        }
    }

    /// Its mark in a table.
    pub fn mark(self) -> &'static str {
        match self {
            Verdict::Holds => "✔",
            Verdict::HoldsWith => "(✔)",
            Verdict::Refuted => "✘",
            Verdict::NotMeasured => "-",
            Verdict::Error => "!",
        }
    }
}

impl Prediction {
    /// Whether `value` is among those predicted.
    pub fn allows(&self, value: &Value) -> bool {
        match self {
            Prediction::Exactly(predicted) => same(predicted, value),
            Prediction::Within(Bounds { at_least, at_most }) => {
                value.as_f64().is_some_and(|value| {
                    at_least.is_none_or(|least| least <= value)
                        && at_most.is_none_or(|most| value <= most)
                })
            }
        }
    }
}

/// Whether two values are the same number or the same word: 1 and 1.0 are one number.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Count(a), Value::Count(b)) => a == b,
        (Value::Word(a), Value::Word(b)) => a == b,
        _ => a.as_f64().is_some_and(|a| Some(a) == b.as_f64()),
    }
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Prediction::Exactly(value) => value.fmt(f),
            Prediction::Within(Bounds { at_least, at_most }) => match (at_least, at_most) {
                (Some(least), Some(most)) => write!(f, "{least} to {most}"),
                (Some(least), None) => write!(f, "at least {least}"),
                (None, Some(most)) => write!(f, "at most {most}"),
                (None, None) => f.write_str("any number"),
            },
        }
    }
}

/// A map in which a name that stands twice is an error: of two values one would be lost.
fn map_of_different_names<'de, D, T>(deserializer: D) -> Result<IndexMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct DifferentNames<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for DifferentNames<T> {
        type Value = IndexMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object by quantity")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut found = IndexMap::new();
            while let Some((name, value)) = map.next_entry::<String, T>()? {
                if found.contains_key(&name) {
                    return Err(Error::custom(format!(
                        "quantity `{name}` stands there twice"
                    )));
                }
                found.insert(name, value);
            }
            Ok(found)
        }
    }

    deserializer.deserialize_map(DifferentNames(std::marker::PhantomData))
}
