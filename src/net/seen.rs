//! What there is in a namespace, asked of the kernel once, however often it is looked at.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::error::Result;
use crate::net::address::{self, Address};
use crate::net::bridge_vlan::{self, Membership};
use crate::net::fdb::{self, Entry};
use crate::net::link::{self, Snapshot};
use crate::net::neighbour::{self, Neighbour};
use crate::net::netns::Netns;
use crate::net::nexthop::{self, Nexthop};
use crate::net::nft::{self, Mark};
use crate::net::route::{self, Route};
use crate::net::rule::{self, Rule};

type Vlans = HashMap<u32, Vec<(u16, Membership)>>;

/// A namespace, and what was seen in it so far.
#[derive(Debug)]
pub struct Seen {
    netns: Rc<Netns>,
    links: OnceCell<HashMap<u32, Snapshot>>,
    vlans: OnceCell<Vlans>,
    addresses: OnceCell<HashMap<u32, Vec<Address>>>,
    routes: OnceCell<Vec<Route>>,
    rules: OnceCell<Vec<Rule>>,
    neighbours: OnceCell<Vec<Neighbour>>,
    nexthops: OnceCell<Vec<Nexthop>>,
    entries: OnceCell<Vec<(u32, Entry)>>,
    marks: OnceCell<Vec<Mark>>,
}

/// What `$cell` holds, or what `$ask` tells from now on.
macro_rules! once {
    ($cell:expr, $ask:expr) => {{
        if $cell.get().is_none() {
            let told = $ask;
            // Nobody else can have put it there meanwhile that did not see the same.
            let _ = $cell.set(told);
        }
        Ok($cell.get_or_init(Default::default))
    }};
}

impl Seen {
    /// Nothing of the namespace yet.
    pub fn of(netns: Rc<Netns>) -> Self {
        Self {
            netns,
            links: OnceCell::new(),
            vlans: OnceCell::new(),
            addresses: OnceCell::new(),
            routes: OnceCell::new(),
            rules: OnceCell::new(),
            neighbours: OnceCell::new(),
            nexthops: OnceCell::new(),
            entries: OnceCell::new(),
            marks: OnceCell::new(),
        }
    }

    /// The namespace.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// Its links, by ifindex.
    pub async fn links(&self) -> Result<&HashMap<u32, Snapshot>> {
        once!(self.links, {
            let links = link::list(&self.netns.rtnl()?).await?;
            links.into_iter().map(|link| (link.index, link)).collect()
        })
    }

    /// The VLANs of bridges and their ports, by ifindex.
    pub async fn vlans(&self) -> Result<&Vlans> {
        once!(self.vlans, bridge_vlan::all(&self.netns.rtnl()?).await?)
    }

    /// The addresses of the link.
    pub async fn addresses(&self, link: u32) -> Result<&[Address]> {
        let all: Result<&HashMap<u32, Vec<Address>>> = once!(self.addresses, {
            let mut by_link: HashMap<u32, Vec<Address>> = HashMap::new();
            for address in address::list(&self.netns.rtnl()?, None).await? {
                by_link.entry(address.link).or_default().push(address);
            }
            by_link
        });
        Ok(all?.get(&link).map(Vec::as_slice).unwrap_or_default())
    }

    /// The routes of all tables.
    pub async fn routes(&self) -> Result<&Vec<Route>> {
        once!(self.routes, route::list(&self.netns.rtnl()?, None).await?)
    }

    /// The rules.
    pub async fn rules(&self) -> Result<&Vec<Rule>> {
        once!(self.rules, rule::list(&self.netns.rtnl()?).await?)
    }

    /// The neighbours.
    pub async fn neighbours(&self) -> Result<&Vec<Neighbour>> {
        once!(self.neighbours, neighbour::list(&self.netns.rtnl()?).await?)
    }

    /// The nexthop objects.
    pub async fn nexthops(&self) -> Result<&Vec<Nexthop>> {
        once!(self.nexthops, nexthop::list(&self.netns.rtnl()?).await?)
    }

    /// The entries of forwarding databases, each with the ifindex of its link.
    pub async fn entries(&self) -> Result<&Vec<(u32, Entry)>> {
        once!(self.entries, fdb::all(&self.netns.rtnl()?).await?)
    }

    /// The marks of the rules of nftables that words have made.
    pub fn marks(&self) -> Result<&Vec<Mark>> {
        once!(self.marks, nft::all_marks(&self.netns)?)
    }
}
