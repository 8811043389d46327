//! Tunnels between two addresses: GRE and IP in IP, over IPv4 and over IPv6.

use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{creating, ensure_asked, read};
use crate::dsl::kinds::vxlan::TOS;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::schema::{Family, Form, Opt, Spelling, Wire};
use crate::steps::Value;

const GRE: Kind = Kind {
    word: "gre",
    name: "gre",
    module: "ip_gre",
    config: "CONFIG_NET_IPGRE",
    table: GRE_DRIVER.table,
    is_pair: false,
    settings: &[("arp", "false"), ("mtu", "1476"), ("multicast", "false")],
    change: Change::Whole,
};

const GRETAP: Kind = Kind {
    word: "gretap",
    name: "gretap",
    module: "ip_gre",
    config: "CONFIG_NET_IPGRE",
    table: GRE_DRIVER.table,
    is_pair: false,
    settings: &[("mtu", "1462")],
    change: Change::Whole,
};

const IP6GRE: Kind = Kind {
    word: "ip6gre",
    name: "ip6gre",
    module: "ip6_gre",
    config: "CONFIG_IPV6_GRE",
    table: GRE6_DRIVER.table,
    is_pair: false,
    settings: &[("arp", "false"), ("mtu", "1448"), ("multicast", "false")],
    change: Change::Whole,
};

const IP6GRETAP: Kind = Kind {
    word: "ip6gretap",
    name: "ip6gretap",
    module: "ip6_gre",
    config: "CONFIG_IPV6_GRE",
    table: GRE6_DRIVER.table,
    is_pair: false,
    settings: &[("mtu", "1434")],
    change: Change::Whole,
};

const IPIP: Kind = Kind {
    word: "ipip",
    name: "ipip",
    module: "ipip",
    config: "CONFIG_NET_IPIP",
    table: IP_DRIVER.table,
    is_pair: false,
    settings: &[("arp", "false"), ("mtu", "1480"), ("multicast", "false")],
    change: Change::Whole,
};

const SIT: Kind = Kind {
    word: "sit",
    name: "sit",
    module: "sit",
    config: "CONFIG_IPV6_SIT",
    table: IP_DRIVER.table,
    is_pair: false,
    settings: &[("arp", "false"), ("mtu", "1480"), ("multicast", "false")],
    change: Change::Whole,
};

const IP6TNL: Kind = Kind {
    word: "ip6tnl",
    name: "ip6tnl",
    module: "ip6_tunnel",
    config: "CONFIG_IPV6_TUNNEL",
    table: IP6_DRIVER.table,
    is_pair: false,
    settings: &[("arp", "false"), ("mtu", "1452"), ("multicast", "false")],
    change: Change::Whole,
};

/// What this topic makes.
pub const KINDS: &[Kind] = &[GRE, GRETAP, IP6GRE, IP6GRETAP, IPIP, SIT, IP6TNL];

/// How a tunnel is described to the kernel.
struct Driver {
    table: &'static [Opt],
    /// What `ip` asks for where nobody says otherwise: the number of the attribute, and its one byte.
    usual: &'static [(&'static str, u16, u8)],
}

const fn dev(number: u16) -> Opt {
    Opt::device("dev", number, "the link that carries it")
}

const fn local(family: Family, number: u16) -> Opt {
    Opt::host("local", family, (number, number), "the near end")
}

const fn remote(family: Family, number: u16) -> Opt {
    let doc = "the far end; without it packets are taken from everywhere";
    Opt::host("remote", family, (number, number), doc)
}

const fn ttl(number: u16) -> Opt {
    let doc = "time to live of the outer packets; 0 is that of the inner one";
    Opt::number("ttl", Wire::U8(number), (0, 255), doc)
        .named(&[("inherit", 0)])
        .words(&["ttl", "hoplimit", "hlim"])
        .default("0")
}

/// The same over IPv6, where `ip` and so the words here have another default than the kernel.
const fn hop_limit(number: u16) -> Opt {
    let doc = "hop limit of the outer packets; 0 is that of the inner one";
    Opt::number("ttl", Wire::U8(number), (0, 255), doc)
        .words(&["ttl", "hoplimit", "hlim"])
        .default("64")
}

const fn tos(number: u16) -> Opt {
    let doc = "type of service of the outer packets";
    Opt::number("tos", Wire::U8(number), (0, 255), doc)
        .named(TOS)
        .spelled(Spelling::Hex)
        .words(&["tos", "tclass", "dsfield"])
        .default("0x00")
}

const KEY: Opt = Opt::new(
    "key",
    Form::Key,
    "the key that tells tunnels apart, the same at both ends",
)
.at(Wire::GreKey)
.spelled(Spelling::Pair)
.default("0");
const PMTUDISC: Opt = Opt::switch(
    "pmtudisc",
    10,
    "whether outer packets may not be cut into fragments",
)
.default("true");
/// `GRE_CSUM` of `linux/if_tunnel.h`.
const CSUM: Opt = Opt::switch("csum", 0, "whether packets have a checksum")
    .at(Wire::GreFlag(0x8000))
    .default("false");
/// `GRE_SEQ` of `linux/if_tunnel.h`.
const SEQ: Opt = Opt::switch("seq", 0, "whether packets are numbered")
    .at(Wire::GreFlag(0x1000))
    .default("false");
const MARK: Opt = Opt::number(
    "fwmark",
    Wire::U32(20),
    (0, u32::MAX as i64),
    "the mark of the outer packets",
)
.default("0");

/// `IFLA_GRE_*` of `linux/if_tunnel.h`.
const GRE_DRIVER: Driver = Driver {
    table: &[
        dev(1),
        KEY,
        local(Family::V4, 6),
        remote(Family::V4, 7),
        ttl(8),
        tos(9),
        PMTUDISC,
        CSUM,
        SEQ,
        MARK,
    ],
    usual: &[],
};

/// The same over IPv6, where the traffic class is part of the flow information and can't be set by itself.
const GRE6_DRIVER: Driver = Driver {
    table: &[
        dev(1),
        KEY,
        local(Family::V6, 6),
        remote(Family::V6, 7),
        hop_limit(8),
        CSUM,
        SEQ,
        MARK,
    ],
    usual: &[("ttl", 8, 64), ("", 11, 4)],
};

/// `IFLA_IPTUN_*` of `linux/if_tunnel.h`. Of a TTL that is not said the kernel makes 64 for sit.
const IP_DRIVER: Driver = Driver {
    table: &[
        dev(1),
        local(Family::V4, 2),
        remote(Family::V4, 3),
        ttl(4),
        tos(5),
        PMTUDISC,
        MARK,
    ],
    usual: &[("ttl", 4, 0), ("", 9, 0)],
};

/// The same over IPv6.
const IP6_DRIVER: Driver = Driver {
    table: &[
        dev(1),
        local(Family::V6, 2),
        remote(Family::V6, 3),
        hop_limit(4),
        MARK,
    ],
    usual: &[("ttl", 4, 64), ("", 6, 4)],
};

fn make(
    session: &Rc<Session>,
    kind: &'static Kind,
    driver: &Driver,
    net: &Netns,
    name: &str,
    options: Map,
) -> Result<Link> {
    let context = creating(kind.word, name, net);
    let make = || {
        let (name, mut options, common) = read(kind, name, options)?;
        let mut asked = Asked::take(session, &net.0, kind, &mut options)?;
        let has_ttl = asked
            .value("ttl")
            .is_some_and(|ttl| *ttl != Value::Number(0));
        if has_ttl && asked.value("pmtudisc") == Some(&Value::Flag(false)) {
            return Err(Error::invalid(
                "`ttl` and `pmtudisc: false` exclude each other: packets with a fixed TTL are not cut into fragments",
            ));
        }
        for (key, number, value) in driver.usual {
            if asked.value(key).is_none() {
                asked.send(*number, [*value]);
            }
        }
        ensure_asked(session, net, name, common, &asked)
    };
    make().map_err(context)
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes the GRE tunnel `name` that carries packets of any protocol over IPv4, and returns it.
    ///
    /// Its options stand beside those that every link takes.
    /// What `ip link add NAME type gre local ADDRESS remote ADDRESS` does.
    ///
    /// ```rhai
    /// netns("a").gre("t0", #{local: "10.0.0.1", remote: "10.0.0.2", ttl: 32}).kind    // => "gre"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn gre(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            super::make(session, &GRE, &GRE_DRIVER, net, name, options)
        })
    }

    /// Makes the GRE tunnel `name` that carries Ethernet frames over IPv4, and returns it.
    ///
    /// Its options stand beside those that every link takes.
    /// What `ip link add NAME type gretap local ADDRESS remote ADDRESS` does.
    ///
    /// ```rhai
    /// netns("a").gretap("t0", #{local: "10.0.0.1", remote: "10.0.0.2", ttl: 32}).kind    // => "gretap"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn gretap(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            super::make(session, &GRETAP, &GRE_DRIVER, net, name, options)
        })
    }

    /// Makes the GRE tunnel `name` that carries packets of any protocol over IPv6, and returns it.
    ///
    /// Its options stand beside those that every link takes.
    /// What `ip link add NAME type ip6gre local ADDRESS remote ADDRESS` does.
    ///
    /// ```rhai
    /// netns("a").ip6gre("t0", #{local: "fd00::1", remote: "fd00::2", ttl: 32}).kind    // => "ip6gre"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn ip6gre(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            super::make(session, &IP6GRE, &GRE6_DRIVER, net, name, options)
        })
    }

    /// Makes the GRE tunnel `name` that carries Ethernet frames over IPv6, and returns it.
    ///
    /// Its options stand beside those that every link takes.
    /// What `ip link add NAME type ip6gretap local ADDRESS remote ADDRESS` does.
    ///
    /// ```rhai
    /// netns("a").ip6gretap("t0", #{local: "fd00::1", remote: "fd00::2", ttl: 32}).kind    // => "ip6gretap"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn ip6gretap(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            super::make(session, &IP6GRETAP, &GRE6_DRIVER, net, name, options)
        })
    }

    /// Makes the tunnel `name` that carries IPv4 packets over IPv4, and returns it.
    ///
    /// Its options stand beside those that every link takes.
    /// What `ip link add NAME type ipip local ADDRESS remote ADDRESS` does.
    ///
    /// ```rhai
    /// netns("a").ipip("t0", #{local: "10.0.0.1", remote: "10.0.0.2", ttl: 32}).kind    // => "ipip"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn ipip(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            super::make(session, &IPIP, &IP_DRIVER, net, name, options)
        })
    }

    /// Makes the tunnel `name` that carries IPv6 packets over IPv4, and returns it.
    ///
    /// Its options stand beside those that every link takes.
    /// What `ip link add NAME type sit local ADDRESS remote ADDRESS` does.
    ///
    /// ```rhai
    /// netns("a").sit("t0", #{local: "10.0.0.1", remote: "10.0.0.2", ttl: 32}).kind    // => "sit"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn sit(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            super::make(session, &SIT, &IP_DRIVER, net, name, options)
        })
    }

    /// Makes the tunnel `name` that carries IPv4 and IPv6 packets over IPv6, and returns it.
    ///
    /// Its options stand beside those that every link takes.
    /// What `ip link add NAME type ip6tnl local ADDRESS remote ADDRESS` does.
    ///
    /// ```rhai
    /// netns("a").ip6tnl("t0", #{local: "fd00::1", remote: "fd00::2", ttl: 32}).kind    // => "ip6tnl"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn ip6tnl(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            super::make(session, &IP6TNL, &IP6_DRIVER, net, name, options)
        })
    }
}
