//! Nexthop objects: what many routes name by number, so that all of them follow one change.

mod ensure;
pub(in crate::dsl::objects) mod options;
pub(crate) mod rows;
mod show;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::Netns;
use crate::dsl::objects::link;
use crate::dsl::{Answer, answer};

pub(crate) use ensure::for_route;
pub use show::Nexthop;

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes the nexthop object `id`, which routes name with `#{nexthop: id}`, and returns the namespace.
    ///
    /// It leads by `dev`, and by the gateway `via` where there is one (`onlink` takes it as directly connected); or to a `group`,
    /// `[1, 2]` or `[#{id: 1, weight: 3}, #{id: 2}]`, whose members share the packets; or, with `blackhole`, nowhere. `family` is
    /// `"inet6"` for one of IPv6 without a gateway; `proto` is who made it.
    ///
    /// Nothing happens where it is there. One that leads elsewhere is a `conflict`; with `replace` it is changed in place, and all
    /// routes that name it follow at once. Its link, for a blackhole the loopback, must be up; the kernel takes a nexthop away when
    /// that goes down, and with it its routes.
    ///
    /// What `ip nexthop add id ID via GATEWAY dev LINK` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1", #{addr: "10.0.0.1/24", up: true}).peer.up();
    /// a.nexthop(1, #{via: "10.0.0.2", dev: "v0"}).nexthop(2, #{via: "10.0.0.3", dev: "v0"});
    /// a.nexthop(10, #{group: [1, #{id: 2, weight: 3}]});
    /// a.route("10.1.0.0/16", #{nexthop: 10});
    /// a.nexthops[2].line    // => "id 10 group 1/2,3"
    /// ```
    #[rhai_fn(name = "nexthop", return_raw, volatile)]
    pub fn nexthop_(
        context: NativeCallContext,
        net: &mut Netns,
        id: i64,
        options: Map,
    ) -> Answer<Netns> {
        answer(&context, |session| {
            ensure::add(session, net, id, options)?;
            Ok(net.clone())
        })
    }

    /// Takes the nexthop object `id` away, and returns the namespace. Gone already is no error.
    ///
    /// The routes that name it go first, and it leaves its groups, of which an empty one goes, too: the kernel would do the same. What
    /// `ip nexthop del id ID` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.nexthop(1, #{blackhole: true});
    /// a.route("10.1.0.0/16", #{nexthop: 1});
    /// a.del_nexthop(1).routes.len()    // => 0
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn del_nexthop(context: NativeCallContext, net: &mut Netns, id: i64) -> Answer<Netns> {
        answer(&context, |session| {
            ensure::delete(session, net, id)?;
            Ok(net.clone())
        })
    }

    /// Returns the nexthop objects, in the order of their numbers.
    ///
    /// What `ip nexthop` lists.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.nexthop(7, #{dev: "lo"}).nexthops()[0].link    // => "lo"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn nexthops(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        answer(&context, |session| {
            let links = link::all(session, &net.0)?;
            let nexthops = ensure::list(session, &net.0)?;
            Ok(nexthops
                .into_iter()
                .map(|seen| Dynamic::from(Nexthop::new(seen, &links)))
                .collect())
        })
    }

    /// The nexthop objects of the namespace.
    #[rhai_fn(get = "nexthops", return_raw, volatile)]
    pub fn get_nexthops(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        nexthops(context, net)
    }

    /// The number.
    #[rhai_fn(get = "id")]
    pub fn get_id(nexthop: &mut Nexthop) -> i64 {
        nexthop.seen.id.into()
    }

    /// The gateway, or `()`.
    #[rhai_fn(get = "via")]
    pub fn get_via(nexthop: &mut Nexthop) -> Dynamic {
        nexthop.via().map_or(Dynamic::UNIT, Dynamic::from)
    }

    /// The name of its link, or `()`.
    #[rhai_fn(get = "link")]
    pub fn get_link(nexthop: &mut Nexthop) -> Dynamic {
        nexthop.link.clone().map_or(Dynamic::UNIT, Dynamic::from)
    }

    /// The members of a group, each `#{id, weight}`; none where it is no group.
    #[rhai_fn(get = "group")]
    pub fn get_group(nexthop: &mut Nexthop) -> rhai::Array {
        let members = nexthop.seen.members().iter();
        members
            .map(|member| {
                let id = i64::from(member.id);
                let weight = i64::from(member.weight);
                Dynamic::from(Map::from([
                    ("id".into(), id.into()),
                    ("weight".into(), weight.into()),
                ]))
            })
            .collect()
    }

    /// Whether it drops what goes there.
    #[rhai_fn(get = "blackhole")]
    pub fn get_blackhole(nexthop: &mut Nexthop) -> bool {
        nexthop.is_blackhole()
    }

    /// Whether its gateway is taken as directly connected.
    #[rhai_fn(get = "onlink")]
    pub fn get_onlink(nexthop: &mut Nexthop) -> bool {
        nexthop.is_onlink()
    }

    /// Who made it, as `ip nexthop` prints it, or `()`.
    #[rhai_fn(get = "protocol")]
    pub fn get_protocol(nexthop: &mut Nexthop) -> Dynamic {
        match nexthop.seen.protocol.as_str() {
            "unspec" => Dynamic::UNIT,
            name => name.to_owned().into(),
        }
    }

    /// The nexthop as `ip nexthop` writes it.
    #[rhai_fn(get = "line")]
    pub fn get_line(nexthop: &mut Nexthop) -> String {
        nexthop.to_string()
    }

    /// The nexthop in one line, as `ip nexthop` writes it.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(nexthop: &mut Nexthop) -> String {
        nexthop.to_string()
    }
}
