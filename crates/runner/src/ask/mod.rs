//! Predict, then see: a question about the kernel, a guess, and the claim that answers it.
//!
//! A [`Question`] is data. [`Asked`] binds it to its claim, [`guess`] reads what a person answers,
//! [`input`] takes the lines, [`text`] draws, and the command line asks.

mod digits;
pub(crate) mod guess;
pub(crate) mod input;
pub(crate) mod question;
pub(crate) mod score;
pub(crate) mod text;

pub(crate) use question::Asked;
pub use question::{Question, check_questions};
