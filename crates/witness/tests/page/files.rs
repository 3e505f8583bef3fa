//! Where the page goes, and where it comes from.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::temporary;

/// A folder of the test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let name = format!("witness-page-{name}-{}", std::process::id());
        let folder = Folder(temporary::folder().join(name));
        fs::create_dir(&folder.0).expect("a folder of our own");
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn witness(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn assert_refused(output: &Output, what: &str) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{what}: {error}");
    assert!(
        error.contains("two documents for one file"),
        "{what}: {error}"
    );
    assert_eq!(text(&output.stdout), "", "{what}: nothing runs");
}

#[test]
fn a_page_and_a_run_do_not_share_a_file() {
    let folder = Folder::new("share");
    let (out, link) = (folder.path("out"), folder.path("link"));
    File::create(&out).expect("a file");
    symlink(&out, &link).expect("a link");
    for page in [&out, &link, "/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"] {
        for format in [&["--json"][..], &[]] {
            let arguments = [&["run", "layers", "--html", page], format].concat();
            let file = File::options().write(true).open(&out).expect("it is there");
            let output = witness(&arguments).stdout(file).output().expect("it runs");
            assert_refused(&output, page);
            assert_eq!(fs::read_to_string(&out).expect("it is there"), "", "{page}");
            let is_piped = page.starts_with('/') && !page.starts_with(&folder.path(""));
            if is_piped {
                let output = witness(&arguments).output().expect("it runs");
                assert_refused(&output, page);
            }
        }
    }
}

/// What is thrown away does not mix, and another file is another file.
#[test]
fn a_page_and_a_run_have_files_of_their_own() {
    let folder = Folder::new("own");
    let page = folder.path("page");
    for page in ["/dev/null", &page] {
        let mut command = witness(&["run", "layers", "--json", "--html", page]);
        let output = command.stdout(Stdio::null()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    assert!(
        fs::read_to_string(&page)
            .expect("it is written")
            .ends_with("</html>")
    );
}

#[test]
fn a_saved_run_becomes_the_same_page() {
    let folder = Folder::new("saved");
    let (page, run) = (folder.path("page"), folder.path("run.json"));
    let output = witness(&["run", "layers", "offset", "--json", "--html", &page]).output();
    fs::write(&run, output.expect("it runs").stdout).expect("written");
    let output = witness(&["report", "--from", &run, "/dev/stdout"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = fs::read_to_string(&page).expect("it is written");
    assert_eq!(text(&output.stdout), page);

    let again = folder.path("again");
    let output = witness(&["report", "--from", &run, &again])
        .output()
        .expect("it runs");
    let line = format!("{again}: This kernel keeps 2 of 2 sentences.\n");
    assert_eq!(
        (text(&output.stdout), text(&output.stderr)),
        (line, String::new())
    );
    assert_eq!(fs::read_to_string(&again).expect("it is written"), page);
}

#[test]
fn a_saved_run_that_is_none_is_refused() {
    let folder = Folder::new("none");
    let (run, page) = (folder.path("run.json"), folder.path("page"));
    fs::write(&run, "{\"schema\": 1}").expect("written");
    let list = folder.path("list.json");
    fs::write(&list, "[]").expect("written");
    for (from, to, why) in [
        (&run, &page, "not the document of `witness run --json`"),
        (&run, &run, "would be written over"),
        (&folder.path("missing"), &page, "No such file"),
        (&list, &page, "a value is of another kind than it should be"),
    ] {
        let output = witness(&["report", "--from", from, to])
            .output()
            .expect("it runs");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(why), "{why}: {error}");
        assert!(fs::metadata(&page).is_err(), "no page is written");
    }
}

/// A claim of another version, which predicts something else, is named and left out.
#[test]
fn a_claim_of_another_version_is_left_out() {
    let folder = Folder::new("version");
    let (run, page) = (folder.path("run.json"), folder.path("page"));
    let output = witness(&["run", "layers", "offset", "--json"])
        .output()
        .expect("it runs");
    let json = text(&output.stdout).replacen("\"predicted\": {", "\"predicted\": {\"new\": 7,", 1);
    fs::write(&run, json).expect("written");
    let output = witness(&["report", "--from", &run, &page])
        .output()
        .expect("it runs");
    let error = text(&output.stderr);
    assert!(
        error.contains("left out") && error.contains("layers"),
        "{error}"
    );
    assert!(text(&output.stdout).contains("keeps 1 of 1 sentence"));
    let page = fs::read_to_string(&page).expect("it is written");
    assert!(
        page.contains("LEFT OUT") && page.contains("otherwise: layers."),
        "{page}"
    );
}

/// What the head says of a run that is not whole, and of one in which nothing was measured.
#[test]
fn the_head_counts_what_was_not_reached_and_what_was_not_measured() {
    let folder = Folder::new("head");
    let (run, page) = (folder.path("run.json"), folder.path("page"));
    let output = witness(&["run", "layers", "offset", "--json"])
        .output()
        .expect("it runs");
    let whole = text(&output.stdout);
    let partial = r#""partial": {"signal": "SIGINT", "measured": 2, "claims": 47}, "schema""#;
    for (json, headline) in [
        (
            whole.replacen("\"schema\"", partial, 1),
            "This kernel keeps 2 of 47 sentences; 45 not reached",
        ),
        (
            whole.replace("\"holds\"", "\"not_measured\""),
            "No verdict on 2 sentences; 2 not measured",
        ),
    ] {
        fs::write(&run, json).expect("written");
        let output = witness(&["report", "--from", &run, &page])
            .output()
            .expect("it runs");
        let (told, error) = (text(&output.stdout), text(&output.stderr));
        assert!(told.contains(headline), "{told}{error}");
        let page = fs::read_to_string(&page).expect("it is written");
        assert!(page.contains(&format!("<h1>{headline}</h1>")), "{headline}");
    }
}

/// The run is printed, though its page cannot be written.
#[test]
fn a_full_device_takes_the_page_alone() {
    let output = witness(&["run", "layers", "--json", "--html", "/dev/full"])
        .output()
        .expect("it runs");
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("/dev/full"), "{error}");
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the whole run");
    assert_eq!(run["claims"][0]["id"], "layers");
}
