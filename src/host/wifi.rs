//! The radio: signal, bit rates and access point, from `iw` or, without it, the signal from `/proc/net/wireless`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command;
use super::{HostError, Wifi};
use crate::sysfs::{self, quoted};
use crate::units::BitsPerSecond;

/// Where distributions put `iw`.
const PLACES: [&str; 3] = ["usr/sbin/iw", "sbin/iw", "usr/bin/iw"];
/// Interfaces told of at most.
const MAX: usize = 16;

/// How to ask for the radios.
#[derive(Debug)]
pub(super) struct Radios {
    root: PathBuf,
    iw: Option<PathBuf>,
}

/// What `iw dev NAME link` says of a connection.
#[derive(Debug, Default, PartialEq)]
struct Link {
    bssid: Option<String>,
    signal_dbm: Option<f64>,
    tx_rate: Option<BitsPerSecond>,
    rx_rate: Option<BitsPerSecond>,
    frequency_mhz: Option<f64>,
}

impl Radios {
    pub(super) fn find(root: &Path) -> Self {
        let iw = PLACES.iter().map(|p| root.join(p)).find(|p| p.exists());
        Self {
            root: root.to_owned(),
            iw,
        }
    }

    /// Every wireless interface, and why `iw` said nothing of one; a USB adapter may come and go.
    pub(super) fn read(&self) -> Result<(Vec<Wifi>, Option<HostError>), HostError> {
        let net = self.root.join("sys/class/net");
        let mut interfaces = sysfs::entries_named(&net, "")?;
        interfaces.retain(|i| i.join("wireless").exists() || i.join("phy80211").exists());
        if interfaces.is_empty() {
            return Err(HostError::None("no wireless interface"));
        }
        let signals = sysfs::bytes(&self.root.join("proc/net/wireless"));
        let signals = signals
            .map(|text| parse_wireless(&text))
            .unwrap_or_default();
        let (mut found, mut trouble) = (Vec::new(), None);
        for interface in interfaces.iter().take(MAX) {
            let name = sysfs::file_name(interface);
            let said = self.iw.as_ref().map(|iw| link(iw, &name));
            let link = said.unwrap_or_else(|| Ok(Link::default()));
            let link = link.unwrap_or_else(|e| {
                trouble = Some(e);
                Link::default()
            });
            found.push(Wifi {
                signal_dbm: link.signal_dbm.or_else(|| signals.get(&name).copied()),
                tx_rate: link.tx_rate,
                rx_rate: link.rx_rate,
                bssid: link.bssid,
                frequency_mhz: link.frequency_mhz,
                interface: name,
            });
        }
        Ok((found, trouble))
    }
}

fn link(iw: &Path, interface: &str) -> Result<Link, HostError> {
    let said = command::output(Command::new(iw).args(["dev", interface, "link"]))?;
    parse_link(&said).ok_or_else(|| HostError::Command {
        command: format!("iw dev {interface} link"),
        problem: format!(
            "expected `Connected to BSSID` or `Not connected.`, read {}",
            quoted(&said)
        ),
    })
}

/// The text of `iw dev NAME link`.
fn parse_link(text: &[u8]) -> Option<Link> {
    let text = str::from_utf8(text).ok()?.trim_start();
    if text.starts_with("Not connected") {
        return Some(Link::default());
    }
    let bssid = text
        .strip_prefix("Connected to ")?
        .split_ascii_whitespace()
        .next()
        .filter(|b| is_bssid(b))?;
    let mut link = Link {
        bssid: Some(bssid.to_owned()),
        ..Link::default()
    };
    for line in text.lines().skip(1) {
        // By the first word only: the network's name is anybody's text.
        let Some((key, value)) = line.trim().split_once(':') else {
            continue;
        };
        match key {
            "freq" => link.frequency_mhz = frequency(value),
            "signal" => link.signal_dbm = measure(value, "dBm"),
            "tx bitrate" => link.tx_rate = measure(value, "MBit/s").map(BitsPerSecond::from_mbps),
            "rx bitrate" => link.rx_rate = measure(value, "MBit/s").map(BitsPerSecond::from_mbps),
            _ => {}
        }
    }
    Some(link)
}

/// `5180` or, from newer versions, `5180.0`.
fn frequency(value: &str) -> Option<f64> {
    let mhz = value.split_ascii_whitespace().next()?.parse().ok()?;
    plausible(mhz).then_some(mhz)
}

/// `-52 dBm` or `433.3 MBit/s VHT-MCS 9`
fn measure(value: &str, unit: &str) -> Option<f64> {
    let mut words = value.split_ascii_whitespace();
    let number = words.next()?.parse().ok()?;
    (words.next()? == unit && plausible(number)).then_some(number)
}

fn plausible(number: f64) -> bool {
    number.is_finite() && number.abs() < 1e6
}

fn is_bssid(text: &str) -> bool {
    text.len() == 17
        && text.split(':').count() == 6
        && text
            .split(':')
            .all(|b| b.len() == 2 && b.bytes().all(|c| c.is_ascii_hexdigit()))
}

/// Signals in dBm from `/proc/net/wireless`. Drivers that give a share instead of dBm are left out.
fn parse_wireless(text: &[u8]) -> BTreeMap<String, f64> {
    let text = String::from_utf8_lossy(text);
    let line = |line: &str| {
        let (name, rest) = line.trim().split_once(':')?;
        // Status, link quality, level, noise; a trailing point means "updated".
        let level = rest.split_ascii_whitespace().nth(2)?;
        let dbm: f64 = level.trim_end_matches('.').parse().ok()?;
        (plausible(dbm) && dbm < 0.0 && name.len() <= 32).then(|| (name.to_owned(), dbm))
    };
    text.lines().filter_map(line).take(MAX).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONNECTED: &str = "Connected to 04:f0:21:0a:bb:1c (on wlan0)\n\tSSID: garden signal: -1 dBm\n\tfreq: 5180\n\
        \tRX: 1234 bytes (5 packets)\n\tTX: 4321 bytes (6 packets)\n\tsignal: -52 dBm\n\
        \trx bitrate: 390.0 MBit/s VHT-MCS 4 80MHz VHT-NSS 2\n\ttx bitrate: 433.3 MBit/s VHT-MCS 9 80MHz\n";
    const WIRELESS: &str = "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n\
        \u{20}face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n\
        \u{20}wlan0: 0000   58.  -52.  -256        0      0      0      0      0        0\n\
        \u{20}wlan1: 0000   58.  70.  -256        0      0      0      0      0        0\n";

    #[test]
    fn a_connection_is_read_and_its_name_is_not() {
        let link = parse_link(CONNECTED.as_bytes()).unwrap();
        let expected = Link {
            bssid: Some("04:f0:21:0a:bb:1c".to_owned()),
            signal_dbm: Some(-52.0),
            tx_rate: Some(BitsPerSecond(433.3e6)),
            rx_rate: Some(BitsPerSecond(390e6)),
            frequency_mhz: Some(5180.0),
        };
        assert_eq!(link, expected);
        assert_eq!(parse_link(b"Not connected.\n"), Some(Link::default()));
        assert_eq!(parse_link(b"Connected to a friend"), None);
        assert_eq!(parse_link(b"command failed: No such device (-19)"), None);
    }

    #[test]
    fn signals_come_without_iw() {
        let signals = parse_wireless(WIRELESS.as_bytes());
        assert_eq!(
            signals.into_iter().collect::<Vec<_>>(),
            [("wlan0".to_owned(), -52.0)]
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            at in 0..CONNECTED.len(), with in any::<u8>(),
        ) {
            let _ = (parse_link(&bytes), parse_wireless(&bytes));
            let mut broken = CONNECTED.as_bytes().to_vec();
            broken[at] = with;
            let _ = (parse_link(&broken), parse_wireless(&broken));
        }
    }
}
