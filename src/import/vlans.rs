//! Puts changes of a port's VLANs together: a command adds or takes one, the word for ports says all that there are.

use std::collections::{BTreeMap, HashMap};

use crate::net::bridge_vlan::Membership;
use crate::steps::vlan::options;
use crate::steps::{Act, Item, Place, Step, Value};

type Vlans = BTreeMap<u16, Membership>;
type Port = (Place, String);

/// Says each change as all that the port is in from then on; what is overtaken by the next one goes.
pub(crate) fn settle(items: &mut Vec<Item>) {
    let mut ports: HashMap<Port, Vlans> = HashMap::new();
    let mut pvids: HashMap<Port, i64> = HashMap::new();
    let mut masters: HashMap<Port, Port> = HashMap::new();
    let mut last: HashMap<Port, usize> = HashMap::new();
    let mut overtaken = Vec::new();
    for (index, item) in items.iter_mut().enumerate() {
        let Item::Step(Step { place, act }) = item else {
            continue;
        };
        // What may fail is the same change.
        let act = match act {
            Act::Try(tried) => &mut **tried,
            act => act,
        };
        match act {
            Act::Make(new) => {
                let pvid = new
                    .options
                    .iter()
                    .find(|(key, _)| key == "vlan_default_pvid");
                if let Some((_, Value::Number(pvid))) = pvid {
                    pvids.insert((place.clone(), new.name.clone()), *pvid);
                }
            }
            Act::OnLink { link, call } if call.word == "master" => {
                if let [Value::Text(master)] = call.arguments.as_slice() {
                    let port = (place.clone(), link.clone());
                    masters.insert(port, (place.clone(), master.clone()));
                }
            }
            Act::OnLink { link, call } if call.word == "port" => {
                let port = (place.clone(), link.clone());
                let [Value::Map(change)] = call.arguments.as_mut_slice() else {
                    continue;
                };
                let Some((first, until)) = vids(change) else {
                    continue;
                };
                let bridge = masters.get(&port).unwrap_or(&port);
                let pvid = pvids.get(bridge).copied().unwrap_or(1);
                let vlans = ports.entry(port.clone()).or_insert_with(|| given(pvid));
                let has = |key: &str| change.iter().any(|(known, _)| known == key);
                let membership = Membership {
                    pvid: has("pvid"),
                    untagged: has("untagged"),
                };
                if membership.pvid {
                    for other in vlans.values_mut() {
                        other.pvid = false;
                    }
                }
                for vid in first..=until {
                    if has("gone") {
                        vlans.remove(&vid);
                    } else {
                        vlans.insert(vid, membership);
                    }
                }
                let vlans: Vec<_> = vlans.iter().map(|(vid, of)| (*vid, *of)).collect();
                *change = options(&vlans);
                overtaken.extend(last.insert(port, index));
            }
            // They may look at how it is by now.
            Act::InNetns(_) | Act::Show { .. } | Act::DeleteNetns | Act::Move { .. } => {
                last.clear();
            }
            _ => {}
        }
    }
    let mut index = 0;
    items.retain(|_| {
        index += 1;
        !overtaken.contains(&(index - 1))
    });
}

/// The VLANs that a change is about, where it is one.
fn vids(change: &[(String, Value)]) -> Option<(u16, u16)> {
    let (_, vid) = change.iter().find(|(key, _)| key == "vid")?;
    let Value::Text(vid) = vid else { return None };
    let (first, last) = vid.split_once('-').unwrap_or((vid, vid));
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// What a bridge gives to a new port.
fn given(pvid: i64) -> Vlans {
    let all = Membership {
        pvid: true,
        untagged: true,
    };
    let pvid = u16::try_from(pvid).ok().filter(|pvid| *pvid > 0);
    pvid.map(|pvid| (pvid, all)).into_iter().collect()
}
