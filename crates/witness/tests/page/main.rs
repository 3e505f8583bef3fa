//! The page of a real run: what is in it, and what a browser makes of it.
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

mod browser;
mod chromium;
mod files;
#[path = "../../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// One run as a page and as a document.
struct RealRun {
    page: String,
    document: Value,
}

/// All claims, run once.
fn real_run() -> &'static RealRun {
    static RUN: OnceLock<RealRun> = OnceLock::new();
    RUN.get_or_init(|| {
        let path = temporary::folder().join(format!("witness-page-{}", std::process::id()));
        let output = Command::new(env!("CARGO_BIN_EXE_witness"))
            .args(["run", "--json", "--html"])
            .arg(&path)
            .output()
            .expect("witness runs");
        let page = fs::read_to_string(&path).expect("the page is written");
        fs::remove_file(&path).expect("ours");
        let document = serde_json::from_slice(&output.stdout).expect("JSON");
        RealRun { page, document }
    })
}

/// The values of an attribute, wherever it stands.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    let after = page.split(start.as_str()).skip(1);
    after
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect()
}

/// The pictures, each with its tags.
fn pictures(page: &str) -> Vec<&str> {
    let after = page.match_indices("<svg").map(|(at, _)| &page[at..]);
    after
        .map(|rest| {
            let end = rest.find("</svg>").expect("a picture ends");
            &rest[..end + "</svg>".len()]
        })
        .collect()
}

#[test]
fn it_is_one_small_file_that_asks_for_nothing() {
    let page = &real_run().page;
    // 400 KiB are the most that it may be; a machine with more to say needs a margin.
    assert!(page.len() < 350 << 10, "{} bytes", page.len());
    assert!(page.contains("default-src 'none'"));
    for loads in [
        " src=", " srcset=", "url(", "@import", "<link", "<iframe", "<object", "fetch(",
    ] {
        assert!(!page.contains(loads), "{loads}");
    }
    let outside = attributes(page, "href")
        .into_iter()
        .filter(|href| !href.starts_with('#'));
    assert_eq!(outside.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn each_link_has_an_end_and_each_name_is_one() {
    let page = &real_run().page;
    let ids = attributes(page, "id");
    let names: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(names.len(), ids.len(), "an id stands twice");
    for link in attributes(page, "href") {
        assert!(names.contains(&link[1..]), "{link} leads nowhere");
    }
    for labels in [attributes(page, "aria-labelledby"), attributes(page, "for")].concat() {
        for label in labels.split(' ') {
            assert!(names.contains(label), "nothing is called {label}");
        }
    }
    for claim in real_run().document["claims"].as_array().expect("claims") {
        let id = claim["id"].as_str().expect("an id");
        assert!(names.contains(id), "{id} has no card");
        assert!(
            attributes(page, "href").contains(&format!("#{id}").as_str()),
            "{id}"
        );
        let quantities = claim["predicted"].as_object().expect("predictions");
        for number in 1..=quantities.len() {
            let quantity = format!("{id}.{number}");
            assert!(names.contains(quantity.as_str()), "{quantity}");
        }
    }
}

#[test]
fn headings_come_in_order_and_tables_name_their_rows_and_columns() {
    let page = &real_run().page;
    let levels = page.match_indices("<h").filter_map(|(at, _)| {
        let level = page.as_bytes()[at + 2];
        level.is_ascii_digit().then(|| level - b'0')
    });
    let levels: Vec<u8> = levels.collect();
    assert_eq!(levels[0], 1);
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    for pair in levels.windows(2) {
        assert!(pair[1] <= pair[0] + 1, "h{} after h{}", pair[1], pair[0]);
    }
    // A head needs no word on its direction where a row, or a column, has nothing but heads
    // (HTML, "Forming relationships between data cells and header cells").
    for row in page.split("<tr>").skip(1) {
        let row = row.split("</tr>").next().unwrap_or_default();
        let heads = row.matches("<th>").count();
        let is_column_heads = !row.contains("<td");
        let is_named = row.starts_with("<th>") && heads == 1;
        assert!(is_column_heads || is_named, "{row}");
    }
    for landmark in ["<main", "<nav", "<header", "<footer", "<html lang=\"en\""] {
        assert!(page.contains(landmark), "{landmark}");
    }
}

#[test]
fn each_picture_is_well_formed_and_says_what_it_shows() {
    let page = &real_run().page;
    let pictures = pictures(page);
    assert!(pictures.len() > 150, "{}", pictures.len());
    for picture in pictures {
        let document = roxmltree::Document::parse(picture).unwrap_or_else(|error| {
            panic!("{error} in {picture}");
        });
        let svg = document.root_element();
        assert_eq!(svg.attribute("role"), Some("img"), "{picture}");
        for name in ["title", "desc"] {
            let text = svg.children().find(|child| child.has_tag_name(name));
            let text = text.and_then(|it| it.text()).unwrap_or_default();
            assert!(!text.trim().is_empty(), "no {name}: {picture}");
        }
    }
}

/// A panel is left out only where its claim was not measured; each that is drawn has its table.
#[test]
fn each_panel_is_drawn_from_what_was_measured() {
    let RealRun { page, document } = real_run();
    let was_measured = |id: &str| {
        let claims = document["claims"].as_array().expect("claims");
        let claim = claims.iter().find(|claim| claim["id"] == id).expect(id);
        claim["observed"]
            .as_object()
            .is_some_and(|observed| !observed.is_empty())
    };
    let panels: Vec<&str> = page.split("<figure").skip(1).collect();
    assert!(panels.len() >= 12, "{}", panels.len());
    for panel in panels {
        let panel = panel.split("</figure>").next().unwrap_or_default();
        let reason = panel.split("Not drawn: ").nth(1);
        match reason.and_then(|it| it.split(".</p>").next()) {
            None => assert!(
                panel.contains("<svg") && panel.contains("<tbody"),
                "{panel}"
            ),
            Some(reason) => match reason.strip_prefix("this run did not measure ") {
                Some(id) => assert!(!was_measured(id), "{panel}"),
                None => assert!(reason.contains("need CAP_SYS_ADMIN"), "{panel}"),
            },
        }
    }
}
