//! The page in Chromium: fonts, contrast and overflow in both themes, what can be chosen, and that
//! it neither asks for anything nor complains. Skipped where there is no Chromium.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::chromium::Chromium;
use crate::real_run;

const MEASURE: &str = include_str!("measure.js");
const WIDTHS: [u64; 3] = [390, 800, 1600];

/// A browser for the test of this name; says why there is none.
fn browser(name: &str) -> Option<Chromium> {
    let browser = Chromium::find(name);
    if browser.is_none() {
        eprintln!("skipped: no chromium (apt-get install chromium)");
    }
    browser
}

fn open(browser: &Chromium, page: &Path, is_dark: bool) -> Option<Output> {
    let output = browser.open(page, is_dark);
    if output.is_none() {
        eprintln!("skipped: chromium opened no page in time");
    }
    output
}

/// What stands in the attribute of an element, or between its tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

/// A document that shows `page` in a frame of each width, and measures it.
fn measuring(page: &str, run: &Value) -> String {
    let frames: String = WIDTHS
        .iter()
        .map(|width| {
            let style = format!("width:{width}px;height:900px;border:0");
            format!(
                "<iframe style=\"{style}\" srcdoc=\"{}\"></iframe>",
                escaped(page)
            )
        })
        .collect();
    let run = run.to_string().replace('<', "\\u003c");
    format!(
        "<!DOCTYPE html><meta charset=utf-8><title>-</title>\
         <body style=\"color-scheme:light dark\">{frames}\
         <script id=run type=application/json>{run}</script><script>{MEASURE}</script>"
    )
}

/// What `measure.js` has found; none where Chromium did not come to an end.
fn findings(browser: &Chromium, page: &str, is_dark: bool) -> Option<Value> {
    let path = browser.folder.join("measuring.html");
    fs::write(&path, measuring(page, &real_run().document)).expect("written");
    let output = open(browser, &path, is_dark)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let title = text
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"));
    let title = title.map(|(title, _)| title.replace("&lt;", "<").replace("&gt;", ">"));
    let title = title.unwrap_or_default().replace("&amp;", "&");
    let error = String::from_utf8_lossy(&output.stderr);
    Some(serde_json::from_str(&title).unwrap_or_else(|_| panic!("`{title}`: {error}")))
}

#[test]
fn it_can_be_read_at_every_width_in_both_themes() {
    let Some(browser) = browser("read") else {
        return;
    };
    for is_dark in [false, true] {
        let Some(found) = findings(&browser, &real_run().page, is_dark) else {
            return;
        };
        assert_eq!(found["failed"], Value::Null, "{found:#}");
        let looks = found["looks"].as_array().expect("a look for each width");
        assert_eq!(looks.len(), WIDTHS.len());
        for (look, width) in looks.iter().zip(WIDTHS) {
            assert_eq!(look["width"], width, "{look:#}");
            assert_eq!(look["isDark"], is_dark, "{look:#}");
            assert_eq!(look["wrong"], serde_json::json!([]), "{look:#}");
        }
        assert_eq!(found["uses"], serde_json::json!([]), "{found:#}");
    }
}

/// The control: what is wrong on purpose is found.
#[test]
fn what_is_wrong_is_found() {
    let Some(browser) = browser("wrong") else {
        return;
    };
    let spoilt = real_run().page.replacen(
        "</main>",
        "<p style=\"width:2000px\">wide</p><p style=\"color:#888;background:#999\">pale</p></main>",
        1,
    );
    let spoilt = spoilt.replace("font: 16px/1.5 var(--sans)", "font: 16px/1.5 serif");
    let Some(found) = findings(&browser, &spoilt, false) else {
        return;
    };
    let wrong = found["looks"][0]["wrong"].to_string();
    for what in ["scrolls sideways", "reaches", "pale", "body has the font"] {
        assert!(wrong.contains(what), "{what}: {found:#}");
    }
}

#[test]
fn it_neither_complains_nor_asks_for_anything() {
    let Some(browser) = browser("quiet") else {
        return;
    };
    let messages = |page: &str| {
        let path = browser.folder.join("page.html");
        fs::write(&path, page).expect("written");
        let output = open(&browser, &path, false)?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let console = text.lines().filter(|line| line.contains("CONSOLE"));
        Some(console.map(str::to_owned).collect::<Vec<String>>())
    };
    let page = &real_run().page;
    let Some(own) = messages(page) else { return };
    assert_eq!(own, [""; 0]);
    // The control: a request and a script that the page's own policy forbids, and says so.
    let spoilt = page.replacen(
        "</main>",
        "<img src=\"http://127.0.0.1:1/\" alt=\"\"><script>alert(1)</script></main>",
        1,
    );
    let Some(spoilt) = messages(&spoilt) else {
        return;
    };
    assert!(spoilt.len() >= 2, "{spoilt:#?}");
}

/// The head on a sheet of its own, and two for each topic.
#[test]
fn it_is_printed_on_two_sheets_a_topic() {
    let Some(browser) = browser("print") else {
        return;
    };
    let page = &real_run().page;
    let path = browser.folder.join("page.html");
    fs::write(&path, page).expect("written");
    let Some(paper) = browser.print(&path) else {
        eprintln!("skipped: chromium printed no page in time");
        return;
    };
    let paper = String::from_utf8_lossy(&paper);
    let sheets = paper.split("/Type /Page").skip(1);
    let sheets = sheets.filter(|rest| !rest.starts_with('s')).count();
    let topics = page.matches("<section class=\"topic\"").count();
    assert!(
        (topics + 1..=2 * topics + 1).contains(&sheets),
        "{sheets} for {topics} topics"
    );
}
