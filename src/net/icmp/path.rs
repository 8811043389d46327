//! The path of packets, found hop by hop: each request may live a hop longer than the one before.
//!
//! The requests are as long as the path is known to take, so that the smallest MTU is found on the way.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::pinger::Pinger;
use super::probe::{Outcome, Unreachable};
use super::request::{ECHO_HEADER, Request};
use crate::error::Result;

/// How often is asked for a hop that does not answer.
const TRIES: usize = 3;

/// After how many hops in a row that do not answer the path ends.
pub const SILENT: usize = 5;

/// An MTU that every link has that carries the family, for where a refusal names none.
const LEAST_V4: u32 = 576;
const LEAST_V6: u32 = 1280;

/// What to trace.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Where to, from where, and how long an answer may take.
    pub request: Request,
    /// After how many hops it ends.
    pub most_hops: u8,
}

/// What was found of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// What became of the requests, but for those that were asked again.
    pub steps: Vec<Step>,
    /// The smallest MTU.
    pub mtu: u32,
    /// The number of hops there, where the destination has answered.
    pub hops: Option<u8>,
    /// The number of hops back, as the answer's time to live tells.
    pub back: Option<u8>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How many hops it might live.
    pub ttl: u8,
    /// What was found.
    pub found: Found,
}

/// What a request has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The link by which it was to leave takes less.
    Local {
        /// The MTU of that link.
        mtu: u32,
    },
    /// A hop.
    Hop {
        /// Its address.
        from: IpAddr,
        /// The time there and back.
        rtt: Duration,
        /// The MTU of the link behind it, where that takes less.
        mtu: Option<u32>,
    },
    /// Nobody has answered.
    Silence,
    /// The destination.
    Reached {
        /// The address that has answered.
        from: IpAddr,
        /// The time there and back.
        rtt: Duration,
    },
    /// Somebody does not let it pass.
    Refused {
        /// Who.
        from: IpAddr,
        /// The time there and back.
        rtt: Duration,
        /// What can't be reached; nothing for another ICMP error.
        what: Option<Unreachable>,
    },
    /// The kernel does not send it.
    NotSent(Errno),
}

impl Path {
    /// Whether the destination has answered.
    pub fn is_reached(&self) -> bool {
        self.hops.is_some()
    }

    /// Whether the kernel did not let a single request out.
    pub fn is_unsent(&self) -> bool {
        let mut steps = self.steps.iter().map(|step| &step.found);
        !self.steps.is_empty() && steps.all(|found| matches!(found, Found::NotSent(_)))
    }

    /// Whether it has ended because nobody answers any more.
    pub fn is_silent(&self) -> bool {
        let latest = self.steps.iter().rev().take(SILENT);
        latest.filter(|step| step.found == Found::Silence).count() == SILENT
    }
}

impl Trace {
    /// Follows the path. `open` opens the sockets in the namespace where it begins, `on_step` hears of each step as it is known.
    pub async fn run(
        &self,
        open: impl Fn(&Request) -> Result<Pinger>,
        mut on_step: impl FnMut(&Step),
    ) -> Result<Path> {
        let is_v4 = self.request.destination.is_ipv4();
        let header = if is_v4 { 20 } else { 40 } + ECHO_HEADER;
        let header = u32::try_from(header).unwrap_or_default();
        let mut path = Path {
            mtu: u32::from(u16::MAX),
            ..Path::default()
        };
        let mut tell = |path: &mut Path, ttl, found| {
            let step = Step { ttl, found };
            on_step(&step);
            path.steps.push(step);
        };
        for ttl in 1..=self.most_hops {
            if path.is_silent() {
                break;
            }
            let mut tries = 0;
            loop {
                let size = path.mtu.saturating_sub(header);
                let request = Request {
                    count: Some(1),
                    ttl: Some(ttl),
                    size: u16::try_from(size).unwrap_or(u16::MAX),
                    forget_path_mtu: true,
                    ..self.request.clone()
                };
                let mut pinger = open(&request)?;
                let start = Instant::now();
                let report = pinger.run(|_| {}, std::future::pending()).await?;
                let rtt = start.elapsed();
                let Some(probe) = report.probes.into_iter().next() else {
                    return Ok(path);
                };
                let smaller = |mtu: Option<u32>| {
                    let least = if is_v4 { LEAST_V4 } else { LEAST_V6 };
                    let mtu = mtu.filter(|mtu| *mtu > header).unwrap_or(least);
                    (mtu < path.mtu).then_some(mtu)
                };
                match probe.outcome {
                    Outcome::SendFailed { errno, mtu } => {
                        if errno == Errno::EMSGSIZE
                            && let Some(mtu) = smaller(mtu)
                        {
                            path.mtu = mtu;
                            tell(&mut path, ttl, Found::Local { mtu });
                            continue;
                        }
                        tell(&mut path, ttl, Found::NotSent(errno));
                        return Ok(path);
                    }
                    Outcome::FragmentationNeeded { from, mtu } => {
                        let Some(mtu) = smaller(mtu) else {
                            let what = None;
                            tell(&mut path, ttl, Found::Refused { from, rtt, what });
                            return Ok(path);
                        };
                        path.mtu = mtu;
                        let mtu = Some(mtu);
                        tell(&mut path, ttl, Found::Hop { from, rtt, mtu });
                        continue;
                    }
                    Outcome::TtlExceeded { from } => {
                        let mtu = None;
                        tell(&mut path, ttl, Found::Hop { from, rtt, mtu });
                    }
                    Outcome::Reply {
                        from, ttl: left, ..
                    }
                    | Outcome::Duplicate {
                        from, ttl: left, ..
                    } => {
                        path.hops = Some(ttl);
                        path.back = left.map(hops_back);
                        tell(&mut path, ttl, Found::Reached { from, rtt });
                        return Ok(path);
                    }
                    Outcome::Unreachable { from, what } => {
                        let what = Some(what);
                        tell(&mut path, ttl, Found::Refused { from, rtt, what });
                        return Ok(path);
                    }
                    Outcome::Problem { from, .. } => {
                        let what = None;
                        tell(&mut path, ttl, Found::Refused { from, rtt, what });
                        return Ok(path);
                    }
                    Outcome::Lost => {
                        tries += 1;
                        if tries < TRIES {
                            continue;
                        }
                        tell(&mut path, ttl, Found::Silence);
                    }
                }
                break;
            }
        }
        Ok(path)
    }
}

/// How many hops an answer has come, by what is left of its time to live: hosts begin with 64, 128 or 255.
fn hops_back(left: u8) -> u8 {
    let began = match left {
        ..=64 => 64,
        65..=128 => 128,
        _ => 255,
    };
    began - left + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_what_is_missing_of_a_usual_time_to_live() {
        assert_eq!([64, 62, 128, 255, 250].map(hops_back), [1, 3, 1, 1, 6]);
    }
}
