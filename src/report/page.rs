//! One HTML page with all figures and tables of a file, for sending to a colleague. Self-contained: nothing is loaded,
//! and its policy forbids it. Light, dark and printed.

use std::fmt::Write;

use super::caption::Origin;
use super::draw::{RenderError, svg};
use super::evidence::Evidence;
use super::figure::{Figure, FigureKind, make};
use super::table::escape;

/// Rows of a table that is shown folded.
const LONG: usize = 40;

const STYLE: &str = include_str!("page.css");

/// The page of these files.
///
/// # Errors
/// A figure cannot be drawn.
pub fn html(all: &[Evidence]) -> Result<String, RenderError> {
    let names: Vec<&str> = all.iter().map(|e| e.file.as_str()).collect();
    let title = format!("splitscope: {}", names.join(", "));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{}</h1>\n",
        escape(&title),
        escape(&names.join(", "))
    );
    let badges = Origin::of(all).badges();
    if !badges.is_empty() {
        let badges: Vec<String> = badges
            .iter()
            .map(|b| format!("<strong class=\"badge\">{b}</strong>"))
            .collect();
        let _ = writeln!(
            page,
            "<p>{} Not everything here was measured on real devices.</p>",
            badges.join(" ")
        );
    }
    for evidence in all {
        page += &about(evidence);
    }
    for figure in figures(all) {
        page += &section(&figure)?;
    }
    Ok(page + "</main>\n</body>\n</html>\n")
}

/// Every figure that can be made: of all files together, or of each.
fn figures(all: &[Evidence]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for kind in FigureKind::ALL {
        match kind {
            FigureKind::Splits | FigureKind::Modes | FigureKind::Timeline => {
                figures.extend(all.chunks(1).filter_map(|one| make(kind, one).ok()));
            }
            FigureKind::Pareto | FigureKind::Compare | FigureKind::Bandwidth => {
                figures.extend(make(kind, all).ok());
            }
        }
    }
    figures
}

fn about(evidence: &Evidence) -> String {
    let servers = evidence.servers.join(", ");
    let frames = match evidence.frames() {
        0 => None,
        n => Some(format!("{n}, and {} left out", evidence.left_out())),
    };
    let remarks = evidence.remarks.join("; ");
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let rows = [
        (
            "File",
            Some(format!("{} ({})", evidence.file, evidence.kind.name())),
        ),
        ("Model", evidence.model.clone()),
        ("Robot", evidence.robot.clone()),
        ("Servers", said(&servers)),
        ("Link", evidence.link.clone()),
        ("Frames", frames),
        ("Begun", evidence.began.clone()),
        ("Program", evidence.program.clone()),
        ("Remarks", said(&remarks)),
    ];
    let mut text = "<dl>\n".to_owned();
    for (name, value) in rows {
        let value = value.map_or("<em>not in the file</em>".to_owned(), |v| escape(&v));
        let _ = writeln!(text, "<dt>{name}</dt><dd>{value}</dd>");
    }
    text + "</dl>\n"
}

fn section(figure: &Figure) -> Result<String, RenderError> {
    let picture = svg(figure)?;
    let title = escape(&figure.title);
    let label = format!("<svg role=\"img\" aria-label=\"{title}\" ");
    let picture = picture.replacen("<svg ", &label, 1);
    let rows = figure.table.rows.len();
    let open = if rows <= LONG { " open" } else { "" };
    Ok(format!(
        "<section>\n<h2>{title}</h2>\n<figure>\n{picture}</figure>\n<details{open}>\n<summary>Numbers ({rows} rows)</summary>\n\
         <div class=\"wide\">\n{}</div>\n</details>\n</section>\n",
        figure.table.html()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::sweep;

    #[test]
    fn a_page_loads_nothing_and_runs_nothing() {
        let mut evidence = sweep("<script>alert(1)</script>.csv");
        evidence.model = Some("\"><img src=x onerror=alert(1)>".to_owned());
        evidence.plans[0].label = "<b onmouseover=alert(1)>".to_owned();
        evidence.plans[0].layer = Some("</td></table><script>".to_owned());
        evidence.remarks.push("a\u{0}b\u{1b}[2J".to_owned());
        let page = html(&[evidence]).unwrap();
        for forbidden in [
            "<script", "<img", "<b ", "src=x", "@import", "\u{0}", "\u{1b}",
        ] {
            let found = page.find(forbidden);
            // As text, quotes and brackets are escaped; `src=x` may stand in a text.
            assert!(
                found.is_none() || forbidden == "src=x",
                "{forbidden} at {found:?}"
            );
        }
        let outside = page.matches("http").count()
            - page.matches("http://www.w3.org/2000/svg").count()
            - page.matches("http-equiv").count();
        assert_eq!(outside, 0, "addresses beside SVG's own name");
        assert!(page.contains("&lt;script&gt;alert(1)"));
        assert!(page.contains("EMULATED"));
    }

    #[test]
    fn on_paper_no_figure_is_cut_and_nothing_needs_colour() {
        let page = html(&[sweep("a.csv")]).unwrap();
        let print = page.split("@media print").nth(1).unwrap();
        let print = print.split("</style>").next().unwrap();
        let whole = print.lines().find(|l| l.contains("figure, tr")).unwrap();
        assert!(whole.contains("break-inside: avoid"), "{whole}");
        // Higher than a page it would be cut in any case.
        assert!(print.contains("figure svg { max-height"), "{print}");
        let badge = print.lines().find(|l| l.contains(".badge")).unwrap();
        assert!(
            badge.contains("background: none"),
            "printers leave backgrounds out"
        );
    }

    #[test]
    fn a_page_has_every_figure_that_can_be_made() {
        let page = html(&[sweep("a.csv")]).unwrap();
        assert_eq!(page.matches("<svg ").count(), 3);
        let page = html(&[sweep("a.csv"), sweep("b.csv")]).unwrap();
        // Splits and modes of each, pareto and compare of both.
        assert_eq!(page.matches("<svg ").count(), 6);
    }
}
