//! A screen's styles as letters under its text, so that a change of a meaning shows in a snapshot.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier, Style};
use splitscope::console::view::{Part, Theme};

/// A style, comparable.
type Look = (Color, Color, Modifier);

/// What letters stand for, within one snapshot.
pub(crate) struct Legend {
    /// The theme's meanings; those that look alike share the first one's letter.
    classes: Vec<(char, Vec<&'static str>, Look)>,
    /// Looks that are no meaning's own, in order of appearance: digits.
    mixed: Vec<Look>,
}

impl Legend {
    pub(crate) fn new(theme: Theme) -> Self {
        let meanings = [
            ('.', "text", theme.base().patch(theme.text())),
            ('s', "strong", theme.strong()),
            ('f', "faint", theme.faint()),
            ('b', "border", theme.border()),
            ('g', "good", theme.good()),
            ('w', "warning", theme.warning()),
            ('e', "bad", theme.bad()),
            ('c', "cut", theme.cut()),
            ('p', "proposed", theme.proposed()),
            ('k', "picked", theme.picked()),
            ('R', "robot", theme.part(Part::Robot)),
            ('U', "uplink", theme.part(Part::Uplink)),
            ('S', "server", theme.part(Part::Server)),
            ('D', "downlink", theme.part(Part::Downlink)),
            ('W', "wait", theme.part(Part::Wait)),
        ];
        let mut classes: Vec<(char, Vec<&'static str>, Look)> = Vec::new();
        for (letter, name, style) in meanings {
            let look = look(&styled(theme.base().patch(style)));
            match classes.iter_mut().find(|class| class.2 == look) {
                Some(class) => class.1.push(name),
                None => classes.push((letter, vec![name], look)),
            }
        }
        Self {
            classes,
            mixed: Vec::new(),
        }
    }

    /// A letter for each cell; a blank for one without a mark, so that the words can be found again.
    pub(crate) fn map(&mut self, buffer: &Buffer) -> String {
        let width = usize::from(buffer.area.width);
        let mut letters = Vec::with_capacity(buffer.content.len());
        for cell in &buffer.content {
            let letter = self.letter(look(cell));
            let blank = cell.symbol() == " " && !cell.modifier.contains(Modifier::REVERSED);
            letters.push(if blank { ' ' } else { letter });
        }
        let rows = letters.chunks(width).map(String::from_iter);
        let rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n")
    }

    fn letter(&mut self, look: Look) -> char {
        if let Some(class) = self.classes.iter().find(|class| class.2 == look) {
            return class.0;
        }
        let known = self.mixed.iter().position(|&mixed| mixed == look);
        let place = known.unwrap_or_else(|| {
            self.mixed.push(look);
            self.mixed.len() - 1
        });
        char::from_digit(place as u32 + 1, 36).unwrap_or('?')
    }

    /// The letters with what they stand for.
    pub(crate) fn words(&self) -> String {
        let mut text = String::new();
        for (letter, names, look) in &self.classes {
            writeln!(text, "{letter}  {}: {}", names.join(", "), words(*look)).unwrap();
        }
        for (place, look) in self.mixed.iter().enumerate() {
            let letter = char::from_digit(place as u32 + 1, 36).unwrap_or('?');
            writeln!(text, "{letter}  {}", words(*look)).unwrap();
        }
        text
    }
}

fn styled(style: Style) -> Cell {
    let mut cell = Cell::default();
    cell.set_style(style);
    cell
}

fn look(cell: &Cell) -> Look {
    (cell.fg, cell.bg, cell.modifier)
}

fn words((fg, bg, modifier): Look) -> String {
    let colours = [("", fg), ("on ", bg)].into_iter();
    let mut words: Vec<String> = colours
        .filter(|(_, colour)| *colour != Color::Reset)
        .map(|(on, colour)| format!("{on}{colour}").to_lowercase())
        .collect();
    words.extend(modifier.iter_names().map(|(name, _)| name.to_lowercase()));
    if words.is_empty() {
        words.push("plain".to_owned());
    }
    words.join(" ")
}
