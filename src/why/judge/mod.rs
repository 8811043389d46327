//! Goes along the way there and the way back, and stops at the first thing that stops the packets.

mod asking;
mod filter;
mod ladder;
mod loss;
mod neighbour;
mod queue;
mod translation;

use std::cmp::Ordering;
use std::net::IpAddr;

use crate::net::route::Route;
use crate::net::trace::sniffer::Sort;
use crate::why::carrier;
use crate::why::cause::{Cause, Outer};
use crate::why::circle;
use crate::why::duplicate;
use crate::why::length;
use crate::why::link_layer;
use crate::why::martian;
use crate::why::ports;
use crate::why::refusal;
use crate::why::scene::Scene;
use crate::why::tunnel;
use crate::why::walk::{Hop, Leg, Measured};

pub use asking::{asked_in_vain, is_late, next_addresses};

/// A namespace on the way, as the ladder shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Where: `a:e0`.
    pub spot: String,
    /// The address there, where there is one.
    pub address: String,
    /// Whether the packets get on from there.
    pub is_good: bool,
    /// What is known of it.
    pub text: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the probes were answered.
    pub is_reached: bool,
    /// What stops them, where that is known.
    pub cause: Option<Cause>,
    /// The way as far as they come.
    pub rungs: Vec<Rung>,
    /// What it is not.
    pub ruled_out: Vec<String>,
    /// What an ICMP error has said of the probes, and who has sent it.
    pub refused: Option<(String, IpAddr)>,
}

/// What became of the packets at one hop.
enum Step {
    /// They go on.
    On,
    /// They end here.
    Ends(Cause),
}

struct Judge<'a> {
    scene: &'a Scene,
    legs: &'a [Leg],
    measured: &'a Measured,
    verdict: Verdict,
}

/// Judges what was asked and measured; `legs` are the way there and, as far as it is known, the way back.
pub fn judge(scene: &Scene, legs: &[Leg], measured: &Measured) -> Verdict {
    let mut judge = Judge {
        scene,
        legs,
        measured,
        verdict: Verdict::default(),
    };
    judge.go();
    judge.verdict
}

/// The namespace in which a filter takes the packets, or may do so unseen: there the kernel is to be asked which rule it is. With
/// what tells the packets from others, where they are those of a tunnel.
pub fn to_be_traced(verdict: &Verdict) -> Option<(usize, Option<Outer>)> {
    let cause = verdict.cause.as_ref()?;
    ["filter", "unknown"]
        .contains(&cause.sort)
        .then_some((cause.place, cause.outer))
}

impl Judge<'_> {
    fn go(&mut self) {
        let duplicate = duplicate::answering(self.scene, self.legs, self.measured);
        let is_answered = self.measured.is_answered() && !self.is_answered_by_another();
        let is_reached = is_answered && duplicate.is_none();
        self.verdict.is_reached = is_reached;
        self.verdict.refused = self.refused();
        for leg in self.legs {
            for (at, hop) in leg.hops.iter().enumerate() {
                let is_last = at + 1 == leg.hops.len();
                let leg = &leg.at(hop);
                let step = match &duplicate {
                    Some(cause) if is_last => Step::Ends(cause.clone()),
                    _ if is_answered => Step::On,
                    _ => self.at_hop(leg, at, hop),
                };
                match step {
                    Step::On => self.climb(leg, hop),
                    Step::Ends(mut cause) => {
                        if cause.place != hop.place {
                            self.climb(leg, hop);
                        }
                        // What a cause shows by itself needs no proof in the ladder.
                        if cause.sort == "unknown" {
                            cause.evidence.extend(self.observed(leg, &cause));
                        }
                        cause.evidence.extend(self.translations(leg, at));
                        if cause.mend.is_none() && self.scene.owners(leg.to).is_empty() {
                            cause.mend = self
                                .nobody_translated(hop.output(), leg.to)
                                .and_then(|it| it.mend);
                        }
                        self.stop(leg, hop, &cause);
                        if cause.evidence.is_empty() {
                            cause.evidence = self.observed(leg, &cause);
                        }
                        self.verdict.cause = Some(cause);
                        return;
                    }
                }
            }
            if leg.is_loop
                && !is_reached
                && let Some((hop, cause)) = circle::cause(self.scene, leg)
            {
                self.stop(leg, hop, &cause);
                self.verdict.cause = Some(cause);
                return;
            }
        }
    }

    fn at_hop(&self, leg: &Leg, at: usize, hop: &Hop) -> Step {
        match &hop.answer {
            Err(refusal) => {
                Step::Ends(refusal::cause(self.scene, leg, hop, refusal, self.measured))
            }
            Ok(route) if route.is_refusal() => {
                Step::Ends(refusal::refusing_route(self.scene, leg, hop, &route.kind))
            }
            Ok(route) if route.kind == "broadcast" => {
                Step::Ends(martian::broadcast(self.scene, leg, hop))
            }
            Ok(_) if hop.is_arrival() => self.arrival(leg, at, hop),
            Ok(route) => self.leave(leg, at, hop, route),
        }
    }

    fn leave(&self, leg: &Leg, at: usize, hop: &Hop, route: &Route) -> Step {
        let scene = self.scene;
        let Some(output) = hop.output() else {
            return Step::On;
        };
        let Some(link) = scene.link(output) else {
            return Step::On;
        };
        if !link.up {
            return Step::Ends(refusal::down_link(scene, output));
        }
        if at > 0 && !refusal::forwards(scene, hop.place, leg) {
            return Step::Ends(refusal::not_forwarding(scene, leg, hop, self.measured));
        }
        if let Some((narrow, mtu)) = length::told(scene, leg, self.measured) {
            match at.cmp(&narrow) {
                // Those that told of it have passed here.
                Ordering::Less => return Step::On,
                Ordering::Equal => {
                    let cause = length::cause(scene, leg, hop, output, mtu, self.measured);
                    return Step::Ends(cause);
                }
                Ordering::Greater => {}
            }
        }
        let sort = sort(leg);
        let next = route.via.unwrap_or(leg.to);
        let has_left = self.measured.was_seen(output, true, sort);
        if !has_left && let Some(cause) = self.dropped_by_router(leg, hop, output) {
            return Step::Ends(cause);
        }
        if !has_left && let Some(cause) = self.unanswered(leg, at, hop, next) {
            return Step::Ends(cause);
        }
        if !has_left && carrier::is_without(scene, output) {
            // Where nobody on the link layer has the next address, the other end may still be why.
            let mut near = vec![output];
            near.extend(scene.joined(output).into_iter().take(1));
            let cause = link_layer::between(scene, leg, &hop.chain);
            let cause = cause.or_else(|| link_layer::between(scene, leg, &near[1..]));
            let cause = cause.unwrap_or_else(|| carrier::cause(scene, output));
            return Step::Ends(cause);
        }
        if !has_left && self.measured.can_see(hop.place) {
            return Step::Ends(self.held(leg, hop, output));
        }
        if has_left && hop.chain.is_empty() {
            return match self.gone(hop, output, next) {
                Some(cause) => Step::Ends(cause),
                None => Step::On,
            };
        }
        let Some(owner) = hop.chain.last().copied().filter(|_| has_left) else {
            return Step::On;
        };
        if self.measured.was_seen(owner, false, sort) || !self.measured.can_see(owner.place) {
            return Step::On;
        }
        if let Some(cause) = duplicate::taking(scene, leg, next, owner, sort, self.measured) {
            return Step::Ends(cause);
        }
        let lost = format!(
            "seen leaving {}, not seen coming in at {}",
            scene.name(output),
            scene.name(owner)
        );
        let cause = link_layer::between(scene, leg, &hop.chain)
            .or_else(|| tunnel::between(scene, &hop.crossings, sort, false, self.measured))
            .or_else(|| length::lost(scene, leg, hop, self.measured))
            .or_else(|| link_layer::at_owner(scene, leg, output, owner))
            .or_else(|| link_layer::unknown_to_bridge(scene, &hop.chain))
            .or_else(|| ports::locked(scene, &hop.chain))
            .or_else(|| duplicate::hardware(scene, &hop.chain))
            .or_else(|| self.corrupted(leg, hop, owner.place));
        Step::Ends(match cause {
            Some(cause) => cause.seen(lost),
            None => self.lost_between(leg, hop, sort).seen(lost),
        })
    }

    fn arrival(&self, leg: &Leg, at: usize, hop: &Hop) -> Step {
        let scene = self.scene;
        let place = &scene.places[hop.place];
        let first = self.legs[0].hops.first().map(|hop| hop.place);
        let meant = if leg.is_back {
            first
        } else {
            self.measured.meant
        };
        if let Some(meant) = meant
            && let Some(cause) = duplicate::keeping(scene, hop, leg, meant)
        {
            return Step::Ends(cause);
        }
        if at == 0 {
            let lo = place.links.iter().find(|link| link.loopback);
            return match lo.filter(|lo| !lo.up) {
                Some(lo) => Step::Ends(refusal::loopback_down(scene, hop.place, lo.index)),
                None => match self.filtered(leg, hop) {
                    Some(cause) => Step::Ends(cause),
                    None => Step::On,
                },
            };
        }
        if let (Some(input), Some(grown)) = (
            hop.input,
            self.measured
                .grew(hop.place, &["TcpExt:IPReversePathFilter"]),
        ) {
            return Step::Ends(refusal::reverse_path(scene, leg, hop, input).seen(grown));
        }
        let hooked = || hop.came_by().and_then(|end| self.hooked(end));
        if leg.is_back {
            if let Some(cause) = self.untranslated(leg) {
                return Step::Ends(cause);
            }
            if let Some(cause) = hooked() {
                return Step::Ends(cause);
            }
            let found = self.corrupted(leg, hop, hop.place);
            return match found.or_else(|| self.filtered(leg, hop)) {
                Some(cause) => Step::Ends(cause),
                None => Step::On,
            };
        }
        let echoes = ["Icmp:InEchos", "Icmp6InEchos"];
        let Some(came) = self.measured.grew(hop.place, &leg.counters(&echoes)) else {
            let corrupted = || self.corrupted(leg, hop, hop.place);
            let found = hooked().or_else(corrupted);
            return match found.or_else(|| self.filtered(leg, hop)) {
                Some(cause) => Step::Ends(cause),
                None => Step::On,
            };
        };
        let ignoring = ["ipv4.icmp_echo_ignore_all", "ipv6.icmp.echo_ignore_all"];
        let setting = ignoring[usize::from(leg.to.is_ipv6())];
        if place.detail.number(setting) != 0 {
            let text = format!("{} ignores echo requests", place.label);
            let mend = format!("{}.sysctl(\"{setting}\", 0)", place.typed);
            return Step::Ends(
                Cause::in_place("echo_ignored", hop.place, text)
                    .seen(format!("{came}, {setting} = 1"))
                    .mend(mend),
            );
        }
        Step::On
    }
}

/// What the packets of a leg are.
pub fn sort(leg: &Leg) -> Sort {
    if leg.is_back {
        Sort::Reply
    } else {
        Sort::Request
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;
    use crate::net::icmp::Outcome;
    use crate::net::link::Snapshot;
    use crate::net::nft::trace::Addresses;
    use crate::net::rtnl::Refusal;
    use crate::why::scene::{End, Place};

    fn scene() -> Scene {
        let place = |label: &str, links: &[&str]| Place {
            label: label.to_owned(),
            typed: format!("netns(\"{label}\")"),
            links: (1..)
                .zip(links)
                .map(|(index, name)| Snapshot {
                    index,
                    name: (*name).to_owned(),
                    up: true,
                    carrier: true,
                    ..Snapshot::default()
                })
                .collect(),
            ..Place::default()
        };
        Scene {
            places: vec![place("a", &["e0"]), place("r", &["e1", "e2"])],
            ..Scene::default()
        }
    }

    fn leg(refused: Errno) -> Leg {
        let to: std::net::IpAddr = "10.0.2.2".parse().unwrap();
        let on = Route {
            via: Some("10.0.1.2".parse().unwrap()),
            link: Some(1),
            ..Route::to(ipnet::IpNet::from(to))
        };
        let hop = |place, input, answer| Hop {
            place,
            input,
            flow: Addresses {
                from: "10.0.1.1".parse().unwrap(),
                to,
            },
            translated: None,
            vrf: None,
            asked: "route get 10.0.2.2".to_owned(),
            answer,
            chain: vec![End { place: 0, link: 1 }, End { place: 1, link: 1 }],
            proposal: None,
            crossings: Vec::new(),
        };
        let refusal = Refusal {
            errno: refused,
            text: None,
        };
        Leg {
            from: "10.0.1.1".parse().unwrap(),
            to,
            hops: vec![hop(0, None, Ok(on)), hop(1, Some(1), Err(refusal))],
            is_back: false,
            is_loop: false,
        }
    }

    fn passed() -> Measured {
        let mut measured = Measured::default();
        measured.outcomes.push(Outcome::Lost);
        let (out, into) = (End { place: 0, link: 1 }, End { place: 1, link: 1 });
        measured.seen.insert((out, true, Sort::Request));
        measured.seen.insert((into, false, Sort::Request));
        measured
    }

    #[test]
    fn a_router_that_does_not_forward_is_the_cause_where_packets_come_to_it() {
        let verdict = judge(&scene(), &[leg(Errno::EHOSTUNREACH)], &passed());
        let cause = verdict.cause.unwrap();
        assert_eq!((cause.sort, cause.place), ("forwarding_off", 1));
        assert_eq!(cause.mend.as_deref(), Some("netns(\"r\").forward()"));
        assert_eq!(cause.evidence, ["route get 10.0.2.2: EHOSTUNREACH"]);
        assert_eq!(verdict.rungs.len(), 2);
    }

    #[test]
    fn a_fault_farther_on_is_no_cause_where_packets_do_not_leave() {
        let mut measured = passed();
        measured.seen.clear();
        let verdict = judge(&scene(), &[leg(Errno::EHOSTUNREACH)], &measured);
        assert_eq!(verdict.cause.unwrap().place, 0);
    }

    #[test]
    fn a_cause_that_is_not_known_says_what_was_seen() {
        let mut leg = leg(Errno::EHOSTUNREACH);
        leg.hops.truncate(1);
        let mut measured = passed();
        measured
            .seen
            .remove(&(End { place: 1, link: 1 }, false, Sort::Request));
        let cause = judge(&scene(), &[leg], &measured).cause.unwrap();
        assert_eq!(
            (cause.sort, cause.evidence),
            (
                "unknown",
                vec![
                    "seen leaving a:e0, not seen coming in at r:e1".to_owned(),
                    "no reply to an echo request".to_owned(),
                ]
            )
        );
    }

    #[test]
    fn what_a_filter_of_tc_drops_is_mended_where_it_hangs() {
        let mut leg = leg(Errno::EHOSTUNREACH);
        let local = Route {
            kind: "local".to_owned(),
            ..Route::to(ipnet::IpNet::from(leg.to))
        };
        leg.hops[1].answer = Ok(local);
        let mut measured = passed();
        measured.hooked.insert(End { place: 1, link: 1 }, 2);
        let cause = judge(&scene(), &[leg], &measured).cause.unwrap();
        assert_eq!(
            (cause.sort, cause.mend.as_deref()),
            ("queue", Some("netns(\"r\").link(\"e1\").clear_ingress()"))
        );
    }

    #[test]
    fn what_is_answered_has_no_cause_whatever_else_was_found() {
        let mut measured = passed();
        measured.outcomes.push(Outcome::Reply {
            from: "10.0.2.2".parse().unwrap(),
            bytes: 64,
            ttl: None,
            rtt: std::time::Duration::ZERO,
        });
        let verdict = judge(&scene(), &[leg(Errno::EHOSTUNREACH)], &measured);
        assert!(verdict.is_reached && verdict.cause.is_none());
    }
}
