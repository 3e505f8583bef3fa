//! The pictures of a topic: panels, each drawn from the numbers of the run or not at all.

use maud::{Markup, PreEscaped, html};

use claim::{Document, Table};
use present::svg;

use super::detail::draw_table;
use super::run::{Missing, Run};
use super::text::shown;

/// Draws a panel from a run, or says what the run lacks.
pub type Draw = fn(&Run<'_>) -> Result<Panel, Missing>;

/// A picture of a topic.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    /// Name of the topic.
    pub topic: &'static str,
    /// What it shows, in a few words.
    pub title: &'static str,
    /// Its panels: what each shows, and how it is drawn from a run.
    pub panels: &'static [(&'static str, Draw)],
}

/// One panel, drawn.
#[derive(Debug)]
pub struct Panel {
    /// The drawing.
    pub drawing: svg::Document,
    /// What a reader should see in it, in a sentence.
    pub caption: String,
    /// The same as a table.
    pub table: Table,
}

/// A picture, drawn as far as the run has numbers for it.
pub(super) struct Drawn<'a> {
    pub picture: &'a Picture,
    panels: Vec<(&'static str, Result<Panel, Missing>)>,
}

/// Draws the pictures from the run of `document`.
pub(super) fn draw<'a>(pictures: &'a [Picture], document: &Document) -> Vec<Drawn<'a>> {
    let run = Run::new(document);
    let draw = |picture: &'a Picture| {
        let panels = picture.panels.iter();
        let panels = panels.map(|(title, draw)| (*title, draw(&run))).collect();
        Drawn { picture, panels }
    };
    pictures.iter().map(draw).collect()
}

/// The colours of the pictures, for the page's style sheet.
pub(super) fn style(drawn: &[Drawn<'_>]) -> String {
    let panels = drawn.iter().flat_map(|it| &it.panels);
    let drawings = panels.filter_map(|(_, panel)| Some(&panel.as_ref().ok()?.drawing));
    svg::style_sheet(drawings)
}

/// A picture; of a panel that the run has no numbers for, it says so.
pub(super) fn picture(drawn: &Drawn<'_>) -> Markup {
    html! {
        section.pictures aria-label=(drawn.picture.title) {
            @for (title, drawn) in &drawn.panels {
                figure.panel { (panel(title, drawn)) }
            }
        }
        p.pictures-wait { "The pictures of this topic wait for your guesses." }
    }
}

fn panel(title: &str, drawn: &Result<Panel, Missing>) -> Markup {
    html! {
        @match drawn {
            Ok(panel) => {
                h3.panel-title { (title) }
                (PreEscaped(panel.drawing.render_inline()))
                figcaption { (shown(&panel.caption)) }
                details.figures { summary { "The figures" } (draw_table(&panel.table)) }
            },
            Err(missing) => {
                h3.panel-title { (title) }
                p.not-drawn { "Not drawn: " (shown(&why(missing))) "." }
            },
        }
    }
}

fn why(missing: &Missing) -> String {
    match missing {
        Missing::Claim(claim) => format!("this run did not measure {claim}"),
        Missing::Reading { claim, what } => format!("in this run {claim} did not read: {what}"),
    }
}
