//! The numbers of a run, as pictures ask for them.

use claim::{Detail, Document, Report, Value};
use indexmap::IndexMap;

/// What a run measured, by the ids of the claims.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    document: &'a Document,
}

/// What one arm of a claim saw.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    claim: &'a str,
    values: &'a IndexMap<String, Value>,
    details: &'a [Detail],
}

/// Rows of a table, in the columns that were asked for.
pub type Rows<'a> = Vec<Vec<&'a str>>;

/// Why a picture cannot be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The run did not measure this claim.
    Claim(String),
    /// The claim was measured, and this was not read.
    Reading {
        /// Its id.
        claim: String,
        /// The quantity, or the columns of the table.
        what: String,
    },
}

impl<'a> Run<'a> {
    /// The run of `document`.
    pub fn new(document: &'a Document) -> Run<'a> {
        Run { document }
    }

    /// What the experiment of a claim saw.
    ///
    /// # Errors
    /// The claim is not in the run, or was not measured.
    pub fn experiment(&self, claim: &'a str) -> Result<Seen<'a>, Missing> {
        let report = self.measured(claim)?;
        Ok(Seen {
            claim,
            values: &report.observed,
            details: &report.details,
        })
    }

    /// What the control of a claim saw.
    ///
    /// # Errors
    /// As [`Run::experiment`].
    pub fn control(&self, claim: &'a str) -> Result<Seen<'a>, Missing> {
        let report = self.measured(claim)?;
        Ok(Seen {
            claim,
            values: &report.control.observed,
            details: &report.control.details,
        })
    }

    fn measured(&self, claim: &str) -> Result<&'a Report, Missing> {
        let mut reports = self.document.reports.iter();
        let report = reports.find(|report| report.id == claim && !report.observed.is_empty());
        report.ok_or_else(|| Missing::Claim(claim.to_owned()))
    }
}

impl<'a> Seen<'a> {
    /// The number that a quantity has.
    ///
    /// # Errors
    /// There is no such quantity, or it is a word.
    pub fn number(&self, quantity: &str) -> Result<f64, Missing> {
        let number = self.values.get(quantity).and_then(Value::as_f64);
        number
            .filter(|it| it.is_finite())
            .ok_or_else(|| self.missing(quantity))
    }

    /// The rows of the first table that has `columns`, with these columns alone.
    ///
    /// # Errors
    /// There is no such table.
    pub fn rows(&self, columns: &[&str]) -> Result<Rows<'a>, Missing> {
        let tables = self.details.iter().filter_map(|detail| match detail {
            Detail::Table(table) => Some(table),
            _ => None,
        });
        for table in tables {
            let place = |name: &&str| table.columns.iter().position(|column| column == name);
            let places: Option<Vec<usize>> = columns.iter().map(place).collect();
            let Some(places) = places else { continue };
            let row = |row: &'a Vec<String>| {
                let cell = |place: &usize| row.get(*place).map(String::as_str);
                places.iter().map(cell).collect::<Option<Vec<&str>>>()
            };
            let rows = table.rows.iter().map(row).collect::<Option<Rows<'a>>>();
            return rows.ok_or_else(|| self.missing(&columns.join(", ")));
        }
        Err(self.missing(&columns.join(", ")))
    }

    /// That `what` is not among what was read, or is not of the form that it must have.
    pub fn missing(&self, what: &str) -> Missing {
        Missing::Reading {
            claim: self.claim.to_owned(),
            what: what.to_owned(),
        }
    }
}
