//! How charts are looked at, on whichever screen they stand: one time scale and one crosshair for all, so that what
//! stands above each other happened at once; an axis of its own for each. Pure.

use super::super::App;
use super::Screen;
use crate::power::Counts;
use crate::store::{Bucket, Store, Trend, Window};
use crate::units::Nanos;
use crate::wire::console::Role;

/// Time scales in nanoseconds a dot: a chart of 75 columns shows 15 s to a day.
const ZOOMS: [i64; 12] = [
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    20_000_000_000,
    60_000_000_000,
    120_000_000_000,
    300_000_000_000,
    600_000_000_000,
];
/// Dots that half a screen is taken for, and that a pinned axis looks back on.
const HALF: i64 = 40;
const PINNED: usize = 160;

/// A chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartId {
    /// Goodput from the robot.
    Up,
    /// Goodput to the robot.
    Down,
    /// Latency a frame; of a server, its computing.
    Latency,
    /// Rails.
    Power,
    /// Cores, GPU, memory controller, memory.
    Load,
    /// The hottest sensor.
    Temperature,
}

impl ChartId {
    /// The charts of a screen, from the first on; none on most.
    pub const fn on(screen: Screen) -> &'static [Self] {
        match screen {
            Screen::Live => &[Self::Up, Self::Down, Self::Latency, Self::Power],
            Screen::Power => &[Self::Power, Self::Load, Self::Temperature],
            _ => &[],
        }
    }
}

/// What keys ask of charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// More detail if positive, less if negative.
    Zoom(isize),
    /// Begin to look, with a crosshair, or leave.
    Look,
    /// Move the crosshair by dots.
    Cross(i64),
    /// Half a screen earlier or later.
    Pan(i64),
    /// Dots earlier or later, as far as a chart was dragged.
    Drag(i64),
    /// The crosshair to a moment, on this chart.
    Point(ChartId, Nanos),
    /// More detail if positive; the moment stays where it is, if the charts stand still.
    ZoomAt(isize, Nanos),
    /// To the oldest that is there.
    Oldest,
    /// To the newest.
    Newest,
    /// Another chart's axis.
    Chart(isize),
    /// Keep this axis, or let it go.
    Pin,
    /// Powers of ten, or evenly.
    Log,
}

/// The axis of values of one chart.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Axis {
    /// The greatest value that it is kept for.
    pub pin: Option<f64>,
    /// Whether it goes by powers of ten.
    pub log: bool,
}

/// What is looked at while time goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looking {
    /// Shown up to here.
    end: Nanos,
    cross: Nanos,
}

/// How charts are looked at.
#[derive(Debug, Clone, Default)]
pub struct Charts {
    zoom: usize,
    looking: Option<Looking>,
    shown: usize,
    axes: [Axis; 6],
}

impl Charts {
    /// Nanoseconds a dot.
    pub const fn dot_ns(&self) -> i64 {
        ZOOMS[self.zoom]
    }

    /// Whether there is a crosshair.
    pub const fn is_looking(&self) -> bool {
        self.looking.is_some()
    }

    /// A chart's axis.
    pub const fn axis(&self, chart: ChartId) -> Axis {
        self.axes[chart as usize]
    }

    /// The chart whose axis keys change.
    pub fn focus(&self, screen: Screen) -> Option<ChartId> {
        let all = ChartId::on(screen);
        all.get(self.shown % all.len().max(1)).copied()
    }

    /// What a picture of so many dots shows: up to the newest, or what is looked at with the crosshair in sight.
    pub fn window(&self, newest: Nanos, dots: usize) -> Window {
        let dot_ns = self.dot_ns();
        let Some(looking) = self.looking else {
            return Window::ending(newest, dot_ns, dots);
        };
        let end = looking.end.min(newest);
        let window = Window::ending(end, dot_ns, dots);
        let cross = looking.cross.min(newest);
        if window.dot(cross).is_some() {
            return window;
        }
        let half = dot_ns.saturating_mul(dots as i64 / 2);
        Window::ending(cross.shifted(half).min(newest), dot_ns, dots)
    }

    /// The crosshair, where there is one.
    pub fn cross(&self, newest: Nanos) -> Option<Nanos> {
        Some(self.looking?.cross.min(newest))
    }

    /// Another worker's clock is another one.
    pub(super) fn another_worker(&mut self) {
        self.looking = None;
        self.axes = [Axis::default(); 6];
    }

    fn zoom(&mut self, by: isize) {
        let zoom = self.zoom.saturating_add_signed(-by);
        self.zoom = zoom.min(ZOOMS.len() - 1);
    }

    fn zoom_at(&mut self, by: isize, at: Nanos) {
        let before = self.dot_ns();
        self.zoom(by);
        let now = self.dot_ns();
        if let Some(looking) = &mut self.looking {
            let dots = looking.end.since(at) / before;
            looking.end = at.shifted(dots.saturating_mul(now));
            looking.cross = at;
        }
    }

    fn look(&mut self, newest: Nanos) -> &mut Looking {
        self.looking.get_or_insert(Looking {
            end: newest,
            cross: newest,
        })
    }
}

/// What a chart draws of a worker; `link` counts through the servers, `rail` through the rails; none is the whole.
fn trends(store: &Store, chart: ChartId, link: usize, rail: Option<usize>) -> Vec<Trend> {
    let device = store.links().at(link).map(|(device, _)| device);
    match (chart, device) {
        (ChartId::Up, Some(device)) => vec![Trend::Up(device), Trend::EstimateUp(device)],
        (ChartId::Down, Some(device)) => vec![Trend::Down(device), Trend::EstimateDown(device)],
        (ChartId::Up | ChartId::Down, None) => Vec::new(),
        (ChartId::Latency, _) if store.role() == Some(Role::Server) => vec![Trend::ServerCompute],
        (ChartId::Latency, _) => vec![Trend::Latency],
        (ChartId::Power, _) => power_trends(store, rail),
        (ChartId::Load, _) => vec![Trend::Cpu, Trend::Gpu, Trend::Emc, Trend::Memory],
        (ChartId::Temperature, _) => vec![Trend::Hottest],
    }
}

/// The rail looked at with the total of its source, or the first total there is; else the first rail.
fn power_trends(store: &Store, rail: Option<usize>) -> Vec<Trend> {
    let sources = &store.power().sources().sources;
    let rails = sources.iter().enumerate();
    let mut rails = rails.flat_map(|(s, of)| (0..of.rails.len()).map(move |r| (s, r)));
    let mut totals = (0..sources.len()).map(Trend::Total);
    let told = |trend: &Trend| store.trends().of(*trend).is_some();
    match (rail, totals.find(told)) {
        (None, Some(total)) => vec![total],
        _ => {
            let last = rails.clone().count().saturating_sub(1);
            let Some((source, rail)) = rails.nth(rail.unwrap_or(0).min(last)) else {
                return Vec::new();
            };
            let is_total = sources[source].rails[rail].counts == Counts::Total;
            let total = Some(Trend::Total(source)).filter(|_| !is_total);
            let rail = std::iter::once(Trend::Rail(source, rail));
            rail.chain(total).collect()
        }
    }
}

impl App {
    /// What a chart draws of the worker shown.
    pub fn chart_trends(&self, store: &Store, chart: ChartId) -> Vec<Trend> {
        let screens = self.screens();
        let rail = (screens.shown == Screen::Power).then_some(screens.power.rail);
        trends(store, chart, screens.live.link_shown(), rail)
    }

    pub(in crate::console::app) fn on_chart(&mut self, what: Do) {
        let screen = self.screen();
        let store = self.focus().and_then(|index| self.shown(index));
        let newest = store.and_then(|store| store.trends().newest());
        let charts = &self.screens.charts;
        let peak = charts.focus(screen).map(|chart| self.peak(chart));
        let charts = &mut self.screens.charts;
        let dot = charts.dot_ns();
        match what {
            Do::Zoom(by) => charts.zoom(by),
            Do::ZoomAt(by, at) => charts.zoom_at(by, at),
            Do::Look if charts.looking.is_some() => charts.looking = None,
            Do::Chart(by) => {
                let count = ChartId::on(screen).len().max(1) as isize;
                let shown = (charts.shown as isize + by).rem_euclid(count);
                charts.shown = shown as usize;
            }
            Do::Pin | Do::Log => {
                if let Some(chart) = charts.focus(screen) {
                    let axis = &mut charts.axes[chart as usize];
                    if what == Do::Log {
                        axis.log = !axis.log;
                    } else {
                        axis.pin = match axis.pin {
                            Some(_) => None,
                            None => peak.flatten(),
                        };
                    }
                }
            }
            Do::Look
            | Do::Cross(_)
            | Do::Pan(_)
            | Do::Drag(_)
            | Do::Point(..)
            | Do::Oldest
            | Do::Newest => {
                let Some(newest) = newest else {
                    self.notice = Some("nothing has been measured yet".to_owned());
                    return;
                };
                if let Do::Point(chart, _) = what {
                    let all = ChartId::on(screen);
                    charts.shown = all.iter().position(|id| *id == chart).unwrap_or(0);
                }
                let looking = charts.look(newest);
                let by = match what {
                    Do::Cross(by) | Do::Drag(by) => by,
                    Do::Pan(by) => by.saturating_mul(HALF),
                    _ => 0,
                };
                let moved = |at: Nanos| at.shifted(dot.saturating_mul(by)).min(newest);
                match what {
                    // A day: what is older is not kept.
                    Do::Oldest => looking.cross = newest.shifted(-86_400_000_000_000),
                    Do::Newest => (looking.cross, looking.end) = (newest, newest),
                    Do::Point(_, at) => looking.cross = at.min(newest),
                    Do::Pan(_) | Do::Drag(_) => {
                        looking.cross = moved(looking.cross);
                        looking.end = moved(looking.end).max(looking.cross);
                    }
                    _ => {
                        looking.cross = moved(looking.cross.min(newest));
                        looking.end = looking.end.max(looking.cross);
                    }
                }
            }
        }
    }

    /// The greatest of what a chart showed of late.
    fn peak(&self, chart: ChartId) -> Option<f64> {
        let store = self.focus().and_then(|index| self.shown(index))?;
        let newest = store.trends().newest()?;
        let window = self.screens().charts.window(newest, PINNED);
        let all = self.chart_trends(store, chart);
        let series = all.into_iter().filter_map(|t| store.trends().of(t));
        let dots = series.flat_map(|series| series.dots(&window));
        dots.filter_map(|dot: Bucket| dot.max()).reduce(f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn looking(end_s: i64, cross_s: i64) -> Charts {
        Charts {
            looking: Some(Looking {
                end: Nanos(end_s * SECOND),
                cross: Nanos(cross_s * SECOND),
            }),
            ..Charts::default()
        }
    }

    #[test]
    fn the_crosshair_stays_in_sight_at_every_width_and_zoom() {
        for zoom in 0..ZOOMS.len() {
            for (end, cross) in [(100, 100), (100, 60), (100, -5_000), (5_000, 70)] {
                for dots in [2, 30, 400] {
                    let charts = Charts {
                        zoom,
                        ..looking(end, cross)
                    };
                    let newest = Nanos(100 * SECOND);
                    let cross = charts.cross(newest).unwrap();
                    let window = charts.window(newest, dots);
                    assert!(window.dot(cross).is_some(), "{zoom} {end} {cross:?} {dots}");
                }
            }
        }
    }

    #[test]
    fn what_is_looked_at_stands_while_time_goes_on() {
        let charts = looking(100, 90);
        let window = charts.window(Nanos(100 * SECOND), 200);
        assert_eq!(charts.window(Nanos(300 * SECOND), 200), window);
        let follows = Charts::default();
        let later = follows.window(Nanos(300 * SECOND), 200);
        assert!(later.end > Nanos(300 * SECOND));
    }
}
