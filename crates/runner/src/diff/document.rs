//! The document of a run, read again: what docs/json.md says of it, as far as it is compared.

use std::fmt;

use anyhow::{Result, anyhow, bail, ensure};
use claim::{Machine, Partial, SCHEMA, Value};
use indexmap::IndexMap;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq)]
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
        ensure_json(bytes)?;
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

/// Makes sure that the bytes are JSON, whatever stands in it.
///
/// # Errors
/// They are cut off, or no JSON.
fn ensure_json(bytes: &[u8]) -> Result<()> {
    let read: serde_json::Result<IgnoredAny> = serde_json::from_slice(bytes);
    let Err(error) = read else {
        return Ok(());
    };
    let place = place(&error);
    match error.classify() {
        Category::Eof => bail!("it is cut off ({place})"),
        _ if error.to_string().starts_with("trailing characters") => {
            bail!("more stands behind its end ({place})")
        }
        _ => bail!("it is no JSON ({place})"),
    }
}

/// What is wrong with a document that is JSON, and where, in words of this program.
pub(crate) fn explain(error: serde_json::Error) -> anyhow::Error {
    let (fault, place) = (fault(&error.to_string()), place(&error));
    anyhow!("it is not the document of `witness run --json`: {fault} ({place})")
}

fn place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// The fault that serde's message tells, which speaks of Rust's types. Nothing of its own words is
/// shown, but for the names of fields and what [`OWN`] begins.
fn fault(message: &str) -> String {
    let name = message.split('`').nth(1).unwrap_or_default();
    let message = message.split(" at line ").next().unwrap_or(message);
    let begins = |beginnings: &[&str]| beginnings.iter().any(|it| message.starts_with(it));
    if message.starts_with(OWN) {
        return message.to_owned();
    }
    if begins(&["missing field"]) {
        return format!("there is no `{name}`");
    }
    if begins(&["duplicate field"]) {
        return format!("`{name}` stands there twice");
    }
    if begins(&["unknown"]) {
        return format!("`{name}` means nothing there");
    }
    if begins(&["number out of range"]) {
        return "a number is out of range".to_owned();
    }
    if begins(&["recursion limit"]) {
        return "it is nested too deeply".to_owned();
    }
    if ["unicode", "surrogate", "hex escape"]
        .iter()
        .any(|word| message.contains(word))
    {
        return "a text is not valid Unicode".to_owned();
    }
    "a value is of another kind than it should be".to_owned()
}

/// How the faults begin that are told here, and not by serde.
const OWN: &str = "quantity `";

/// Only a text can be a verdict.
impl<'de> Deserialize<'de> for Verdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Verdict, D::Error> {
        let name = String::deserialize(deserializer)?;
        let verdict = Verdict::ALL.into_iter().find(|it| it.name() == name);
        verdict.ok_or_else(|| Error::unknown_variant(&name, &[]))
    }
}

/// Bounds are an object, and everything else is one value.
impl<'de> Deserialize<'de> for Prediction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Prediction, D::Error> {
        let read = match serde_json::Value::deserialize(deserializer)? {
            bounds @ serde_json::Value::Object(_) => {
                Bounds::deserialize(bounds).map(Prediction::Within)
            }
            value => Value::deserialize(value).map(Prediction::Exactly),
        };
        read.map_err(Error::custom)
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
                    return Err(Error::custom(format!("{OWN}{name}` stands there twice")));
                }
                found.insert(name, value);
            }
            Ok(found)
        }
    }

    deserializer.deserialize_map(DifferentNames(std::marker::PhantomData))
}
