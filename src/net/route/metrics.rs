//! Metrics: what is said of the path beyond where it leads.

use rtnetlink::packet_route::route::RouteMetric;
use serde::{Deserialize, Serialize};

/// How a metric that is a number is sent.
type Make = fn(u32) -> RouteMetric;

/// The metrics that are numbers, by the words of `ip route`, in the order in which it prints them.
const NUMBERS: [(&str, Make); 15] = [
    ("mtu", RouteMetric::Mtu),
    ("window", RouteMetric::Window),
    ("rtt", RouteMetric::Rtt),
    ("rttvar", RouteMetric::RttVar),
    ("ssthresh", RouteMetric::SsThresh),
    ("cwnd", RouteMetric::Cwnd),
    ("advmss", RouteMetric::Advmss),
    ("reordering", RouteMetric::Reordering),
    ("hoplimit", RouteMetric::Hoplimit),
    ("initcwnd", RouteMetric::InitCwnd),
    (FEATURES, RouteMetric::Features),
    ("rto_min", RouteMetric::RtoMin),
    ("initrwnd", RouteMetric::InitRwnd),
    ("quickack", RouteMetric::QuickAck),
    ("fastopen_no_cookie", RouteMetric::FastopenNoCookie),
];

/// A bit of the metric `features`: explicit congestion notification, `RTAX_FEATURE_ECN` of `linux/rtnetlink.h`.
const ECN: u32 = 1;
const FEATURES: &str = "features";

/// The metrics of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// Those that are numbers, by the words of `ip route`; times in milliseconds.
    numbers: Vec<(String, u32)>,
    /// The congestion control of TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    congctl: Option<String>,
    /// Which of them the kernel may not change, as bits.
    #[serde(default, skip_serializing_if = "is_zero")]
    locked: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Metrics {
    /// The number that is called so.
    pub fn number(&self, name: &str) -> Option<u32> {
        let found = self.numbers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value)
    }

    /// Gives the number that is called so, where one is given.
    pub fn set(&mut self, name: &str, value: Option<u32>) {
        self.numbers
            .extend(value.map(|value| (name.to_owned(), value)));
    }

    /// The congestion control of TCP.
    pub fn congctl(&self) -> Option<&str> {
        self.congctl.as_deref()
    }

    /// Gives the congestion control of TCP.
    pub fn set_congctl(&mut self, name: Option<String>) {
        self.congctl = name;
    }

    /// Whether none is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether all that is asked for is there, whatever else is. The kernel tells nothing of a metric of 0, which is none to it
    /// (`rtnetlink_put_metrics` of `net/core/rtnetlink.c`).
    pub fn has(&self, asked: &Self) -> bool {
        asked
            .numbers
            .iter()
            .all(|(name, value)| self.number(name).unwrap_or(0) == *value)
            && (asked.congctl.is_none() || self.congctl == asked.congctl)
    }

    pub(super) fn message(&self) -> Vec<RouteMetric> {
        let numbers = self.numbers.iter().filter_map(|(name, value)| {
            let (_, make) = NUMBERS.iter().find(|(known, _)| known == name)?;
            Some(make(*value))
        });
        let locked = (self.locked > 0).then_some(RouteMetric::Lock(self.locked));
        let congctl = self.congctl.clone().map(RouteMetric::CcAlgo);
        locked.into_iter().chain(numbers).chain(congctl).collect()
    }

    pub(super) fn read(metrics: &[RouteMetric]) -> Self {
        let mut read = Self::default();
        for metric in metrics {
            match metric {
                RouteMetric::Lock(bits) => read.locked = *bits,
                RouteMetric::CcAlgo(name) => read.congctl = Some(name.clone()),
                other => {
                    let named = NUMBERS.iter().find_map(|(name, make)| {
                        number(other)
                            .filter(|value| make(*value) == *other)
                            .map(|value| (*name, value))
                    });
                    if let Some((name, value)) = named {
                        read.set(name, Some(value));
                    }
                }
            }
        }
        read
    }

    /// The words of `ip route`.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for (name, _) in NUMBERS {
            let Some(value) = self.number(name) else {
                continue;
            };
            let value = match name {
                FEATURES if value == ECN => "ecn".to_owned(),
                // The kernel keeps them in eighths and quarters of a millisecond.
                "rtt" => format!("{}ms", value / 8),
                "rttvar" => format!("{}ms", value / 4),
                "rto_min" => format!("{value}ms"),
                _ => value.to_string(),
            };
            words.extend([name.to_owned(), value]);
        }
        let congctl = self.congctl.iter();
        words.extend(congctl.flat_map(|name| ["congctl".to_owned(), name.clone()]));
        words
    }

    /// Whether TCP uses explicit congestion notification, where that is said and nothing else beside it.
    pub fn ecn(&self) -> Option<bool> {
        let features = self.number(FEATURES)?;
        (features == ECN).then_some(true)
    }

    /// Sets the bit that says that TCP uses explicit congestion notification.
    pub fn set_ecn(&mut self, on: Option<bool>) {
        self.set(FEATURES, on.map(|on| if on { ECN } else { 0 }));
    }
}

fn number(metric: &RouteMetric) -> Option<u32> {
    use RouteMetric as M;
    match metric {
        M::Mtu(value)
        | M::Window(value)
        | M::Rtt(value)
        | M::RttVar(value)
        | M::SsThresh(value)
        | M::Cwnd(value)
        | M::Advmss(value)
        | M::Reordering(value)
        | M::Hoplimit(value)
        | M::InitCwnd(value)
        | M::Features(value)
        | M::RtoMin(value)
        | M::InitRwnd(value)
        | M::QuickAck(value)
        | M::FastopenNoCookie(value) => Some(*value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_tells_is_sent_again_as_it_was() {
        let told = [
            RouteMetric::Lock(4),
            RouteMetric::Mtu(1400),
            RouteMetric::InitCwnd(20),
            RouteMetric::Features(1),
            RouteMetric::RtoMin(300),
            RouteMetric::CcAlgo("reno".to_owned()),
        ];
        let metrics = Metrics::read(&told);
        assert_eq!(metrics.message(), told);
        assert_eq!(
            metrics.words().join(" "),
            "mtu 1400 initcwnd 20 features ecn rto_min 300ms congctl reno"
        );
    }

    #[test]
    fn a_metric_of_0_is_there_where_the_kernel_tells_none() {
        let asked = |value| {
            let mut asked = Metrics::default();
            asked.set("quickack", Some(value));
            asked
        };
        let told = Metrics::read(&[RouteMetric::Mtu(1400)]);
        assert!(told.has(&asked(0)) && !told.has(&asked(1)));
        assert!(!Metrics::read(&[RouteMetric::QuickAck(1)]).has(&asked(0)));
    }
}
