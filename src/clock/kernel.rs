//! What the kernel knows of the machine's time of day: whether somebody keeps it, and how far it may be off.
//!
//! Read with `adjtimex(2)`, which NTP's own programs write to. Absent on other systems.

/// The kernel's word on the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Whether something (chrony, ntpd, systemd-timesyncd) keeps it synchronised.
    pub synchronised: bool,
    /// How far it is off, as that program estimates, in microseconds.
    pub error_us: i64,
    /// How far it may be off at most, in microseconds; the kernel lets it grow while nobody corrects the clock.
    pub most_us: i64,
}

impl Kept {
    /// Asks the kernel; none where it does not answer.
    #[cfg(target_os = "linux")]
    pub fn now() -> Option<Self> {
        #[expect(
            unsafe_code,
            reason = "adjtimex has no safe binding in the crates that we use"
        )]
        // SAFETY: the structure is plain numbers, for which zeros are valid, and `modes` 0 changes nothing; the kernel
        // writes into it and nowhere else.
        let (state, answer) = unsafe {
            let mut asked: libc::timex = std::mem::zeroed();
            let state = libc::adjtimex(&raw mut asked);
            (state, asked)
        };
        (state >= 0).then_some(Self {
            synchronised: state != libc::TIME_ERROR && answer.status & libc::STA_UNSYNC == 0,
            error_us: answer.esterror,
            most_us: answer.maxerror,
        })
    }

    /// Asks the kernel; none where it does not answer.
    #[cfg(not(target_os = "linux"))]
    pub const fn now() -> Option<Self> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_answers_without_any_right() {
        let kept = Kept::now().unwrap();
        assert!(kept.most_us >= 0 && kept.error_us >= 0, "{kept:?}");
    }
}
