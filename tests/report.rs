//! `splitscope report` as people call it, and its page in a real browser where there is one.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of a test may panic; clippy sees that only in the tests themselves"
)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::cargo::CommandCargoExt;

fn report(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("splitscope").unwrap();
    let output = command.arg("report").args(arguments).output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn shipped(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    path.display().to_string()
}

/// Frames as `--headless --json` writes them, under every cut from 0 to 4.
fn lines(folder: &Path, name: &str) -> PathBuf {
    let mut text = String::new();
    for i in 0..60 {
        let cut = i % 5;
        let latency_ms = 40.0 + f64::from(cut * 10) + f64::from(i % 7);
        let uplink_ms = latency_ms - 15.0;
        write!(
            text,
            r#"{{"frame":{i},"epoch":1,"mode":"split","cut":{cut},"latency_ms":{latency_ms},"robot_compute_ms":10.0,"uplink_ms":{uplink_ms},"server_compute_ms":5.0,"downlink_ms":0.0,"wait_ms":0.0,"overlap_ms":0.0,"bytes_up":150528,"bytes_down":4000,"outcome":"ok","top1":null,"top1_score":null,"warmup":{},"preparing":false,"skipped":0,"attempt":0,"emulated":true,"clock_error_ms":0.2}}"#,
            i < 5
        )
        .unwrap();
        text.push('\n');
    }
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_figure_is_written_as_svg_and_as_png_with_its_numbers_beside() {
    let folder = tempfile::tempdir().unwrap();
    let frames = lines(folder.path(), "frames.jsonl");
    let frames = frames.to_str().unwrap();
    for end in ["svg", "png", "md", "csv"] {
        let out = folder.path().join(format!("figure.{end}"));
        let out = out.to_str().unwrap();
        let (code, stdout, stderr) = report(&[frames, "--figure", "splits", "--out", out]);
        assert_eq!(
            (code, stdout.as_str(), stderr.as_str()),
            (0, "", ""),
            "{end}"
        );
    }
    let svg = fs::read_to_string(folder.path().join("figure.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("EMULATED") && svg.contains("55 frames"));
    let png = image::open(folder.path().join("figure.png")).unwrap();
    assert_eq!(png.width(), 1920);
    let csv = fs::read_to_string(folder.path().join("figure.csv")).unwrap();
    let row: Vec<&str> = csv.lines().nth(1).unwrap().split(',').collect();
    assert_eq!(
        (row[0], row[2], row[6], row[8]),
        ("split 0", "11", "10", "5"),
        "{csv}"
    );
    let (_, table, _) = report(&[frames, "--figure", "splits", "--table", "markdown"]);
    assert_eq!(
        table,
        fs::read_to_string(folder.path().join("figure.md")).unwrap()
    );
}

#[test]
fn shipped_traces_make_the_bandwidth_figure() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("bandwidth.svg");
    let indoors = shipped("profiles/links/indoors.csv");
    let outdoors = shipped("profiles/links/outdoors.csv");
    let arguments = [
        &indoors,
        &outdoors,
        "--figure",
        "bandwidth",
        "--table",
        "csv",
        "--out",
        out.to_str().unwrap(),
    ];
    let (code, table, stderr) = report(&arguments);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let mean = |line: usize| {
        table
            .lines()
            .nth(line)
            .unwrap()
            .split(',')
            .nth(3)
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    // The means that `splitscope trace --show` tells of them.
    assert!(
        (mean(1) - 93.0).abs() < 3.0 && (mean(2) - 73.0).abs() < 3.0,
        "{table}"
    );
    assert!(fs::metadata(out).unwrap().len() > 1000);
}

#[test]
fn what_cannot_be_drawn_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let frames = lines(folder.path(), "frames.jsonl");
    let frames = frames.to_str().unwrap();
    let empty = folder.path().join("empty.mcap");
    fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    let svg = folder.path().join("x.svg");
    let svg = svg.to_str().unwrap();
    for (code, said, arguments) in [
        (
            1,
            "frames.jsonl has no frame with its steps: --figure timeline cannot be drawn",
            vec![frames, "--figure", "timeline", "--out", svg],
        ),
        (
            1,
            "frames.jsonl has no energy: --figure pareto",
            vec![frames, "--figure", "pareto", "--out", svg],
        ),
        (
            1,
            "frames.jsonl has no bandwidth over time",
            vec![frames, "--figure", "bandwidth", "--out", svg],
        ),
        (
            1,
            "empty.mcap is empty",
            vec![empty, "--figure", "splits", "--out", svg],
        ),
        (
            1,
            "cannot read /nowhere.mcap",
            vec!["/nowhere.mcap", "--figure", "splits", "--out", svg],
        ),
        (
            2,
            "--figure compare takes two files, 1 given",
            vec![frames, "--figure", "compare", "--out", svg],
        ),
        (
            2,
            "says no format",
            vec![frames, "--figure", "splits", "--out", "figure.gif"],
        ),
        (2, "where to?", vec![frames, "--figure", "splits"]),
    ] {
        let (got, stdout, stderr) = report(&arguments);
        assert_eq!(got, code, "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{said}: {stderr}");
        assert_eq!(stdout, "");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert!(!Path::new(svg).exists());
}

#[test]
fn programs_are_told_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let frames = lines(folder.path(), "frames.jsonl");
    let out = folder.path().join("page.html");
    let (code, stdout, _) = report(&[
        frames.to_str().unwrap(),
        "--html",
        out.to_str().unwrap(),
        "--json",
    ]);
    assert_eq!(code, 0);
    let told: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(told["bytes"], fs::metadata(&out).unwrap().len());
    assert_eq!(
        (&told["emulated"], &told["figure"]),
        (&true.into(), &serde_json::Value::Null)
    );
}

/// A browser, if this machine has one.
fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("SPLITSCOPE_BROWSER").map(PathBuf::from);
    let places = std::env::split_paths(&std::env::var_os("PATH")?)
        .flat_map(|folder| {
            ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name))
        })
        .collect::<Vec<_>>();
    named.into_iter().chain(places).find(|path| path.is_file())
}

fn browse(browser: &Path, profile: &Path, arguments: &[String]) -> String {
    let output = Command::new(browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1000,3200",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Printed, every figure lies on one page: what the page's own rules for paper say is what the browser does with them.
fn is_printed_whole(browser: &Path, profile: &Path, page: &Path) {
    let pdf = page.with_extension("pdf");
    let arguments = [
        "--no-pdf-header-footer".to_owned(),
        format!("--print-to-pdf={}", pdf.display()),
        format!("file://{}", page.display()),
    ];
    browse(browser, profile, &arguments);
    let bytes = fs::read(&pdf).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    // Pages, not the tree that holds them.
    let pages = text.matches("/Type /Page\n").count();
    assert!(
        bytes.starts_with(b"%PDF") && (2..8).contains(&pages),
        "{pages} pages"
    );
}

#[test]
fn a_real_browser_shows_the_page_and_takes_hostile_names_as_text() {
    let Some(browser) = browser() else {
        println!(
            "skipped: no chromium on this machine (apt-get install chromium, or SPLITSCOPE_BROWSER=PATH)"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let frames = lines(folder.path(), "<img src=x onerror=alert(1)>&.jsonl");
    let page = folder.path().join("page.html");
    let (code, _, stderr) = report(&[frames.to_str().unwrap(), "--html", page.to_str().unwrap()]);
    assert_eq!(code, 0, "{stderr}");
    let address = format!("file://{}", page.display());
    let profile = folder.path().join("profile");

    let dom = browse(
        &browser,
        &profile,
        &["--dump-dom".to_owned(), address.clone()],
    );
    assert_eq!(dom.matches("<svg ").count(), 2, "splits and modes");
    assert!(
        !dom.contains("<img") && !dom.contains("<script"),
        "a name became an element"
    );
    assert!(dom.contains("&lt;img src=x onerror=alert(1)&gt;&amp;.jsonl"));

    is_printed_whole(&browser, &profile, &page);

    let mut corners = Vec::new();
    for scheme in ["1", "0"] {
        let shot = std::env::var_os("SPLITSCOPE_SHOW_FIGURES")
            .map_or(folder.path().to_owned(), PathBuf::from);
        let shot = shot.join(format!("page-{scheme}.png"));
        let arguments = [
            format!("--blink-settings=preferredColorScheme={scheme}"),
            format!("--screenshot={}", shot.display()),
            address.clone(),
        ];
        browse(&browser, &profile, &arguments);
        let picture = image::open(&shot).unwrap().to_luma8();
        corners.push(picture.get_pixel(2, 2).0[0]);
        // Letters and lines on it.
        let ink = picture
            .pixels()
            .filter(|p| p.0[0].abs_diff(corners[corners.len() - 1]) > 90)
            .count();
        assert!(ink > 20_000, "{ink} pixels differ from the paper");
    }
    assert!(
        corners[0] > 240 && corners[1] < 60,
        "light and dark paper: {corners:?}"
    );
}
