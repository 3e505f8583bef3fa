//! What a picture must be, whatever names it shows: well-formed, told in words, and nothing cut.

use roxmltree::{Document, Node};

/// The elements that our pictures are made of: no script, no link, no outside resource.
const ELEMENTS: [&str; 10] = [
    "svg", "title", "desc", "style", "g", "rect", "line", "polyline", "polygon", "text",
];
/// How much wider a bold text is, at most.
const BOLD: f64 = 1.15;

/// What is wrong with an SVG file, a line a fault. `text_width` measures a text in a font of so
/// many pixels.
pub fn faults(svg: &str, text_width: impl Fn(&str, f64) -> f64) -> Vec<String> {
    let document = match Document::parse(svg) {
        Ok(document) => document,
        Err(error) => return vec![format!("it is no XML: {error}")],
    };
    let root = document.root_element();
    let size = number(&root, "width").zip(number(&root, "height"));
    let Some((width, height)) = size else {
        return vec!["it has no size".to_owned()];
    };
    let mut faults = faults_of_root(&root, [width, height]);
    for node in root.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        if !ELEMENTS.contains(&name) {
            faults.push(format!("an element `{name}`"));
        }
        if let Some(text) = node.text().filter(|text| text.contains(acts)) {
            faults.push(format!("control characters in {text:?}"));
        }
        let corners = match name {
            "text" => text_corners(&node, &text_width),
            _ => corners(&node),
        };
        let inside = |&(x, y): &(f64, f64)| {
            (-0.5..=width + 0.5).contains(&x) && (-0.5..=height + 0.5).contains(&y)
        };
        if !corners.iter().all(inside) {
            let text = node.text().unwrap_or_default();
            faults.push(format!("{name} {text:?} ends outside: {corners:?}"));
        }
    }
    faults
}

fn faults_of_root(root: &Node<'_, '_>, [width, height]: [f64; 2]) -> Vec<String> {
    let says = |name| {
        let mut children = root.children();
        children.any(|child| {
            child.has_tag_name(("http://www.w3.org/2000/svg", name))
                && child.text().is_some_and(|text| !text.is_empty())
        })
    };
    let in_the_dark = |node: &Node<'_, '_>| {
        let text = node.text().unwrap_or_default();
        text.contains("prefers-color-scheme:dark")
    };
    let wanted = [
        (root.attribute("role") == Some("img"), "no role"),
        (says("title"), "no title"),
        (says("desc"), "no description"),
        (
            root.descendants().any(|node| in_the_dark(&node)),
            "no dark theme",
        ),
        (
            root.attribute("viewBox") == Some(format!("0 0 {width} {height}").as_str()),
            "a viewBox that is not its size",
        ),
    ];
    let missing = wanted.iter().filter(|(there, _)| !there);
    missing.map(|(_, what)| (*what).to_owned()).collect()
}

fn acts(character: char) -> bool {
    let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (character.is_control() && character != '\n') || turns
}

fn number(node: &Node<'_, '_>, name: &str) -> Option<f64> {
    node.attribute(name)?.parse().ok()
}

/// The value of an attribute that elements inherit.
fn inherited<'a>(node: &Node<'a, 'a>, name: &str) -> Option<&'a str> {
    let mut ancestors = node.ancestors();
    ancestors.find_map(|node| node.attribute(name))
}

fn text_corners(node: &Node<'_, '_>, width: &impl Fn(&str, f64) -> f64) -> Vec<(f64, f64)> {
    let (x, y) = (number(node, "x"), number(node, "y"));
    let (x, y) = (x.unwrap_or(f64::NAN), y.unwrap_or(f64::NAN));
    let size = inherited(node, "font-size").and_then(|size| size.parse().ok());
    let size: f64 = size.unwrap_or(f64::NAN);
    let bold = inherited(node, "font-weight").map_or(1.0, |_| BOLD);
    let width = width(node.text().unwrap_or_default(), size) * bold;
    let left = match inherited(node, "text-anchor") {
        Some("middle") => x - width / 2.0,
        Some("end") => x - width,
        _ => x,
    };
    vec![(left, y - 0.8 * size), (left + width, y + 0.2 * size)]
}

fn corners(node: &Node<'_, '_>) -> Vec<(f64, f64)> {
    let at = |x, y| number(node, x).zip(number(node, y));
    let mut corners: Vec<(f64, f64)> = [at("x", "y"), at("x1", "y1"), at("x2", "y2")]
        .into_iter()
        .flatten()
        .collect();
    if let (Some((x, y)), Some((width, height))) = (at("x", "y"), at("width", "height")) {
        corners.push((x + width, y + height));
    }
    for point in node.attribute("points").unwrap_or_default().split(' ') {
        let point = point.split_once(',').map(|(x, y)| (x.parse(), y.parse()));
        if let Some((Ok(x), Ok(y))) = point {
            corners.push((x, y));
        }
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_in(drawn: &str) -> Vec<String> {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 100 50\" \
             width=\"100\" height=\"50\" font-size=\"10\"><title>t</title><desc>d</desc>\
             <style>@media (prefers-color-scheme:dark){{}}</style>{drawn}</svg>"
        );
        faults(&svg, |text, size| text.chars().count() as f64 * size * 0.6)
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(faults_in("<text x=\"1\" y=\"20\">good</text>"), [""; 0]);
        for bad in [
            "<text x=\"90\" y=\"20\">cut</text>",
            "<text x=\"10\" y=\"20\" text-anchor=\"end\">cut</text>",
            "<text x=\"1\" y=\"5\">cut</text>",
            "<rect x=\"1\" y=\"1\" width=\"100\" height=\"1\"/>",
            "<polyline points=\"1,1 101,2\"/>",
            "<script/>",
            "<text x=\"1\" y=\"20\">\u{202e}</text>",
            "<text x=\"1\" y=\"20\">\x1b</text>",
            "<text x=\"1\" y=\"20\">",
        ] {
            assert_eq!(faults_in(bad).len(), 1, "{bad}: {:?}", faults_in(bad));
        }
        assert!(faults("<svg width=\"1\" height=\"1\"/>", |_, _| 0.0).len() > 4);
    }
}
