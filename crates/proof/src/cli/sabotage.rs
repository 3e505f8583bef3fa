//! `proof sabotage`: each mutation of the sources must be noticed.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use present::foreign_text::escape_controls;
use present::print;
use proof::sabotage::{Build, Fate, Mutation, Workshop, groups, holds, mutations, try_claims};

/// Options of a sabotage.
#[derive(Args)]
pub(super) struct SabotageArgs {
    /// Only mutations whose topic is this, or whose claims or description contain it
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// The workspace
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Where a copy of it is built, and what was found is kept [default: target/sabotage]
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Try again what was found out already
    #[arg(long)]
    again: bool,
}

/// How many mutations came to which end.
#[derive(Default)]
struct Tally {
    tried: usize,
    by_verdict: usize,
    by_recorder: usize,
    unknown: usize,
    wrong: usize,
}

impl SabotageArgs {
    /// Applies every mutation to a copy of the workspace, builds it, and runs the claims that must
    /// notice. What was found is kept, so that a run that was ended goes on where it was. Status 1
    /// where one survived or does not build.
    ///
    /// # Errors
    /// The data or the sources cannot be read, or a claim does not hold before it is sabotaged.
    pub(super) fn run(&self) -> Result<u8> {
        let folder = self
            .work
            .clone()
            .unwrap_or(self.root.join("target/sabotage"));
        let root = self.root.canonicalize().context("the workspace")?;
        let workshop = Workshop::open(&root, &folder)?;
        let sources = workshop.number_of_sources()?;
        let kept = Kept::open(&folder.join("found.txt"), sources, self.again)?;
        let mut tallies = Vec::new();
        for (topic, mutations) in mutations(&root)? {
            let mut tally = Tally::default();
            let mut open = Vec::new();
            for mutation in mutations
                .into_iter()
                .filter(|it| self.is_wanted(&topic, it))
            {
                match kept.found(&mutation) {
                    Some(fate) => tally.count(&mutation, &fate)?,
                    None => open.push(mutation),
                }
            }
            if !open.is_empty() {
                let open = sound(&workshop, &topic, open, &mut tally)?;
                let mut groups = groups(open);
                while let Some(group) = groups.pop() {
                    match workshop.build(&topic, &group)? {
                        Build::Program(program) => {
                            for mutation in &group {
                                let fate = try_claims(&program, mutation)?;
                                kept.keep(mutation, &fate)?;
                                tally.count(mutation, &fate)?;
                            }
                        }
                        Build::Failed(_) if group.len() > 1 => {
                            groups.extend(group.into_iter().map(|it| vec![it]));
                        }
                        Build::Failed(why) => {
                            tally.count(&group[0], &Fate::Broken(why))?;
                        }
                    }
                }
            }
            tallies.push((topic, tally));
        }
        print_table(&tallies)
    }

    fn is_wanted(&self, topic: &str, mutation: &Mutation) -> bool {
        let text = mutation.to_string();
        let fits = |word: &String| word == topic || text.contains(word);
        self.words.is_empty() || self.words.iter().any(fits)
    }
}

/// The mutations whose claims hold before they are sabotaged; of the others nothing can be found.
fn sound(
    workshop: &Workshop,
    topic: &str,
    open: Vec<Mutation>,
    tally: &mut Tally,
) -> Result<Vec<Mutation>> {
    let program = match workshop.build(topic, &[])? {
        Build::Program(program) => program,
        Build::Failed(why) => bail!("{topic} does not build: {why}"),
    };
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    let mut sound = Vec::new();
    for mutation in open {
        let mut all = true;
        for id in &mutation.claims {
            if !known.contains_key(id) {
                known.insert(id.clone(), holds(&program, id)?);
            }
            all &= known[id];
        }
        match all {
            true => sound.push(mutation),
            false => {
                let why = "the claim does not hold here before it is sabotaged".to_owned();
                tally.count(&mutation, &Fate::Unknown(why))?;
            }
        }
    }
    Ok(sound)
}

impl Tally {
    /// Counts what became of a mutation, and prints it.
    fn count(&mut self, mutation: &Mutation, fate: &Fate) -> Result<()> {
        self.tried += 1;
        let (word, why) = match fate {
            Fate::Noticed(by) => {
                match by.starts_with("recorder: ") {
                    true => self.by_recorder += 1,
                    false => self.by_verdict += 1,
                }
                ("noticed", by.as_str())
            }
            Fate::Survived(claim) => {
                self.wrong += 1;
                ("SURVIVED", claim.as_str())
            }
            Fate::Unknown(why) => {
                self.unknown += 1;
                ("unknown", why.as_str())
            }
            Fate::Broken(why) => {
                self.wrong += 1;
                ("DOES NOT BUILD", why.as_str())
            }
        };
        let why = escape_controls(why);
        Ok(print(&format!(
            "{word}  {mutation}
    {why}
"
        ))?)
    }
}

fn print_table(tallies: &[(String, Tally)]) -> Result<u8> {
    let mut text = format!(
        "\n{:<16} {:>9} {:>11} {:>12} {:>9} {:>8}\n",
        "topic", "mutations", "by verdict", "by recorder", "survived", "unknown"
    );
    let mut wrong = 0;
    for (topic, tally) in tallies {
        wrong += tally.wrong;
        text += &format!(
            "{topic:<16} {:>9} {:>11} {:>12} {:>9} {:>8}\n",
            tally.tried, tally.by_verdict, tally.by_recorder, tally.wrong, tally.unknown
        );
    }
    print(&text)?;
    Ok(u8::from(wrong > 0))
}

/// What was noticed in an earlier run of the same sources.
struct Kept {
    file: PathBuf,
    sources: u64,
    found: HashMap<u64, String>,
}

impl Kept {
    fn open(file: &Path, sources: u64, again: bool) -> Result<Kept> {
        let text = match again {
            true => String::new(),
            // None yet.
            false => fs::read_to_string(file).unwrap_or_default(),
        };
        let entry = |line: &str| {
            let (key, by) = line.split_once('\t')?;
            Some((u64::from_str_radix(key, 16).ok()?, by.to_owned()))
        };
        Ok(Kept {
            file: file.to_owned(),
            sources,
            found: text.lines().filter_map(entry).collect(),
        })
    }

    fn found(&self, mutation: &Mutation) -> Option<Fate> {
        let by = self.found.get(&self.key(mutation))?;
        Some(Fate::Noticed(by.clone()))
    }

    /// Keeps what is noticed; all else is tried again in the next run.
    fn keep(&self, mutation: &Mutation, fate: &Fate) -> Result<()> {
        let Fate::Noticed(by) = fate else {
            return Ok(());
        };
        let by = by.replace(['\n', '\t'], " ");
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(&self.file)?;
        writeln!(file, "{:x}\t{by}", self.key(mutation))?;
        Ok(())
    }

    /// A number for the mutation and the sources.
    fn key(&self, mutation: &Mutation) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.sources, mutation).hash(&mut hasher);
        hasher.finish()
    }
}
