//! A JSON Schema for each channel, without which viewers refuse a file: the shape of the channel's first message, under a
//! sentence that says what the channel is. Units are in the fields' names, or in that sentence.

use serde_json::{Map, Value, json};

/// Objects inside objects that are described; deeper ones are only objects.
const DEPTH: usize = 6;

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

/// The schema of a channel whose first message this is.
pub(super) fn of(kind: &str, first: &[u8]) -> String {
    let mut schema = match serde_json::from_slice::<Value>(first) {
        Ok(value) => shape(&value, DEPTH),
        Err(_) => json!({ "type": "object" }),
    };
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".to_owned(), json!(format!("splitscope.{kind}")));
        fields.insert("description".to_owned(), json!(description(kind)));
    }
    schema.to_string()
}

fn shape(value: &Value, depth: usize) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(n) if n.is_f64() => json!({ "type": "number" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::String(_) => json!({ "type": "string" }),
        Value::Array(items) => match items.first() {
            Some(first) if depth > 0 => {
                json!({ "type": "array", "items": shape(first, depth - 1) })
            }
            _ => json!({ "type": "array" }),
        },
        Value::Object(fields) if depth > 0 => {
            let shapes = fields.iter().map(|(k, v)| (k.clone(), shape(v, depth - 1)));
            json!({ "type": "object", "properties": shapes.collect::<Map<_, _>>() })
        }
        Value::Object(_) => json!({ "type": "object" }),
    }
}
