//! The same picture in ASCII: for terminals and fonts that have nothing else.

use ratatui::buffer::Buffer;

/// Puts something alike in the place of every character outside ASCII.
pub(in crate::console::view) fn replace(buf: &mut Buffer) {
    for cell in &mut buf.content {
        let symbol = cell.symbol();
        if !symbol.is_ascii() {
            let alike = symbol.chars().next().map_or(' ', alike);
            cell.set_char(alike);
        }
    }
}

const fn alike(c: char) -> char {
    match c {
        '─' | '┄' | '┈' => '-',
        '═' => '=',
        '│' | '▏' => '|',
        '┊' | '┆' => '!',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => '+',
        '█' => '#',
        '▓' => '%',
        '▒' => 'x',
        '░' | '▪' => ':',
        '╱' => '/',
        '╲' => '\\',
        '·' | '•' => '.',
        '×' => 'x',
        '▸' | '→' | '»' | '▶' => '>',
        '←' | '◀' => '<',
        '↑' | '▲' => '^',
        '↓' | '▼' => 'v',
        '…' => '~',
        'Σ' => 'S',
        'µ' | 'μ' => 'u',
        '±' => '~',
        '°' => ' ',
        '●' | '◆' => '*',
        '○' => 'o',
        '\u{2581}'..='\u{2588}' => ':',
        '\u{2800}'..='\u{28ff}' => dots(c as u32 & 0xff),
        _ => '?',
    }
}

/// A cell of braille by how full it is.
const fn dots(bits: u32) -> char {
    match bits.count_ones() {
        0 => ' ',
        1 | 2 => '.',
        3..=5 => ':',
        _ => '#',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn what_differs_still_differs() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 14, 1));
        buf.set_string(0, 0, "▓╱█╲·│▸⣿⡀±…é→Σ", Style::new());
        replace(&mut buf);
        let text: String = buf
            .content
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert_eq!(text, "%/#\\.|>#.~~?>S");
    }
}
