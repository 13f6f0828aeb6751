use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;
use crate::plan::{Codec, Cut, Mode, Plan, Shard};
use crate::policy::{Objective, PolicyKind, Spec};
use crate::power::IdleLevel;
use crate::session::testing::{entries, entry, start, told};
use crate::session::{Entry, Reader, What};
use crate::units::{DeviceId, Epoch, Nanos, NodeId, Watts};
use crate::wire::{DecisionRecord, LeaseRecord, Pause, PauseRecord, PlanCost, Record};

const CONSOLE: [&str; 13] = [
    "start", "meta", "target", "hello", "missed", "reply", "command", "lost", "marker", "notice",
    "gap", "left", "summary",
];

fn kinds() -> BTreeSet<String> {
    let console = CONSOLE.iter().map(|&kind| kind.to_owned());
    console.chain(RECORDS.keys().cloned()).collect()
}

fn schema(kind: &str) -> Value {
    serde_json::from_str(&of(kind)).unwrap()
}

/// What is wrong with a value, by as much of JSON Schema as these schemas use; a keyword beyond that is a fault too.
fn fault(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let keywords = schema.as_object().unwrap();
    keywords.iter().find_map(|(keyword, rule)| {
        let list = || rule.as_array().unwrap().iter();
        let inside = |key: &str, rule: &Value| {
            let there = value.get(key)?;
            fault(rule, there, &format!("{at}.{key}"))
        };
        let each = |rule: &Value| {
            let items = value.as_array().into_iter().flatten().enumerate();
            items
                .into_iter()
                .find_map(|(i, v)| fault(rule, v, &format!("{at}[{i}]")))
        };
        let fails = |wrong: bool| wrong.then(|| format!("{at}: {value} against {keyword} {rule}"));
        match keyword.as_str() {
            "$schema" | "$id" | "title" | "description" | "format" => None,
            "type" => {
                let is = |kind: &Value| match kind.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "number" => value.is_number(),
                    "integer" => value.is_i64() || value.is_u64(),
                    other => panic!("no type: {other}"),
                };
                fails(
                    !rule
                        .as_array()
                        .map_or_else(|| is(rule), |kinds| kinds.iter().any(is)),
                )
            }
            "properties" => rule
                .as_object()
                .unwrap()
                .iter()
                .find_map(|(k, r)| inside(k, r)),
            "additionalProperties" => {
                let known = schema["properties"].as_object();
                let others = value.as_object().into_iter().flatten();
                let mut others = others.filter(|(k, _)| known.is_none_or(|p| !p.contains_key(*k)));
                others.find_map(|(k, _)| inside(k, rule))
            }
            "required" => fails(
                value.is_object() && list().any(|key| value.get(key.as_str().unwrap()).is_none()),
            ),
            "items" => each(rule),
            "prefixItems" => list()
                .enumerate()
                .find_map(|(i, rule)| fault(rule, value.get(i)?, &format!("{at}[{i}]"))),
            "minItems" => fails(
                value
                    .as_array()
                    .is_some_and(|a| (a.len() as u64) < rule.as_u64().unwrap()),
            ),
            "maxItems" => fails(
                value
                    .as_array()
                    .is_some_and(|a| a.len() as u64 > rule.as_u64().unwrap()),
            ),
            "enum" => fails(list().all(|word| word != value)),
            "const" => fails(rule != value),
            "minimum" => fails(value.as_f64().is_some_and(|n| n < rule.as_f64().unwrap())),
            "maximum" => fails(value.as_f64().is_some_and(|n| n > rule.as_f64().unwrap())),
            "pattern" => {
                assert_eq!(rule, "^[0-9a-f]{64}$");
                let is_hex = |t: &str| t.len() == 64 && t.bytes().all(|b| b.is_ascii_hexdigit());
                fails(!value.as_str().is_some_and(is_hex))
            }
            "allOf" => list().find_map(|rule| fault(rule, value, at)),
            "anyOf" => fails(list().all(|rule| fault(rule, value, at).is_some())),
            "oneOf" => fails(
                list()
                    .filter(|rule| fault(rule, value, at).is_none())
                    .count()
                    != 1,
            ),
            other => panic!("{at}: what is {other}?"),
        }
    })
}

/// What a message of this entry says, as the file has it.
fn message(entry: &Entry) -> Value {
    serde_json::from_slice(&entry.what.to_json().unwrap()).unwrap()
}

/// Entries of real sessions and made-up ones: every kind is among them.
fn samples() -> Vec<Entry> {
    let mut all = entries();
    all.push(entry(0, What::Start(Box::new(start()))));
    all.extend(
        made_up()
            .into_iter()
            .map(|record| entry(1, told(0, 1, record))),
    );
    for name in ["garden.mcap", "two-processes.mcap"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("recordings")
            .join(name);
        let reader = Reader::open(&path).unwrap();
        all.extend(reader.entries(..).map(Result::unwrap));
    }
    all
}

/// What the recordings do not have: plans of every mode and form, and what goes with them.
fn made_up() -> Vec<Record> {
    let set = Cut::Set(vec![NodeId(1), NodeId(3)]);
    let modes = [
        Mode::Local,
        Mode::Remote,
        Mode::Split {
            cuts: vec![(Cut::Prefix(4), DeviceId(1)), (set, DeviceId(2))],
            tiles: 2,
        },
        Mode::Tensor {
            layers: vec![
                (NodeId(1), Shard::OutChannels(vec![0, 3, 9])),
                (NodeId(2), Shard::InChannels(vec![0, 3, 9])),
            ],
        },
        Mode::Data { shares: vec![1, 3] },
        Mode::Tile {
            segments: vec![(NodeId(7), vec![0, 20, 56])],
        },
    ];
    let cost = |plan: Plan| PlanCost {
        label: plan.label(),
        plan,
        latency_ns: 60_000_000,
        energy_j: Some(0.4),
        frames_per_s: 16.0,
        bytes_up: 1,
        bytes_down: 2,
        limit: "link".to_owned(),
        on_front: true,
    };
    let decision = |plan: &Plan, objective| {
        Record::Decision(Box::new(DecisionRecord {
            at: Nanos(1),
            policy: Spec {
                kind: PolicyKind::Deadline,
                objective,
            },
            epoch: Epoch(1),
            from: Plan::LOCAL,
            from_ns: Some(5),
            to: cost(plan.clone()),
            feasible: true,
            compared: vec![cost(plan.clone())],
            reasons: vec!["it is faster".to_owned()],
        }))
    };
    let plans = modes.map(|mode| Plan::of(mode).with_codec(Codec::Auto));
    let mut all: Vec<Record> = plans
        .iter()
        .map(|plan| decision(plan, Objective::Deadline { ms: 100.0 }))
        .collect();
    all.push(decision(&Plan::LOCAL, Objective::Energy));
    all.push(Record::IdleLevel(IdleLevel {
        source: "emulated".to_owned(),
        watts: Watts(3.9),
        from: Nanos(1),
        until: Nanos(2),
        covered_ns: 1,
        emulated: true,
    }));
    let lease = LeaseRecord {
        session: Some(1),
        name: None,
    };
    all.push(Record::Lease(lease));
    let pause = PauseRecord {
        at: Nanos(1),
        pause: Some(Pause {
            by: "ada".to_owned(),
            began: Nanos(1),
            until: Nanos(9),
            quiet_since: None,
        }),
    };
    all.push(Record::Pause(pause));
    all
}

#[test]
fn every_message_that_is_written_is_as_its_schema_says() {
    let mut left = kinds();
    for entry in samples() {
        let kind = entry.what.kind();
        let message = message(&entry);
        if let Some(fault) = fault(&schema_of(kind), &message, kind) {
            panic!("{fault}");
        }
        left.remove(kind);
    }
    assert_eq!(left, BTreeSet::new(), "kinds without a sample");
}

fn schema_of(kind: &str) -> Value {
    static ALL: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
        kinds()
            .into_iter()
            .map(|k| (k.clone(), schema(&k)))
            .collect()
    });
    ALL[kind].clone()
}

#[test]
fn a_message_of_another_form_is_not_as_its_schema_says() {
    let all = entries();
    let mut wrong = message(all.iter().find(|e| e.what.kind() == "frame").unwrap());
    let frame = schema("frame");
    assert_eq!(fault(&frame, &wrong, ""), None);
    let mut told = |change: &dyn Fn(&mut Value)| {
        let before = wrong.clone();
        change(&mut wrong["record"]["frame"]);
        let fault = fault(&frame, &wrong, "");
        wrong = before;
        fault.unwrap_or_default()
    };
    assert!(told(&|f| f["latency_ns"] = json!("long")).contains(".latency_ns: \"long\""));
    assert!(told(&|f| f["cut"] = Value::Null).contains(".cut: null"));
    assert!(told(&|f| f["outcome"] = json!("well")).contains("enum"));
    assert!(told(&|f| f["steps"]["kind"][0] = json!("sleep")).contains("[0]: \"sleep\""));
    assert!(told(&|f| f["other_tops"] = json!([[{ "class": 1 }]])).contains("required"));
    assert!(told(&|f| drop(f.as_object_mut().unwrap().remove("epoch"))).contains("epoch"));
}

/// A field is required, or left out where it has no value; never null.
#[test]
fn a_field_that_may_have_no_value_is_left_out_then() {
    fn look(schema: &Value, at: &str) {
        let nullable = |s: &Value| {
            let types = s["type"].as_array().into_iter().flatten();
            let forms = s["anyOf"].as_array().into_iter().flatten();
            types.into_iter().any(|t| t == "null") || forms.into_iter().any(|f| f["type"] == "null")
        };
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            let always = required.iter().any(|r| r == key);
            assert!(
                !(always && nullable(inner)),
                "{at}.{key} is written as null"
            );
            look(inner, &format!("{at}.{key}"));
        }
        for list in ["oneOf", "anyOf"] {
            for form in schema[list].as_array().into_iter().flatten() {
                look(form, at);
            }
        }
        if schema["items"].is_object() {
            look(&schema["items"], at);
        }
    }
    look(&generate::<Told>(), "told");
    look(&generate::<Greeting>(), "hello");
    look(&generate::<Meta>(), "meta");
    look(&generate::<Card>(), "summary");
    look(&generate::<Order>(), "command");
    look(&generate::<Gap>(), "gap");
}

/// What Foxglove's reader of schemas (`foxglove/mcap`, `typescript/support/src/parseJsonSchema.ts`) asks for.
fn is_taken(schema: &Value, at: &str) {
    assert_eq!(schema["type"], "object", "{at}");
    let fields = schema["properties"].as_object();
    for (key, field) in fields.unwrap_or_else(|| panic!("{at} has no properties")) {
        let at = format!("{at}.{key}");
        assert!(!field["oneOf"].is_array(), "{at}");
        let (field, kind) = match field["type"].as_str() {
            Some("array") => (&field["items"], field["items"]["type"].as_str()),
            kind => (field, kind),
        };
        match kind {
            Some("object") => is_taken(field, &at),
            Some("boolean" | "string" | "number" | "integer") => {}
            other => panic!("{at}: {other:?}"),
        }
    }
}

#[test]
fn viewers_take_every_schema_and_find_the_numbers_that_people_plot() {
    for kind in kinds() {
        is_taken(&schema(&kind), &kind);
        assert!(!description(&kind).contains("A worker's record"), "{kind}");
    }
    let at = |kind: &str, path: &[&str]| {
        let mut schema = &schema(kind);
        for key in path {
            schema = &schema["properties"][key];
        }
        schema["type"].clone()
    };
    assert_eq!(at("frame", &["record", "frame", "latency_ns"]), "integer");
    assert_eq!(
        at("frame", &["record", "frame", "parts", "uplink_ns"]),
        "integer"
    );
    assert_eq!(at("frame", &["record", "frame", "predicted_ns"]), "integer");
    assert_eq!(at("link", &["record", "link", "rtt_ns"]), "integer");
    assert_eq!(
        at("link_state", &["record", "link_state", "kernel", "rtt_us"]),
        "integer"
    );
    assert_eq!(
        at("power", &["record", "power", "samples", "watts"]),
        "array"
    );
}

#[test]
fn a_schema_names_the_formats_version_and_says_what_fields_are() {
    let frame = schema("frame");
    assert_eq!(frame["$id"], "urn:splitscope:session:1:frame");
    let fields = &frame["properties"]["record"]["properties"]["frame"]["properties"];
    let latency = &fields["latency_ns"]["description"];
    assert_eq!(latency, "From admission to the result on the robot.");
    let outcome = &fields["outcome"];
    assert_eq!(outcome["enum"], json!(["ok", "finished_locally", "failed"]));
    assert!(
        outcome["description"]
            .as_str()
            .unwrap()
            .contains("ok: Under its plan.")
    );
}

/// A field more that may be missing is no other format. Anything else is: raise `FORMAT`.
#[test]
fn the_schemas_have_not_changed() {
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/session_schemas_v1.json");
    let all: BTreeMap<String, Value> = kinds()
        .into_iter()
        .map(|k| (k.clone(), schema(&k)))
        .collect();
    let text = serde_json::to_string_pretty(&all).unwrap() + "\n";
    if std::env::var_os("SPLITSCOPE_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        stored, text,
        "SPLITSCOPE_WRITE_GOLDEN=1 writes it; a change of meaning raises FORMAT"
    );
}
