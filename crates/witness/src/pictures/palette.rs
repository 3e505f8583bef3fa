//! What things look like in every picture.

use present::svg::Colour;

/// Awake, used, got: what is needed.
pub const NEEDED: Colour = Colour::pair("#18703f", "#63cf95");
/// Awake or spent for nothing.
pub const WASTED: Colour = Colour::pair("#c2560a", "#f2a35e");
/// Asleep, unused, free.
pub const IDLE: Colour = Colour::pair("#dcdad3", "#3a3d42");
/// Memory and files that are in use.
pub const USED: Colour = Colour::pair("#0b57a4", "#6cb2ff");
/// The ground of a box with text in it.
pub const BOX: Colour = Colour::pair("#eef3f9", "#1f2a36");
