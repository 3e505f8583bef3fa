//! Names that somebody chose to deceive a reader: processes, files and arguments that hold them,
//! and what a binary may show of them. The tests of each binary include this file.
#![allow(dead_code, reason = "not each binary needs all of it")]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::yield_now;

/// What a terminal would execute, what begins a forged line, what turns the direction of writing,
/// and two names that differ in a byte that is not valid UTF-8.
pub const NAMES: [&[u8]; 6] = [
    b"a\x1b]2;t\x07\x1b[31m",
    b"one\nFORGED 9\r",
    b"caf\xe9",
    b"caf\xe8",
    "a\u{202e}b\u{9b}1m\u{2028}".as_bytes(),
    br"back\x1b ",
];

/// A folder with a program of each name, which runs and has its own file open; all gone at its end.
pub struct Programs {
    pub folder: PathBuf,
    running: Vec<Child>,
}

impl Programs {
    /// Copies sleep(1). None where it cannot be copied and run.
    pub fn start(name: &str) -> Option<Programs> {
        let folder = std::env::temp_dir().join(format!("hostile-{name}-{}", std::process::id()));
        fs::create_dir(&folder).expect("a folder for temporary files");
        let mut programs = Programs {
            folder,
            running: Vec::new(),
        };
        for path in programs.paths() {
            fs::copy("/bin/sleep", &path).ok()?;
            let input = File::open(&path).expect("it was written");
            let mut sleep = Command::new(path);
            sleep.arg("600").stdin(input).stdout(Stdio::null());
            programs.running.push(once_closed(|| sleep.spawn()).ok()?);
        }
        Some(programs)
    }

    /// The files of the programs, in the order of the names.
    pub fn paths(&self) -> Vec<PathBuf> {
        let names = NAMES.iter().map(|name| OsStr::from_bytes(name));
        names.map(|name| self.folder.join(name)).collect()
    }

    /// Their process ids.
    pub fn pids(&self) -> Vec<String> {
        let pids = self.running.iter().map(Child::id);
        pids.map(|pid| pid.to_string()).collect()
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Starts a program whose file was just written: a process that another thread forks meanwhile has
/// it open for writing until it executes (ETXTBSY in execve(2)).
fn once_closed<T>(mut start: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match start() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => yield_now(),
            started => return started,
        }
    }
}

/// The command lines that end with `words` and one of the names, each as a part of `argument`, in
/// which `{}` stands for it.
pub fn with_each_name(words: &[&str], argument: &str) -> Vec<Vec<OsString>> {
    let (before, after) = argument.split_once("{}").expect("a place for the name");
    let line = |name: &&[u8]| {
        let argument = [before.as_bytes(), name, after.as_bytes()].concat();
        let words = words.iter().map(OsString::from);
        words.chain([OsStr::from_bytes(&argument).into()]).collect()
    };
    NAMES.iter().map(line).collect()
}

/// Runs the program in pipes and on a terminal, where script(1) is there. What it shows must be
/// harmless both times; what went into the pipes is returned, standard output first.
pub fn shown(program: &str, arguments: &[impl AsRef<OsStr>]) -> [String; 2] {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let output = once_closed(|| command.output()).expect("the program runs");
    let pipes = [output.stdout, output.stderr].map(|bytes| {
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert_harmless(&text, &text);
        text
    });
    if let Some(screen) = on_terminal(program, arguments) {
        // The line that says how far a run is erases itself.
        let screen = screen.replace("\r\x1b[K", "");
        assert_harmless(&without_style(&screen).replace('\r', ""), &screen);
    }
    pipes
}

/// Runs the program, which must refuse what it is told with one line, and with one alone unless
/// clap says it.
pub fn assert_refuses(program: &str, command_lines: &[Vec<OsString>]) {
    for arguments in command_lines {
        let [_, error] = shown(program, arguments);
        let message = error.lines().find(|line| line.starts_with("error: "));
        assert!(message.is_some(), "{arguments:?}: {error:?}");
        let lines = error.lines().count();
        assert!(lines == 1 || error.contains("try '--help'"), "{error:?}");
    }
}

fn assert_harmless(text: &str, whole: &str) {
    let acts = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}');
        turns || (c.is_control() && c != '\n') || c == '\u{fffd}'
    };
    assert!(!text.contains(acts), "{whole:?}");
    let forged = text
        .lines()
        .find(|line| line.trim_start().starts_with("FORGED"));
    assert_eq!(forged, None, "{whole:?}");
}

fn on_terminal(program: &str, arguments: &[impl AsRef<OsStr>]) -> Option<String> {
    let mut line = OsString::new();
    let program = [OsStr::new(program)].into_iter();
    for word in program.chain(arguments.iter().map(AsRef::as_ref)) {
        assert!(!word.as_bytes().contains(&b'\''), "not quoted here");
        line.push("'");
        line.push(word);
        line.push("' ");
    }
    let mut command = Command::new("script");
    command.arg("-qec").arg(line).arg("/dev/null");
    command.env("TERM", "xterm").env("SHELL", "/bin/sh");
    let output = command.stdin(Stdio::null()).output().ok()?;
    Some(String::from_utf8(output.stdout).expect("UTF-8 on the terminal"))
}

/// The text without colours: the sequences `ESC [ numbers m` of the program's own.
fn without_style(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let numbers = |c: char| c.is_ascii_digit() || c == ';';
        match part.trim_start_matches(numbers).strip_prefix('m') {
            Some(rest) => plain += rest,
            None => plain += &format!("\x1b[{part}"),
        }
    }
    plain
}
