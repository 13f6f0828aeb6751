//! How long a sweep will take, before it has begun: by what is expected of its plans.

use super::{Settings, Until};
use crate::power::energy::SETTLE_NS;

const MS: i64 = 1_000_000;
/// From an order to the first frame under its plan, beside the frame that is under way: every device prepares.
const SWITCH_NS: i64 = 100 * MS;
/// A policy is given so long to make up its mind.
const POLICY_NS: i64 = 3_000 * MS;

/// What is expected of one plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// A frame's latency in nanoseconds; none where nothing is known of it.
    pub latency_ns: Option<i64>,
    /// Frames in flight.
    pub window: u16,
    /// Whether a policy chooses.
    pub is_policy: bool,
}

/// How long a sweep will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Plans.
    pub plans: usize,
    /// Of them, those that something is expected of; the others are taken to be like these.
    pub predicted: usize,
    /// Rounds at most.
    pub rounds: u32,
    /// All visits, and the robot left alone, in nanoseconds; none where nothing is expected of any plan.
    pub duration_ns: Option<i64>,
    /// Whether it may end earlier.
    pub is_most: bool,
    /// The rate that the link was believed to have: while that is low, everything seems to take long.
    pub mbps: Option<f64>,
}

impl Forecast {
    /// The forecast of plans; `measures_power`: the robot does, so that it is left alone before and after.
    pub fn new(plans: &[Expected], settings: &Settings, measures_power: bool) -> Self {
        let known: Vec<i64> = plans.iter().filter_map(|p| p.latency_ns).collect();
        // What a peer tells may be as large as it likes.
        let sum = |all: &mut dyn Iterator<Item = i64>| all.fold(0, i64::saturating_add);
        let usual = sum(&mut known.iter().copied()) / (known.len() as i64).max(1);
        let round = sum(&mut plans.iter().map(|p| visit_ns(p, usual, settings)));
        let rounds = settings.until.most_rounds();
        let idle_ns = if measures_power && settings.idle_ms > 0 {
            2 * (i64::from(settings.idle_ms) * MS + SETTLE_NS)
        } else {
            0
        };
        let whole = round
            .saturating_mul(i64::from(rounds))
            .saturating_add(idle_ns);
        Self {
            plans: plans.len(),
            predicted: known.len(),
            rounds,
            duration_ns: (!known.is_empty()).then_some(whole),
            is_most: matches!(settings.until, Until::Narrow { .. }),
            mbps: None,
        }
    }

    /// The same, expected of a link of this rate.
    #[must_use]
    pub const fn at(mut self, mbps: Option<f64>) -> Self {
        self.mbps = mbps;
        self
    }

    /// Visits at most.
    pub fn visits(&self) -> u64 {
        self.plans as u64 * u64::from(self.rounds)
    }

    /// For people: `47 plans, 20 rounds: 940 visits, about 12 min 05 s predicted at 93 Mbps`.
    pub fn words(&self) -> String {
        let most = if self.is_most { "at most " } else { "" };
        let rate = self
            .mbps
            .map_or_else(String::new, |mbps| format!(" at {mbps:.1} Mbps"));
        let time = self.duration_ns.map_or_else(
            || "nothing is predicted yet of how long".to_owned(),
            |ns| format!("about {most}{} predicted{rate}", duration_words(ns)),
        );
        format!(
            "{} plans, {most}{} rounds: {} visits, {time}",
            self.plans,
            self.rounds,
            self.visits()
        )
    }
}

/// One visit: the frame under way when the plan is ordered, the switch, warm-up, and what is measured.
fn visit_ns(plan: &Expected, usual_ns: i64, settings: &Settings) -> i64 {
    let latency_ns = plan.latency_ns.unwrap_or(usual_ns).max(1);
    let window = i64::from(plan.window.max(1));
    // With several frames in flight they come closer than their latency; a stage per frame at best.
    let period_ns = (latency_ns / window.min(2)).max(1);
    let filling = if window > 1 { window } else { 0 };
    let warmup = i64::from(settings.warmup).max(filling);
    let by_time = i64::from(settings.visit_ms) * MS / period_ns + 1;
    let frames =
        i64::from(settings.frames.max(1)).max(if settings.visit_ms > 0 { by_time } else { 0 });
    let policy_ns = if plan.is_policy { POLICY_NS } else { 0 };
    latency_ns
        .saturating_add(SWITCH_NS + policy_ns)
        .saturating_add(period_ns.saturating_mul(warmup + frames))
}

/// For people: `4 min 10 s`.
pub fn duration_words(ns: i64) -> String {
    let seconds = ns.max(0) / 1_000_000_000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000 * MS;

    fn plan(latency_ms: Option<i64>) -> Expected {
        Expected {
            latency_ns: latency_ms.map(|ms| ms * MS),
            window: 1,
            is_policy: false,
        }
    }

    fn settings(frames: u32, until: Until) -> Settings {
        Settings {
            frames,
            until,
            ..Settings::default()
        }
    }

    #[test]
    fn visits_and_idle_time_add_up() {
        // Each visit: the frame under way, 0.1 s, one frame of warm-up and three that count.
        let three = settings(3, Until::Repeats(10));
        let made = Forecast::new(&[plan(Some(100)), plan(Some(300))], &three, false);
        assert_eq!(made.duration_ns, Some(10 * (5 * 400 + 200) * MS));
        assert_eq!(
            made.words(),
            "2 plans, 10 rounds: 20 visits, about 22 s predicted"
        );
        let words = made.at(Some(93.0)).words();
        assert!(
            words.ends_with("about 22 s predicted at 93.0 Mbps"),
            "{words}"
        );
        let idle = Settings {
            idle_ms: 30_000,
            ..three
        };
        let with_idle = Forecast::new(&[plan(Some(100)), plan(Some(300))], &idle, true);
        assert_eq!(with_idle.duration_ns, Some(22 * S + 62 * S));
        // A robot without sensors is not left alone.
        let none = Forecast::new(&[plan(Some(100)), plan(Some(300))], &idle, false);
        assert_eq!(none, made);
    }

    #[test]
    fn a_plan_that_nothing_is_expected_of_is_like_the_others() {
        let one = settings(3, Until::Repeats(1));
        let made = Forecast::new(&[plan(Some(100)), plan(Some(300)), plan(None)], &one, false);
        assert_eq!((made.plans, made.predicted), (3, 2));
        assert_eq!(made.duration_ns, Some((5 * 600 + 300) * MS));
        let nothing = Forecast::new(&[plan(None)], &one, false);
        assert_eq!(nothing.duration_ns, None);
        assert!(
            nothing
                .words()
                .ends_with("nothing is predicted yet of how long")
        );
    }

    #[test]
    fn an_end_by_intervals_is_the_most_that_it_takes() {
        let until = Until::Narrow {
            percent: 2.0,
            most: 200,
        };
        let made = Forecast::new(&[plan(Some(100))], &settings(3, until), false);
        let words = made.words();
        assert!(
            made.is_most && words.contains("about at most 2 min 00 s"),
            "{words}"
        );
    }

    #[test]
    fn a_visit_of_so_many_seconds_takes_them() {
        let long = Settings {
            visit_ms: 2_000,
            ..settings(1, Until::Repeats(1))
        };
        let made = Forecast::new(&[plan(Some(100))], &long, false);
        assert_eq!(made.duration_ns, Some((100 + 100 + 100 * 22) * MS));
    }

    #[test]
    fn no_figure_that_a_robot_may_tell_breaks_it() {
        let settings = Settings {
            visit_ms: 600_000,
            ..settings(100_000, Until::Repeats(10_000))
        };
        for latency_ns in [None, Some(0), Some(-1), Some(i64::MAX), Some(i64::MIN)] {
            let plan = Expected {
                latency_ns,
                window: u16::MAX,
                is_policy: true,
            };
            assert!(
                !Forecast::new(&[plan; 3], &settings, true)
                    .words()
                    .is_empty()
            );
        }
    }

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!(duration_words(9 * S), "9 s");
        assert_eq!(duration_words(250 * S), "4 min 10 s");
        assert_eq!(duration_words(3 * 3600 * S + 61 * S), "3 h 01 min");
        assert_eq!(duration_words(-1), "0 s");
    }
}
