//! Hardware addresses: nobody answers for the next address, or what was learned of it is wrong.

use std::net::IpAddr;

use nix::errno::Errno;
use rtnetlink::packet_route::neighbour::NeighbourState;

use super::Judge;
use crate::net::neighbour::Neighbour;
use crate::net::trace::sniffer::Sort;
use crate::value::mac;
use crate::why::cause::Cause;
use crate::why::circle;
use crate::why::duplicate;
use crate::why::free;
use crate::why::joining;
use crate::why::link_layer;
use crate::why::ports;
use crate::why::refusal;
use crate::why::scene::{End, Scene};
use crate::why::tunnel;
use crate::why::walk::{FullTable, Hop, Leg, Proposal};

/// As many neighbours as most labs have room with.
const ENOUGH: u32 = 65536;

impl Judge<'_> {
    /// Nobody answers for the next address.
    pub(super) fn unanswered(
        &self,
        leg: &Leg,
        at: usize,
        hop: &Hop,
        next: IpAddr,
    ) -> Option<Cause> {
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
        let in_tunnel = |frame, is_backwards| {
            tunnel::between(scene, &hop.crossings, frame, is_backwards, self.measured)
        };
        if let Some(cause) = link_layer::between(scene, leg, &hop.chain)
            .or_else(|| in_tunnel(Sort::Question(next), false))
            .or_else(|| in_tunnel(Sort::Answer(next), true))
            .or_else(|| link_layer::at_owner(scene, leg, output, owner))
            .or_else(|| self.question_lost(leg, hop, owner, next))
        {
            return Some(cause.seen(state));
        }
        let behind = leg.hops.get(at + 1);
        if let Some(behind) = behind.filter(|_| !scene.has(owner, next))
            && let Some(cause) = self.not_proxied(leg, behind, next)
        {
            return Some(cause.seen(state));
        }
        // ARP takes no question from where it would take no packet.
        if let Some(behind) = leg.hops.get(at + 1)
            && let Err(refusal) = &behind.answer
            && [Errno::EXDEV, Errno::EINVAL].contains(&refusal.errno)
        {
            let leg = &leg.at(behind);
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
            return Some(
                refusal::cause(scene, &back.at(hop), hop, errno, self.measured).seen(state),
            );
        }
        let text = format!(
            "{} does not answer for {next}; why is not known",
            scene.name(owner)
        );
        Some(Cause::at("unknown", owner, text).seen(state))
    }

    /// The question for the next address does not come to its owner, or the answer not back.
    fn question_lost(&self, leg: &Leg, hop: &Hop, owner: End, next: IpAddr) -> Option<Cause> {
        let scene = self.scene;
        if let Some(cause) = self.question_filtered(hop, next) {
            return Some(cause);
        }
        let has_come = self.measured.was_seen(owner, false, Sort::Question(next));
        let shut = || ports::without_questions(scene, &hop.chain, next.is_ipv6());
        let cause = (!has_come).then(shut).flatten();
        cause
            .or_else(|| ports::locked(scene, &hop.chain))
            .or_else(|| duplicate::hardware(scene, &hop.chain))
            .or_else(|| self.corrupted(leg, hop, owner.place))
    }

    /// Why a namespace that is to answer for the next address in place of its owner does not.
    fn not_proxied(&self, leg: &Leg, behind: &Hop, next: IpAddr) -> Option<Cause> {
        let scene = self.scene;
        let input = behind.came_by()?;
        if !refusal::forwards(scene, behind.place, leg) {
            return Some(refusal::not_forwarding(scene, leg, behind, self.measured));
        }
        if next.is_ipv6() && !self.is_ndp_proxy(input) {
            let text = format!(
                "{} does not answer for {next}, as a proxy",
                scene.name(input)
            );
            let cause = Cause::at("proxy", input, text).seen("proxy_ndp = 0");
            return Some(cause.mend(ndp_proxy(scene, input)));
        }
        match &behind.answer {
            Err(refusal) => Some(refusal::cause(scene, leg, behind, refusal, self.measured)),
            Ok(route) if route.link == behind.input => {
                let text = format!(
                    "{} does not answer for {next}: its route there leads out of that link itself",
                    scene.name(input)
                );
                Some(Cause::at("proxy", input, text).seen(behind.asked.clone()))
            }
            Ok(_) => None,
        }
    }

    /// Whether the link answers for those of IPv6 that it has an entry for.
    fn is_ndp_proxy(&self, end: End) -> bool {
        let name = self.scene.link(end).map_or("", |link| link.name.as_str());
        let detail = &self.scene.places[end.place].detail;
        ["all", name]
            .iter()
            .any(|of| detail.number(&format!("ipv6.conf.{of}.proxy_ndp")) != 0)
    }

    /// A router next to the link that answers for others, and not for the next address.
    fn other_proxy(&self, output: End, next: IpAddr) -> Option<Cause> {
        let scene = self.scene;
        let near = scene.segment(output).into_iter();
        let mut routers = near.filter(|end| end.place != output.place);
        routers.find_map(|end| {
            let detail = &scene.places[end.place].detail;
            let is_on = |link: &crate::net::link::Snapshot| {
                detail.number(&format!("ipv4.conf.{}.proxy_arp", link.name)) != 0
            };
            let links = &scene.places[end.place].links;
            let is_for_all = next.is_ipv4() && links.iter().any(is_on);
            let is_alike = |one: &Neighbour| one.proxy && one.ip.is_ipv4() == next.is_ipv4();
            let is_on = next.is_ipv6() && self.is_ndp_proxy(end);
            let is_for_some = is_on || detail.neighbours.iter().any(is_alike);
            let (setting, mend) = if is_for_all {
                let mend = format!("{}.sysctl(\"proxy_arp\", 1)", scene.typed(end));
                ("proxy_arp = 0".to_owned(), mend)
            } else if is_for_some {
                let typed = scene.typed(end);
                let mut mend = format!("{typed}.neighbor(\"{next}\", #{{proxy: true}})");
                if next.is_ipv6() && !is_on {
                    mend = format!("{}; {mend}", ndp_proxy(scene, end));
                }
                (format!("no entry of a proxy for {next}"), mend)
            } else {
                return None;
            };
            let text = format!("{} does not answer for {next}, as a proxy", scene.name(end));
            Some(Cause::at("proxy", end, text).seen(setting).mend(mend))
        })
    }

    /// They leave for a hardware address that was learned, and nobody on the link layer has it or the next address.
    pub(super) fn gone(&self, hop: &Hop, output: End, next: IpAddr) -> Option<Cause> {
        let neighbours = self.scene.places[hop.place].detail.neighbours.iter();
        let neighbour = neighbours
            .filter(|one| (one.link, one.ip) == (output.link, next))
            .find(|one| one.mac.is_some())?;
        let known = neighbour.mac.as_deref().map(mac::print)?;
        let cause = if let Some(cause) = self.bare(output, next, neighbour.mac.as_deref()?) {
            cause
        } else if neighbour.state == NeighbourState::Permanent {
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

    /// The link whose hardware address was learned for the next address, which it has no longer.
    fn bare(&self, output: End, next: IpAddr, known: &[u8]) -> Option<Cause> {
        let scene = self.scene;
        if !scene.owners(next).is_empty() {
            return None;
        }
        let all = (0..scene.places.len()).flat_map(|place| scene.ends_of(place));
        let mut known = all
            .filter(|end| *end != output && scene.link(*end).is_some_and(|link| link.mac == known));
        // Slaves share the address of their parent.
        let (end, None) = (known.next()?, known.next()) else {
            return None;
        };
        let mut own = scene
            .addresses(output)
            .map(|address| address.assigned.prefix);
        let length = own.find(|prefix| prefix.contains(&next))?.prefix_len();
        let name = scene.name(end);
        let text = format!("nobody has the address {next}: {name} has lost it");
        let mend = format!("{}.addr(\"{next}/{length}\")", scene.typed(end));
        Some(Cause::at("no_such_address", end, text).mend(mend))
    }

    /// What leads the route by a router that is there, instead of by the one that is not.
    pub(super) fn by_another(&self, hop: &Hop) -> Option<String> {
        let Some(Proposal::By(via)) = hop.proposal else {
            return None;
        };
        let to = hop.answer.as_ref().ok()?.destination.addr();
        circle::by_another(self.scene, hop, to, via)
    }

    /// Nobody on the link layer has the next address.
    pub(super) fn nobody(&self, hop: &Hop, output: End, next: IpAddr) -> Cause {
        let scene = self.scene;
        let Some(owner) = scene.owners(next).first().copied() else {
            if let Some(cause) = self.nobody_translated(Some(output), next) {
                return cause;
            }
            let text = format!("nobody has the address {next}");
            let cause = Cause::at("no_such_address", output, text);
            if let Some(line) = self.by_another(hop) {
                return cause.mend(line);
            }
            return match free::who_may_have(scene, output, next) {
                Some((end, address)) => {
                    cause.mend(format!("{}.addr(\"{address}\")", scene.typed(end)))
                }
                None => cause,
            };
        };
        if let Some(cause) = self.other_proxy(output, next) {
            return cause;
        }
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
        let bridges = near.iter().find(is_bridge).zip(far.iter().find(is_bridge));
        match bridges.and_then(|(one, other)| joining::bridges(scene, *one, *other)) {
            Some(line) => cause.mend(line),
            None => cause,
        }
    }

    /// The kernel has had no room for one more neighbour.
    pub(super) fn full_table(&self, hop: &Hop) -> Option<Cause> {
        let FullTable { family, room } = self.measured.full_table?;
        let setting = family.room();
        let text = "the kernel's table of neighbours, one for all namespaces together, is full";
        let cause = |text: &str| {
            let cause = Cause::in_place("table_full", hop.place, text);
            cause.seen("table_fulls of the neighbours has grown")
        };
        let Some((place, now)) = room else {
            // Only the first namespace of the machine has it.
            return Some(cause(&format!(
                "{text}: `sysctl -w net.{setting}={ENOUGH}` on the machine makes room"
            )));
        };
        let enough = now.saturating_mul(4).clamp(ENOUGH, i32::MAX.unsigned_abs());
        let place = &self.scene.places[place].typed;
        let cause = cause(text).seen(format!("{setting} = {now}"));
        Some(cause.mend(format!("{place}.sysctl(\"{setting}\", {enough})")))
    }
}

/// What has a link answer for those of IPv6 that it has an entry for.
fn ndp_proxy(scene: &Scene, end: End) -> String {
    let name = scene.link(end).map_or("", |link| link.name.as_str());
    let typed = &scene.places[end.place].typed;
    format!("{typed}.sysctl(\"ipv6.conf.{name}.proxy_ndp\", 1)")
}
