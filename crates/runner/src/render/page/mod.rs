//! The page: a run for a browser. One file that asks for nothing else, complete without scripts and
//! better with them.
//!
//! What a reader can choose is made of radio buttons and `:has` of CSS Selectors 4, so that it
//! works without a script. Text of others is escaped by maud; what a terminal or a reader's eye
//! would obey, by [`present::foreign_text`]. The page's own policy (Content Security Policy 3)
//! forbids every request, and every script but the one that it is made with.

mod axis;
mod card;
mod choose;
mod detail;
mod guess;
mod head;
mod panel;
mod policy;
mod run;
mod text;

pub(crate) use head::headline;
pub use panel::{Draw, Panel, Picture};
pub use run::{Missing, Rows, Run, Seen};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use claim::{Document, Register, Report, Topic};

use super::machine;
use crate::ask::Question;
use panel::Drawn;
use text::shown;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What a page has beside the claims themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Companions<'a> {
    /// Questions to guess at before the answer is read.
    pub questions: &'a [Question],
    /// The pictures of the topics.
    pub pictures: &'a [Picture],
    /// Claims of the run that are not on the page.
    pub left_out: &'a [String],
}

/// Renders `document` with what `register` knows of its claims.
pub fn render(register: &Register, companions: Companions<'_>, document: &Document) -> String {
    let title = format!("witness: {}", machine::kernel(&document.machine));
    let sections: Vec<Section<'_>> = sections(register, document);
    let drawn = panel::draw(companions.pictures, document);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy::POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (shown(&title)) }
                style {
                    (PreEscaped(STYLE)) (PreEscaped(choose::style(&sections)))
                    (PreEscaped(panel::style(&drawn)))
                }
            }
            body {
                a.skip href="#sentences" { "To the sentences" }
                (head::header(document, companions.left_out, &sections))
                (choose::form(&sections))
                main #sentences {
                    @for section in &sections { (topic(section, register, companions, &drawn)) }
                }
                (head::footer(document))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    without_optional_tags(page.into_string())
}

/// The page without the end tags of cells and of items, which HTML lets out where the next begins
/// ("Optional tags" in the standard). In a text there is none of them: it is escaped.
fn without_optional_tags(page: String) -> String {
    let tags = ["</td>", "</th>", "</dt>", "</dd>"];
    tags.iter().fold(page, |page, tag| page.replace(tag, ""))
}

/// A topic, and what became of its claims in this run.
struct Section<'a> {
    topic: &'a Topic,
    reports: Vec<&'a Report>,
}

fn sections<'a>(register: &'a Register, document: &'a Document) -> Vec<Section<'a>> {
    let section = |topic: &'a Topic| {
        let is_own =
            |report: &&Report| report.topic == topic.name && register.get(&report.id).is_some();
        Section {
            topic,
            reports: document.reports.iter().filter(is_own).collect(),
        }
    };
    let sections = register.topics().iter().map(section);
    sections.filter(|it| !it.reports.is_empty()).collect()
}

fn topic(
    section: &Section<'_>,
    register: &Register,
    companions: Companions<'_>,
    drawn: &[Drawn<'_>],
) -> Markup {
    let topic = section.topic;
    let id = format!("topic-{}", topic.name);
    html! {
        section.topic id=(id) aria-labelledby={ (id) "-heading" } {
            header.topic-head {
                h2 id={ (id) "-heading" } { (topic.name) }
                p {
                    (topic.title)
                    @if let Some(chapter) = topic.chapter { "; chapter: " code { (chapter) } }
                }
            }
            @for drawn in drawn.iter().filter(|it| it.picture.topic == topic.name) {
                (panel::picture(drawn))
            }
            div.cards {
                @for report in &section.reports {
                    @if let Some((_, claim)) = register.get(&report.id) {
                        @let asked = guess::find(register, companions, claim);
                        (card::card(topic, claim, report, asked))
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
