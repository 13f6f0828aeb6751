//! Shapes without meaning: numbers as text, big digits, bars, dots. They know no state of the console.

pub(super) mod ascii;
pub(super) mod digits;
pub(super) mod stack;
pub(super) mod text;
