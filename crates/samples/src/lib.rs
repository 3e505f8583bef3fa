#![doc = include_str!("../README.md")]

mod damage;
pub mod picture;

use std::fmt;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use damage::damage;

/// What must be true of a parser, whatever bytes it reads: it panics where it is not.
pub type Law = fn(&[u8]);

/// Cases of each law, unless PROPTEST_CASES says otherwise.
const CASES: u32 = 400;

/// Where the random numbers begin, unless PROPTEST_RNG_SEED says otherwise.
const SEED: u64 = 20_261_126;

/// Makes a test of each law that is named, a function of the module around: see [`check`].
#[macro_export]
macro_rules! test_laws {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $crate::check(stringify!($name), super::$name);
            }
        )*
    };
}

/// Tries `law` on every file of `fuzz/samples/NAME`, then on damaged ones and on arbitrary bytes.
///
/// # Panics
/// The law does not hold, or there is no sample.
pub fn check(name: &str, law: Law) {
    let samples = read(name);
    for (path, bytes) in &samples {
        // The panic of the law follows on this line, which only a test that fails shows.
        #[expect(clippy::print_stderr, reason = "says which sample the law failed on")]
        (eprintln!("law {name} on {}", path.display()));
        law(bytes);
    }
    let whole: Vec<Vec<u8>> = samples.into_iter().map(|(_, bytes)| bytes).collect();
    let damaged =
        (select(whole.clone()), vec(damage(whole), 1..6)).prop_map(|(sample, damages)| {
            let mut bytes = sample;
            damages.iter().for_each(|damage| damage.apply(&mut bytes));
            bytes
        });
    search(name, law, prop_oneof![4 => damaged, 1 => arbitrary()]);
}

/// Tries `law` on arbitrary bytes alone.
///
/// # Panics
/// The law does not hold.
pub fn try_arbitrary(law: Law) {
    search("of arbitrary bytes", law, arbitrary());
}

fn arbitrary() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..400),
        any::<String>().prop_map(String::into_bytes),
    ]
}

/// The files of `fuzz/samples/NAME`, in the order of their names.
fn read(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/samples");
    let folder = folder.join(name);
    let unreadable = |error| panic!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(&folder).unwrap_or_else(unreadable);
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no sample in {}", folder.display());
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path);
        let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// Looks for bytes on which `law` does not hold, and panics with the shortest that it finds.
fn search(name: &str, law: Law, bytes: impl Strategy<Value = Vec<u8>>) {
    // A failure is kept by a sample that somebody adds, not by a file that the test writes.
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    let mut runner = TestRunner::new(config);
    let holds = |input: Input| {
        law(&input.0);
        Ok::<(), TestCaseError>(())
    };
    match runner.run(&bytes.prop_map(Input), holds) {
        Ok(()) => {}
        Err(TestError::Fail(why, input)) => panic!("law {name} on {input:?}: {why}"),
        Err(TestError::Abort(why)) => panic!("law {name}: {why}"),
    }
}

/// Bytes, shown as a byte string of Rust.
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "law of arbitrary bytes on b\"\\x00\"")]
    fn a_law_that_does_not_hold_is_shown_by_the_shortest_bytes() {
        try_arbitrary(|data| assert!(data.is_empty(), "there is a byte"));
    }

    #[test]
    #[should_panic(expected = "fuzz/samples/no-such-law")]
    fn a_law_needs_samples() {
        check("no-such-law", |_| {});
    }
}
