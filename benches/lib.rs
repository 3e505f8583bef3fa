//! Criterion benchmarks: one file, one question.
//!
//! A bench ends with tables of ratios: nothing else of it can be compared with another run, and
//! even ratios only where they repeat.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use harness::quiet::{Load, Quiet, WINDOW_TOLERANCE, watch};
use present::{Column, Table, print, print_note, terminal_width};
use serde_json::Value;

/// What the rows of a table are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Reference {
    /// In each group the function whose name is one of these.
    InGroup(&'static [&'static str]),
    /// One function of one group, for the rows of all groups.
    Of(&'static str, &'static str),
}

/// What criterion found of one function: its median time, and the bounds of that, in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
struct Estimate {
    group: String,
    name: String,
    time: f64,
    least: f64,
    most: f64,
}

/// The whole of a bench's `main`: measures, says whether the machine was quiet meanwhile, and
/// prints the ratios to `reference`, the smallest first.
///
/// # Errors
/// What criterion wrote cannot be read, or output cannot be written.
pub fn run(measure: impl FnOnce(), reference: Reference) -> Result<()> {
    let start = SystemTime::now();
    let ((), load) = watch(measure);
    let mut found = Vec::new();
    collect(&folder()?, start, &mut found)?;
    // Under `--test`, and with `--list`, nothing is measured.
    if found.is_empty() {
        return Ok(());
    }
    print(&tables(&found, reference))?;
    if let Some(warning) = warning(load) {
        print_note(&warning);
    }
    Ok(())
}

/// Where criterion writes: in cargo's target folder, in which this program lies, too.
fn folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("CRITERION_HOME") {
        return Ok(folder.into());
    }
    let program = std::env::current_exe().context("the path of this program")?;
    let target = program.ancestors().nth(3).context("no target folder")?;
    Ok(target.join("criterion"))
}

/// Adds the estimates below `folder` that were written since `start`.
fn collect(folder: &Path, start: SystemTime, found: &mut Vec<Estimate>) -> Result<()> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let file = path.join("estimates.json");
        let written = fs::metadata(&file).and_then(|it| it.modified()).ok();
        if path.ends_with("new") && written >= Some(start) {
            let [estimates, benchmark] =
                ["estimates.json", "benchmark.json"].map(|name| json(&path.join(name)));
            found.extend(estimate(&estimates?, &benchmark?));
        } else if path.is_dir() {
            collect(&path, start, found)?;
        }
    }
    Ok(())
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
}

/// None where the documents have other fields than criterion 0.8 writes.
fn estimate(estimates: &Value, benchmark: &Value) -> Option<Estimate> {
    let median = &estimates["median"];
    let bounds = &median["confidence_interval"];
    let name = [&benchmark["function_id"], &benchmark["value_str"]];
    let name: Vec<&str> = name.into_iter().filter_map(Value::as_str).collect();
    Some(Estimate {
        group: benchmark["group_id"].as_str()?.to_owned(),
        name: name.join(" "),
        time: median["point_estimate"].as_f64()?,
        least: bounds["lower_bound"].as_f64()?,
        most: bounds["upper_bound"].as_f64()?,
    })
}

/// A table for each group, in the order of their names.
fn tables(found: &[Estimate], reference: Reference) -> String {
    let mut groups: Vec<&str> = found.iter().map(|it| it.group.as_str()).collect();
    groups.sort_by_key(|group| (group.len(), *group));
    groups.dedup();
    let draw = |group: &&str| table(found, group, reference);
    groups.iter().filter_map(draw).collect()
}

/// None where the reference was not measured.
fn table(found: &[Estimate], group: &str, reference: Reference) -> Option<String> {
    let is_reference = |it: &&Estimate| match reference {
        Reference::InGroup(names) => it.group == group && names.contains(&it.name.as_str()),
        Reference::Of(group, name) => it.group == group && it.name == name,
    };
    let base = found.iter().find(is_reference)?;
    let mut rows: Vec<&Estimate> = found.iter().filter(|it| it.group == group).collect();
    rows.sort_by(|a, b| a.time.total_cmp(&b.time));
    let mut table = Table::new([
        Column::left("").at_least(24),
        Column::right("ratio"),
        Column::right("spread"),
    ]);
    for row in rows {
        let (least, most) = (row.least / base.most, row.most / base.least);
        table.row([
            row.name.clone(),
            format!("{:.2}", row.time / base.time),
            format!("{least:.2} to {most:.2}"),
        ]);
    }
    let head = format!("\n{group}: time as a multiple of that of {}\n", base.name);
    Some(head + &table.render(terminal_width()))
}

/// What is to be said of a machine that was not this bench's own.
fn warning(load: Load) -> Option<String> {
    let why = match load.judge(WINDOW_TOLERANCE) {
        Quiet::Quiet => return None,
        Quiet::Disturbed(share) => {
            let percent = share * 100.0;
            format!("other programs used {percent:.0} % of the processors meanwhile")
        }
        Quiet::Throttled => "a quota held this bench back".to_owned(),
        Quiet::Emulated => "a program imitates these processors".to_owned(),
        Quiet::Unknown => "what other programs used meanwhile is unknown".to_owned(),
    };
    Some(format!(
        "\nwarning: {why}: trust no ratio that does not come out again on a quiet machine"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate_of(group: &str, name: &str, time: f64) -> Estimate {
        Estimate {
            group: group.to_owned(),
            name: name.to_owned(),
            time,
            least: time * 0.9,
            most: time * 1.1,
        }
    }

    #[test]
    fn rows_are_sorted_by_their_ratio_to_the_reference() {
        let found = [
            estimate_of("alone", "slow", 30.0),
            estimate_of("alone", "std", 20.0),
            estimate_of("alone", "fast", 10.0),
        ];
        let text = tables(&found, Reference::InGroup(&["std"]));
        let words: Vec<&str> = text.split_whitespace().collect();
        let place = |word| words.iter().position(|it| *it == word);
        assert!(place("fast") < place("1.00") && place("1.00") < place("slow"));
        assert!(
            words.windows(2).any(|pair| pair == ["slow", "1.50"]),
            "{text}"
        );
        // 10 * 0.9 / (20 * 1.1) to 10 * 1.1 / (20 * 0.9)
        let spread = ["fast", "0.50", "0.41", "to", "0.61"];
        assert!(words.windows(5).any(|row| row == spread), "{text}");
    }

    #[test]
    fn groups_share_a_reference_of_another_group() {
        let found = [
            estimate_of("one process", "TCP", 10.0),
            estimate_of("8 workers", "poll", 40.0),
        ];
        let text = tables(&found, Reference::Of("one process", "TCP"));
        assert!(
            text.contains("8 workers: time as a multiple of that of TCP"),
            "{text}"
        );
        assert!(text.contains("4.00"), "{text}");
    }

    #[test]
    fn a_busy_machine_is_warned_of() {
        let load = |others| Load {
            others,
            throttled: false,
            emulated: false,
        };
        assert_eq!(warning(load(Some(0.01))), None);
        let busy = warning(load(Some(0.5))).unwrap_or_default();
        assert!(busy.contains("other programs used 50 %"), "{busy}");
        assert!(warning(load(None)).is_some());
    }
}
