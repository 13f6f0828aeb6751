//! What a session file holds: entries in the order of time, each with its kind's own channel in the file.
//!
//! Raw values only, as the workers told them; what can be derived is derived where it is shown. The one exception is
//! [`What::Summary`], a catalogue card at the end of a file, so that a list of sessions need not read them whole.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::card::Card;
use crate::units::{BootId, Nanos};
use crate::wire::Level;
use crate::wire::Record;
use crate::wire::console::{Command, CommandMessage, Reply, WorkerHello};

/// The version of the stored format. A reader refuses a file of a later one.
pub const FORMAT: u32 = 1;

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When this console had it, on its monotonic clock.
    pub at: Nanos,
    /// The same for people: milliseconds since 1970. In a file it follows `at` from the session's start on, so that a
    /// clock that is set meanwhile bends nothing.
    pub unix_ms: u64,
    /// What.
    pub what: What,
}

/// What happened. Targets are numbered as the console lists them.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The recording begins.
    Start(Box<Start>),
    /// What a person said of the session; the newest holds.
    Meta(Box<Meta>),
    /// A worker that the console attaches to.
    Target(Target),
    /// A worker's first words on a connection.
    Hello(Greeting),
    /// A worker's record.
    Record(Told),
    /// Batches that a worker could not send because this console read too slowly.
    Missed(Missed),
    /// The answer to a command.
    Reply(Answer),
    /// A command that this console sent.
    Command(Order),
    /// A connection ended, or did not come about.
    Lost(Lost),
    /// A person marked this moment.
    Marker(Marker),
    /// The console had something to say.
    Notice(Notice),
    /// Telemetry that can no longer be had.
    Gap(Gap),
    /// The recorder itself left something out.
    Left(Left),
    /// The catalogue card of what was recorded up to here.
    Summary(Box<Card>),
}

/// How a recording begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// [`FORMAT`].
    pub format: u32,
    /// The recording program's version.
    pub version: String,
    /// The console's monotonic clock at the start.
    pub at: Nanos,
    /// The wall clock at the same moment, milliseconds since 1970.
    pub unix_ms: u64,
    /// Who recorded: `user@host`.
    pub console: String,
}

/// What a person says of a session. What nobody said is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Meta {
    /// A name for the list of sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Which robot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub robot: Option<String>,
    /// Who was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Whatever shall be remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The access point's address; where it is none, the robot's host records tell what they know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wifi_bssid: Option<String>,
    /// Its channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wifi_channel: Option<String>,
    /// Which battery, how full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<String>,
    /// The weather.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weather: Option<String>,
    /// Which of these fields no person said: the worker whose system told it, by the field's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub read_from: BTreeMap<String, String>,
}

/// A worker that the console attaches to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// Its number.
    pub target: u16,
    /// `ws://HOST:PORT`.
    pub address: String,
}

/// A worker's first words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Greeting {
    /// Who.
    pub target: u16,
    /// What it said.
    pub hello: Box<WorkerHello>,
}

/// One record with the batch it came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// Who told it.
    pub target: u16,
    /// That worker's start; with `seq` it names the batch for good.
    pub boot: BootId,
    /// The batch.
    pub seq: u64,
    /// The worker's clock when the batch was sent.
    pub sent: Nanos,
    /// What it told.
    pub record: Record,
}

/// Batches that a worker could not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missed {
    /// Which worker.
    pub target: u16,
    /// How many so far on this connection.
    pub batches: u64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// Who answers.
    pub target: u16,
    /// What.
    pub reply: Reply,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// To whom.
    pub target: u16,
    /// What. Never with a proof of the token inside: [`Order::new`] takes it out.
    pub message: CommandMessage,
}

/// The end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lost {
    /// Whose.
    pub target: u16,
    /// Why.
    pub reason: String,
}

/// A marked moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Marker {
    /// What was typed; may be empty.
    pub text: String,
}

/// The console's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// How bad.
    pub level: Level,
    /// A sentence.
    pub text: String,
}

/// Batches that can no longer be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Whose.
    pub target: u16,
    /// That worker's start.
    pub boot: BootId,
    /// The first batch missing.
    pub from_seq: u64,
    /// The last batch missing; none where nobody knows how many there were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_seq: Option<u64>,
}

/// What the recorder left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// The first entry left out, on the console's clock.
    pub from: Nanos,
    /// The last one.
    pub to: Nanos,
    /// How many.
    pub entries: u64,
    /// Why.
    pub reason: String,
}

impl Order {
    /// A command as it may be stored: without the proof of a token.
    pub fn new(target: u16, mut message: CommandMessage) -> Self {
        if let Command::TakeControl { proof, .. } = &mut message.command {
            *proof = None;
        }
        Self { target, message }
    }
}

impl Meta {
    /// The fields with their names, in the order that they are shown.
    pub fn fields(&self) -> [(&'static str, Option<&str>); 9] {
        [
            ("name", self.name.as_deref()),
            ("place", self.place.as_deref()),
            ("robot", self.robot.as_deref()),
            ("operator", self.operator.as_deref()),
            ("notes", self.notes.as_deref()),
            ("wifi_bssid", self.wifi_bssid.as_deref()),
            ("wifi_channel", self.wifi_channel.as_deref()),
            ("battery", self.battery.as_deref()),
            ("weather", self.weather.as_deref()),
        ]
    }

    /// The same fields, to be written.
    pub fn fields_mut(&mut self) -> [(&'static str, &mut Option<String>); 9] {
        [
            ("name", &mut self.name),
            ("place", &mut self.place),
            ("robot", &mut self.robot),
            ("operator", &mut self.operator),
            ("notes", &mut self.notes),
            ("wifi_bssid", &mut self.wifi_bssid),
            ("wifi_channel", &mut self.wifi_channel),
            ("battery", &mut self.battery),
            ("weather", &mut self.weather),
        ]
    }

    /// This with whatever `newer` says in place of the old; an empty text takes a field back.
    #[must_use]
    pub fn with(self, newer: &Self) -> Self {
        let newest = |old: Option<String>, new: &Option<String>| match new {
            Some(text) if text.is_empty() => None,
            Some(text) => Some(text.clone()),
            None => old,
        };
        let mut read_from = self.read_from;
        for (field, text) in newer.fields() {
            if text.is_some() {
                read_from.remove(field);
            }
        }
        read_from.extend(newer.read_from.clone());
        Self {
            name: newest(self.name, &newer.name),
            place: newest(self.place, &newer.place),
            robot: newest(self.robot, &newer.robot),
            operator: newest(self.operator, &newer.operator),
            notes: newest(self.notes, &newer.notes),
            wifi_bssid: newest(self.wifi_bssid, &newer.wifi_bssid),
            wifi_channel: newest(self.wifi_channel, &newer.wifi_channel),
            battery: newest(self.battery, &newer.battery),
            weather: newest(self.weather, &newer.weather),
            read_from,
        }
    }

    /// Whose system told a field; none where a person said it, or nobody.
    pub fn read_from(&self, field: &str) -> Option<&str> {
        self.read_from.get(field).map(String::as_str)
    }

    /// The fields that somebody said or a system told, as people read them: `BAT0 62 % (read from robot nx)`.
    pub fn told(&self) -> Vec<(&'static str, String)> {
        let said = self.fields().into_iter();
        let said = said.filter_map(|(field, text)| Some((field, text?)));
        said.map(|(field, text)| match self.read_from(field) {
            Some(who) => (field, format!("{text} (read from {who})")),
            None => (field, text.to_owned()),
        })
        .collect()
    }
}

/// The name of a record's channel: the record's own name in JSON.
const fn record_kind(record: &Record) -> &'static str {
    match record {
        Record::Frame(_) => "frame",
        Record::ServerFrame(_) => "server_frame",
        Record::Link(_) => "link",
        Record::Event(_) => "event",
        Record::Plan(_) => "plan",
        Record::Switch(_) => "switch",
        Record::Peer(_) => "peer",
        Record::Lease(_) => "lease",
        Record::Input(_) => "input",
        Record::Model(_) => "model",
        Record::PowerSources(_) => "power_sources",
        Record::Power(_) => "power",
        Record::Host(_) => "host",
        Record::Prediction(_) => "prediction",
        Record::Decision(_) => "decision",
        Record::LinkState(_) => "link_state",
        Record::TelemetryShare(_) => "telemetry_share",
        Record::Pause(_) => "pause",
        Record::IdleLevel(_) => "idle_level",
    }
}

impl What {
    /// The name of its channel in the file, without the target: `frame`, `marker`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Meta(_) => "meta",
            Self::Target(_) => "target",
            Self::Hello(_) => "hello",
            Self::Record(told) => record_kind(&told.record),
            Self::Missed(_) => "missed",
            Self::Reply(_) => "reply",
            Self::Command(_) => "command",
            Self::Lost(_) => "lost",
            Self::Marker(_) => "marker",
            Self::Notice(_) => "notice",
            Self::Gap(_) => "gap",
            Self::Left(_) => "left",
            Self::Summary(_) => "summary",
        }
    }

    /// Which worker it is about; none for what is the console's own.
    pub const fn target(&self) -> Option<u16> {
        match self {
            Self::Target(t) => Some(t.target),
            Self::Hello(h) => Some(h.target),
            Self::Record(r) => Some(r.target),
            Self::Missed(m) => Some(m.target),
            Self::Reply(a) => Some(a.target),
            Self::Command(o) => Some(o.target),
            Self::Lost(l) => Some(l.target),
            Self::Gap(g) => Some(g.target),
            Self::Start(_)
            | Self::Meta(_)
            | Self::Marker(_)
            | Self::Notice(_)
            | Self::Left(_)
            | Self::Summary(_) => None,
        }
    }

    /// Its JSON, as the file has it.
    ///
    /// # Errors
    /// A number that JSON cannot say.
    pub(super) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Start(body) => serde_json::to_vec(body),
            Self::Meta(body) => serde_json::to_vec(body),
            Self::Target(body) => serde_json::to_vec(body),
            Self::Hello(body) => serde_json::to_vec(body),
            Self::Record(body) => serde_json::to_vec(body),
            Self::Missed(body) => serde_json::to_vec(body),
            Self::Reply(body) => serde_json::to_vec(body),
            Self::Command(body) => serde_json::to_vec(body),
            Self::Lost(body) => serde_json::to_vec(body),
            Self::Marker(body) => serde_json::to_vec(body),
            Self::Notice(body) => serde_json::to_vec(body),
            Self::Gap(body) => serde_json::to_vec(body),
            Self::Left(body) => serde_json::to_vec(body),
            Self::Summary(body) => serde_json::to_vec(body),
        }
    }

    /// What a channel's message says.
    ///
    /// # Errors
    /// JSON that is no such message.
    pub(super) fn from_json(kind: &str, json: &[u8]) -> serde_json::Result<Self> {
        Ok(match kind {
            "start" => Self::Start(serde_json::from_slice(json)?),
            "meta" => Self::Meta(serde_json::from_slice(json)?),
            "target" => Self::Target(serde_json::from_slice(json)?),
            "hello" => Self::Hello(serde_json::from_slice(json)?),
            "missed" => Self::Missed(serde_json::from_slice(json)?),
            "reply" => Self::Reply(serde_json::from_slice(json)?),
            "command" => Self::Command(serde_json::from_slice(json)?),
            "lost" => Self::Lost(serde_json::from_slice(json)?),
            "marker" => Self::Marker(serde_json::from_slice(json)?),
            "notice" => Self::Notice(serde_json::from_slice(json)?),
            "gap" => Self::Gap(serde_json::from_slice(json)?),
            "left" => Self::Left(serde_json::from_slice(json)?),
            "summary" => Self::Summary(serde_json::from_slice(json)?),
            _ => Self::Record(serde_json::from_slice(json)?),
        })
    }
}
