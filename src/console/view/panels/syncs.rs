//! The layer table of modes that divide operators: both sides' computing, and what joining took (`TP.sync`).
//!
//! ```text
//!   layers ends with           robot server    bytes   sync   wait   wire concat
//!    23-28 features.4.conv.0.2  4.01   0.95   1.8 MB   94.1   2.10   91.0   1.00
//! ```

use std::collections::BTreeMap;

use ratatui::text::{Line, Span};

use crate::console::view::theme::{Part, Theme};
use crate::console::view::widgets::text;
use crate::model::Node;
use crate::store::{Store, SyncTime};
use crate::units::{Bytes, DeviceId};

/// Columns without the name: number, robot, server, bytes, total, wait, wire, concat.
const FIXED: usize = 9 + 1 + 7 + 7 + 9 + 7 + 7 + 7 + 7;
/// Without the parts of the sync, for narrow screens.
const NARROW: usize = 9 + 1 + 7 + 7;

/// Whether the table is about syncs: frames of this epoch have some.
pub(in crate::console::view) fn apply(store: &Store) -> bool {
    store.syncs().frame().is_some()
}

/// The share of the latency, for the panel's title.
pub(in crate::console::view) fn title(store: &Store) -> Option<String> {
    let (time, latency) = store.syncs().frame()?;
    let total = time.total_ns();
    let percent = total.saturating_mul(100) / latency.max(1);
    let (total, latency) = (text::ms(total), text::ms(latency));
    Some(format!("TP.sync {total} ms, {percent} % of {latency} ms"))
}

/// What it was spent on, for the panel's foot.
pub(in crate::console::view) fn foot(store: &Store) -> Option<String> {
    let (time, _) = store.syncs().frame()?;
    let packing = store.packings().all();
    let packed = packing.map_or_else(String::new, |p| format!(" {}", text::packing(p)));
    Some(format!(
        "wait {} + wire {} + concat {} ms  {} a frame{packed}",
        text::ms(time.wait_ns),
        text::ms(time.wire_ns),
        text::ms(time.concat_ns),
        Bytes(time.bytes)
    ))
}

/// The names of the columns, over a table `width` columns wide.
pub(in crate::console::view) fn heading(
    store: &Store,
    width: usize,
    theme: Theme,
) -> Line<'static> {
    let is_packed = store.packings().all().is_some();
    let bytes = if is_packed { "packed" } else { "bytes" };
    let (name, narrow) = name_width(width);
    let operator = format!("  layers {:<name$} ", text::head("ends with (in ms)", name));
    let words: &[(&str, usize)] = if narrow {
        &[("robot", 6), ("sync", 6)]
    } else {
        &[
            ("robot", 6),
            ("server", 6),
            (bytes, 8),
            ("sync", 6),
            ("wait", 6),
            ("wire", 6),
            ("concat", 6),
        ]
    };
    let words = words.iter().map(|(word, width)| format!("{word:>width$} "));
    Line::styled(operator + &words.collect::<String>(), theme.faint())
}

const fn name_width(width: usize) -> (usize, bool) {
    if width >= FIXED + 12 {
        (width - FIXED, false)
    } else {
        (width.saturating_sub(NARROW), true)
    }
}

/// A layer's row: the operators since the join before, up to the one that is joined.
pub(in crate::console::view) fn layer(
    store: &Store,
    nodes: &[Node],
    width: usize,
    theme: Theme,
) -> Line<'static> {
    let (room, narrow) = name_width(width);
    let mut times: BTreeMap<DeviceId, i64> = BTreeMap::new();
    for median in nodes.iter().flat_map(|n| store.operators().medians(n.id)) {
        let sum = times.entry(median.device).or_default();
        *sum = sum.saturating_add(median.ns);
    }
    let robot = times.remove(&DeviceId::ROBOT);
    // Servers work side by side: the slowest counts.
    let server = times.into_values().max();
    let (first, last) = (nodes.first(), nodes.last());
    let sync = last.and_then(|node| store.syncs().node(node.id));
    let name = last.map_or("", |node| &node.name);
    let name = text::tail(name, room);
    let missing = " ".repeat(room.saturating_sub(text::width(&name)));
    let number = |node: Option<&Node>| node.map_or(0, |n| n.id.0.saturating_sub(1));
    let index = match (number(first), number(last)) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    let ms = |ns: Option<i64>| ns.map_or_else(|| "-".to_owned(), text::ms);
    let part = |of: fn(&SyncTime) -> i64| match &sync {
        Some(time) => format!("{:>6} ", text::ms(of(time))),
        None => " ".repeat(7),
    };
    let mut spans = vec![
        Span::styled(format!("{index:>8} "), theme.faint()),
        Span::raw(format!("{name}{missing} ")),
        Span::styled(format!("{:>6} ", ms(robot)), theme.part(Part::Robot)),
    ];
    if narrow {
        spans.push(Span::styled(part(SyncTime::total_ns), theme.strong()));
        return Line::from(spans);
    }
    // Where a codec is at work, what goes over the wire: 1.8 MB x1.9 would not fit.
    let packed = last.and_then(|node| store.packings().node(node.id));
    let bytes = sync.map(|time| packed.map_or(time.bytes, |p| p.wire_bytes));
    let bytes = bytes.map_or_else(String::new, |bytes| Bytes(bytes).to_string());
    spans.push(Span::styled(
        format!("{:>6} ", ms(server)),
        theme.part(Part::Server),
    ));
    spans.push(Span::raw(format!("{bytes:>8} ")));
    spans.push(Span::styled(part(SyncTime::total_ns), theme.strong()));
    spans.push(Span::styled(part(|t| t.wait_ns), theme.part(Part::Wait)));
    spans.push(Span::styled(part(|t| t.wire_ns), theme.part(Part::Uplink)));
    spans.push(Span::styled(part(|t| t.concat_ns), theme.part(Part::Robot)));
    Line::from(spans)
}
