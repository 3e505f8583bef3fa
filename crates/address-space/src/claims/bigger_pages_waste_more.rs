//! The last page of each object is partly empty, the more so the larger the page.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use claim::Prediction::{AtLeast, Count};
use claim::{Act, Arm, Claim, Does, InControl, Name, NotMeasured, Quantity, Reading, Table};
use present::units::{bytes, percent};
use replay::trace::generate::Random;

const PAGES: [u64; 5] = [512, 4096, 16 << 10, 64 << 10, 2 << 20];
/// Steps of the list up to 64 KiB; the files of the control are multiples of that.
const STEPS: u64 = 3;
const FILES: usize = 5000;

/// One file of so many is opened.
const SAMPLE: usize = 25;

const GREW: Quantity =
    Name("steps in page size at which the waste grew, 512 B to 64 KiB").count(STEPS, 0);
const WASTE: Quantity =
    Name("share of pages of 64 KiB that files leave empty").predict(AtLeast(0.01), Count(0));

/// Files of which fewer are there are no sample.
const FEWEST: usize = 100;

const LOOK: Act = Does("looks at the files of a directory")
    .call("statx", "S_IFREG")
    .times(FEWEST)
    .shown_by("a hundred files and more with a name and a size");
/// Some change meanwhile.
const REAL: Act = Does("takes the sizes that the files have")
    .in_memory()
    .shown_by("pread64 of one in 25: a byte before the end and none behind it, in 9 of 10")
    .in_control(InControl::Not)
    .or_not_measured("run it while fewer files change, as a user who may read them");

pub(super) const CLAIM: Claim = Claim {
    id: "bigger-pages-waste-more",
    statement: "The larger the page, the more the last pages of files leave empty: internal \
                fragmentation grows with the page size.",
    measures: "Takes the sizes of up to 5000 files of this system and works out what their last \
               pages waste with pages of 512 B, 4, 16 and 64 KiB and 2 MiB; the same for object \
               sizes. Reads the last byte of some of the files, and what follows it.",
    control: "the same files, each taken to be filled up to a multiple of 64 KiB",
    notes: &[41, 45],
    example: Some("page_for_one_byte"),
    needs: &["a directory with files of a page and more: /usr or /etc"],
    acts: &[LOOK, REAL],
    man: &["stat(2)"],
    quantities: &[GREW, WASTE],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let (root, mut files) = file_sizes()?;
    if arm == Arm::Control {
        files
            .iter_mut()
            .for_each(|file| file.size = file.size.next_multiple_of(64 << 10));
    }
    let real = share_that_ends(&files)?;
    let mut files: Vec<u64> = files.iter().map(|file| file.size).collect();
    let waste = PAGES.map(|page| waste(&files, page));
    let grew = waste[..=STEPS as usize]
        .windows(2)
        .filter(|pair| pair[1] > pair[0])
        .count();
    let mut random = Random::new(1);
    let objects: Vec<u64> = (0..FILES).map(|_| 1 + random.below(4096)).collect();
    let title = format!(
        "left empty in the last page: {} files of {}",
        files.len(),
        root.display()
    );
    let mut table = Table::new(title, &["page size", "files", "objects of 1 to 4096 B"]);
    for (page, files) in PAGES.into_iter().zip(waste) {
        table.row([
            bytes(page),
            percent(files),
            percent(self::waste(&objects, page)),
        ]);
    }
    files.sort_unstable();
    let median = files[files.len() / 2];
    Ok(Reading::counters()
        .act(&LOOK, files.len() >= FEWEST)
        .act(&REAL, real >= 0.9)
        .with(&GREW, grew)
        .with(&WASTE, waste[STEPS as usize])
        .table(table)
        .note(format!(
            "{:.0} % of the files looked at end where their size says",
            real * 100.0
        ))
        .note(format!(
            "the median file has {median} bytes: \"half a page for each file\" holds only for \
             pages much smaller than that"
        )))
}

/// Share of the pages' bytes that lie behind the end of an object.
fn waste(sizes: &[u64], page: u64) -> f64 {
    let held: u64 = sizes.iter().map(|size| size.next_multiple_of(page)).sum();
    let asked: u64 = sizes.iter().sum();
    (held - asked) as f64 / held as f64
}

/// A file and its size in bytes, as it was read.
struct Measured {
    path: PathBuf,
    size: u64,
}

impl Measured {
    /// Whether its last byte can be read and no byte behind it; `None` for a file that may not be
    /// read.
    fn has_this_size(&self) -> Option<bool> {
        let file = File::open(&self.path).ok()?;
        let mut byte = [0];
        let last = file.read_at(&mut byte, self.size - 1).ok()?;
        let behind = file.read_at(&mut byte, self.size).ok()?;
        Some((last, behind) == (1, 0))
    }
}

fn share_that_ends(files: &[Measured]) -> Result<f64> {
    let looked: Vec<bool> = files
        .iter()
        .step_by(SAMPLE)
        .filter_map(Measured::has_this_size)
        .collect();
    if looked.is_empty() {
        let why = "none of the files may be read";
        return NotMeasured::err(why, "run it as a user who may read /usr or /etc");
    }
    Ok(looked.iter().filter(|&&ends| ends).count() as f64 / looked.len() as f64)
}

/// The first files, none empty, below the first directory that has enough of them.
fn file_sizes() -> Result<(PathBuf, Vec<Measured>)> {
    for root in ["/usr", "/etc", "/"] {
        let mut sizes = Vec::new();
        let mut directories = vec![PathBuf::from(root)];
        while let Some(directory) = directories.pop()
            && sizes.len() < FILES
        {
            collect(&directory, &mut directories, &mut sizes);
        }
        if sizes.len() >= FEWEST {
            ensure!(
                sizes.iter().all(|file| file.size > 0),
                "an empty file among the sizes"
            );
            return Ok((root.into(), sizes));
        }
    }
    let why = "fewer than 100 files that this user can see below /usr, /etc and /";
    NotMeasured::err(why, "run it where a system is installed")
}

/// Unreadable directories and files that go away meanwhile are passed over; links are not followed.
fn collect(directory: &Path, directories: &mut Vec<PathBuf>, sizes: &mut Vec<Measured>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir()
            && !entry.path().starts_with("/proc")
            && !entry.path().starts_with("/sys")
        {
            directories.push(entry.path());
        } else if metadata.is_file() && metadata.len() > 0 && sizes.len() < FILES {
            sizes.push(Measured {
                path: entry.path(),
                size: metadata.len(),
            });
        }
    }
}
