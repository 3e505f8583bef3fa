//! `proof tours`: many tours, in peace, beside busy loops, and at once.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use harness::interrupt::Interrupt;
use present::print;
use proof::document::Verdict;
use proof::journal::{Journal, identity};
use proof::remains::Folder;
use proof::running::check;
use proof::tours::{Record, Series};

use super::{begin, journal_path, witness_at};

/// Options of the tours. Of those at the same time a claim may be not measured; in all others it
/// must hold.
#[derive(Args)]
pub(super) struct ToursArgs {
    /// The program whose claims are tried [default: witness, beside this program]
    #[arg(long, value_name = "PATH")]
    witness: Option<PathBuf>,
    /// Tours one after the other
    #[arg(long, value_name = "N", default_value_t = 100)]
    idle: usize,
    /// Tours one after the other beside busy loops
    #[arg(long, value_name = "N", default_value_t = 40)]
    beside: usize,
    /// How many busy loops
    #[arg(long, value_name = "N", default_value_t = 4)]
    loops: usize,
    /// Tours at the same time
    #[arg(long, value_name = "N", default_value_t = 10)]
    at_once: usize,
    /// Go on where an earlier run of the same build was ended
    #[arg(long)]
    resume: bool,
}

impl ToursArgs {
    /// Runs the tours. Status 1 where one came to what it should not.
    ///
    /// # Errors
    /// No such program; a tour that cannot be started; a signal.
    pub(super) fn run(&self) -> Result<u8> {
        begin(|interrupt| self.run_all(interrupt))
    }

    fn run_all(&self, interrupt: &Interrupt) -> Result<u8> {
        let witness = witness_at(self.witness.as_deref())?;
        let subject = format!("{} beside {}", identity(witness.path())?, self.loops);
        let path = journal_path("tours");
        let mut journal: Journal<Record> = Journal::open(&path, &subject, self.resume)?;
        let folder = Folder::new("tours")?;
        for series in self.series() {
            loop {
                check(interrupt)?;
                let done = records_of(&series, &journal.records).count();
                let left = series.tours.saturating_sub(done);
                if left == 0 {
                    break;
                }
                for record in series.run(&witness, left, &folder, interrupt)? {
                    for fault in &record.faults {
                        print(&format!("{} tour: {fault}\n", series.name))?;
                    }
                    journal.add(record)?;
                }
            }
        }
        print(&table(&self.series(), &journal.records))?;
        let faulty = journal
            .records
            .iter()
            .any(|record| !record.faults.is_empty());
        Ok(u8::from(faulty))
    }

    fn series(&self) -> [Series; 3] {
        let idle = Series {
            name: "idle",
            tours: self.idle,
            at_once: 1,
            loops: 0,
            may_be_not_measured: false,
        };
        let beside = Series {
            name: "beside busy loops",
            tours: self.beside,
            loops: self.loops,
            ..idle
        };
        let at_once = Series {
            name: "at once",
            tours: self.at_once,
            at_once: self.at_once,
            may_be_not_measured: true,
            ..idle
        };
        [idle, beside, at_once]
    }
}

/// The records of one series.
fn records_of<'a>(series: &Series, records: &'a [Record]) -> impl Iterator<Item = &'a Record> {
    let name = series.name;
    records.iter().filter(move |record| record.series == name)
}

fn table(all: &[Series], records: &[Record]) -> String {
    let names = Verdict::ALL.map(|verdict| format!("{:>13}", verdict.name()));
    let mut text = format!(
        "{:<18}{:>6}{}  slowest, s\n",
        "series",
        "tours",
        names.concat()
    );
    for series in all {
        let mut counts = [0; 5];
        let (mut tours, mut slowest) = (0, 0_f64);
        for record in records_of(series, records) {
            tours += 1;
            slowest = slowest.max(record.seconds);
            for (sum, count) in counts.iter_mut().zip(record.counts) {
                *sum += count;
            }
        }
        let counts = counts.map(|count| format!("{count:>13}")).concat();
        text += &format!("{:<18}{tours:>6}{counts}{slowest:>12.1}\n", series.name);
    }
    text
}
