//! An external meter: a command whose output is lines of `time_s,volts,amps`, `time_s,volts,amps,watts` or `watts`.
//!
//! The only source that sees the whole robot with its radio. The meter's clock is its own: its zero is put on ours at
//! the least delay seen, so that lines which come in bursts keep their spacing.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::lines::{Line, Lines};
use super::{Counts, PowerError, PowerSource, Rail, RailId, RailSample};
use crate::sysfs::quoted;
use crate::units::{Amps, Nanos, Volts, Watts};

/// How often the lines that came are taken.
const PERIOD: Duration = Duration::from_millis(20);
/// A meter that says nothing for so long is stuck.
const SILENCE_NS: i64 = 10_000_000_000;
/// After so many unreadable lines one after another it is no meter.
const MAX_BAD: u32 = 8;

/// A meter behind a command.
#[derive(Debug)]
pub struct Meter {
    name: String,
    command: String,
    rails: [Rail; 1],
    lines: Option<Lines>,
    lost: Arc<AtomicU64>,
    anchor: Anchor,
    bad: u32,
}

impl Meter {
    /// Starts a command line with the system's shell.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn start(command_line: &str) -> Result<Self, PowerError> {
        let mut meter = Self {
            name: format!("meter `{command_line}`"),
            command: command_line.to_owned(),
            rails: [Rail::new(
                "meter",
                Counts::Total,
                "what the external meter is wired to; if that is the battery, the whole robot with its radio and motors",
            )],
            lines: None,
            lost: Arc::default(),
            anchor: Anchor::default(),
            bad: 0,
        };
        meter.reopen()?;
        Ok(meter)
    }

    fn take(&mut self, line: &Line) -> Result<Option<RailSample>, PowerError> {
        let reading = match parse(&line.text) {
            Ok(reading) => reading,
            Err(problem) => {
                self.bad += 1;
                self.lost.fetch_add(1, Ordering::Relaxed);
                if self.bad < MAX_BAD {
                    return Ok(None);
                }
                return Err(PowerError::Line {
                    command: self.command.clone(),
                    problem,
                });
            }
        };
        self.bad = 0;
        let Some(reading) = reading else {
            return Ok(None);
        };
        let at = match reading.time_s {
            Some(time_s) => self.anchor.at(time_s, line.at),
            None => line.at,
        };
        Ok(Some(RailSample {
            rail: RailId(0),
            at,
            volts: reading.volts,
            amps: reading.amps,
            watts: reading.watts,
        }))
    }
}

impl PowerSource for Meter {
    fn name(&self) -> &str {
        &self.name
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    fn sample(&mut self) -> Result<Vec<RailSample>, PowerError> {
        let lines = match &mut self.lines {
            Some(lines) => lines.take()?,
            None => Vec::new(),
        };
        let samples: Result<Vec<_>, _> = lines.iter().map(|line| self.take(line)).collect();
        Ok(samples?.into_iter().flatten().collect())
    }

    fn reopen(&mut self) -> Result<(), PowerError> {
        // The old one first: most meters can be opened once only.
        self.lines = None;
        self.anchor = Anchor::default();
        self.bad = 0;
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]);
        let lost = Arc::clone(&self.lost);
        self.lines = Some(Lines::start(command, &self.command, SILENCE_NS, lost)?);
        Ok(())
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// One line's numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    time_s: Option<f64>,
    volts: Option<Volts>,
    amps: Option<Amps>,
    watts: Watts,
}

/// A line's reading; none for a heading, a comment or an empty line.
fn parse(line: &[u8]) -> Result<Option<Reading>, String> {
    let problem = || {
        format!(
            "expected `time_s,volts,amps`, `time_s,volts,amps,watts` or `watts`, read {}",
            quoted(line)
        )
    };
    let text = str::from_utf8(line).map_err(|_| problem())?.trim();
    let heading = ["time_s,volts,amps", "time_s,volts,amps,watts", "watts"].contains(&text);
    if text.is_empty() || text.starts_with('#') || heading {
        return Ok(None);
    }
    let mut fields = [0.0; 4];
    let mut count = 0;
    for (n, field) in text.split(',').enumerate() {
        let number: f64 = field.trim().parse().map_err(|_| problem())?;
        // No meter reads a gigawatt; infinities and NaN would spoil every sum they enter.
        if !number.is_finite() || number.abs() > 1e12 || (n > 0 && number.abs() > 1e9) {
            return Err(problem());
        }
        *fields.get_mut(n).ok_or_else(problem)? = number;
        count = n + 1;
    }
    let [first, volts, amps, watts] = fields;
    let (volts, amps) = (Volts(volts), Amps(amps));
    let with_time = |watts| Reading {
        time_s: Some(first),
        volts: Some(volts),
        amps: Some(amps),
        watts,
    };
    match count {
        1 if first.abs() <= 1e9 => Ok(Some(Reading {
            time_s: None,
            volts: None,
            amps: None,
            watts: Watts(first),
        })),
        3 => Ok(Some(with_time(volts.times(amps)))),
        4 => Ok(Some(with_time(Watts(watts)))),
        _ => Err(problem()),
    }
}

/// Puts the meter's seconds on our clock.
#[derive(Debug, Default)]
struct Anchor {
    /// (arrival, arrival less the meter's time), candidates for the least delay, oldest first and growing.
    delays: VecDeque<(Nanos, i64)>,
    last: Option<(f64, Nanos)>,
}

/// How long a delay counts: clocks drift apart by 50 ppm, 3 ms in this time.
const WINDOW_NS: i64 = 60_000_000_000;
/// Candidates kept.
const MAX_DELAYS: usize = 4096;

impl Anchor {
    fn at(&mut self, time_s: f64, arrived: Nanos) -> Nanos {
        if self.last.is_some_and(|(before, _)| time_s < before) {
            // The meter began anew.
            *self = Self::default();
        }
        let theirs = (time_s * 1e9) as i64;
        let delay = arrived.0.saturating_sub(theirs);
        while self.delays.back().is_some_and(|&(_, d)| d >= delay) {
            self.delays.pop_back();
        }
        self.delays.push_back((arrived, delay));
        while self.delays.len() > MAX_DELAYS
            || self
                .delays
                .front()
                .is_some_and(|&(at, _)| arrived.since(at) > WINDOW_NS)
        {
            self.delays.pop_front();
        }
        let least = self.delays.front().map_or(delay, |&(_, d)| d);
        let at = Nanos(theirs.saturating_add(least));
        // A better anchor may move readings back by a little; their order stays.
        let at = self.last.map_or(at, |(_, before)| at.max(before));
        self.last = Some((time_s, at));
        at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_form_of_line_is_read() {
        let all = |time_s, volts, amps, watts| {
            Ok(Some(Reading {
                time_s: Some(time_s),
                volts: Some(Volts(volts)),
                amps: Some(Amps(amps)),
                watts: Watts(watts),
            }))
        };
        assert_eq!(parse(b"0.5,12.0,1.5"), all(0.5, 12.0, 1.5, 18.0));
        assert_eq!(parse(b" 0.5, 12.0, 1.5, 17.9\r"), all(0.5, 12.0, 1.5, 17.9));
        let only = parse(b"17.5").unwrap().unwrap();
        assert_eq!(
            (only.watts, only.time_s, only.volts),
            (Watts(17.5), None, None)
        );
        for nothing in ["", "# 1 kHz", "watts", "time_s,volts,amps"] {
            assert_eq!(parse(nothing.as_bytes()), Ok(None), "{nothing}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_was_read() {
        for bad in ["1,2", "1,2,3,4,5", "NaN", "0,inf,1", "12 W", ",,", "1e300"] {
            let said = parse(bad.as_bytes()).unwrap_err();
            assert!(said.ends_with(&format!("read \"{bad}\"")), "{said}");
        }
    }

    #[test]
    fn lines_that_come_in_a_burst_keep_their_spacing() {
        let mut anchor = Anchor::default();
        let ms = |n: i64| Nanos(n * 1_000_000);
        assert_eq!(anchor.at(100.0, ms(5_000)), ms(5_000));
        // 10 ms apart on the meter, but delivered together 30 ms later.
        let burst = [100.01, 100.02, 100.03].map(|t| anchor.at(t, ms(5_030)));
        assert_eq!(burst, [ms(5_010), ms(5_020), ms(5_030)]);
        // The meter starts anew: its time has nothing to do with the time before.
        assert_eq!(anchor.at(0.0, ms(9_000)), ms(9_000));
    }

    #[test]
    fn a_command_is_a_source_and_one_that_talks_nonsense_is_an_error() {
        let mut meter = Meter::start("printf 'watts\\n17.5\\n18.5\\n'; sleep 60").unwrap();
        let mut got = Vec::new();
        while got.len() < 2 {
            got.extend(meter.sample().unwrap().iter().map(|s| s.watts.0));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(got, [17.5, 18.5]);
        let mut talker = Meter::start("yes hello").unwrap();
        let error = loop {
            match talker.sample() {
                Ok(samples) => assert_eq!(samples, []),
                Err(e) => break e.to_string(),
            }
        };
        assert!(error.ends_with("read \"hello\""), "{error}");
        assert!(talker.lost() >= u64::from(MAX_BAD));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&line);
        }

        #[test]
        fn near_misses_do_not_either(line in "[0-9.,eE+-]{0,40}") {
            if let Ok(Some(reading)) = parse(line.as_bytes()) {
                prop_assert!(reading.watts.0.is_finite());
            }
        }

        #[test]
        fn times_never_go_back_unless_the_meter_does(
            steps in proptest::collection::vec((0.0_f64..0.5, 0_i64..500_000_000), 1..60),
        ) {
            let mut anchor = Anchor::default();
            let (mut time_s, mut arrived, mut last) = (0.0, Nanos(0), Nanos(i64::MIN));
            for (dt, da) in steps {
                time_s += dt;
                arrived = arrived.shifted(da);
                let at = anchor.at(time_s, arrived);
                prop_assert!(at >= last);
                last = at;
            }
        }
    }
}
