//! The VLANs of a port, in the options of the word for ports.

use crate::net::bridge_vlan::Membership;
use crate::steps::Value;

/// VLANs as the word for ports takes them.
pub(crate) fn options(vlans: &[(u16, Membership)]) -> Vec<(String, Value)> {
    let mut options = Vec::new();
    let pvid = vlans.iter().find(|(_, membership)| membership.pvid);
    // The VLAN of what comes without a tag also leaves without one, as a rule.
    let plain = |(_, membership): &(u16, Membership)| membership.pvid && membership.untagged;
    if let Some((vid, _)) = pvid {
        options.push(("pvid".to_owned(), Value::Number((*vid).into())));
    }
    for (key, untagged) in [("tagged", false), ("untagged", true)] {
        let vids = vlans
            .iter()
            .filter(|one| one.1.untagged == untagged && !plain(one));
        let vids = ranges(vids.map(|(vid, _)| *vid));
        if !vids.is_empty() {
            options.push((key.to_owned(), Value::List(vids)));
        }
    }
    if options.is_empty() {
        options.push(("tagged".to_owned(), Value::List(Vec::new())));
    }
    options
}

/// Numbers, and ranges where they follow each other.
fn ranges(vids: impl Iterator<Item = u16>) -> Vec<Value> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for vid in vids {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == vid => *last = vid,
            _ => ranges.push((vid, vid)),
        }
    }
    let value = |(first, last): (u16, u16)| match last - first {
        0 => vec![Value::Number(first.into())],
        1 => vec![Value::Number(first.into()), Value::Number(last.into())],
        _ => vec![Value::text(format!("{first}-{last}"))],
    };
    ranges.into_iter().flat_map(value).collect()
}
