//! Reads a trace file, bounded: an error names the line, what was read and what was expected.

use super::{MAGIC_LINE, MAX_DELAY_MS, MAX_FILE_BYTES, MAX_MBPS, MAX_ROWS, MAX_TIME_S, Row, Trace};

const SHARED: &str = "time_s,shared_mbps,delay_ms";
const EACH: &str = "time_s,up_mbps,down_mbps,delay_ms";
/// What of a wrong line an error repeats, in characters.
const SHOWN: usize = 60;

/// A trace that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the link trace: {kind}")]
pub struct TraceError {
    /// The line, counted from 1; for rows that no file holds, the row.
    pub line: usize,
    /// What is wrong there.
    pub kind: TraceErrorKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceErrorKind {
    /// Something else than what was expected.
    #[error("read \"{read}\", expected {expected}")]
    Unexpected {
        /// What there is, shortened and escaped.
        read: String,
        /// What there should be.
        expected: String,
    },
    /// More than any honest trace.
    #[error("{what}: read {read}, expected at most {limit}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much.
        read: usize,
        /// How much is allowed.
        limit: usize,
    },
}

/// The line that names the columns.
pub(super) const fn header(is_shared: bool) -> &'static str {
    if is_shared { SHARED } else { EACH }
}

fn unexpected(line: usize, read: &str, expected: impl Into<String>) -> TraceError {
    let shown: String = read.chars().take(SHOWN).collect();
    let dots = if shown.len() < read.len() { "..." } else { "" };
    TraceError {
        line,
        kind: TraceErrorKind::Unexpected {
            read: format!("{}{dots}", shown.escape_debug()),
            expected: expected.into(),
        },
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Trace, TraceError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(too_much(
            1,
            "bytes of the file",
            bytes.len(),
            MAX_FILE_BYTES,
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let before = bytes.get(..e.valid_up_to()).unwrap_or_default();
        let line = before.split(|&b| b == b'\n').count();
        let rest = bytes.get(e.valid_up_to()..).unwrap_or_default();
        let read = rest.get(..8).unwrap_or(rest).escape_ascii().to_string();
        unexpected(line, &read, "text in UTF-8")
    })?;
    let mut lines = (1..).zip(text.lines().map(str::trim_end));
    let (_, first) = lines.next().unwrap_or((1, ""));
    if first != MAGIC_LINE {
        return Err(unexpected(1, first, format!("\"{MAGIC_LINE}\"")));
    }
    let mut comments = Vec::new();
    let mut last = 1;
    let is_shared = loop {
        let (line, text) = lines.next().unwrap_or((last + 1, ""));
        last = line;
        match text.strip_prefix('#') {
            Some(comment) => comments.push(comment.strip_prefix(' ').unwrap_or(comment).to_owned()),
            None if text == SHARED => break true,
            None if text == EACH => break false,
            None => {
                return Err(unexpected(
                    line,
                    text,
                    format!("the columns \"{SHARED}\" or \"{EACH}\""),
                ));
            }
        }
    };
    let mut rows: Vec<Row> = Vec::new();
    for (line, text) in lines {
        last = line;
        if rows.len() == MAX_ROWS {
            return Err(too_much(line, "rows", MAX_ROWS + 1, MAX_ROWS));
        }
        let row = parse_row(line, text, is_shared)?;
        check_row(line, rows.last(), &row)?;
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(unexpected(last + 1, "", "a row at time_s 0"));
    }
    Ok(Trace {
        is_shared,
        rows,
        comments,
    })
}

fn parse_row(line: usize, text: &str, is_shared: bool) -> Result<Row, TraceError> {
    let columns = header(is_shared);
    let names = columns.split(',').count();
    let fields = text.split(',').count();
    if fields != names {
        return Err(unexpected(
            line,
            text,
            format!("{names} numbers, for {columns}"),
        ));
    }
    let mut numbers = [0.0; 4];
    for ((field, name), number) in text.split(',').zip(columns.split(',')).zip(&mut numbers) {
        *number = field
            .trim()
            .parse()
            .map_err(|_| unexpected(line, field, format!("a number for {name}")))?;
    }
    let [time_s, up_mbps, third, fourth] = numbers;
    if !(0.0..=MAX_TIME_S).contains(&time_s) {
        let expected = format!("a time_s from 0 to {MAX_TIME_S}");
        return Err(unexpected(line, &time_s.to_string(), expected));
    }
    let (down_mbps, delay_ms) = if is_shared {
        (up_mbps, third)
    } else {
        (third, fourth)
    };
    Ok(Row {
        at_ns: (time_s * 1e9).round() as i64,
        up_mbps,
        down_mbps,
        delay_ms,
    })
}

/// Checks rows that no file holds.
pub(super) fn check(rows: &[Row]) -> Result<(), TraceError> {
    if rows.is_empty() {
        return Err(unexpected(1, "", "a row at time_s 0"));
    }
    if rows.len() > MAX_ROWS {
        return Err(too_much(1, "rows", rows.len(), MAX_ROWS));
    }
    let mut before = None;
    for (i, row) in rows.iter().enumerate() {
        check_row(i + 1, before, row)?;
        before = Some(row);
    }
    Ok(())
}

fn check_row(line: usize, before: Option<&Row>, row: &Row) -> Result<(), TraceError> {
    let seconds = |ns: i64| (ns as f64 / 1e9).to_string();
    match before {
        None if row.at_ns != 0 => {
            return Err(unexpected(
                line,
                &seconds(row.at_ns),
                "a first row at time_s 0",
            ));
        }
        Some(before) if row.at_ns <= before.at_ns => {
            let expected = format!("a time_s after {}", seconds(before.at_ns));
            return Err(unexpected(line, &seconds(row.at_ns), expected));
        }
        _ => {}
    }
    if row.at_ns as f64 > MAX_TIME_S * 1e9 {
        let expected = format!("a time_s from 0 to {MAX_TIME_S}");
        return Err(unexpected(line, &seconds(row.at_ns), expected));
    }
    for mbps in [row.up_mbps, row.down_mbps] {
        if !(0.0..=MAX_MBPS).contains(&mbps) {
            let expected = format!("a rate from 0 to {MAX_MBPS} Mbps");
            return Err(unexpected(line, &mbps.to_string(), expected));
        }
    }
    if !(0.0..=MAX_DELAY_MS).contains(&row.delay_ms) {
        let expected = format!("a delay_ms from 0 to {MAX_DELAY_MS}");
        return Err(unexpected(line, &row.delay_ms.to_string(), expected));
    }
    Ok(())
}

const fn too_much(line: usize, what: &'static str, read: usize, limit: usize) -> TraceError {
    TraceError {
        line,
        kind: TraceErrorKind::TooMuch { what, read, limit },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(rest: &str) -> String {
        let file = format!("{MAGIC_LINE}\n{rest}");
        parse(file.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn an_error_names_the_line_what_was_read_and_what_was_expected() {
        for (rest, parts) in [
            ("", ["line 2", "\"\"", "time_s,shared_mbps"]),
            ("mbps\n", ["line 2", "\"mbps\"", "time_s,up_mbps"]),
            (
                "time_s,shared_mbps,delay_ms\n",
                ["line 3", "\"\"", "a row at time_s 0"],
            ),
            (
                "# c\ntime_s,shared_mbps,delay_ms\n0,1\n",
                ["line 4", "\"0,1\"", "3 numbers"],
            ),
            (
                "time_s,shared_mbps,delay_ms\n0,fast,1",
                ["line 3", "\"fast\"", "number for shared_mbps"],
            ),
            (
                "time_s,shared_mbps,delay_ms\n0,-1,1",
                ["line 3", "\"-1\"", "from 0 to 1000000 Mbps"],
            ),
            (
                "time_s,shared_mbps,delay_ms\n0,NaN,1",
                ["line 3", "\"NaN\"", "from 0 to 1000000 Mbps"],
            ),
            (
                "time_s,shared_mbps,delay_ms\n0,1,-1",
                ["line 3", "\"-1\"", "delay_ms from 0"],
            ),
            (
                "time_s,shared_mbps,delay_ms\n1,1,1",
                ["line 3", "\"1\"", "first row at time_s 0"],
            ),
            (
                "time_s,shared_mbps,delay_ms\n0,1,1\n0,1,1",
                ["line 4", "\"0\"", "after 0"],
            ),
            (
                "time_s,shared_mbps,delay_ms\n0,1,1\ninf,1,1",
                ["line 4", "\"inf\"", "from 0 to 1000000"],
            ),
            (
                "time_s,up_mbps,down_mbps,delay_ms\n0,1,1e9,1",
                ["line 3", "1000000000", "from 0 to 1000000"],
            ),
        ] {
            let told = told(rest);
            for part in parts {
                assert!(told.contains(part), "{rest:?}: {told:?} has no {part:?}");
            }
        }
        let other = parse(b"time,bandwidth\n").unwrap_err().to_string();
        assert!(
            other.contains("line 1") && other.contains(MAGIC_LINE),
            "{other}"
        );
        let bytes = parse(b"# splitscope link trace v1\n\xff\xfe").unwrap_err();
        assert!(bytes.to_string().contains("line 2"), "{bytes}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn nor_does_a_file_that_begins_well(rest in "[#0-9,.eE\\-\n a-z\u{e4}]{0,200}", is_shared: bool) {
            let _ = parse(format!("{MAGIC_LINE}\n{}\n{rest}", header(is_shared)).as_bytes());
            let _ = parse(format!("{MAGIC_LINE}\n{rest}").as_bytes());
        }
    }
}
