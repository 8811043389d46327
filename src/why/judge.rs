//! Goes along the way there and the way back, and stops at the first thing that stops the packets.

use std::cmp::Ordering;

use nix::errno::Errno;
use rtnetlink::packet_route::neighbour::NeighbourState;

use crate::error::errno_name;
use crate::net::icmp::Outcome;
use crate::net::nft::Dropping;
use crate::net::route::Route;
use crate::net::trace::sniffer::Sort;
use crate::value::mac;
use crate::why::cause::Cause;
use crate::why::circle;
use crate::why::duplicate;
use crate::why::length;
use crate::why::link_layer;
use crate::why::refusal;
use crate::why::scene::{End, Place, Scene, filters_bridged};
use crate::why::walk::{Hop, Leg, Measured, Proposal};

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

/// Whether a neighbour is missing that was not asked for while the probes were under way, but shortly before.
pub fn has_not_asked(scene: &Scene, legs: &[Leg], measured: &Measured) -> bool {
    let hops = legs
        .iter()
        .flat_map(|leg| leg.hops.iter().map(move |hop| (leg, hop)));
    let mut waiting = hops.filter_map(|(leg, hop)| {
        let output = hop.output()?;
        let next = hop.answer.as_ref().ok()?.via.unwrap_or(leg.to);
        let neighbours = scene.places[hop.place].detail.neighbours.iter();
        let known = neighbours
            .filter(|one| (one.link, one.ip) == (output.link, next))
            .find(|one| one.state == NeighbourState::Incomplete);
        known.map(|_| (output, next))
    });
    !measured.is_answered()
        && waiting.any(|(output, next)| {
            measured.can_see(output.place) && !measured.was_seen(output, true, Sort::Question(next))
        })
}

/// The namespace in which a filter takes the packets, or may do so unseen: there the kernel is to be asked which rule it is.
pub fn to_be_traced(verdict: &Verdict) -> Option<usize> {
    let cause = verdict.cause.as_ref()?;
    ["filter", "unknown"]
        .contains(&cause.sort)
        .then_some(cause.place)
}

impl Judge<'_> {
    fn go(&mut self) {
        let duplicate = duplicate::answering(self.scene, self.legs, self.measured);
        let is_answered = self.measured.is_answered();
        let is_reached = is_answered && duplicate.is_none();
        self.verdict.is_reached = is_reached;
        for leg in self.legs {
            for (at, hop) in leg.hops.iter().enumerate() {
                let is_last = at + 1 == leg.hops.len();
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

    /// What was seen of the probes that no cause has taken as its own evidence.
    fn observed(&self, leg: &Leg, cause: &Cause) -> Vec<String> {
        let mut outcomes = self.measured.outcomes.iter();
        let told = outcomes.find_map(|outcome| match outcome {
            Outcome::SendFailed { errno, .. } => Some(format!("send: {}", errno_name(*errno))),
            other => {
                let (icmp_type, code, from) = other.icmp()?;
                Some(format!("ICMP type {icmp_type} code {code} from {from}"))
            }
        });
        let sent = self.measured.outcomes.len();
        let told = told.unwrap_or_else(|| match sent {
            1 => "no reply to an echo request".to_owned(),
            _ => format!("no reply to {sent} echo requests"),
        });
        let discards = [
            "Ip:InDiscards",
            "Ip:OutDiscards",
            "Ip:FragFails",
            "Ip:OutNoRoutes",
            "IpExt:InNoRoutes",
            "Ip6InDiscards",
            "Ip6OutDiscards",
            "Ip6FragFails",
            "Ip6OutNoRoutes",
        ];
        let grown = self.measured.grew(cause.place, &leg.counters(&discards));
        let is_said = cause.evidence.iter().any(|one| one.contains("seen "));
        let last = self.last_seen(leg).filter(|_| !is_said);
        let last = last.map(|end| format!("last seen at {}", self.scene.name(end)));
        [Some(told), grown, last].into_iter().flatten().collect()
    }

    /// The last link on the way where the packets of a leg were seen.
    fn last_seen(&self, leg: &Leg) -> Option<End> {
        let sort = sort(leg);
        let ends = leg.hops.iter().flat_map(|hop| {
            let chain = hop.chain.iter().copied();
            hop.came_by().into_iter().chain(hop.output()).chain(chain)
        });
        let mut seen = ends.filter(|end| {
            [true, false]
                .iter()
                .any(|is_out| self.measured.was_seen(*end, *is_out, sort))
        });
        seen.next_back()
    }

    /// Notes a rung that they have passed.
    fn climb(&mut self, leg: &Leg, hop: &Hop) {
        if leg.is_back {
            if !hop.is_arrival() {
                let label = &self.scene.places[hop.place].label;
                let line = format!("{label} has a route back to {}", leg.to);
                self.verdict.ruled_out.push(line);
            }
            return;
        }
        let (spot, address) = self.spot(leg, hop);
        let text = match &hop.answer {
            Ok(route) if !hop.is_arrival() => {
                self.rule_out(leg, hop);
                self.described(leg, hop, route)
            }
            _ if self.verdict.is_reached => "answers".to_owned(),
            _ => "has the address".to_owned(),
        };
        self.verdict.rungs.push(Rung {
            spot,
            address,
            is_good: true,
            text,
        });
    }

    fn rule_out(&mut self, leg: &Leg, hop: &Hop) {
        let label = &self.scene.places[hop.place].label;
        self.verdict
            .ruled_out
            .push(format!("{label} has a route to {}", leg.to));
        if hop.input.is_some() {
            self.verdict.ruled_out.push(format!("{label} forwards"));
        }
    }

    fn stop(&mut self, leg: &Leg, hop: &Hop, cause: &Cause) {
        let (mut spot, mut address) = self.spot(leg, hop);
        if cause.place != hop.place || cause.link.is_some() {
            spot = cause.spot(self.scene);
            address = cause
                .link
                .and_then(|link| {
                    let end = End {
                        place: cause.place,
                        link,
                    };
                    self.scene.address(end, leg.to)
                })
                .map(|ip| ip.to_string())
                .unwrap_or_default();
        }
        let evidence = cause.evidence.join(", ");
        let text = if evidence.is_empty() {
            cause.text.clone()
        } else {
            format!("{} ({evidence})", cause.text)
        };
        self.verdict.rungs.push(Rung {
            spot,
            address,
            is_good: false,
            text,
        });
    }

    /// The link of a hop that is shown: by which they come in, or leave where they begin.
    fn spot(&self, leg: &Leg, hop: &Hop) -> (String, String) {
        let link = hop.input.or_else(|| hop.output().map(|end| end.link));
        let Some(link) = link else {
            let label = self.scene.places[hop.place].label.clone();
            return (label, String::new());
        };
        let end = End {
            place: hop.place,
            link,
        };
        let address = if self.scene.has(end, leg.to) {
            Some(leg.to)
        } else {
            self.scene.address(end, leg.to)
        };
        let address = address.map(|ip| ip.to_string()).unwrap_or_default();
        (self.scene.name(end), address)
    }

    /// What is known of a hop that they leave.
    fn described(&self, leg: &Leg, hop: &Hop, route: &Route) -> String {
        let next = route.via.unwrap_or(leg.to);
        let mut text = match route.via {
            Some(via) => format!("route via {via}"),
            None => "route on the link".to_owned(),
        };
        let neighbours = self.scene.places[hop.place].detail.neighbours.iter();
        let known = neighbours
            .filter(|one| Some(one.link) == route.link && one.ip == next)
            .find_map(|one| one.mac.as_deref());
        if let Some(address) = known {
            text.push_str(", neighbour ");
            text.push_str(&mac::print(address));
        }
        if let Some((end, mtu)) = length::narrowest(self.scene, hop) {
            let name = self.scene.name(end);
            text.push_str("; packets larger than ");
            text.push_str(&mtu.to_string());
            text.push_str(" bytes, the MTU of ");
            text.push_str(&name);
            text.push_str(", are lost without a word");
        }
        text
    }

    fn at_hop(&self, leg: &Leg, at: usize, hop: &Hop) -> Step {
        match &hop.answer {
            Err(refusal) => {
                Step::Ends(refusal::cause(self.scene, leg, hop, refusal, self.measured))
            }
            Ok(route) if route.is_refusal() => {
                Step::Ends(refusal::refusing_route(self.scene, leg, hop, &route.kind))
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
        if !has_left && !link.carrier && link.state != "UNKNOWN" {
            // Where nobody on the link layer has the next address, the other end may still be why.
            let mut near = vec![output];
            near.extend(scene.joined(output).into_iter().take(1));
            let cause = link_layer::between(scene, &hop.chain);
            let cause = cause.or_else(|| link_layer::between(scene, &near[1..]));
            let cause = cause.unwrap_or_else(|| {
                let text = format!("link {} has no carrier", scene.name(output));
                Cause::at("no_carrier", output, text)
            });
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
        let cause = link_layer::between(scene, &hop.chain)
            .or_else(|| length::lost(scene, leg, hop, self.measured))
            .or_else(|| link_layer::at_owner(scene, leg, output, owner))
            .or_else(|| link_layer::unknown_to_bridge(scene, &hop.chain));
        Step::Ends(match cause {
            Some(cause) => cause.seen(lost),
            None => self.lost_between(leg, hop, sort).seen(lost),
        })
    }

    /// A router does not send them on for what they are, whether its word of it comes back or not.
    fn dropped_by_router(&self, leg: &Leg, hop: &Hop, output: End) -> Option<Cause> {
        let came_by = hop.came_by()?;
        let scene = self.scene;
        let place = &scene.places[hop.place];
        let mtu = scene.link(output)?.mtu;
        let failures = ["Ip:FragFails", "Ip6InTooBigErrors"];
        if self.measured.length > mtu
            && let Some(grown) = self.measured.grew(hop.place, &leg.counters(&failures))
        {
            let cause = length::cause(scene, leg, hop, output, None, self.measured);
            return Some(cause.seen(grown));
        }
        let mut outcomes = self.measured.outcomes.iter();
        let from = outcomes.find_map(|outcome| match outcome {
            Outcome::TtlExceeded { from } => Some(*from),
            _ => None,
        })?;
        let is_own = place.addresses.iter().any(|one| one.ip() == from);
        (is_own && !leg.is_back && !leg.is_loop).then(|| {
            let text = format!(
                "the time to live of the packets runs out at {}",
                place.label
            );
            Cause::at("ttl", came_by, text).seen(format!("time exceeded, from {from}"))
        })
    }

    /// They are lost between two links, and nothing that is set there says why.
    fn lost_between(&self, leg: &Leg, hop: &Hop, sort: Sort) -> Cause {
        let scene = self.scene;
        let was_seen = |end: &&End| {
            [true, false]
                .iter()
                .any(|is_out| self.measured.was_seen(**end, *is_out, sort))
        };
        let last = hop.chain.iter().rev().find(was_seen);
        let last = last.copied().or(hop.output());
        let bridged = hop.chain.iter().find_map(|end| {
            let place = &scene.places[end.place];
            let link = scene.link(*end).filter(|link| link.kind == "bridge")?;
            if filters_bridged(link) {
                Some((end.place, "nf_call_iptables of the bridge is on"))
            } else if place.detail.number("bridge.bridge-nf-call-iptables") != 0 {
                Some((end.place, "bridge-nf-call-iptables = 1"))
            } else {
                None
            }
        });
        let filter = bridged.and_then(|(place, why)| {
            let cause = self.filter_of(leg, place, &["forward"])?;
            Some((cause, why))
        });
        match (last, filter) {
            (Some(last), Some((cause, why))) => {
                cause.seen(format!("{why}, last seen at {}", scene.name(last)))
            }
            (Some(last), None) => {
                let text = format!(
                    "packets to {} are last seen at {}; why is not known",
                    leg.to,
                    scene.name(last)
                );
                Cause::at("unknown", last, text)
            }
            _ => Cause::in_place("unknown", hop.place, "why is not known"),
        }
    }

    /// Nobody answers for the next address.
    fn unanswered(&self, leg: &Leg, at: usize, hop: &Hop, next: std::net::IpAddr) -> Option<Cause> {
        let scene = self.scene;
        let output = hop.output()?;
        let neighbours = scene.places[hop.place].detail.neighbours.iter();
        let state = neighbours
            .filter(|one| one.link == output.link && one.ip == next)
            .map(|one| one.state)
            .find(|state| [NeighbourState::Failed, NeighbourState::Incomplete].contains(state))?;
        let state = format!("neighbour {next}: {}", state.to_string().to_uppercase());
        if let Some(cause) = self.full_table(hop) {
            return Some(cause.seen(state));
        }
        let Some(owner) = hop.chain.last().copied() else {
            return Some(self.nobody(hop, output, next).seen(state));
        };
        let mut ends = [output, owner].into_iter();
        if let Some(cause) = ends.find_map(|end| self.queued(end).or_else(|| self.holding(end))) {
            return Some(cause.seen(state));
        }
        if let Some(cause) = link_layer::between(scene, &hop.chain)
            .or_else(|| link_layer::at_owner(scene, leg, output, owner))
        {
            return Some(cause.seen(state));
        }
        // ARP takes no question from where it would take no packet.
        if let Some(behind) = leg.hops.get(at + 1)
            && let Err(refusal) = &behind.answer
            && [Errno::EXDEV, Errno::EINVAL].contains(&refusal.errno)
        {
            let cause = refusal::cause(scene, leg, behind, refusal, self.measured);
            return Some(cause.seen(state));
        }
        // Who has no route back to the one who asks does not answer.
        let back = self.legs.iter().filter(|leg| leg.is_back);
        let mut refused = back.flat_map(|back| {
            let hops = back.hops.iter().filter(|hop| hop.place == owner.place);
            hops.filter_map(move |hop| Some((back, hop, hop.answer.as_ref().err()?)))
        });
        if let Some((back, hop, errno)) = refused.next() {
            return Some(refusal::cause(scene, back, hop, errno, self.measured).seen(state));
        }
        let text = format!(
            "{} does not answer for {next}; why is not known",
            scene.name(owner)
        );
        Some(Cause::at("unknown", owner, text).seen(state))
    }

    /// They leave for a hardware address that was learned, and nobody on the link layer has it or the next address.
    fn gone(&self, hop: &Hop, output: End, next: std::net::IpAddr) -> Option<Cause> {
        let neighbours = self.scene.places[hop.place].detail.neighbours.iter();
        let neighbour = neighbours
            .filter(|one| (one.link, one.ip) == (output.link, next))
            .find(|one| one.mac.is_some())?;
        let known = neighbour.mac.as_deref().map(mac::print)?;
        let cause = if neighbour.state == NeighbourState::Permanent {
            let text = format!(
                "{} takes {known} for the hardware address of {next}, and no link that it is joined with has it",
                self.scene.name(output)
            );
            Cause::at("wrong_neighbour", output, text).mend(format!(
                "{}.del_neighbor(\"{next}\")",
                self.scene.typed(output)
            ))
        } else if self.scene.owners(next).is_empty() {
            let text = format!(
                "packets leave by {} for {next}, which no namespace here has; what becomes of them there is not known",
                self.scene.name(output)
            );
            Cause::at("unknown", output, text)
        } else {
            self.nobody(hop, output, next)
        };
        Some(cause.seen(format!("neighbour {next} {known}")))
    }

    /// What leads the route by a router that is there, instead of by the one that is not.
    fn by_another(&self, hop: &Hop) -> Option<String> {
        let Some(Proposal::By(via)) = hop.proposal else {
            return None;
        };
        let to = hop.answer.as_ref().ok()?.destination.addr();
        circle::by_another(self.scene, hop, to, via)
    }

    /// Nobody on the link layer has the next address.
    fn nobody(&self, hop: &Hop, output: End, next: std::net::IpAddr) -> Cause {
        let scene = self.scene;
        let Some(owner) = scene.owners(next).first().copied() else {
            let text = format!("nobody has the address {next}");
            let cause = Cause::at("no_such_address", output, text);
            if let Some(line) = self.by_another(hop) {
                return cause.mend(line);
            }
            return match refusal::who_may_have(scene, output, next) {
                Some((end, address)) => {
                    cause.mend(format!("{}.addr(\"{address}\")", scene.typed(end)))
                }
                None => cause,
            };
        };
        let text = format!(
            "{} and {}, which has {next}, are not joined on the link layer",
            scene.name(output),
            scene.name(owner)
        );
        let cause = Cause::at("not_joined", owner, text);
        let mut near = scene.segment(output);
        near.push(output);
        let mut far = scene.segment(owner);
        far.push(owner);
        let is_bridge = |end: &&End| scene.link(**end).is_some_and(|link| link.kind == "bridge");
        let is_free = |end: &&End| {
            scene.link(**end).is_some_and(|link| {
                link.master.is_none()
                    && link.kind != "bridge"
                    && scene.addresses(**end).all(|one| one.scope() != "global")
            })
        };
        for (one, other) in [(&near, &far), (&far, &near)] {
            for bridge in one.iter().filter(is_bridge) {
                let port = other
                    .iter()
                    .filter(is_free)
                    .find(|end| end.place == bridge.place);
                if let (Some(port), Some(link)) = (port, scene.link(*bridge)) {
                    let line = format!("{}.master(\"{}\")", scene.typed(*port), link.name);
                    return cause.mend(line);
                }
            }
        }
        cause
    }

    /// The queue of a link has dropped packets meanwhile.
    fn queued(&self, end: End) -> Option<Cause> {
        if let Some(cause) = self.hooked(end) {
            return Some(cause);
        }
        let dropped = self
            .measured
            .dropped
            .get(&end)
            .filter(|count| **count > 0)?;
        let queue = self.scene.places[end.place].detail.queues.get(&end.link);
        let line = queue
            .map(|queue| queue.lines().join("; "))
            .unwrap_or_default();
        let text = format!("the queue of {} drops the packets", self.scene.name(end));
        Some(
            Cause::at("queue", end, text)
                .seen(format!("qdisc {line}: drops +{dropped}"))
                .mend(format!("{}.clear_qdisc()", self.scene.typed(end))),
        )
    }

    /// A filter at the `clsact` or `ingress` of a link has dropped packets meanwhile.
    fn hooked(&self, end: End) -> Option<Cause> {
        let dropped = self.measured.hooked.get(&end);
        let dropped = dropped.filter(|count| **count > 0)?;
        let text = format!(
            "a filter of tc at {} drops the packets",
            self.scene.name(end)
        );
        Some(
            Cause::at("queue", end, text)
                .seen(format!("clsact or ingress: drops +{dropped}"))
                .mend(format!("{}.clear_ingress()", self.scene.typed(end))),
        )
    }

    /// The kernel has had no room for one more neighbour.
    fn full_table(&self, hop: &Hop) -> Option<Cause> {
        let text = "the kernel's table of neighbours, one for all namespaces together, is full";
        let line = "host().exec(\"sysctl -w net.ipv4.neigh.default.gc_thresh3=65536\")";
        self.measured.is_table_full.then(|| {
            Cause::in_place("table_full", hop.place, text)
                .seen("table_fulls of the neighbours has grown")
                .mend(line)
        })
    }

    /// The queue of a link that somebody has put there still has packets.
    fn holding(&self, end: End) -> Option<Cause> {
        let queue = self.scene.places[end.place].detail.queues.get(&end.link)?;
        let waiting = queue.parts.iter().map(|part| part.stats.queued).max();
        let waiting = waiting.filter(|count| *count > 0)?;
        let line = queue.lines().join("; ");
        let text = format!(
            "the queue of {} holds the packets back",
            self.scene.name(end)
        );
        Some(
            Cause::at("queue", end, text)
                .seen(format!("qdisc {line}: backlog {waiting}p"))
                .mend(format!("{}.clear_qdisc()", self.scene.typed(end))),
        )
    }

    /// They do not leave the namespace by the link that the route names.
    fn held(&self, leg: &Leg, hop: &Hop, output: End) -> Cause {
        let scene = self.scene;
        let place = &scene.places[hop.place];
        if let Some(cause) = self.full_table(hop) {
            return cause;
        }
        if let Some(cause) = self.queued(output) {
            return cause;
        }
        if let Some(cause) = hop.came_by().and_then(|end| self.hooked(end)) {
            return cause;
        }
        if let (Some(input), Some(grown)) = (
            hop.input,
            self.measured
                .grew(hop.place, &["TcpExt:IPReversePathFilter"]),
        ) {
            return refusal::reverse_path(scene, leg, hop, input).seen(grown);
        }
        let cause = self.filtered(leg, hop).or_else(|| self.holding(output));
        cause.unwrap_or_else(|| {
            let text = format!(
                "{} does not send packets to {} on by {}; why is not known",
                place.label,
                leg.to,
                scene.name(output)
            );
            Cause::at("unknown", output, text)
        })
    }

    /// A filter of the namespace drops them.
    fn filtered(&self, leg: &Leg, hop: &Hop) -> Option<Cause> {
        let hooks: &[&str] = match (hop.input, hop.is_arrival()) {
            (None, _) => &["output", "postrouting", "egress"],
            (Some(_), true) => &["ingress", "prerouting", "input"],
            (Some(_), false) => &["ingress", "prerouting", "forward", "postrouting", "egress"],
        };
        let counters = [
            "Ip:ForwDatagrams",
            "Ip:OutForwDatagrams",
            "Ip:InReceives",
            "Ip6OutForwDatagrams",
            "Ip6InReceives",
            "Ip:OutRequests",
            "Ip6OutRequests",
        ];
        let refused = self
            .measured
            .outcomes
            .iter()
            .find_map(|outcome| match outcome {
                Outcome::SendFailed {
                    errno: Errno::EPERM,
                    ..
                } => Some("send: EPERM".to_owned()),
                other => {
                    let (icmp_type, code, from) = other.icmp()?;
                    Some(format!("ICMP type {icmp_type} code {code} from {from}"))
                }
            });
        let grown = self.measured.grew(hop.place, &leg.counters(&counters));
        Some(
            self.filter_of(leg, hop.place, hooks)?
                .seen_if(grown)
                .seen_if(refused),
        )
    }

    /// What of the namespace lets packets not pass at one of the hooks, where there is something.
    ///
    /// The rule is named where the kernel has told it, or where it is the only one that can be meant.
    fn filter_of(&self, leg: &Leg, place: usize, hooks: &[&str]) -> Option<Cause> {
        let Place {
            label,
            typed,
            detail,
            ..
        } = &self.scene.places[place];
        let can_be = |one: &&Dropping| one.hook.is_empty() || hooks.contains(&one.hook.as_str());
        let mut all = detail.filters.iter().filter(can_be);
        let traced = self.measured.taken.get(&place);
        let (first, others) = match traced {
            Some(taken) => (taken, 0),
            None => (all.next()?, all.count()),
        };
        let cause = |text: String| {
            let told = traced.map(|_| "meta nftrace: verdict drop".to_owned());
            Cause::in_place("filter", place, text).seen_if(told)
        };
        if others > 0 {
            let text = format!("a filter of {label} drops packets to {}", leg.to);
            let cause = cause(text).seen(format!("{} rules of it drop or reject", others + 1));
            return Some(cause);
        }
        let Dropping {
            table, chain, text, ..
        } = first;
        Some(match first.handle {
            Some(handle) => cause(format!(
                "rule `{text}` of chain {chain} in table {table} of {label} stops packets to {}",
                leg.to
            ))
            .seen(format!("handle {handle}"))
            .mend(format!(
                "{typed}.nft(\"delete rule {table} {chain} handle {handle}\")"
            )),
            None => cause(format!(
                "the policy of chain {chain} in table {table} of {label} drops packets to {}",
                leg.to
            ))
            .mend(format!(
                "{typed}.nft(\"chain {table} {chain} {{ policy accept; }}\")"
            )),
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
            if let Some(cause) = hooked() {
                return Step::Ends(cause);
            }
            return match self.filtered(leg, hop) {
                Some(cause) => Step::Ends(cause),
                None => Step::On,
            };
        }
        let echoes = ["Icmp:InEchos", "Icmp6InEchos"];
        let Some(came) = self.measured.grew(hop.place, &leg.counters(&echoes)) else {
            return match hooked().or_else(|| self.filtered(leg, hop)) {
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

fn sort(leg: &Leg) -> Sort {
    if leg.is_back {
        Sort::Reply
    } else {
        Sort::Request
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::link::Snapshot;
    use crate::net::rtnl::Refusal;

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
            asked: "route get 10.0.2.2".to_owned(),
            answer,
            chain: vec![End { place: 0, link: 1 }, End { place: 1, link: 1 }],
            proposal: None,
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
