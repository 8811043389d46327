//! Links that stand, in the shadow of their place: others take their parts.

use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};

use super::super::answer::View;
use super::super::link::{kind_of, name_of};
use super::Shadow;

/// Where the ifindexes of far ends begin, which nobody has asked for: no link of a plan comes that far.
pub(super) const FAR_ENDS: u32 = 1 << 24;

impl View {
    /// Has the link `index` of this place be in its shadow, by a stand-in where it is none that is planned.
    pub(super) async fn ensure_present(&self, shadow: &Shadow, index: u32) -> bool {
        if shadow.has(index) {
            return true;
        }
        let Some(real) = self.with_place(|place| place.link(index).cloned()) else {
            return false;
        };
        if real.header.flags.contains(LinkFlags::Loopback) {
            return true;
        }
        let Some(name) = name_of(&real) else {
            return false;
        };
        let kind = match kind_of(&real) {
            Some(InfoKind::Bridge) => InfoKind::Bridge,
            Some(InfoKind::Vrf | InfoKind::Bond | InfoKind::IpVlan | InfoKind::MacVlan) => {
                return false;
            }
            _ => InfoKind::Veth,
        };
        let mut infos = vec![LinkInfo::Kind(kind.clone())];
        let far = format!("ipvsh-{index}");
        let mut stand_in = LinkMessage::default();
        if kind == InfoKind::Veth {
            let mut peer = LinkMessage::default();
            peer.header.index = FAR_ENDS.saturating_add(index);
            peer.attributes.push(LinkAttribute::IfName(far.clone()));
            infos.push(LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))));
        }
        stand_in.header.index = index;
        stand_in.header.flags = real.header.flags & LinkFlags::Up;
        stand_in.header.change_mask = LinkFlags::Up;
        let known = real.attributes.iter().filter(|attribute| {
            matches!(attribute, LinkAttribute::Mtu(_))
                || matches!(attribute, LinkAttribute::Address(mac) if mac.len() == 6)
        });
        stand_in.attributes = known.cloned().collect();
        stand_in
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        stand_in.attributes.push(LinkAttribute::LinkInfo(infos));
        let flags = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
        let made = shadow.send(Message::NewLink(stand_in), flags).await;
        if made.is_err() {
            return false;
        }
        shadow.stand_ins.borrow_mut().insert(index);
        if kind == InfoKind::Veth {
            // Its carrier comes from there; the message that makes a pair can't bring up the far end.
            let mut peer = LinkMessage::default();
            peer.header.flags = LinkFlags::Up;
            peer.header.change_mask = LinkFlags::Up;
            peer.attributes.push(LinkAttribute::IfName(far));
            let _ = shadow.send(Message::NewLink(peer), NLM_F_ACK).await;
        }
        true
    }
}
