//! A frame as a line of the table.

use std::fmt::Write as _;

use crate::sweep::{FrameRow, LeftOut, PlanLine};
use crate::wire::{Outcome, Parts};

/// The table's head.
pub(super) const COLUMNS: &str = "visit,round,plan,mode,cut,frame,epoch,admitted_ns,latency_ns,robot_ns,uplink_ns,server_ns,\
                       downlink_ns,wait_ns,overlap_ns,bytes_up,bytes_down,outcome,left_out,emulated,predicted_ns";

/// Adds a frame's line.
pub(super) fn push_row(text: &mut String, row: &FrameRow, plans: &[PlanLine]) {
    let plan = plans.get(row.plan);
    let number = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
    let _ = writeln!(
        text,
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
        row.visit,
        row.round,
        row.plan,
        plan.map(|p| p.mode.as_str()).unwrap_or_default(),
        number(plan.and_then(|p| p.cut).map(i64::from)),
        row.frame,
        row.epoch,
        row.admitted_ns,
        row.latency_ns,
        row.parts.robot_compute_ns,
        row.parts.uplink_ns,
        row.parts.server_compute_ns,
        row.parts.downlink_ns,
        row.parts.wait_ns,
        row.parts.overlap_ns,
        row.bytes_up,
        row.bytes_down,
        row.outcome.name(),
        row.left_out.map(LeftOut::name).unwrap_or_default(),
        row.emulated,
        number(row.predicted_ns),
    );
}

/// A row, or what was read and what was expected.
pub(super) fn parse_row(line: &str, plans: usize) -> Result<FrameRow, (String, String)> {
    let wrong = |read: &str, expected: &str| (read.to_owned(), expected.to_owned());
    let fields: Vec<&str> = line.split(',').collect();
    let names = COLUMNS.split(',');
    let &[
        visit,
        round,
        plan,
        _mode,
        _cut,
        frame,
        epoch,
        admitted,
        latency,
        robot,
        uplink,
        server,
        downlink,
        wait,
        overlap,
        up,
        down,
        outcome,
        left_out,
        emulated,
        predicted,
    ] = fields.as_slice()
    else {
        let expected = format!("{} fields", names.count());
        return Err(wrong(line, &expected));
    };
    let outcomes = [Outcome::Ok, Outcome::FinishedLocally, Outcome::Failed];
    let known = outcomes.into_iter().find(|o| o.name() == outcome);
    let left_out = match left_out {
        "" => None,
        word => {
            let known = LeftOut::ALL.into_iter().find(|l| l.name() == word);
            Some(known.ok_or_else(|| wrong(word, "why a frame is left out, or nothing"))?)
        }
    };
    let plan: usize = number(plan)?;
    if plan >= plans {
        return Err(wrong(line, &format!("one of the {plans} plans")));
    }
    Ok(FrameRow {
        visit: number(visit)?,
        round: number(round)?,
        plan,
        frame: number(frame)?,
        epoch: number(epoch)?,
        admitted_ns: number(admitted)?,
        latency_ns: number(latency)?,
        parts: Parts {
            robot_compute_ns: number(robot)?,
            server_compute_ns: number(server)?,
            uplink_ns: number(uplink)?,
            downlink_ns: number(downlink)?,
            wait_ns: number(wait)?,
            overlap_ns: number(overlap)?,
        },
        bytes_up: number(up)?,
        bytes_down: number(down)?,
        outcome: known.ok_or_else(|| wrong(outcome, "ok, finished_locally or failed"))?,
        left_out,
        emulated: emulated
            .parse()
            .map_err(|_| wrong(emulated, "true or false"))?,
        predicted_ns: match predicted {
            "" => None,
            ns => Some(number(ns)?),
        },
    })
}

fn number<T: std::str::FromStr>(field: &str) -> Result<T, (String, String)> {
    let parsed = field.trim().parse();
    parsed.map_err(|_| (field.to_owned(), "a whole number".to_owned()))
}
