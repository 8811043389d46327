//! Settings below `/proc/sys/net` that are not what a new namespace has.

use super::draft::Draft;
use super::world::{HOST, LinkId};
use crate::net::link::Snapshot;
use crate::net::sysctl::Key;
use crate::steps::{Act, Call, Value};

/// Settings that `forward` says, and those that follow from it.
const OF_FORWARDING: [&str; 2] = ["ip_forward", "forwarding"];

/// What the kernel turns off as it begins to forward, `inet_forward_change` of net/ipv4/devinet.c.
const OFF_ON_ROUTERS: &str = "ipv4.conf.all.accept_redirects";

impl Draft<'_> {
    /// Says the settings of the namespace as a whole.
    pub(super) fn sysctls(&mut self, place: usize) {
        let settings = &self.world.places[place].settings;
        let forwards = self.world.places[place].forwards[0] == Some(true);
        let is_said = |key: &Key, value: &str| {
            let last = key.parts().last().map_or("", String::as_str);
            let follows = forwards && value == "0" && key.to_string() == OFF_ON_ROUTERS;
            !OF_FORWARDING.contains(&last) && !follows
        };
        let calls: Vec<Call> = settings
            .changed
            .iter()
            .filter(|(key, value)| is_said(key, value))
            .map(|(key, value)| {
                Call::new(
                    "sysctl",
                    [Value::text(key.to_string()), Value::guess(value)],
                )
            })
            .collect();
        for call in calls {
            self.step(place, Act::InNetns(call));
        }
    }

    /// Says the settings of a link that it does not have from its namespace.
    pub(super) fn sysctls_of(&mut self, id: LinkId, seen: &Snapshot) {
        if id.0 == HOST {
            return;
        }
        let settings = &self.world.places[id.0].settings;
        let own = settings.of_links.get(&seen.name);
        for (key, value) in own.cloned().unwrap_or_default() {
            let call = Call::new("sysctl", [Value::text(key), Value::guess(&value)]);
            self.on_link(id, &seen.name, call);
        }
    }
}
