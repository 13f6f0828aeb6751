//! Memory from `/proc/meminfo`.

use std::path::Path;

use super::{HostError, Memory};
use crate::sysfs::{self, quoted};
use crate::units::Bytes;

pub(super) fn read(root: &Path) -> Result<Memory, HostError> {
    let path = root.join("proc/meminfo");
    let text = sysfs::bytes(&path)?;
    parse(&text).ok_or_else(|| HostError::Parse {
        file: path.display().to_string(),
        expected: "MemTotal and MemAvailable in kB",
        read: quoted(&text),
    })
}

fn parse(text: &[u8]) -> Option<Memory> {
    let text = str::from_utf8(text).ok()?;
    let field = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name))?;
        let kb: u64 = line
            .strip_prefix(':')?
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse()
            .ok()?;
        Some(Bytes(kb.checked_mul(1024)?))
    };
    Some(Memory {
        total: field("MemTotal")?,
        available: field("MemAvailable")?,
        // A kernel without swap says 0; one that does not say has none either.
        swap_total: field("SwapTotal").unwrap_or_default(),
        swap_free: field("SwapFree").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        let text = b"MemTotal:        7019000 kB\nMemFree:  1 kB\nMemAvailable:    2000000 kB\nSwapCached: 9 kB\n\
            SwapTotal:       100 kB\nSwapFree:        60 kB\n";
        let memory = parse(text).unwrap();
        assert_eq!(memory.total, Bytes(7_019_000 * 1024));
        assert_eq!(memory.available, Bytes(2_000_000 * 1024));
        assert_eq!(
            (memory.swap_total, memory.swap_free),
            (Bytes(102_400), Bytes(61_440))
        );
        assert_eq!(parse(b"MemTotal: 5 kB\n"), None);
        assert_eq!(parse(b"MemTotal: 5 MB\nMemAvailable: 5 kB\n"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            text in proptest::collection::vec(any::<u8>(), 0..200), kb in any::<u64>(),
        ) {
            let _ = parse(&text);
            let _ = parse(format!("MemTotal: {kb} kB\nMemAvailable: {kb} kB\n").as_bytes());
        }
    }
}
