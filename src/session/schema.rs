//! A JSON Schema for each channel, without which viewers refuse a file: made from the types that the messages are written
//! from, under a sentence that says what the channel is. Units are in the fields' names, or in their sentences.
//!
//! Viewers (Foxglove's own reader of schemas) take less than JSON Schema has: one `type` to a field, the `properties` of
//! every object and the `items` of every list. What cannot be said so (a value that has one of several forms, a list of
//! lists) stands beside it under `allOf`, which they pass over. A field that has no value is not written at all, never
//! null, so that an optional number is a number wherever it stands.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::card::Card;
use super::entry::{
    Answer, FORMAT, Gap, Greeting, Left, Lost, Marker, Meta, Missed, Notice, Order, Start, Target,
    Told,
};

type Fields = Map<String, Value>;

/// What a channel holds, for a person who finds the file in ten years.
fn description(kind: &str) -> &'static str {
    match kind {
        "start" => {
            "The recording begins: format, program, and the console's clock (`at`, ns) beside the wall clock."
        }
        "meta" => "What a person said of the session; the newest message holds.",
        "target" => {
            "A worker that the console attached to; the number in the other channels' names."
        }
        "hello" => {
            "A worker's first words on a connection: version, role, boot, engine, model graph."
        }
        "frame" => {
            "One inference on the robot's clock. Durations in ns; the five parts sum to latency_ns. Steps are stored by \
             column."
        }
        "server_frame" => "A server's part of one frame, on the server's clock. Durations in ns.",
        "link" => {
            "Payload that arrived each way in one window (bytes), and for how long a transfer was under way (ns)."
        }
        "event" => "Something a person should know, as a worker said it.",
        "plan" => "The plan in effect.",
        "switch" => "A step of a change of plan.",
        "peer" => {
            "How the data link to another worker stands; its clock's offset and error bound in ns."
        }
        "lease" => "Who may command.",
        "input" => "The picture source, counted since the worker's start.",
        "model" => "The model: its graph and where its weights came from.",
        "power_sources" => "What power is measured with, and what is absent and why.",
        "power" => "Samples of a power source by column: rail, time (ns, worker's clock), V, A, W.",
        "host" => {
            "The machine: load (0 to 1), clocks (Hz), memory (bytes), temperatures (degrees C), Wi-Fi."
        }
        "prediction" => {
            "What plans would cost at a moment: predicted from the devices and the link as they were believed then."
        }
        "decision" => "A policy changed the plan: what was compared (predicted), and why it won.",
        "link_state" => {
            "What the kernel says of a link, what waits to be sent, and what a policy believes of its rate."
        }
        "telemetry_share" => {
            "What telemetry takes of the link (bits a second), and what attached consoles do to frames."
        }
        "pause" => "Whether the robot admits frames.",
        "idle_level" => "What the robot takes while it does nothing (W), measured in a pause.",
        "missed" => "Batches that a worker could not send because the console read too slowly.",
        "reply" => "The answer to a command.",
        "command" => "A command that the console sent. Never with a proof of the token.",
        "lost" => "A connection ended, or did not come about.",
        "marker" => "A person marked this moment; stamped when the key was pressed.",
        "notice" => "The console had something to say.",
        "gap" => "Batches of telemetry that can no longer be had, by their numbers.",
        "left" => "What the recorder itself left out, and why.",
        "summary" => {
            "The catalogue card of what was recorded up to here; everything in it derives from the rest."
        }
        _ => "A worker's record.",
    }
}

/// The schema of a kind's channels.
pub(super) fn of(kind: &str) -> String {
    let schema = of_console(kind).or_else(|| RECORDS.get(kind).cloned());
    let mut schema = schema.unwrap_or_else(|| json!({ "type": "object", "properties": {} }));
    if let Some(fields) = schema.as_object_mut() {
        let id = format!("urn:splitscope:session:{FORMAT}:{kind}");
        let draft = "https://json-schema.org/draft/2020-12/schema";
        fields.insert("$schema".to_owned(), json!(draft));
        fields.insert("$id".to_owned(), json!(id));
        fields.insert("title".to_owned(), json!(format!("splitscope.{kind}")));
        fields.insert("description".to_owned(), json!(description(kind)));
    }
    schema.to_string()
}

/// What the console itself writes.
fn of_console(kind: &str) -> Option<Value> {
    Some(match kind {
        "start" => of_type::<Start>(),
        "meta" => of_type::<Meta>(),
        "target" => of_type::<Target>(),
        "hello" => of_type::<Greeting>(),
        "missed" => of_type::<Missed>(),
        "reply" => of_type::<Answer>(),
        "command" => of_type::<Order>(),
        "lost" => of_type::<Lost>(),
        "marker" => of_type::<Marker>(),
        "notice" => of_type::<Notice>(),
        "gap" => of_type::<Gap>(),
        "left" => of_type::<Left>(),
        "summary" => of_type::<Card>(),
        _ => return None,
    })
}

/// What workers tell, by the name of each record: a message holds one of them.
static RECORDS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let told = generate::<Told>();
    let forms = told["properties"]["record"]["oneOf"].as_array().cloned();
    let each = forms.unwrap_or_default().into_iter().filter_map(|form| {
        let kind = form["properties"].as_object()?.keys().next()?.clone();
        let mut message = told.clone();
        *message.get_mut("properties")?.get_mut("record")? = form;
        Some((kind, readable(message)))
    });
    each.collect()
});

fn of_type<T: JsonSchema>() -> Value {
    readable(generate::<T>())
}

/// The schema of what is written, everything in its place.
fn generate<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.inline_subschemas = true;
    SchemaGenerator::new(settings)
        .into_root_schema_for::<T>()
        .to_value()
}

/// The same schema in a form that viewers take.
fn readable(schema: Value) -> Value {
    let Value::Object(mut fields) = schema else {
        return schema;
    };
    for inward in ["$schema", "title", "default", "additionalProperties"] {
        // Later versions may write more; only a map says what its values are.
        let is_map = fields.get(inward).is_some_and(Value::is_object);
        if !(inward == "additionalProperties" && is_map) {
            fields.remove(inward);
        }
    }
    for list in ["oneOf", "anyOf", "prefixItems"] {
        if let Some(Value::Array(forms)) = fields.get_mut(list) {
            for form in forms {
                *form = readable(form.take());
            }
        }
    }
    for one in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(one) {
            *inner = readable(inner.take());
        }
    }
    words(&mut fields);
    if let Some(Value::Array(forms)) = fields.get("oneOf")
        && let Some(merged) = one_object(forms)
    {
        fields.remove("oneOf");
        fields.extend(merged);
    }
    if fields.get("type") == Some(&json!("object")) {
        divide(&mut fields);
    }
    Value::Object(fields)
}

/// A field without a value is not written: nobody reads null. A list's element without one is.
fn without_null(fields: &mut Fields) {
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            fields.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(forms)) = fields.get_mut("anyOf") {
        forms.retain(|form| form["type"] != "null");
        if let [Value::Object(only)] = &forms[..] {
            let only = only.clone();
            fields.remove("anyOf");
            for (key, value) in only {
                // The field's own sentence says more than its type's.
                fields.entry(key).or_insert(value);
            }
        }
    }
}

/// One of several words, each with its sentence.
fn words(fields: &mut Fields) {
    let Some(Value::Array(forms)) = fields.get("oneOf") else {
        return;
    };
    let mut all = Vec::new();
    let mut sentences = Vec::new();
    for form in forms {
        let one = form.get("const").cloned().into_iter();
        let some = form["enum"].as_array().cloned().unwrap_or_default();
        let some: Vec<Value> = one.chain(some).collect();
        if form["type"] != "string" || some.is_empty() {
            return;
        }
        if let (Some(sentence), [word]) = (form["description"].as_str(), &some[..]) {
            sentences.push(format!("{}: {sentence}", word.as_str().unwrap_or_default()));
        }
        all.extend(some);
    }
    let about = fields.get("description").and_then(Value::as_str);
    let about = about.map(str::to_owned).into_iter().chain(sentences);
    let about = about.collect::<Vec<_>>().join(" ");
    fields.remove("oneOf");
    fields.insert("type".to_owned(), json!("string"));
    fields.insert("enum".to_owned(), Value::Array(all));
    fields.insert("description".to_owned(), json!(about));
}

/// Forms that are objects with one field each, as one object of which one field is there.
fn one_object(forms: &[Value]) -> Option<Fields> {
    let mut properties = Map::new();
    let mut choices = Vec::new();
    for form in forms {
        let inside = form["properties"].as_object()?;
        let required = form["required"].as_array().filter(|r| r.len() == 1)?;
        let aside = form["allOf"][0]["properties"].as_object();
        properties.extend(inside.clone());
        properties.extend(aside.cloned().unwrap_or_default());
        choices.push(json!({ "required": required }));
    }
    let merged = json!({
        "type": "object",
        "properties": properties,
        "allOf": [{ "oneOf": choices }],
    });
    merged.as_object().cloned()
}

/// Puts an object's fields that viewers do not take beside the others.
fn divide(fields: &mut Fields) {
    let properties = match fields.remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    let readable = properties.into_iter().map(|(key, mut value)| {
        if let Value::Object(field) = &mut value {
            without_null(field);
        }
        (key, readable(value))
    });
    let (plain, others): (Fields, Fields) = readable.partition(|(_, value)| is_plain(value));
    fields.insert("properties".to_owned(), Value::Object(plain));
    if !others.is_empty() {
        let aside = json!({ "properties": others });
        match fields.get_mut("allOf") {
            Some(Value::Array(all)) => all.push(aside),
            _ => {
                fields.insert("allOf".to_owned(), json!([aside]));
            }
        }
    }
}

/// Whether a viewer takes it as a field.
fn is_plain(field: &Value) -> bool {
    let simple = |value: &Value| {
        let kinds = ["boolean", "string", "number", "integer", "object"];
        value["type"]
            .as_str()
            .is_some_and(|kind| kinds.contains(&kind))
            && !value["oneOf"].is_array()
    };
    simple(field) || field["type"] == "array" && simple(&field["items"])
}

#[cfg(test)]
mod tests;
