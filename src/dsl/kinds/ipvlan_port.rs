//! The port that all ipvlan slaves of one parent share: its mode, its flag, and who the slaves are.
//!
//! The kernel keeps mode and flag in the parent's port and rewrites them for every slave at each creation, without a word.
//! Its slaves may live in any namespace, so that all must be looked through to read it; what was found is kept, and
//! confirmed by one slave before it is believed again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use rtnetlink::packet_route::link::InfoData;

use crate::dsl::kinds::attributes;
use crate::dsl::kinds::make::Parent;
use crate::dsl::{self, Session};
use crate::error::{Error, Kind, Result};
use crate::net::link::{self, Snapshot, Which};
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::schema::{Form, Names, Opt, Spelling, Wire};
use crate::steps::Value;
use crate::value::choice::choose;

/// `IPVLAN_MODE_*` of `linux/if_link.h`.
const MODES: Names = &[("l2", 0), ("l3", 1), ("l3s", 2)];
/// `IPVLAN_F_*` of `linux/if_link.h`; `bridge` is the absence of both others.
const FLAGS: Names = &[("bridge", 0), ("private", 1), ("vepa", 2)];

const MODE: Opt = Opt::choice(
    "mode",
    Wire::U16(1),
    MODES,
    "how packets are told apart and routed; without it, that of the parent",
)
.default("l3")
.argument_or_option();
const FLAG: Opt = Opt::choice(
    "flag",
    Wire::U16(2),
    FLAGS,
    "who may talk to whom; without it, that of the parent",
)
.spelled(Spelling::Bare)
.default("bridge");
const SWITCH: Opt = Opt::new(
    "switch",
    Form::Switch,
    "whether siblings may be switched to the mode and flag asked for",
)
.default("false");

/// `IFLA_IPVLAN_*` of `linux/if_link.h`.
pub(crate) const TABLE: &[Opt] = &[MODE, FLAG, SWITCH];
/// What the word takes that sets the mode of a port.
pub(crate) const OF_MODE: &[Opt] = &[FLAG, SWITCH];

/// What a port does: mode and flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How packets are told apart and routed.
    pub(crate) mode: &'static str,
    /// Who may talk to whom.
    pub(crate) flag: &'static str,
}

impl Settings {
    /// The mode as the kernel numbers it.
    pub(crate) fn mode_number(self) -> u16 {
        number(self.mode, MODES)
    }

    /// The flag as the kernel has it.
    pub(crate) fn flag_bits(self) -> u16 {
        number(self.flag, FLAGS)
    }

    /// Reads them from a slave.
    pub(crate) fn of(data: &InfoData) -> Option<Self> {
        let facts = attributes::facts(data, TABLE);
        let find = |key: &str, names: Names| {
            let (_, value) = facts.iter().find(|(known, _)| *known == key)?;
            let found = names.iter().find(|(name, _)| *value == Value::text(*name));
            found.map(|(name, _)| *name)
        };
        Some(Self {
            mode: find("mode", MODES)?,
            flag: find("flag", FLAGS).unwrap_or("bridge"),
        })
    }
}

/// The mode called `name`.
pub(crate) fn mode(name: &str) -> Result<&'static str> {
    named("mode", name, MODES)
}

/// The flag called `name`.
pub(crate) fn flag(name: &str) -> Result<&'static str> {
    named("flag", name, FLAGS)
}

fn number(name: &str, names: Names) -> u16 {
    let found = names.iter().find(|(known, _)| *known == name);
    found
        .and_then(|(_, number)| u16::try_from(*number).ok())
        .unwrap_or_default()
}

fn named(what: &str, name: &str, names: Names) -> Result<&'static str> {
    let number = choose("ipvlan", what, name, names)?;
    let found = names.iter().find(|(_, known)| *known == number);
    Ok(found.map_or("", |(name, _)| *name))
}

/// A slave of the port.
#[derive(Clone, Debug)]
pub(crate) struct Slave {
    /// Where it lives.
    pub(crate) netns: Rc<Netns>,
    /// Its ifindex there.
    pub(crate) index: u32,
    /// Its name there.
    pub(crate) name: String,
}

/// What is known of a port.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    /// Mode and flag; `None` while there is no slave.
    pub(crate) settings: Option<Settings>,
    /// The slaves.
    pub(crate) slaves: Vec<Slave>,
}

/// The ports that a session has read, by the parent's namespace and ifindex.
#[derive(Debug, Default)]
pub struct Ports(RefCell<HashMap<(Id, u32), Port>>);

impl Ports {
    /// The port of `parent`, read from the kernel where it is not known for certain.
    pub(crate) fn read(&self, session: &Rc<Session>, parent: &Parent) -> Result<Port> {
        let key = (parent.netns.namespace().id(), parent.seen.index);
        if let Some(known) = self.0.borrow().get(&key)
            && confirmed(session, known)?
        {
            return Ok(known.clone());
        }
        let port = scan(session, parent)?;
        self.0.borrow_mut().insert(key, port.clone());
        Ok(port)
    }

    /// Notes a slave that was just made, and what its making set the port to.
    pub(crate) fn made(&self, parent: &Parent, slave: Slave, settings: Settings) {
        let key = (parent.netns.namespace().id(), parent.seen.index);
        if let Some(port) = self.0.borrow_mut().get_mut(&key) {
            port.settings = Some(settings);
            port.slaves.push(slave);
        }
    }

    /// Forgets what is known, after something that may have changed it.
    pub(crate) fn forget(&self) {
        self.0.borrow_mut().clear();
    }
}

/// Asks the youngest slave whether the port is still as known. One without slaves can't tell.
fn confirmed(session: &Rc<Session>, port: &Port) -> Result<bool> {
    let Some(slave) = port.slaves.last() else {
        return Ok(false);
    };
    session.wait(async {
        let Ok(rtnl) = &slave.netns.rtnl() else {
            return Ok(false);
        };
        let found = link::get(rtnl, Which::Index(slave.index)).await?;
        let found = found.and_then(|link| Settings::of(&link.data?));
        Ok::<_, Error>(found.is_some() && found == port.settings)
    })?
}

/// Looks through all namespaces for slaves of `parent`.
fn scan(session: &Rc<Session>, parent: &Parent) -> Result<Port> {
    let home = parent.netns.namespace().id();
    let candidates = session.known_namespaces()?;
    session.wait(async {
        let mut port = Port {
            settings: None,
            slaves: Vec::new(),
        };
        for netns in candidates {
            // A namespace may go while the others are looked through.
            let Ok(rtnl) = &netns.rtnl() else { continue };
            let Ok(links) = link::list(rtnl).await else {
                continue;
            };
            let mut links = links
                .into_iter()
                .filter(|link| {
                    link.kind.starts_with("ipv") && link.parent == Some(parent.seen.index)
                })
                .peekable();
            if links.peek().is_none() {
                continue;
            }
            let nsid = rtnl.nsid_of(parent.netns.namespace()).await?;
            let at_home = netns.namespace().id() == home;
            for link in links {
                let is_ours = match link.parent_nsid {
                    None if dsl::objects::link::hides_parent(&link) => {
                        dsl::objects::link::may_be_parent(&link, &parent.seen)
                    }
                    None => at_home,
                    Some(id) => nsid == Some(id),
                };
                if is_ours {
                    port.add(netns.clone(), link);
                }
            }
        }
        Ok(port)
    })?
}

impl Port {
    fn add(&mut self, netns: Rc<Netns>, link: Snapshot) {
        self.settings = link.data.as_ref().and_then(Settings::of).or(self.settings);
        self.slaves.push(Slave {
            netns,
            index: link.index,
            name: link.name,
        });
    }

    /// Takes one slave for gone: what is asked of the port is asked for it.
    ///
    /// Without slaves the port has no settings that could be in the way.
    pub(crate) fn leave_out(&mut self, netns: &Netns, index: u32) {
        let id = netns.namespace().id();
        self.slaves
            .retain(|slave| slave.index != index || slave.netns.namespace().id() != id);
        if self.slaves.is_empty() {
            self.settings = None;
        }
    }

    /// The slave by which the port is best switched: one that the run did not make, so that it can be switched back by it
    /// whatever becomes of those that the run made.
    pub(crate) fn vehicle(&self, session: &Session) -> Option<&Slave> {
        let lab = session.lab();
        let is_own = |slave: &&Slave| {
            lab.made_namespace(&slave.netns) || lab.made_link(&slave.netns, slave.index)
        };
        self.slaves.iter().find(|slave| !is_own(slave))
    }

    /// What a new slave is to ask for: what was asked, else what the port does, else l3 and bridge.
    ///
    /// Fails with `conflict` where that would change the port under its slaves, unless `switch` is set.
    pub(crate) fn resolve(
        &self,
        parent: &str,
        mode: Option<&'static str>,
        flag: Option<&'static str>,
        switch: bool,
    ) -> Result<Settings> {
        let present = self.settings;
        let wanted = Settings {
            mode: mode.or(present.map(|port| port.mode)).unwrap_or("l3"),
            flag: flag.or(present.map(|port| port.flag)).unwrap_or("bridge"),
        };
        let Some(present) = present.filter(|present| *present != wanted && !switch) else {
            return Ok(wanted);
        };
        let (what, is, asked) = if present.mode == wanted.mode {
            ("flag", present.flag, wanted.flag)
        } else {
            ("mode", present.mode, wanted.mode)
        };
        let siblings: Vec<String> = self
            .slaves
            .iter()
            .map(|slave| format!("`{}` ({})", slave.name, slave.netns.label()))
            .collect();
        let verb = if what == "mode" {
            "runs in mode"
        } else {
            "has flag"
        };
        Err(
            Error::new(Kind::Conflict, format!("parent `{parent}` {verb} {is}"))
                .note(format!(
                    "siblings that would be switched to {asked}: {}",
                    siblings.join(", ")
                ))
                .hint(format!(
                    "ask for {what} \"{is}\", or switch them all with #{{switch: true}}"
                )),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(settings: Option<Settings>) -> Port {
        Port {
            settings,
            slaves: Vec::new(),
        }
    }

    const L2_PRIVATE: Settings = Settings {
        mode: "l2",
        flag: "private",
    };

    #[test]
    fn without_slaves_it_is_l3_and_bridge() {
        let settings = port(None).resolve("p", None, None, false).unwrap();
        assert_eq!((settings.mode, settings.flag), ("l3", "bridge"));
    }

    #[test]
    fn what_is_not_asked_stays_as_the_port_has_it() {
        let settings = port(Some(L2_PRIVATE)).resolve("p", None, None, false);
        assert_eq!(settings.unwrap(), L2_PRIVATE);
    }

    #[test]
    fn a_differing_mode_is_a_conflict_unless_all_are_to_switch() {
        let error = port(Some(L2_PRIVATE))
            .resolve("p", Some("l3"), None, false)
            .unwrap_err();
        assert_eq!(error.kind, Kind::Conflict);
        assert_eq!(error.to_string(), "parent `p` runs in mode l2");
        let settings = port(Some(L2_PRIVATE)).resolve("p", Some("l3"), None, true);
        assert_eq!(settings.unwrap().flag, "private");
    }
}
