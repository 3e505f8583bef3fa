//! What was predicted, observed, and observed in the control, as marks on one axis.
//!
//! Numbers lie on a line from 0; where what was predicted of the two arms would be one point of it,
//! the line is logarithmic and says so. Words lie side by side.

use maud::{Markup, PreEscaped, html};

use claim::{Prediction, Quantity, Value};

use super::text::{number_in_short, shown, value};

/// Share of the width, in percent, that is kept free at either end.
const MARGIN: f64 = 4.0;
/// Two marks that are nearer, as a share of the line, cannot be told apart.
const APART: f64 = 0.04;
/// A bar that is narrower, in percent of the width, would be hidden by a mark upon it.
const NARROW: f64 = 6.0;
/// Letters of a word below the line; the whole word stands in the columns beside it.
const WORD: usize = 16;

/// What lies on the axis of a quantity.
pub(super) struct Marks<'a> {
    pub quantity: &'a Quantity,
    pub observed: Option<&'a Value>,
    pub control: Option<&'a Value>,
}

/// Where a value lies.
enum Scale {
    /// From 0 to the largest.
    Linear { largest: f64 },
    /// From 0 to the largest; what is below `unit` lies as on a linear line.
    Logarithmic { unit: f64, largest: f64 },
    /// These, side by side.
    Words(Vec<String>),
}

impl Marks<'_> {
    /// Draws them. What is the same in all rows, such as heights, is in the style sheet.
    pub(super) fn draw(&self) -> Markup {
        let scale = Scale::of(self);
        let band = |prediction| scale.band(prediction);
        let at = |value: Option<&Value>| value.and_then(|value| scale.place(value));
        html! {
            svg.axis role="img" data-unit=[scale.unit()] data-largest=[scale.largest()] {
                title { (self.quantity.name) }
                desc { (self.sentence()) }
                (rect("band", band(&self.quantity.experiment)))
                (rect("other", band(&self.quantity.control)))
                (mark("rect class=\"control\" x", at(self.control)))
                (mark("circle class=\"observed\" cx", at(self.observed)))
                @for (x, text) in scale.labels() { text x=(percent(x)) { (text) } }
            }
        }
    }

    fn sentence(&self) -> String {
        let read = |value: Option<&Value>| value.map_or("nothing".to_owned(), self::value);
        let Quantity {
            experiment,
            control,
            ..
        } = self.quantity;
        format!(
            "Predicted {experiment}, observed {}. Control: predicted {control}, observed {}.",
            read(self.observed),
            read(self.control)
        )
    }
}

/// A bar from one place to another. One that is hardly more than a place has no width of its own:
/// the style sheet gives it one, around the place.
fn rect(class: &str, band: Option<(f64, f64)>) -> Markup {
    let element = band.map(|(from, to)| match to - from < NARROW {
        true => {
            let middle = percent((from + to) / 2.0);
            format!("<rect class=\"{class}\" x=\"{middle}\"/>")
        }
        false => {
            let (from, width) = (percent(from), percent(to - from));
            format!("<rect class=\"{class} wide\" x=\"{from}\" width=\"{width}\"/>")
        }
    });
    PreEscaped(element.unwrap_or_default())
}

/// The element that `start` begins, at a place.
fn mark(start: &str, place: Option<f64>) -> Markup {
    let element = place.map(|x| format!("<{start}=\"{}\"/>", percent(x)));
    PreEscaped(element.unwrap_or_default())
}

fn percent(share: f64) -> String {
    format!("{}%", (share * 10.0).round() / 10.0)
}

impl Scale {
    fn of(marks: &Marks<'_>) -> Scale {
        let Quantity {
            experiment,
            control,
            ..
        } = marks.quantity;
        let values = [marks.observed, marks.control];
        let observed = values.into_iter().flatten();
        if let (Prediction::Word(first), Prediction::Word(second)) = (experiment, control) {
            let mut words = vec![(*first).to_owned(), (*second).to_owned()];
            for word in observed.map(value) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
            return Scale::Words(words);
        }
        let bounds = [experiment, control].map(bounds);
        let bounds = bounds.iter().flat_map(|(low, high)| [*low, *high]);
        let all = bounds.chain(observed.filter_map(Value::as_f64));
        let all: Vec<f64> = all.filter(|it| it.is_finite() && *it > 0.0).collect();
        let largest = all.iter().copied().fold(0.0, f64::max);
        let unit = all.iter().copied().fold(f64::INFINITY, f64::min);
        // What has no upper bound must be seen to go on.
        let goes_on = [experiment, control]
            .iter()
            .any(|it| bound_below(it) == Some(largest));
        let largest = match (largest > 0.0, goes_on) {
            (false, _) => 1.0,
            (true, true) => largest * 1.25,
            (true, false) => largest,
        };
        match unit.is_finite() && marks.gap() < APART * largest {
            true => Scale::Logarithmic { unit, largest },
            false => Scale::Linear { largest },
        }
    }

    /// The place of a value, in percent of the width; none for a word on a line of numbers.
    fn place(&self, value: &Value) -> Option<f64> {
        match self {
            Scale::Words(words) => {
                let word = self::value(value);
                self.place_of_word(words.iter().position(|it| *it == word)?)
            }
            _ => value.as_f64().map(|number| self.place_of_number(number)),
        }
    }

    fn place_of_word(&self, index: usize) -> Option<f64> {
        let Scale::Words(words) = self else {
            return None;
        };
        Some((index as f64 + 0.5) / words.len() as f64 * 100.0)
    }

    fn place_of_number(&self, number: f64) -> f64 {
        let share = match *self {
            Scale::Linear { largest } => number / largest,
            Scale::Logarithmic { unit, largest } => {
                (number / unit).ln_1p() / (largest / unit).ln_1p()
            }
            Scale::Words(_) => 0.0,
        };
        MARGIN + share.clamp(0.0, 1.0) * (100.0 - 2.0 * MARGIN)
    }

    fn band(&self, prediction: &Prediction) -> Option<(f64, f64)> {
        match (self, prediction) {
            (Scale::Words(words), Prediction::Word(word)) => {
                let place = self.place_of_word(words.iter().position(|it| it == word)?)?;
                Some((place, place))
            }
            (Scale::Words(_), _) | (_, Prediction::Word(_)) => None,
            _ => {
                let (low, high) = bounds(prediction);
                Some((self.place_of_number(low), self.place_of_number(high)))
            }
        }
    }

    /// What stands below the line: where, and what. Of a line of numbers the first begins where it
    /// stands and the last ends there.
    fn labels(&self) -> Vec<(f64, String)> {
        match self {
            Scale::Words(words) => {
                let label = |(index, word): (usize, &String)| {
                    let place = self.place_of_word(index)?;
                    Some((place, shorten(word)))
                };
                words.iter().enumerate().filter_map(label).collect()
            }
            Scale::Linear { largest } | Scale::Logarithmic { largest, .. } => {
                let mut labels = vec![
                    (MARGIN, "0".to_owned()),
                    (100.0 - MARGIN, number_in_short(*largest)),
                ];
                if matches!(self, Scale::Logarithmic { .. }) {
                    labels.insert(1, (50.0, "logarithmic".to_owned()));
                }
                labels
            }
        }
    }

    /// None but of a logarithmic line.
    fn unit(&self) -> Option<f64> {
        match self {
            Scale::Logarithmic { unit, .. } => Some(*unit),
            _ => None,
        }
    }

    /// None of words. With [`Scale::unit`] it tells the script which line it is.
    fn largest(&self) -> Option<f64> {
        match self {
            Scale::Linear { largest } | Scale::Logarithmic { largest, .. } => Some(*largest),
            Scale::Words(_) => None,
        }
    }
}

impl Marks<'_> {
    /// How far what was predicted of the arms, and what they read, lie apart. Arms that read the
    /// same lie apart on no line.
    fn gap(&self) -> f64 {
        let (own, other) = (
            bounds(&self.quantity.experiment),
            bounds(&self.quantity.control),
        );
        let predicted = (other.0 - own.1).max(own.0 - other.1);
        let number = |value: Option<&Value>| value.and_then(Value::as_f64);
        match (number(self.observed), number(self.control)) {
            (Some(observed), Some(control)) if observed != control => {
                predicted.min((observed - control).abs())
            }
            _ => predicted,
        }
    }
}

/// The least and the greatest number that a prediction allows; a word allows none.
fn bounds(prediction: &Prediction) -> (f64, f64) {
    match *prediction {
        Prediction::Count(count) => (count as f64, count as f64),
        Prediction::AtLeast(low) => (low, f64::INFINITY),
        Prediction::AtMost(high) => (0.0, high),
        Prediction::Between(low, high) => (low, high),
        Prediction::Word(_) => (f64::NAN, f64::NAN),
    }
}

fn bound_below(prediction: &Prediction) -> Option<f64> {
    match *prediction {
        Prediction::AtLeast(low) => Some(low),
        _ => None,
    }
}

fn shorten(word: &str) -> String {
    let word = shown(word);
    match word.char_indices().nth(WORD) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use claim::Name;
    use claim::Prediction::{AtLeast, AtMost, Between};

    use super::*;

    fn scale(quantity: &Quantity, observed: Value, control: Value) -> Scale {
        Scale::of(&Marks {
            quantity,
            observed: Some(&observed),
            control: Some(&control),
        })
    }

    #[test]
    fn numbers_lie_on_a_line_from_0() {
        let wakeups = Name("wakeups").count(1, 8);
        let line = scale(&wakeups, 1u64.into(), 8u64.into());
        assert!(matches!(line, Scale::Linear { largest } if largest == 8.0));
        assert_eq!(line.place(&0u64.into()), Some(MARGIN));
        assert_eq!(line.place(&8u64.into()), Some(100.0 - MARGIN));
        assert_eq!(line.band(&wakeups.experiment), Some((15.5, 15.5)));
    }

    #[test]
    fn what_a_line_cannot_tell_apart_lies_on_a_logarithmic_one() {
        let times = Name("times").predict(AtLeast(100.0), AtMost(20.0));
        let line = scale(&times, 42_735.4.into(), 1.6.into());
        assert!(matches!(line, Scale::Logarithmic { .. }));
        let at = |number: f64| line.place(&number.into()).expect("a place");
        assert!(at(20.0) + 5.0 < at(100.0), "{} {}", at(20.0), at(100.0));
        assert!(at(1.6) > at(0.0) && at(42_735.4) < 100.0);
    }

    #[test]
    fn arms_that_read_the_same_need_no_logarithmic_line() {
        let wakeups = Name("wakeups").count(1, 8);
        let line = scale(&wakeups, 8u64.into(), 8u64.into());
        assert!(matches!(line, Scale::Linear { .. }));
    }

    /// The mark of what was observed is 10 pixels wide, on a line of some 300.
    #[test]
    fn a_narrow_bar_is_not_hidden_by_its_mark() {
        let wakeups = Name("wakeups").predict(Between(50.0, 52.5), AtLeast(350.0));
        let (observed, control) = (Value::Count(50), Value::Count(400));
        let marks = Marks {
            quantity: &wakeups,
            observed: Some(&observed),
            control: Some(&control),
        };
        let drawn = marks.draw().into_string();
        assert!(drawn.contains("<rect class=\"band\" x="), "{drawn}");
        assert!(drawn.contains("<rect class=\"other wide\" x="), "{drawn}");
    }

    #[test]
    fn what_has_no_upper_bound_goes_on_to_the_right() {
        let lost = Name("lost").predict(AtLeast(10.0), AtMost(0.0));
        let line = scale(&lost, 10u64.into(), 0u64.into());
        let (from, to) = line.band(&lost.experiment).expect("a band");
        assert!(from + 10.0 < to && to == 100.0 - MARGIN, "{from} {to}");
    }

    #[test]
    fn a_third_word_has_its_own_place() {
        let same = Name("description").word("same", "different");
        let words = scale(
            &same,
            "same".into(),
            "a\u{202e}long word that never comes to an end".into(),
        );
        let labels = words.labels();
        assert_eq!(labels.len(), 3);
        assert!(labels[2].1.ends_with('…') && labels[2].1.starts_with(r"a\u{202e}"));
        assert_eq!(
            words.band(&same.experiment),
            words.place(&"same".into()).map(|x| (x, x))
        );
    }
}
