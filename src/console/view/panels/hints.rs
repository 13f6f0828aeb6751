//! The keys that matter and work now, in the last line; each is a place to click.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::app::screens::charts;
use crate::console::app::{Action, Key, Pick, Scope, Screen, Typed};
use crate::console::view::Scene;
use crate::console::view::widgets::text;

/// What stands at the end of every line of hints.
const LEAVE: [Action; 2] = [Action::Help, Action::Quit];

/// Whether a hint stays whatever gives way: the ends of the line, and the way out of what lies over the screen.
const fn stays(own: Scope, action: Action) -> bool {
    match action {
        Action::Chart(charts::Do::Look) => matches!(own, Scope::Chart),
        Action::Help | Action::Quit | Action::Pick(Pick::Close) | Action::Search(Typed::Drop) => {
            true
        }
        _ => false,
    }
}

pub(in crate::console::view) fn render(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let [own, anywhere] = scene.app.scopes();
    let live = scene.app.deck().is_live();
    // The list of recordings has no time of its own.
    let time = !live && matches!(own, Scope::On(screen) if screen != Screen::Sessions);
    let own = if time { Scope::Time } else { own };
    let keymap = scene.app.keymap();
    let taken: Vec<Key> = keymap.of(own).flat_map(|row| row.keys).copied().collect();
    let shared = keymap.of(anywhere).filter(|row| match own {
        // A question stands: these are its keys, and there already.
        Scope::Anywhere => false,
        Scope::Palette | Scope::Search => false,
        Scope::Picker => LEAVE.contains(&row.entry.action),
        Scope::Chart => row.entry.hint.is_some_and(|h| h.narrow),
        Scope::On(_) | Scope::Time => {
            // Nothing is sent to a worker from another time, and a key that the screen has means what it means there.
            let works = live || !row.entry.action.commands();
            works && row.keys.first().is_none_or(|key| !taken.contains(key))
        }
    });
    let room = usize::from(area.width);
    let mut hints: Vec<(String, &str, Action, bool)> = keymap
        .of(own)
        .chain(shared)
        .filter(|row| scene.app.offers(row.entry.action, scene.now))
        .filter_map(|row| {
            let hint = row.entry.hint.as_ref()?;
            let keys = keymap.hint_keys(&row, hint);
            Some((keys, hint.word, row.entry.action, hint.narrow))
        })
        .collect();
    let width = |hints: &[(String, &str, Action, bool)], gap: usize| -> usize {
        let one = |h: &(String, &str, Action, bool)| text::width(&h.0) + text::width(h.1) + 1 + gap;
        hints.iter().map(one).sum()
    };
    // The less important ones give way, the last first.
    while width(&hints, 1) > room {
        let least = hints.iter().rposition(|h| !h.3);
        match least.or_else(|| hints.iter().rposition(|h| !stays(own, h.2))) {
            Some(least) => drop(hints.remove(least)),
            None => break,
        }
    }
    let gap = if width(&hints, 2) <= room { 2 } else { 1 };
    let mut x = area.x + 1;
    for (keys, word, action, _) in hints {
        let line = Line::from(vec![
            Span::styled(keys, scene.theme.key()),
            Span::raw(format!(" {word}")),
        ]);
        let taken = (line.width() as u16).min(area.right().saturating_sub(x));
        buf.set_line(x, area.y, &line, taken);
        scene.target(Rect::new(x, area.y, taken, 1), action);
        x = (x + taken + gap as u16).min(area.right());
    }
}
