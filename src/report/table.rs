//! A figure's numbers as a table: Markdown, CSV, HTML.

use std::fmt::Write;

use crate::statistics::Estimate;

/// Columns with their units in their names, and rows of as many cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it is about.
    pub title: String,
    /// Names, units included: `latency_ms`.
    pub columns: Vec<&'static str>,
    /// An absent number is an empty cell.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one.
    pub fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self {
            title: title.into(),
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// For a paper's source, an issue, a README.
    pub fn markdown(&self) -> String {
        let escaped = |cell: &str| {
            let cell = cell.replace('\\', "\\\\").replace('|', "\\|");
            let cell = cell.replace('<', "&lt;");
            cell.replace(['\n', '\r'], " ")
        };
        let line = |cells: &mut dyn Iterator<Item = String>| {
            let cells: Vec<_> = cells.collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut text = line(&mut self.columns.iter().map(|c| (*c).to_owned()));
        text += &line(&mut self.columns.iter().map(|_| "---".to_owned()));
        for row in &self.rows {
            text += &line(&mut row.iter().map(|c| escaped(c)));
        }
        text
    }

    /// For programs; cells with a comma, a quote or a line's end are quoted (RFC 4180).
    pub fn csv(&self) -> String {
        let quoted = |cell: &str| {
            if cell.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell.to_owned()
            }
        };
        let mut text = self.columns.join(",") + "\n";
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(|c| quoted(c)).collect();
            text += &(cells.join(",") + "\n");
        }
        text
    }

    /// As an HTML element.
    pub fn html(&self) -> String {
        let mut text = String::from("<table>\n<thead><tr>");
        for column in &self.columns {
            let _ = write!(text, "<th scope=\"col\">{}</th>", escape(column));
        }
        text += "</tr></thead>\n<tbody>\n";
        for row in &self.rows {
            text += "<tr>";
            for cell in row {
                let class = if cell.parse::<f64>().is_ok() {
                    " class=\"n\""
                } else {
                    ""
                };
                let _ = write!(text, "<td{class}>{}</td>", escape(cell));
            }
            text += "</tr>\n";
        }
        text + "</tbody>\n</table>\n"
    }
}

/// Text inside an HTML element or a quoted attribute; control characters become `�`.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\n' | '\t' => escaped.push(' '),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A number to four digits behind the point at most, as people write it.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// A number that may be absent.
pub(super) fn cell(value: Option<f64>) -> String {
    value.map(number).unwrap_or_default()
}

/// An estimate's value and the ends of its interval.
pub(super) fn estimate_cells(estimate: Option<Estimate>) -> [String; 3] {
    let interval = estimate.and_then(|e| e.interval);
    [
        cell(estimate.map(|e| e.value)),
        cell(interval.map(|i| i.low)),
        cell(interval.map(|i| i.high)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> Table {
        let mut table = Table::new("t", &["plan", "latency_ms"]);
        table
            .rows
            .push(vec!["a|b<script>\n".to_owned(), number(61.25)]);
        table.rows.push(vec!["x,\"y\"".to_owned(), String::new()]);
        table
    }

    #[test]
    fn markdown_keeps_its_columns() {
        let expected =
            "| plan | latency_ms |\n| --- | --- |\n| a\\|b&lt;script>  | 61.25 |\n| x,\"y\" |  |\n";
        assert_eq!(hostile().markdown(), expected);
    }

    #[test]
    fn csv_quotes_what_would_break_it() {
        assert_eq!(
            hostile().csv(),
            "plan,latency_ms\n\"a|b<script>\n\",61.25\n\"x,\"\"y\"\"\",\n"
        );
    }

    #[test]
    fn html_shows_names_as_they_are() {
        let html = hostile().html();
        assert!(
            html.contains("<td>a|b&lt;script&gt; </td><td class=\"n\">61.25</td>"),
            "{html}"
        );
    }

    #[test]
    fn numbers_lose_no_digit_that_matters() {
        assert_eq!(number(61.25), "61.25");
        assert_eq!(number(0.00004), "0");
        assert_eq!(number(-0.00001), "0");
        assert_eq!(number(1200.0), "1200");
    }
}
