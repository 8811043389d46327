//! The words that find links and do something to one.

use std::time::Duration;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::link::change::{
    move_to, set_alias, set_mac, set_master, set_mtu, set_name, set_up,
};
use crate::dsl::objects::link::{all, handle, link_argument, lookup};
use crate::dsl::objects::netns::namespace_argument;
use crate::dsl::{Answer, answer};

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Returns the link `name` of the namespace.
    ///
    /// Fails with `not_found` where there is none, and names the nearest.
    ///
    /// ```rhai
    /// netns("net-1").link("lo").name    // => "lo"
    /// ```
    #[rhai_fn(name = "link", return_raw, volatile)]
    pub fn link_(context: NativeCallContext, net: &mut Netns, name: &str) -> Answer<Link> {
        answer(&context, |session| {
            let link = lookup(session, &net.0, name)?;
            session.lab().touch_link(&link.netns(), link.index());
            Ok(link)
        })
    }

    /// Returns all links of the namespace, by ifindex.
    ///
    /// What `ip -br link` lists.
    ///
    /// ```rhai
    /// netns("net-1").links().len()    // => 1
    /// ```
    #[rhai_fn(name = "links", return_raw, volatile)]
    pub fn links(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        answer(&context, |session| {
            let links = all(session, &net.0)?;
            Ok(links
                .iter()
                .map(|seen| Dynamic::from(handle(&net.0, seen)))
                .collect())
        })
    }

    /// The links of the namespace, by ifindex.
    #[rhai_fn(get = "links", return_raw, volatile)]
    pub fn get_links(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        links(context, net)
    }

    /// Brings the link up, and returns it.
    ///
    /// What `ip link set LINK up` does.
    ///
    /// ```rhai
    /// netns("net-1").link("lo").up().is_up    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn up(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            set_up(session, link, true)?;
            Ok(link.clone())
        })
    }

    /// Brings the link down, and returns it. Its routes go.
    ///
    /// ```rhai
    /// netns("net-1").link("lo").up().down().is_up    // => false
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn down(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            set_up(session, link, false)?;
            Ok(link.clone())
        })
    }

    /// Moves the link to the namespace `target`, a handle or a name, and returns it.
    ///
    /// The kernel takes its addresses and routes away and brings it down. Links can be made straight in their
    /// namespace, which is quicker: `net.ipvlan(…)`. The next run of the script, which asks for the link where it was, finds it
    /// where it is then. What `ip link set LINK netns NAME` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let v = veth("v0", "v1");
    /// v.netns(a);
    /// v.netns.name    // => "a"
    /// ```
    #[rhai_fn(name = "netns", return_raw, volatile)]
    pub fn netns_(context: NativeCallContext, link: &mut Link, target: Dynamic) -> Answer<Link> {
        answer(&context, |session| {
            let target = namespace_argument(&target).map_err(|error| {
                error
                    .doing("move link", &link.name())
                    .in_place(link.netns().label())
            })?;
            move_to(session, link, &target, None)?;
            Ok(link.clone())
        })
    }

    /// Moves the link to the namespace `target` and gives it the name `name` there, in one step, and returns it.
    ///
    /// What `ip link set LINK netns TARGET name NAME` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// veth("v0", "v1").netns(a, "eth0").name    // => "eth0"
    /// ```
    #[rhai_fn(name = "netns", return_raw, volatile)]
    pub fn netns_as(
        context: NativeCallContext,
        link: &mut Link,
        target: Dynamic,
        name: &str,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let target = namespace_argument(&target).map_err(|error| {
                error
                    .doing("move link", &link.name())
                    .in_place(link.netns().label())
            })?;
            move_to(session, link, &target, Some(name))?;
            Ok(link.clone())
        })
    }

    /// Gives the link another name, and returns it.
    ///
    /// Kernels before 6.2 refuse this while the link is up, with `busy`. What `ip link set LINK name NAME` does.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1");
    /// v.rename("w0").name    // => "w0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn rename(context: NativeCallContext, link: &mut Link, name: &str) -> Answer<Link> {
        answer(&context, |session| {
            set_name(session, link, name)?;
            Ok(link.clone())
        })
    }

    /// Sets the link's MTU in bytes, and returns the link.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").mtu(1400).mtu    // => 1400
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn mtu(context: NativeCallContext, link: &mut Link, bytes: i64) -> Answer<Link> {
        answer(&context, |session| {
            set_mtu(session, link, bytes)?;
            Ok(link.clone())
        })
    }

    /// Sets the link's hardware address, and returns the link.
    ///
    /// An ipvlan slave has that of its parent and refuses another.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").mac("02:00:00:00:00:01").mac    // => "02:00:00:00:00:01"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn mac(context: NativeCallContext, link: &mut Link, address: &str) -> Answer<Link> {
        answer(&context, |session| {
            set_mac(session, link, address)?;
            Ok(link.clone())
        })
    }

    /// Puts the link under `master`, a bridge, bond or VRF of its namespace, and returns it.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let port = a.veth("v0", "v1").master(a.bridge("br0"));
    /// port.master.name    // => "br0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn master(context: NativeCallContext, link: &mut Link, master: Dynamic) -> Answer<Link> {
        answer(&context, |session| {
            let place = link.netns();
            let master = link_argument(session, &place, &master).map_err(|error| {
                error
                    .doing("set the master of link", &link.name())
                    .in_place(place.label())
            })?;
            set_master(session, link, Some(&master))?;
            Ok(link.clone())
        })
    }

    /// Takes the link from under its master, and returns it.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1").master(a.bridge("br0")).nomaster().master    // => ()
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn nomaster(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            set_master(session, link, None)?;
            Ok(link.clone())
        })
    }

    /// Sets the link's alias, a free text, and returns the link.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").alias("to the lab").alias    // => "to the lab"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn alias(context: NativeCallContext, link: &mut Link, text: &str) -> Answer<Link> {
        answer(&context, |session| {
            set_alias(session, link, text)?;
            Ok(link.clone())
        })
    }

    /// Waits until the link is up and has a carrier, five seconds at most, and returns it.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let v = a.veth("v0", "v1", #{up: true});
    /// v.peer.up();
    /// v.wait_up().carrier    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn wait_up(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            crate::dsl::objects::link::change::wait_up(session, link, Duration::from_secs(5))?;
            Ok(link.clone())
        })
    }

    /// Deletes the link. Gone already is no error.
    ///
    /// What `ip link del LINK` does. Its addresses and routes go with it, and what is stacked on it, in every namespace.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1").delete();
    /// a.links().len()    // => 1
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn delete(context: NativeCallContext, link: &mut Link) -> Answer<()> {
        answer(&context, |session| {
            crate::dsl::objects::link::delete(session, link)
        })
    }
}
