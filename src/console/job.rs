//! Stopping as a shell expects it of a job: only where there is a shell that can let it go on.

use std::io;
use std::path::PathBuf;

use rustix::process::{
    Pid, Signal, getpgid, getpid, getppid, getsid, kill_current_process_group, kill_process,
};

use crate::sysfs;

/// Generations of parents that are looked through.
const MOST_PARENTS: usize = 64;

/// Stops this process until SIGCONT. `with_job` asks its whole job to stop first, as Ctrl-Z does. Where no shell could let
/// it go on, nothing stops: the system does so with SIGTSTP, too (POSIX, orphaned process groups).
///
/// # Errors
/// The system does not allow it.
pub(super) fn stop(with_job: bool) -> io::Result<()> {
    if !has_shell() {
        return Ok(());
    }
    if with_job {
        kill_current_process_group(Signal::TSTP)?;
    }
    // SIGTSTP itself has become a message to this program; this one stops it.
    Ok(kill_process(getpid(), Signal::STOP)?)
}

/// Whether the nearest ancestor outside this job is of the same session: that is its shell.
fn has_shell() -> bool {
    let (Ok(session), Ok(job)) = (getsid(None), getpgid(None)) else {
        return false;
    };
    let mut parent = getppid();
    for _ in 0..MOST_PARENTS {
        let Some(pid) = parent else {
            return false;
        };
        if getsid(Some(pid)).ok() != Some(session) {
            return false;
        }
        if getpgid(Some(pid)).ok() != Some(job) {
            return true;
        }
        parent = parent_of(pid);
    }
    false
}

/// The parent of another process, from `/proc`.
fn parent_of(pid: Pid) -> Option<Pid> {
    let path = PathBuf::from(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    parse_parent(&sysfs::text(&path).ok()?)
}

/// The fourth field of `/proc/PID/stat`; the second, a name in brackets, may have anything in it.
fn parse_parent(stat: &str) -> Option<Pid> {
    let (_, rest) = stat.rsplit_once(')')?;
    let parent = rest.split_whitespace().nth(1)?;
    Pid::from_raw(parent.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_found_whatever_the_program_is_called() {
        let parent = |stat| parse_parent(stat).map(|pid| pid.as_raw_nonzero().get());
        assert_eq!(parent("77 (cargo) S 42 77 5 0 -1"), Some(42));
        assert_eq!(parent("77 (a) b) 9 (c) S 42 77"), Some(42));
        assert_eq!(parent("77 (init) S 0 1"), None);
        assert_eq!(parent("nonsense"), None);
        assert_eq!(parent_of(getpid()), getppid());
    }
}
