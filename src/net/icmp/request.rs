//! What to ping, and how.

use std::net::IpAddr;
use std::time::Duration;

use crate::error::{Error, Result};

/// The size of an ICMP echo header, the same in both families.
pub(super) const ECHO_HEADER: usize = 8;

/// A series of echo requests to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub destination: IpAddr,
    /// The destination as the user typed it.
    pub label: String,
    /// How many to send; none for "until interrupted".
    pub count: Option<u64>,
    /// The time from one to the next.
    pub interval: Duration,
    /// How long each one may be answered before it counts as lost.
    pub timeout: Duration,
    /// Payload bytes, without the headers.
    pub size: u16,
    /// Time to live, or hop limit; the kernel's default where none is given.
    pub ttl: Option<u8>,
    /// The address to send from; the one that the route prefers where none is given.
    pub source: Option<IpAddr>,
    /// The interface (or VRF) to send through; the one that the route names where none is given.
    pub device: Option<String>,
    /// Never fragment, not even here: what is too long for the path fails.
    pub dont_fragment: bool,
    /// The same, and what the kernel knows of the MTU of the path does not count.
    pub forget_path_mtu: bool,
    /// The mark that the kernel routes and filters by.
    pub mark: Option<u32>,
    /// Type of service (IPv4) or traffic class (IPv6).
    pub tos: Option<u8>,
}

impl Request {
    /// Four requests of 56 bytes, one a second.
    ///
    /// Each may be answered for four seconds: the kernel takes a little over three to find that nobody
    /// answers ARP, and until then "host unreachable" can't be told from silence.
    pub fn new(destination: IpAddr) -> Self {
        Self {
            destination,
            label: destination.to_string(),
            count: Some(4),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(4),
            size: 56,
            ttl: None,
            source: None,
            device: None,
            dont_fragment: false,
            forget_path_mtu: false,
            mark: None,
            tos: None,
        }
    }

    /// Whether the parts go together; what only the kernel can know is left to it.
    pub(super) fn validate(&self) -> Result<()> {
        // The largest IP packet is 65,535 bytes; in IPv6 that does not count the header.
        let largest =
            u16::MAX as usize - ECHO_HEADER - if self.destination.is_ipv4() { 20 } else { 0 };
        if usize::from(self.size) > largest {
            return Err(self
                .refuse(format!(
                    "a payload of {} bytes does not fit an IP packet",
                    self.size
                ))
                .hint(format!("the largest is {largest} bytes")));
        }
        if self.ttl == Some(0) {
            return Err(self
                .refuse("a TTL of 0 can't be sent")
                .hint("the range is 1 to 255"));
        }
        if self.timeout.is_zero() {
            return Err(self
                .refuse("a timeout of 0 leaves no time for a reply")
                .hint("\"1s\" is common, \"4s\" long enough to see an unanswered ARP"));
        }
        if let Some(source) = self.source
            && source.is_ipv4() != self.destination.is_ipv4()
        {
            return Err(self.refuse(format!(
                "source `{source}` and destination `{}` are of different families",
                self.destination
            )));
        }
        Ok(())
    }

    fn refuse(&self, cause: impl Into<String>) -> Error {
        Error::invalid(cause).doing("ping", &self.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(destination: &str) -> Request {
        Request::new(destination.parse().unwrap())
    }

    #[test]
    fn the_largest_payload_depends_on_the_family() {
        let mut request = to("10.0.0.1");
        request.size = 65_507;
        assert_eq!(request.validate(), Ok(()));
        request.size = 65_508;
        let error = request.validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot ping `10.0.0.1`: a payload of 65508 bytes does not fit an IP packet"
        );
        assert_eq!(error.hint.as_deref(), Some("the largest is 65507 bytes"));

        let mut request = to("fd00::1");
        request.size = 65_527;
        assert_eq!(request.validate(), Ok(()));
        request.size = 65_528;
        assert!(request.validate().is_err());
    }

    #[test]
    fn a_source_of_the_other_family_is_refused() {
        let mut request = to("10.0.0.1");
        request.source = Some("fd00::1".parse().unwrap());
        assert_eq!(
            request.validate().unwrap_err().to_string(),
            "cannot ping `10.0.0.1`: source `fd00::1` and destination `10.0.0.1` are of different families"
        );
    }

    #[test]
    fn what_can_never_be_answered_is_refused() {
        let mut request = to("10.0.0.1");
        request.ttl = Some(0);
        assert!(request.validate().is_err());
        let mut request = to("10.0.0.1");
        request.timeout = Duration::ZERO;
        assert!(request.validate().is_err());
    }
}
