//! What foreign programs make of a session: Python's own MCAP reader, its JSON Schemas to another validator, and pyarrow
//! for Parquet.

use std::path::Path;

use serde_json::Value;

use super::python;
use super::support::{Folder, info, lines};

const PROGRAM: &str = r#"
import csv, json, sys
import jsonschema
import pyarrow.parquet as pq
from mcap.reader import make_reader, NonSeekingReader

def count(reader):
    counts, frames, schemas = {}, [], {}
    for schema, channel, message in reader.iter_messages():
        assert schema is not None and schema.encoding == "jsonschema", channel.topic
        assert channel.message_encoding == "json", channel.topic
        body = json.loads(message.data)
        kind = channel.topic.rsplit("/", 1)[1]
        counts[kind] = counts.get(kind, 0) + 1
        if schema.id not in schemas:
            stated = json.loads(schema.data)
            jsonschema.Draft202012Validator.check_schema(stated)
            schemas[schema.id] = jsonschema.Draft202012Validator(stated)
        schemas[schema.id].validate(body)
        if kind == "frame":
            frames.append(body["record"]["frame"]["latency_ns"] / 1e6)
    return counts, frames

session, tables = sys.argv[1:]
with open(session, "rb") as f:
    reader = make_reader(f)
    summary = reader.get_summary()
    counts, frames = count(reader)
    assert summary.statistics.message_count == sum(counts.values())
with open(session, "rb") as f:
    assert count(NonSeekingReader(f, validate_crcs=True))[0] == counts

sizes = {}
for table in ["frames", "steps", "link", "power", "rails", "host", "events", "plans", "switches", "markers", "gaps", "server_frames"]:
    parquet = pq.read_table(f"{tables}/{table}.parquet").to_pylist()
    with open(f"{tables}/{table}.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    with open(f"{tables}/{table}.jsonl") as f:
        objects = [json.loads(line) for line in f]
    assert parquet == objects, table
    assert len(rows) == len(objects), table
    for row, object in zip(rows, objects):
        for name, text in row.items():
            value = object[name]
            if value is None: assert text == "", (table, name)
            elif isinstance(value, bool): assert text == str(value).lower()
            elif isinstance(value, (int, float)): assert float(text) == value
            else: assert text == value
    sizes[table] = len(rows)
latencies = [row["latency_ms"] for row in pq.read_table(f"{tables}/frames.parquet").to_pylist()]
assert latencies == frames
print(json.dumps({"counts": counts, "sizes": sizes}))
"#;

/// Checks a session and all its exports.
pub(crate) fn check(folder: &Folder, session: &Path) {
    let name = session.to_str().unwrap();
    for format in ["csv", "jsonl", "parquet"] {
        let out = folder.run(&["export", name, "--to", format, "--out", "tables"]);
        assert!(out.status.success(), "{out:?}");
    }
    let card = info(folder, session);
    trace(folder, name, &card);
    let Some(python) = python::with(&["mcap", "zstandard", "pyarrow", "jsonschema"]) else {
        return;
    };
    let out = folder
        .program(python.to_str().unwrap(), &["-c", PROGRAM, name, "tables"])
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let found = lines(&out.stdout).remove(0);
    assert_eq!(found["counts"]["frame"], card["frames"]);
    assert_eq!(found["sizes"]["frames"], card["frames"]);
    for kind in ["frame", "link", "host", "hello"] {
        assert_eq!(found["counts"][kind], card["entries"][kind], "{kind}");
    }
    assert!(found["sizes"]["steps"].as_u64() > found["sizes"]["frames"].as_u64());
}

/// The timeline: every frame begins and ends, robot, server and both ways of the link have a lane, and a lane's steps lie
/// within the session.
fn trace(folder: &Folder, session: &str, card: &Value) {
    let out = folder.run(&["export", session, "--to", "chrome-trace", "--out", "-"]);
    assert!(out.status.success(), "{out:?}");
    let trace: Value = serde_json::from_slice(&out.stdout).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |ph: &str| events.iter().filter(|e| e["ph"] == ph).collect::<Vec<_>>();
    assert_eq!(of("b").len() as u64, card["frames"].as_u64().unwrap());
    assert_eq!(of("b").len(), of("e").len());
    let names: Vec<_> = of("M")
        .iter()
        .filter_map(|e| e["args"]["name"].as_str())
        .collect();
    for lane in [
        "robot compute",
        "server compute",
        "link to server",
        "link from server",
        "frames",
    ] {
        assert!(names.contains(&lane), "{names:?}");
    }
    assert!(names.iter().any(|n| n.contains("(emulated)")), "{names:?}");
    let micros = card["duration_s"].as_f64().unwrap() * 1e6;
    for step in of("X") {
        let (ts, dur) = (step["ts"].as_f64().unwrap(), step["dur"].as_f64().unwrap());
        assert!(ts > -5e6 && ts + dur < micros + 1e6, "{step}");
    }
}
