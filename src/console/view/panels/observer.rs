//! What watching costs the robot's frames, in words: `console +0.2 % [-0.4, 0.7] of 43.1 ms (212 with, 88 without)`.

use std::fmt::Write as _;

use ratatui::text::Line;

use crate::console::view::widgets::text;
use crate::console::view::{Scene, Theme};
use crate::store::Store;
use crate::wire::ObserverEffect;

/// What a console may cost: 1 % of the median latency.
const AIM_PPM: i64 = 10_000;

/// In at most `width` columns; nothing where no robot told of it.
pub(in crate::console::view) fn lines(scene: &Scene, width: usize) -> Vec<Line<'static>> {
    let Some((effect, now)) = scene.store.and_then(told) else {
        return Vec::new();
    };
    let mut words = words(effect, now);
    if effect.alone.frames == 0 && scene.app.deck().is_live() {
        words += " (o steps away for 15 s)";
    }
    wrapped(effect, &words, scene.theme, width)
}

/// The same of any worker, where no key of it works.
pub(in crate::console::view) fn lines_of(
    store: &Store,
    theme: Theme,
    width: usize,
) -> Vec<Line<'static>> {
    told(store).map_or_else(Vec::new, |(effect, now)| {
        wrapped(effect, &words(effect, now), theme, width)
    })
}

fn wrapped(effect: &ObserverEffect, words: &str, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let style = match effect.change {
        Some(_) if effect.is_unsteady => theme.faint(),
        Some(change) if change.low_ppm > AIM_PPM => theme.warning(),
        Some(_) => theme.text(),
        None => theme.faint(),
    };
    let lines = text::wrapped(words, width).into_iter();
    lines.map(|line| Line::styled(line, style)).collect()
}

/// With how long ago the newest frame without a console was.
fn told(store: &Store) -> Option<(&ObserverEffect, Option<i64>)> {
    let share = store.telemetry()?;
    let effect = share.observer.as_ref()?;
    let age_ns = effect.alone.newest.map(|newest| share.at.since(newest));
    Some((effect, age_ns))
}

fn words(effect: &ObserverEffect, age_ns: Option<i64>) -> String {
    let (alone, watched) = (&effect.alone, &effect.watched);
    let Some(change) = effect.change else {
        let why = match (alone.frames, watched.frames) {
            (0, _) => "no frame without a console in this plan".to_owned(),
            (_, 0) => "the console came just now".to_owned(),
            (alone, watched) => format!("only {alone} frames without a console, {watched} with"),
        };
        return format!("console's cost not known yet: {why}");
    };
    let percent = |ppm: i64| ppm as f64 / 1e4;
    let mut words = format!(
        "console {:+.1} % [{:.1}, {:.1}]",
        percent(change.ppm),
        percent(change.low_ppm),
        percent(change.high_ppm)
    );
    if let Some(median_ns) = alone.median_ns {
        let _ = write!(words, " of {} ms", text::ms(median_ns));
    }
    let _ = write!(words, " ({} with, {} without", watched.frames, alone.frames);
    if let Some(age_ns) = age_ns {
        let _ = write!(words, ", {} ago", text::age(age_ns));
    }
    words.push(')');
    if effect.is_unsteady {
        words += ": latencies drift by themselves, so this tells little";
    } else if change.low_ppm > AIM_PPM {
        words += ": more than 1 %";
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Epoch, Nanos};
    use crate::wire::{FrameGroup, RelativeChange};

    const fn group(frames: u32, median_ns: Option<i64>) -> FrameGroup {
        FrameGroup {
            frames,
            median_ns,
            newest: Some(Nanos(0)),
        }
    }

    #[test]
    fn what_is_not_known_is_said_and_never_a_zero() {
        let mut effect = ObserverEffect {
            epoch: Epoch(3),
            alone: FrameGroup::default(),
            watched: group(30, Some(43_100_000)),
            change: None,
            is_unsteady: false,
            emulated: false,
        };
        assert_eq!(
            words(&effect, None),
            "console's cost not known yet: no frame without a console in this plan"
        );
        effect.alone = group(88, Some(43_100_000));
        effect.change = Some(RelativeChange {
            ppm: 2_000,
            low_ppm: -4_000,
            high_ppm: 7_000,
        });
        assert_eq!(
            words(&effect, Some(200_000_000_000)),
            "console +0.2 % [-0.4, 0.7] of 43.1 ms (30 with, 88 without, 3 min ago)"
        );
        effect.change = Some(RelativeChange {
            ppm: 20_000,
            low_ppm: 15_000,
            high_ppm: 25_000,
        });
        assert!(words(&effect, None).ends_with("88 without): more than 1 %"));
        effect.is_unsteady = true;
        assert!(words(&effect, None).ends_with("drift by themselves, so this tells little"));
    }
}
