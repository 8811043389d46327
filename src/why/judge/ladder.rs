//! The ladder: what is shown of each namespace on the way, and what was seen of the probes.

use std::net::IpAddr;

use super::{Judge, Rung, sort};
use crate::error::errno_name;
use crate::net::icmp::Outcome;
use crate::net::route::Route;
use crate::value::mac;
use crate::why::cause::Cause;
use crate::why::length;
use crate::why::scene::End;
use crate::why::walk::{Hop, Leg};

impl Judge<'_> {
    /// What was seen of the probes that no cause has taken as its own evidence.
    pub(super) fn observed(&self, leg: &Leg, cause: &Cause) -> Vec<String> {
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

    /// What an ICMP error has said of the probes, and who has sent it.
    pub(super) fn refused(&self) -> Option<(String, IpAddr)> {
        let mut outcomes = self.measured.outcomes.iter();
        outcomes.find_map(|outcome| {
            let (icmp_type, code, from) = outcome.icmp()?;
            let of_type = format!("ICMP type {icmp_type} code {code}");
            let text = match outcome {
                Outcome::Unreachable { what, .. } if what.name().ends_with("prohibited") => {
                    format!("{}, {of_type}", what.name())
                }
                Outcome::Unreachable { what, .. } => {
                    format!("{} unreachable, {of_type}", what.name())
                }
                _ => of_type,
            };
            Some((text, from))
        })
    }

    /// The last link on the way where the packets of a leg were seen.
    pub(super) fn last_seen(&self, leg: &Leg) -> Option<End> {
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
    pub(super) fn climb(&mut self, leg: &Leg, hop: &Hop) {
        if leg.is_back {
            if !hop.is_arrival() {
                let label = &self.scene.places[hop.place].label;
                let line = format!("{label} has a route back to {}", leg.to);
                self.verdict.ruled_out.push(line);
            }
            return;
        }
        let (mut spot, address) = self.spot(leg, hop);
        let text = match &hop.answer {
            Ok(route) if !hop.is_arrival() => {
                self.rule_out(leg, hop);
                self.described(leg, hop, route)
            }
            _ if self.verdict.is_reached => match self.answers(leg, hop) {
                Some((end, text)) => {
                    spot = self.scene.name(end);
                    text
                }
                None => "answers".to_owned(),
            },
            _ => "has the address".to_owned(),
        };
        self.verdict.rungs.push(Rung {
            spot,
            address,
            is_good: true,
            text,
        });
    }

    /// Who has answered for an address that several namespaces have, where just the address was asked for.
    fn answers(&self, leg: &Leg, hop: &Hop) -> Option<(End, String)> {
        let echoes = leg.counters(&["Icmp:InEchos", "Icmp6InEchos"]);
        let owners = self.scene.owners(leg.to);
        let has_answered = |end: &&End| self.measured.grew(end.place, &echoes).is_some();
        let is_here = |end: &&End| end.place == hop.place;
        let mut answering = owners.iter().filter(has_answered);
        let end = answering.clone().find(is_here).or(answering.next())?;
        let others = owners.iter().filter(|other| other.place != end.place);
        let others: Vec<String> = others.map(|other| self.scene.name(*other)).collect();
        if others.is_empty() || self.measured.meant.is_some() || leg.to.is_loopback() {
            return None;
        }
        let have = if others.len() == 1 { "has" } else { "have" };
        let text = format!("answers; {} {have} {}, too", others.join(" and "), leg.to);
        Some((*end, text))
    }

    pub(super) fn rule_out(&mut self, leg: &Leg, hop: &Hop) {
        let label = &self.scene.places[hop.place].label;
        self.verdict
            .ruled_out
            .push(format!("{label} has a route to {}", leg.to));
        if hop.input.is_some() {
            self.verdict.ruled_out.push(format!("{label} forwards"));
        }
    }

    pub(super) fn stop(&mut self, leg: &Leg, hop: &Hop, cause: &Cause) {
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
    pub(super) fn spot(&self, leg: &Leg, hop: &Hop) -> (String, String) {
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
    pub(super) fn described(&self, leg: &Leg, hop: &Hop, route: &Route) -> String {
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
        if let Some(translated) = &hop.translated {
            let label = &self.scene.places[hop.place].label;
            text.push_str("; ");
            text.push_str(&translated.words(label));
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
}
