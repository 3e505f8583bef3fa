//! A copy of the workspace in which mutated sources are built.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Mutation;
use crate::program;
use crate::witness::Witness;

/// What of the workspace a build needs.
const NEEDED: [&str; 5] = [
    "Cargo.toml",
    "Cargo.lock",
    "crates",
    "benches",
    "clippy.toml",
];

/// How long the first build, that of all dependencies, may take.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// A folder with a copy of the workspace, `tree`, and what is built from it, `build`.
#[derive(Debug)]
pub struct Workshop {
    root: PathBuf,
    tree: PathBuf,
    build: PathBuf,
}

/// A build of a topic.
pub enum Build {
    /// The topic's program.
    Program(Witness),
    /// What the compiler said.
    Failed(String),
}

impl Workshop {
    /// Copies the workspace at `root` into `folder`. Files that are there already and equal are
    /// left as they are, so that only what has changed is built anew.
    ///
    /// # Errors
    /// Something cannot be read or written.
    pub fn open(root: &Path, folder: &Path) -> Result<Workshop> {
        let what = || format!("make {}", folder.display());
        fs::create_dir_all(folder.join("tree")).with_context(what)?;
        // cargo runs elsewhere, and must find it all the same.
        let folder = folder.canonicalize().with_context(what)?;
        let workshop = Workshop {
            root: root.to_owned(),
            tree: folder.join("tree"),
            build: folder.join("build"),
        };
        for name in NEEDED {
            copy(&root.join(name), &workshop.tree.join(name))?;
        }
        Ok(workshop)
    }

    /// A number that changes when a source file of a crate does.
    ///
    /// # Errors
    /// Something cannot be read.
    pub fn number_of_sources(&self) -> Result<u64> {
        let mut hasher = DefaultHasher::new();
        hash_sources(&self.root.join("crates"), &mut hasher)?;
        Ok(hasher.finish())
    }

    /// Applies `mutations`, builds the program of `topic`, and takes the mutations back.
    ///
    /// # Errors
    /// A mutation that does not fit the sources; no cargo; a file that cannot be written.
    pub fn build(&self, topic: &str, mutations: &[Mutation]) -> Result<Build> {
        let mut changed = Vec::new();
        let result = self
            .apply(mutations, &mut changed)
            .and_then(|()| self.compile(topic));
        for file in &changed {
            copy(&self.root.join(file), &self.tree.join(file))?;
        }
        result
    }

    /// Writes the mutated files, and names each in `changed` before.
    fn apply(&self, mutations: &[Mutation], changed: &mut Vec<PathBuf>) -> Result<()> {
        for mutation in mutations {
            for (file, text) in mutation.changed_files(&self.root)? {
                let path = self.tree.join(&file);
                changed.push(file);
                fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
            }
        }
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "mutated sources are built by cargo"
    )]
    fn compile(&self, topic: &str) -> Result<Build> {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--offline", "-p", topic]);
        cargo.arg("--target-dir").arg(&self.build);
        cargo.current_dir(&self.tree);
        let build = program::run(&mut cargo, BUILD_LIMIT)?;
        ensure!(
            !build.late,
            "building {topic} takes longer than half an hour"
        );
        Ok(match build.status.success() {
            true => Build::Program(Witness::at(&self.build.join("debug").join(topic))),
            false => Build::Failed(build.stderr.trim().to_owned()),
        })
    }
}

/// Copies a file, or a folder with all that is in it, where the copy differs; what the copy has
/// beyond is removed.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        let what = || format!("read {}", from.display());
        let bytes = fs::read(from).with_context(what)?;
        if fs::read(to).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        return fs::write(to, bytes).with_context(|| format!("write {}", to.display()));
    }
    fs::create_dir_all(to).with_context(|| format!("make {}", to.display()))?;
    let names = names_in(from)?;
    for name in names_in(to)?.iter().filter(|name| !names.contains(name)) {
        let path = to.join(name);
        match path.is_dir() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        }
        .with_context(|| format!("remove {}", path.display()))?;
    }
    for name in names {
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

/// The names in a folder, sorted.
fn names_in(folder: &Path) -> Result<Vec<OsString>> {
    let what = || format!("read {}", folder.display());
    let entries = fs::read_dir(folder).with_context(what)?;
    let mut names: Vec<OsString> = entries
        .map(|entry| Ok(entry?.file_name()))
        .collect::<Result<_>>()?;
    names.sort();
    Ok(names)
}

/// Feeds the Rust sources below `folder` to `hasher`, with their names.
fn hash_sources(folder: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    for name in names_in(folder)? {
        let path = folder.join(&name);
        if path.is_dir() {
            hash_sources(&path, hasher)?;
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            (name, text).hash(hasher);
        }
    }
    Ok(())
}
