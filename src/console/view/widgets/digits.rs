//! Digits five rows high, to be read at arm's length.

/// Rows of a big number.
pub(in crate::console::view) const ROWS: usize = 5;

const fn glyph(c: char) -> [&'static str; ROWS] {
    match c {
        '0' => ["███", "█ █", "█ █", "█ █", "███"],
        '1' => [" █ ", "██ ", " █ ", " █ ", "███"],
        '2' => ["███", "  █", "███", "█  ", "███"],
        '3' => ["███", "  █", "███", "  █", "███"],
        '4' => ["█ █", "█ █", "███", "  █", "  █"],
        '5' => ["███", "█  ", "███", "  █", "███"],
        '6' => ["███", "█  ", "███", "█ █", "███"],
        '7' => ["███", "  █", "  █", "  █", "  █"],
        '8' => ["███", "█ █", "███", "█ █", "███"],
        '9' => ["███", "█ █", "███", "  █", "███"],
        '.' => [" ", " ", " ", " ", "█"],
        '-' => ["   ", "   ", "███", "   ", "   "],
        _ => ["", "", "", "", ""],
    }
}

/// A number's rows.
pub(in crate::console::view) fn rows(number: &str) -> [String; ROWS] {
    std::array::from_fn(|row| {
        let pieces: Vec<&str> = number.chars().map(|c| glyph(c)[row]).collect();
        pieces.join(" ")
    })
}
