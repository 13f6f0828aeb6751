//! Numbers and words as the screen writes them.

use ratatui::text::Span;

use crate::units::Bytes;
use crate::wire::Packing;

/// Milliseconds in at most five characters for what is shorter than a hundred seconds: `0.021`, `6.21`, `61.2`, `612`.
pub(in crate::console::view) fn ms(ns: i64) -> String {
    figures(ns as f64 / 1e6)
}

/// Three figures, not more than three decimals: `0.021`, `6.21`, `61.2`, `612`.
pub(in crate::console::view) fn figures(value: f64) -> String {
    match value.abs() {
        a if a < 0.0995 => format!("{value:.3}"),
        a if a < 9.995 => format!("{value:.2}"),
        a if a < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Megabits per second: `0.42`, `71.8`, `943`.
pub(in crate::console::view) fn mbps(mbps: f64) -> String {
    match mbps {
        m if m < 9.995 => format!("{m:.2}"),
        m if m < 99.95 => format!("{m:.1}"),
        m if m < 99_999.5 => format!("{m:.0}"),
        m => format!("{:.0}k", m / 1e3),
    }
}

/// What packing did to a value: `as 210 kB zero-bitmap x1.91, packs 0.41, unpacks 0.30 ms`.
pub(in crate::console::view) fn packing(packing: &Packing) -> String {
    let lossy = if packing.is_lossy() {
        let error = f64::from(packing.error_ppb) / 1e7;
        format!(", LOSSY: error up to {} %", figures(error))
    } else {
        String::new()
    };
    format!(
        "as {} {} x{:.2}, packs {}, unpacks {} ms{lossy}",
        Bytes(packing.wire_bytes),
        packing.names(),
        packing.ratio(),
        ms(packing.encode_ns),
        ms(packing.decode_ns),
    )
}

/// Whole seconds until, rounded up: a count that ends with 1.
pub(in crate::console::view) const fn seconds_left(ns: i64) -> i64 {
    if ns <= 0 {
        0
    } else {
        (ns - 1) / 1_000_000_000 + 1
    }
}

/// Whole seconds since, rounded down.
pub(in crate::console::view) const fn seconds_since(ns: i64) -> i64 {
    if ns <= 0 { 0 } else { ns / 1_000_000_000 }
}

/// Pieces that stay whole where they can, as many a line as fit with `gap` between them.
pub(in crate::console::view) fn flowed(pieces: Vec<String>, gap: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if width(line) + width(gap) + width(&piece) <= most => {
                line.push_str(gap);
                line.push_str(&piece);
            }
            _ if width(&piece) > most => lines.extend(wrapped(&piece, most)),
            _ => lines.push(piece),
        }
    }
    lines
}

/// How long ago, in few characters: `12 s`, `3 min`, `2 h`.
pub(in crate::console::view) fn age(ns: i64) -> String {
    match seconds_since(ns) {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

/// Columns that a text takes.
pub(in crate::console::view) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// A text in at most `most` columns; the end gives way.
pub(in crate::console::view) fn head(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        if width(&out) + width(c.encode_utf8(&mut [0; 4])) + 1 > most {
            break;
        }
        out.push(c);
    }
    if most > 0 {
        out.push('…');
    }
    out
}

/// A text in at most `most` columns; the beginning gives way. Layers are told apart by their ends.
pub(in crate::console::view) fn tail(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let keep = most.saturating_sub(1);
    let end: String = text.chars().skip(count - keep).collect();
    if most > 0 { format!("…{end}") } else { end }
}

/// A text in lines of at most `most` columns, broken between words; later lines are set in.
pub(in crate::console::view) fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.trim().is_empty() && width(&line) + 1 + width(word) > most {
            lines.push(std::mem::replace(&mut line, " ".to_owned()));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_figures_whatever_the_size() {
        let shown: Vec<_> = [2_100, 99_000, 210_000, 6_210_000, 61_240_000, 612_000_000]
            .map(ms)
            .into();
        assert_eq!(shown, ["0.002", "0.099", "0.21", "6.21", "61.2", "612"]);
        assert_eq!([0.416, 71.84, 943.2].map(mbps), ["0.42", "71.8", "943"]);
    }

    #[test]
    fn cut_texts_say_so() {
        assert_eq!(head("espresso", 5), "espr…");
        assert_eq!(tail("features.18.conv.1.0", 8), "…onv.1.0");
        assert_eq!((head("ok", 2), tail("ok", 2)), ("ok".into(), "ok".into()));
    }

    #[test]
    fn long_sentences_break_between_words() {
        let lines = wrapped("it speaks protocol 9, this console 1", 20);
        assert_eq!(lines, ["it speaks protocol", "  9, this console 1"]);
    }

    #[test]
    fn a_count_down_ends_with_one_and_a_count_up_begins_with_none() {
        assert_eq!(
            [1, 1_000_000_000, 1_000_000_001].map(seconds_left),
            [1, 1, 2]
        );
        assert_eq!(
            [0, 999_999_999, 1_000_000_000].map(seconds_since),
            [0, 0, 1]
        );
    }
}
