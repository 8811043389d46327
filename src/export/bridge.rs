//! What a link is under its master: a port of a bridge, with its VLANs and its options.

use super::draft::{Draft, options};
use super::world::{HOST, LinkId, fact};
use crate::dsl::objects::fdb;
use crate::lab::setting::port::PortOption;
use crate::net::bridge_vlan::Membership;
use crate::net::fdb::{Entry, State};
use crate::net::link::Snapshot;
use crate::steps::{Call, Value, vlan};
use crate::value::mac;

/// The costs that `port_cost` of `net/bridge/br_if.c` gives to a link by its speed.
const COSTS: [u32; 4] = [2, 4, 19, 100];

impl Draft<'_> {
    /// Puts the link under its master.
    pub(super) fn under_its_master(&mut self, id: LinkId, seen: &Snapshot) {
        if seen.kind == "bridge" {
            self.vlans(id, seen, seen, Vec::new());
        }
        let Some(master) = self.master_of(id, seen).cloned() else {
            return;
        };
        let master_id = (id.0, master.index);
        // A bond is made of its ports.
        if master.kind == "bond" && id.0 != HOST {
            return;
        }
        if self.lost.contains(&master_id) {
            let what = format!("`{}` under `{}`", seen.name, master.name);
            return self.leave(id.0, &what, "its master is not exported");
        }
        let value = if id.0 == HOST {
            self.parameter(master_id, &master.kind)
        } else {
            Value::text(&master.name)
        };
        self.on_link(id, &seen.name, Call::new("master", [value]));
        if master.kind == "bridge" {
            self.vlans(id, seen, &master, port_options(seen));
            self.static_entries(id, seen);
        }
    }

    /// Says the options of a port, and its VLANs where they are not what the bridge gives to each.
    fn vlans(
        &mut self,
        id: LinkId,
        seen: &Snapshot,
        bridge: &Snapshot,
        mut options: Vec<(String, Value)>,
    ) {
        let details = self.world.places[id.0].details.get(&id.1);
        let vlans = details.map_or(&[][..], |details| &details.vlans);
        if vlans != given_by(bridge) {
            options.extend(vlan::options(vlans));
        }
        self.on_link_with(id, seen, "port", options);
    }

    fn on_link_with(
        &mut self,
        id: LinkId,
        seen: &Snapshot,
        word: &'static str,
        options: Vec<(String, Value)>,
    ) {
        if !options.is_empty() {
            self.on_link(id, &seen.name, Call::new(word, [Value::Map(options)]));
        }
    }

    /// Says the entries of the bridge's forwarding database for the port that somebody has put there.
    fn static_entries(&mut self, id: LinkId, seen: &Snapshot) {
        let details = self.world.places[id.0].details.get(&id.1);
        let entries = details
            .map(|details| details.fdb.clone())
            .unwrap_or_default();
        for entry in entries {
            let is_own = entry.mac == seen.mac && entry.state == State::Permanent;
            if !entry.of_master || entry.state == State::Dynamic || is_own {
                continue;
            }
            let mut options = options(fdb::said(&entry));
            if entry.state == State::Permanent {
                options.push((fdb::PERMANENT.key.to_owned(), Value::Flag(true)));
            }
            self.entry(id, seen, &entry, options);
        }
    }

    pub(super) fn entry(
        &mut self,
        id: LinkId,
        seen: &Snapshot,
        entry: &Entry,
        options: Vec<(String, Value)>,
    ) {
        let mac = Value::text(mac::print(&entry.mac));
        let call = Call::new("fdb", [mac, Value::Map(options)]);
        self.on_link(id, &seen.name, call);
    }
}

/// What a port has that it was given.
fn port_options(seen: &Snapshot) -> Vec<(String, Value)> {
    let options = PortOption::ALL.iter().filter_map(|option| {
        let value = option.of(seen)?;
        let shown = option.row().form.of_number(value.into())?;
        let is_usual = match option {
            PortOption::Cost => COSTS.contains(&value),
            option => option.row().is_usual(&shown),
        };
        (!is_usual).then(|| (option.name().to_owned(), shown))
    });
    options.collect()
}

/// The VLANs that the bridge gives to itself and to each of its ports.
fn given_by(bridge: &Snapshot) -> Vec<(u16, Membership)> {
    let pvid = match fact(bridge, "vlan_default_pvid") {
        Some(Value::Number(pvid)) => u16::try_from(pvid).ok(),
        _ => None,
    };
    let all = Membership {
        pvid: true,
        untagged: true,
    };
    let given = pvid.filter(|pvid| *pvid > 0).map(|pvid| (pvid, all));
    given.into_iter().collect()
}
