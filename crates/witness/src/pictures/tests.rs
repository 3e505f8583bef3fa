//! Panels without numbers, and the length of bars.

use claim::{Document, Machine, Register};
use runner::{Missing, Run};

use super::*;
use crate::TOPICS;

/// A run that measured nothing: each panel says which claim it lacks, and it is one of its topic.
#[test]
fn a_panel_names_the_claim_that_was_not_measured() {
    let document = Document {
        machine: Machine::default(),
        reports: Vec::new(),
        partial: None,
    };
    let register = Register::new(TOPICS).expect("valid");
    for picture in ALL {
        assert!(
            picture.panels.len().is_multiple_of(3),
            "three stand side by side"
        );
        for (title, draw) in picture.panels {
            let Err(Missing::Claim(claim)) = draw(&Run::new(&document)) else {
                panic!("{title} is drawn from nothing");
            };
            let (topic, _) = register.get(&claim).expect(&claim);
            assert_eq!(topic.name, picture.topic, "{title}");
        }
    }
}

#[test]
fn a_bar_is_as_long_as_its_share() {
    let bars = [
        bars::Bar::new("one", 1.0, "1").needed(1.0),
        bars::Bar::new("eight", 8.0, "8").needed(1.0),
    ];
    let drawing = bars::draw("t", "h", 8.0, &bars).render();
    // Of 154 pixels an eighth is needed, and the rest is waste.
    let widths = ["width=\"19.25\"", "width=\"134.75\""];
    assert_eq!(
        widths.map(|it| drawing.matches(it).count()),
        [2, 1],
        "{drawing}"
    );
}
