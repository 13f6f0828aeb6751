//! What Linux knows of a TCP connection: round trip, retransmits, delivery rate, bytes not sent yet.
//!
//! Read with `getsockopt(TCP_INFO)`. Its answer is `struct tcp_info` of `linux/tcp.h`, whose fields keep their places
//! and which newer kernels only lengthen; so bytes are read and not a struct of one version. Absent on other systems.

use std::net::TcpStream;

use crate::units::{BitsPerSecond, Bytes};

/// A connection as the kernel sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelTcp {
    /// Smoothed round trip of segments, in microseconds. Under load it holds the queues' time too.
    pub rtt_us: u32,
    /// Its mean deviation, in microseconds.
    pub rtt_deviation_us: u32,
    /// Segments sent again since the connection began.
    pub retransmits: u32,
    /// Rate at which the peer's kernel last acknowledged bytes; none before there was any, or on an old kernel.
    pub delivery: Option<BitsPerSecond>,
    /// Whether the delivery rate is low because the program sent little, and says nothing of the link.
    pub is_app_limited: bool,
    /// Bytes that wait in the kernel and were never sent; none on an old kernel.
    pub unsent: Option<Bytes>,
}

/// Places in `struct tcp_info`.
const APP_LIMITED_BITS: usize = 7;
const RTT: usize = 68;
const RTT_VAR: usize = 72;
const TOTAL_RETRANS: usize = 100;
const NOTSENT_BYTES: usize = 144;
const DELIVERY_RATE: usize = 160;

impl KernelTcp {
    /// What the kernel says; none where it says nothing.
    pub fn of(stream: &TcpStream) -> Option<Self> {
        let mut buffer = [0; 256];
        Self::parse(tcp_info(stream, &mut buffer)?)
    }

    /// Reads a `struct tcp_info` of any length; none if it ends before what every kernel has.
    fn parse(info: &[u8]) -> Option<Self> {
        let u32_at = |at: usize| {
            let bytes = info.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        let delivery = info
            .get(DELIVERY_RATE..)
            .and_then(|rest| rest.first_chunk::<8>())
            .map(|bytes| u64::from_ne_bytes(*bytes))
            .filter(|&bytes_per_second| bytes_per_second > 0);
        Some(Self {
            rtt_us: u32_at(RTT)?,
            rtt_deviation_us: u32_at(RTT_VAR)?,
            retransmits: u32_at(TOTAL_RETRANS)?,
            delivery: delivery.map(|b| BitsPerSecond(b as f64 * 8.0)),
            is_app_limited: info.get(APP_LIMITED_BITS)? & 1 != 0,
            unsent: u32_at(NOTSENT_BYTES).map(|b| Bytes(u64::from(b))),
        })
    }
}

/// The bytes of `struct tcp_info` that this kernel has, of those that fit.
#[cfg(target_os = "linux")]
fn tcp_info<'a>(stream: &TcpStream, buffer: &'a mut [u8; 256]) -> Option<&'a [u8]> {
    use std::os::fd::AsRawFd;

    let mut len = buffer.len() as libc::socklen_t;
    #[expect(
        unsafe_code,
        reason = "TCP_INFO has no safe binding in the crates that we use"
    )]
    // SAFETY: the descriptor is open as long as `stream` is borrowed; the kernel writes at most `len` bytes to `buffer`,
    // which has so many, and says in `len` how many it wrote. Any bytes are valid there.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            buffer.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    (result == 0).then(|| buffer.get(..len as usize)).flatten()
}

#[cfg(not(target_os = "linux"))]
fn tcp_info<'a>(_stream: &TcpStream, _buffer: &'a mut [u8; 256]) -> Option<&'a [u8]> {
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "these come out exactly")]
    fn fields_are_read_from_their_places_and_an_old_kernel_has_fewer() {
        let mut info = [0; 232];
        info[7] = 0b1;
        info[68..72].copy_from_slice(&4100_u32.to_ne_bytes());
        info[72..76].copy_from_slice(&900_u32.to_ne_bytes());
        info[100..104].copy_from_slice(&3_u32.to_ne_bytes());
        info[144..148].copy_from_slice(&65_000_u32.to_ne_bytes());
        info[160..168].copy_from_slice(&11_625_000_u64.to_ne_bytes());
        let new = KernelTcp::parse(&info).unwrap();
        assert_eq!(
            (new.rtt_us, new.rtt_deviation_us, new.retransmits),
            (4100, 900, 3)
        );
        assert_eq!(new.delivery.unwrap().as_mbps(), 93.0);
        assert_eq!(new.unsent, Some(Bytes(65_000)));
        assert!(new.is_app_limited);
        let old = KernelTcp::parse(&info[..104]).unwrap();
        assert_eq!((old.rtt_us, old.delivery, old.unsent), (4100, None, None));
        assert_eq!(KernelTcp::parse(&info[..100]), None);
    }

    proptest! {
        #[test]
        fn no_answer_of_a_kernel_makes_it_panic(info in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(read) = KernelTcp::parse(&info) {
                prop_assert!(read.delivery.is_none_or(|d| d.0 > 0.0 && d.0.is_finite()));
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_that_carried_bytes_has_a_round_trip_and_shows_what_waits() {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&[1; 1000]).unwrap();
        server.read_exact(&mut [0; 1000]).unwrap();
        let idle = KernelTcp::of(&client).unwrap();
        assert!(idle.rtt_us > 0 && idle.rtt_us < 1_000_000, "{idle:?}");
        assert_eq!(idle.unsent, Some(Bytes(0)), "{idle:?}");
        client.set_nonblocking(true).unwrap();
        let piece = vec![0; 65536];
        while client.write(&piece).is_ok() {}
        let full = KernelTcp::of(&client).unwrap();
        assert!(full.unsent > Some(Bytes(0)), "{full:?}");
    }
}
