//! The block method on made runs with known answers.

use super::*;

const SECOND: i64 = 1_000_000_000;

/// Samples every 100 ms of a run put together from stretches: (seconds, watts).
struct Run {
    samples: Vec<Sample>,
    at: Nanos,
}

impl Run {
    fn new() -> Self {
        Self {
            samples: Vec::new(),
            at: Nanos(0),
        }
    }

    /// A stretch of constant power, with half a second around it that belongs to nothing.
    fn stretch(&mut self, seconds: i64, watts: f64) -> Range<Nanos> {
        let window = self.at.shifted(SECOND / 2)..self.at.shifted(SECOND / 2 + seconds * SECOND);
        let end = window.end.shifted(SECOND / 2);
        while self.at < end {
            self.samples.push(Sample {
                at: self.at,
                watts: Watts(watts),
            });
            self.at = self.at.shifted(SECOND / 10);
        }
        window
    }

    fn block(&mut self, plan: &str, seconds: i64, watts: f64, frames: u64) -> Block {
        Block {
            plan: plan.to_owned(),
            window: self.stretch(seconds, watts),
            frames,
        }
    }
}

fn of<'a>(conclusion: &'a Conclusion, plan: &str) -> &'a Result<PlanEnergy, NotEnough> {
    let found = conclusion.plans.iter().find(|(name, _)| name == plan);
    &found.unwrap().1
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[test]
fn a_b_b_a_with_known_answers() {
    let mut run = Run::new();
    let idle = [run.stretch(30, 4.5)];
    let blocks = [
        run.block("local", 20, 14.0, 200),
        run.block("remote", 20, 5.0, 400),
        run.block("remote", 20, 5.0, 400),
        run.block("local", 20, 15.0, 200),
    ];
    let conclusion = measure(&run.samples, &idle, &blocks, &Protocol::default());
    assert!(near(conclusion.idle.clone().unwrap().mean, 4.5));
    let local = of(&conclusion, "local").clone().unwrap();
    // 1.4 J and 1.5 J: mean 1.45, standard error 0.05, t for one degree of freedom 12.706.
    assert!(near(local.gross.mean, 1.45), "{local:?}");
    assert!(near(local.gross.half, 12.706 * 0.05), "{local:?}");
    // Less 4.5 W over 0.1 s; the idle power was steady, so the half stays.
    let net = local.net.unwrap();
    assert!(
        near(net.mean, 1.0) && near(net.half, 12.706 * 0.05),
        "{net:?}"
    );
    assert!(near(local.watts.0, 14.5));
    assert_eq!(
        (local.blocks, local.frames, local.time_ns),
        (2, 400, 40 * SECOND)
    );
    let remote = of(&conclusion, "remote").clone().unwrap();
    assert!(near(remote.gross.mean, 0.25) && near(remote.gross.half, 0.0));
    assert!(near(remote.net.unwrap().mean, 0.025));
}

#[test]
fn an_uncertain_idle_power_widens_net_but_not_gross() {
    let measured = |idle: [f64; 2]| {
        let mut run = Run::new();
        let windows = idle.map(|watts| run.stretch(15, watts));
        let blocks = [
            run.block("local", 20, 14.0, 200),
            run.block("local", 20, 14.2, 200),
        ];
        let conclusion = measure(&run.samples, &windows, &blocks, &Protocol::default());
        let local = of(&conclusion, "local").clone().unwrap();
        (local.gross, local.net.unwrap(), conclusion.idle.unwrap())
    };
    let (gross, steady, _) = measured([4.5, 4.5]);
    let (same, unsteady, idle) = measured([4.0, 5.0]);
    assert_eq!(gross, same);
    assert!(near(steady.mean, unsteady.mean));
    // Idle: ten pieces, five at each level: standard error sqrt(2.5 / 9 / 10), and 0.1 s per frame of it.
    let idle2: f64 = 2.5 / 9.0 / 10.0;
    assert!(near(idle.half, 2.262 * idle2.sqrt()), "{idle:?}");
    let blocks2 = 0.01_f64.powi(2);
    let error = (blocks2 + idle2 * 0.01).sqrt();
    let degrees = error.powi(4) / (blocks2.powi(2) + (idle2 * 0.01).powi(2) / 9.0);
    assert!((7.0..8.0).contains(&degrees), "{degrees}");
    assert!(near(unsteady.half, 2.365 * error), "{unsteady:?}");
}

#[test]
fn too_little_gives_words_instead_of_a_number() {
    let mut run = Run::new();
    let idle = [run.stretch(12, 4.5)];
    let blocks = [run.block("split@21", 8, 9.0, 60)];
    let conclusion = measure(&run.samples, &idle, &blocks, &Protocol::default());
    let said = of(&conclusion, "split@21").clone().unwrap_err().to_string();
    let expected = "not enough data: 8.0 s of 20 s; 60 frames of 100; 1 block(s) of 2, which an interval takes";
    assert_eq!(said, expected);
    let said = conclusion.idle.unwrap_err().to_string();
    assert_eq!(said, "not enough data: 12.0 s idle of 30 s");
}

#[test]
fn without_idle_there_is_gross_but_no_net() {
    let mut run = Run::new();
    let blocks = [
        run.block("local", 20, 14.0, 200),
        run.block("local", 20, 14.0, 200),
    ];
    let conclusion = measure(&run.samples, &[], &blocks, &Protocol::default());
    let local = of(&conclusion, "local").clone().unwrap();
    assert!(near(local.gross.mean, 1.4));
    let said = local.net.unwrap_err().to_string();
    assert_eq!(said, "not enough data: 0.0 s idle of 30 s");
}

#[test]
fn a_sensor_that_fell_silent_in_a_block_spoils_that_plan_only() {
    let mut run = Run::new();
    let blocks = [
        run.block("a", 20, 14.0, 200),
        run.block("b", 20, 5.0, 200),
        run.block("b", 20, 5.0, 200),
        run.block("a", 20, 14.0, 200),
    ];
    let began = blocks[1].window.start;
    // The last sample before is at 5 s, the first after it at 10 s.
    let silent = began.shifted(5 * SECOND + 1)..began.shifted(10 * SECOND);
    run.samples.retain(|s| !silent.contains(&s.at));
    let conclusion = measure(&run.samples, &[], &blocks, &Protocol::default());
    assert!(of(&conclusion, "a").is_ok());
    let said = of(&conclusion, "b").clone().unwrap_err().to_string();
    let expected = "not enough data: power samples cover 75 % of block 2, 95 % are needed";
    assert_eq!(said, expected);
}

#[test]
fn plans_one_after_the_other_are_no_comparison() {
    let mut run = Run::new();
    let mut blocks = Vec::new();
    for plan in ["a", "a", "b", "b"] {
        blocks.push(run.block(plan, 20, 14.0, 200));
    }
    let conclusion = measure(&run.samples, &[], &blocks, &Protocol::default());
    let said = of(&conclusion, "a").clone().unwrap_err().to_string();
    let expected = "not enough data: its blocks are not interleaved with those of b";
    assert_eq!(said, expected);
    blocks.swap(1, 3);
    let conclusion = measure(&run.samples, &[], &blocks, &Protocol::default());
    assert!(of(&conclusion, "a").is_ok());
}

#[test]
fn an_empty_block_is_named() {
    let mut run = Run::new();
    let blocks = [run.block("a", 20, 14.0, 200), run.block("a", 20, 14.0, 0)];
    let conclusion = measure(&run.samples, &[], &blocks, &Protocol::default());
    let said = of(&conclusion, "a").clone().unwrap_err().to_string();
    assert_eq!(said, "not enough data: block 2 has no frame");
}

#[test]
fn the_order_goes_there_and_back() {
    assert_eq!(interleave(2, 2), [0, 1, 1, 0]);
    assert_eq!(interleave(3, 2), [0, 1, 2, 2, 1, 0]);
    assert_eq!(interleave(2, 4), [0, 1, 1, 0, 0, 1, 1, 0]);
}
