//! The way back of what a change took along.

use std::collections::HashMap;
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::lab::setting::Setting;
use crate::lab::snapshot::{LinkState, Snapshot, now};
use crate::net::address::{self, Assigned, FOREVER, Lifetimes};
use crate::net::bridge_vlan::{self, Membership};
use crate::net::holding::{self, Holding};
use crate::net::link::{self, Snapshot as Seen};
use crate::net::netns::Netns;
use crate::net::queue;
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::sysctl;

/// How long a carrier is waited for.
const CARRIER: Duration = Duration::from_secs(3);

impl Snapshot {
    /// Restores what of it is not there any more, in the order in which it depends on each other, and returns what could not be.
    /// `moved` are the links that have another ifindex than they had, each with the new one.
    pub(in crate::lab) async fn restore(
        &self,
        netns: &Netns,
        moved: &HashMap<u32, u32>,
    ) -> Vec<Error> {
        let mut failures = Vec::new();
        if let Err(error) = self.try_restore(netns, moved, &mut failures).await {
            failures.push(error.doing_plain("restore what a change took along"));
        }
        let label = netns.label();
        failures
            .into_iter()
            .map(|error| error.within(label))
            .collect()
    }

    async fn try_restore(
        &self,
        netns: &Netns,
        moved: &HashMap<u32, u32>,
        failures: &mut Vec<Error>,
    ) -> Result<()> {
        let rtnl = &netns.rtnl()?;
        let there = link::list(rtnl).await?;
        let index = |old: u32| moved.get(&old).copied().unwrap_or(old);
        let found = |state: &LinkState| {
            let index = index(state.link.index);
            let is_it = |link: &&Seen| link.index == index && link.kind == state.link.kind;
            there
                .iter()
                .find(is_it)
                .map(|seen| (seen.index, seen.name.clone()))
        };
        let mut links = Vec::new();
        for state in &self.links {
            let found = found(state);
            match &found {
                None if state.is_gone => {
                    let gone = Error::new(Kind::NotFound, "the link is not there");
                    failures.push(gone.doing("restore what was on link", &state.link.name));
                    continue;
                }
                None if state.link.index > 0 => continue,
                None => {}
                Some((now, _)) => state.restore_settings(rtnl, *now, index, failures).await?,
            }
            let (index, name) = found.unwrap_or((0, state.link.name.clone()));
            state.restore_sysctls(netns, &name, failures);
            if index > 0 {
                links.push((state, index));
            }
        }
        if links.iter().any(|(state, _)| state.vlans.is_some()) {
            let vlans = bridge_vlan::all(rtnl).await?;
            for (state, now) in links.iter().filter(|(state, _)| state.vlans.is_some()) {
                let there = vlans.get(now).map_or(&[][..], Vec::as_slice);
                state.restore_vlans(rtnl, *now, there, failures).await;
            }
        }
        // What a bridge has from its ports may be given to it by hand only once they are its ports again.
        for (state, now) in &links {
            state.restore_late(rtnl, *now, failures).await?;
        }
        // A link may have to be up before what is made on it.
        for (state, index) in &links {
            state.restore_up(rtnl, *index, failures).await?;
        }
        let passed = u32::try_from(now().saturating_sub(self.taken)).unwrap_or(0);
        for (state, index) in &links {
            state
                .restore_addresses(rtnl, *index, passed, failures)
                .await?;
        }
        let holdings = self.holdings.iter().map(|one| one.on_other_links(moved));
        // The address of a macvlan that is gone would make the link promiscuous for good.
        let is_wanted = |one: &Holding| {
            one.listened_to().is_none_or(|(link, mac)| {
                let mut slaves = there.iter().filter(|slave| slave.parent == Some(link));
                slaves.any(|slave| slave.mac == mac)
            })
        };
        let holdings: Vec<Holding> = holdings.filter(is_wanted).collect();
        wait_for_carrier(netns, &holdings).await?;
        let name_of = |index: u32| {
            let link = there.iter().find(|link| link.index == index);
            link.map(|link| link.name.clone())
        };
        for (one, refusal) in holding::restore(rtnl, &holdings).await? {
            failures
                .push(Error::from(refusal).doing_plain(&format!("restore {}", one.line(name_of))));
        }
        for (state, index) in &links {
            state.restore_queue(rtnl, *index, failures).await?;
        }
        Ok(())
    }
}

/// Waits a little until the links have a carrier that nexthop objects lead over: the kernel takes none without, and tells of a
/// carrier some time after a link came up.
async fn wait_for_carrier(netns: &Netns, holdings: &[Holding]) -> Result<()> {
    let mut links: Vec<u32> = holdings
        .iter()
        .filter_map(Holding::link_of_nexthop)
        .collect();
    if links.is_empty() {
        return Ok(());
    }
    let mut changes = netns.watch_links()?;
    let there = link::list(&netns.rtnl()?).await?;
    let waits = |link: &u32| {
        there
            .iter()
            .any(|seen| seen.index == *link && !seen.carrier)
    };
    links.retain(waits);
    let have_it = async {
        while !links.is_empty() {
            let Some(seen) = changes.next(link::told).await else {
                return;
            };
            links.retain(|link| *link != seen.index || !seen.carrier);
        }
    };
    // Where the other end is down there is none to wait for.
    let _ = tokio::time::timeout(CARRIER, have_it).await;
    Ok(())
}

impl LinkState {
    fn failed(&self, what: &str, refusal: Refusal) -> Error {
        let name = &self.link.name;
        Error::from(refusal).doing_plain(&format!("restore {what} of link `{name}`"))
    }

    async fn restore_settings(
        &self,
        rtnl: &Rtnl,
        index: u32,
        index_of: impl Fn(u32) -> u32,
        failures: &mut Vec<Error>,
    ) -> Result<(), Refusal> {
        for setting in &self.settings {
            match setting {
                Setting::Up(_) => {}
                setting if self.is_late(setting) => {}
                Setting::Master(master) => {
                    let setting = Setting::Master(index_of(*master));
                    self.restore_setting(rtnl, index, &setting, failures)
                        .await?;
                }
                setting => self.restore_setting(rtnl, index, setting, failures).await?,
            }
        }
        Ok(())
    }

    /// Restores the VLANs of a link that is in those `there` now.
    async fn restore_vlans(
        &self,
        rtnl: &Rtnl,
        index: u32,
        there: &[(u16, Membership)],
        failures: &mut Vec<Error>,
    ) {
        let wanted = self.vlans.as_deref().unwrap_or_default();
        let own = self.link.kind == "bridge";
        let is_extra = |vid: u16| !wanted.iter().any(|(other, _)| *other == vid);
        let extra = there.iter().filter(|(vid, _)| is_extra(*vid));
        let extra = extra.map(|(vid, _)| (*vid, None));
        let missing = wanted.iter().filter(|one| !there.contains(one));
        let missing = missing.map(|(vid, membership)| (*vid, Some(*membership)));
        for (vid, membership) in extra.chain(missing) {
            let set = bridge_vlan::set(rtnl, index, vid, membership, own).await;
            failures.extend(set.err().map(|r| self.failed(&format!("VLAN {vid}"), r)));
        }
    }

    /// Whether the link has it from its ports, as long as nobody has set it.
    fn is_late(&self, setting: &Setting) -> bool {
        ["bridge", "bond"].contains(&self.link.kind.as_str())
            && matches!(setting, Setting::Mac(_) | Setting::Mtu(_))
    }

    async fn restore_late(
        &self,
        rtnl: &Rtnl,
        index: u32,
        failures: &mut Vec<Error>,
    ) -> Result<(), Refusal> {
        for setting in self.settings.iter().filter(|one| self.is_late(one)) {
            self.restore_setting(rtnl, index, setting, failures).await?;
        }
        Ok(())
    }

    async fn restore_up(
        &self,
        rtnl: &Rtnl,
        index: u32,
        failures: &mut Vec<Error>,
    ) -> Result<(), Refusal> {
        let is_up = |setting: &&Setting| matches!(setting, Setting::Up(_));
        match self.settings.iter().find(is_up) {
            Some(setting) => self.restore_setting(rtnl, index, setting, failures).await,
            None => Ok(()),
        }
    }

    async fn restore_setting(
        &self,
        rtnl: &Rtnl,
        index: u32,
        setting: &Setting,
        failures: &mut Vec<Error>,
    ) -> Result<(), Refusal> {
        // Asked each time: with one setting others change.
        let Some(seen) = link::get(rtnl, link::Which::Index(index)).await? else {
            return Ok(());
        };
        if setting.of(&seen).as_ref() == Some(setting) {
            return Ok(());
        }
        // What stands in its place may have no hardware address, as a TUN device.
        if matches!(setting, Setting::Mac(mac) if mac.len() != seen.mac.len()) {
            return Ok(());
        }
        let set = setting.send(rtnl, index, &self.link.kind).await;
        failures.extend(
            set.err()
                .map(|refusal| self.failed(setting.what(), refusal)),
        );
        Ok(())
    }

    fn restore_sysctls(&self, netns: &Netns, name: &str, failures: &mut Vec<Error>) {
        for (key, value) in &self.sysctls {
            let key = key.of(name);
            if sysctl::read(netns, &key).is_ok_and(|present| present == *value) {
                continue;
            }
            if let Err(error) = sysctl::write(netns, &key, value) {
                failures.push(error.doing_plain(&format!("restore sysctl `{key}`")));
            }
        }
    }

    async fn restore_addresses(
        &self,
        rtnl: &Rtnl,
        index: u32,
        passed: u32,
        failures: &mut Vec<Error>,
    ) -> Result<(), Refusal> {
        let lifetimes = |address: &Assigned| {
            let left = |seconds: u32| match seconds {
                FOREVER => FOREVER,
                seconds => seconds.saturating_sub(passed),
            };
            address.lifetimes.map(|lifetimes| Lifetimes {
                valid: left(lifetimes.valid),
                preferred: left(lifetimes.preferred),
            })
        };
        let still_good = self.addresses.iter().map(|address| Assigned {
            lifetimes: lifetimes(address),
            ..address.clone()
        });
        let still_good = still_good.filter(|one| one.lifetimes.is_none_or(|left| left.valid > 0));
        let wanted: Vec<Assigned> = still_good.collect();
        for (one, refusal) in address::restore_all(rtnl, index, &wanted).await? {
            failures.push(self.failed(&format!("address `{}`", one.line()), refusal));
        }
        Ok(())
    }

    async fn restore_queue(
        &self,
        rtnl: &Rtnl,
        index: u32,
        failures: &mut Vec<Error>,
    ) -> Result<(), Refusal> {
        let Some(wanted) = &self.queue else {
            return Ok(());
        };
        let present = queue::read(rtnl, index).await?.made();
        if present.is_like(wanted) {
            return Ok(());
        }
        let replaced = queue::replace(rtnl, index, &present, wanted).await;
        failures.extend(
            replaced
                .err()
                .map(|failed| self.failed("queue", failed.refusal)),
        );
        Ok(())
    }
}
