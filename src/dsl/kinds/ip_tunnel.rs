//! Tunnels between two addresses: GRE and IP in IP, over IPv4 and over IPv6.

use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};
use rtnetlink::packet_route::link::InfoData;

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::{self, Asked, Attribute, Family, Form};
use crate::dsl::kinds::kind::Kind;
use crate::dsl::kinds::make::{Fact, Wanted, creating, ensure, read};
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};

/// What this topic makes.
pub const KINDS: &[Kind] = &[
    Kind {
        word: "gre",
        name: "gre",
        module: "ip_gre",
        config: "CONFIG_NET_IPGRE",
        keys: GRE_KEYS,
        is_pair: false,
        argument: None,
        facts_of: GRE.facts_of,
        usual: &[
            ("csum", "false"),
            ("fwmark", "0"),
            ("pmtudisc", "true"),
            ("seq", "false"),
            ("arp", "false"),
            ("key", "0"),
            ("mtu", "1476"),
            ("multicast", "false"),
            ("tos", "0x00"),
            ("ttl", "0"),
        ],
    },
    Kind {
        word: "gretap",
        name: "gretap",
        module: "ip_gre",
        config: "CONFIG_NET_IPGRE",
        keys: GRE_KEYS,
        is_pair: false,
        argument: None,
        facts_of: GRE.facts_of,
        usual: &[
            ("csum", "false"),
            ("fwmark", "0"),
            ("pmtudisc", "true"),
            ("seq", "false"),
            ("key", "0"),
            ("mtu", "1462"),
            ("tos", "0x00"),
            ("ttl", "0"),
        ],
    },
    Kind {
        word: "ip6gre",
        name: "ip6gre",
        module: "ip6_gre",
        config: "CONFIG_IPV6_GRE",
        keys: GRE6.keys,
        is_pair: false,
        argument: None,
        facts_of: GRE6.facts_of,
        usual: &[
            ("csum", "false"),
            ("fwmark", "0"),
            ("seq", "false"),
            ("arp", "false"),
            ("key", "0"),
            ("mtu", "1448"),
            ("multicast", "false"),
            ("ttl", "64"),
        ],
    },
    Kind {
        word: "ip6gretap",
        name: "ip6gretap",
        module: "ip6_gre",
        config: "CONFIG_IPV6_GRE",
        keys: GRE6.keys,
        is_pair: false,
        argument: None,
        facts_of: GRE6.facts_of,
        usual: &[
            ("csum", "false"),
            ("fwmark", "0"),
            ("seq", "false"),
            ("key", "0"),
            ("mtu", "1434"),
            ("ttl", "64"),
        ],
    },
    Kind {
        word: "ipip",
        name: "ipip",
        module: "ipip",
        config: "CONFIG_NET_IPIP",
        keys: PLAIN_KEYS,
        is_pair: false,
        argument: None,
        facts_of: IP.facts_of,
        usual: &[
            ("fwmark", "0"),
            ("pmtudisc", "true"),
            ("arp", "false"),
            ("mtu", "1480"),
            ("multicast", "false"),
            ("tos", "0x00"),
            ("ttl", "0"),
        ],
    },
    Kind {
        word: "sit",
        name: "sit",
        module: "sit",
        config: "CONFIG_IPV6_SIT",
        keys: PLAIN_KEYS,
        is_pair: false,
        argument: None,
        facts_of: IP.facts_of,
        usual: &[
            ("fwmark", "0"),
            ("pmtudisc", "true"),
            ("arp", "false"),
            ("mtu", "1480"),
            ("multicast", "false"),
            ("tos", "0x00"),
            ("ttl", "0"),
        ],
    },
    Kind {
        word: "ip6tnl",
        name: "ip6tnl",
        module: "ip6_tunnel",
        config: "CONFIG_IPV6_TUNNEL",
        keys: IP6.keys,
        is_pair: false,
        argument: None,
        facts_of: IP6.facts_of,
        usual: &[
            ("fwmark", "0"),
            ("arp", "false"),
            ("mtu", "1452"),
            ("multicast", "false"),
            ("ttl", "64"),
        ],
    },
];

/// Keys beyond those that every link takes.
const PLAIN_KEYS: &[&str] = &["dev", "fwmark", "local", "pmtudisc", "remote", "tos", "ttl"];
/// The same with the key that GRE tells its tunnels apart by, and its checksums and sequence numbers.
const GRE_KEYS: &[&str] = &[
    "csum", "dev", "fwmark", "key", "local", "pmtudisc", "remote", "seq", "tos", "ttl",
];

/// How a tunnel is described to the kernel.
struct Driver {
    keys: &'static [&'static str],
    table: &'static [Attribute],
    facts_of: fn(&InfoData) -> Vec<Fact>,
    /// What `ip` asks for where nobody says otherwise: the number of the attribute, and its one byte.
    usual: &'static [(&'static str, u16, u8)],
}

/// `GRE_CSUM` of `linux/if_tunnel.h`.
const CSUM: Form = Form::GreFlag(0x8000);
/// `GRE_SEQ` of `linux/if_tunnel.h`.
const SEQ: Form = Form::GreFlag(0x1000);
const MARK: Form = Form::Number(0, u32::MAX as i64);

const fn one(key: &'static str, number: u16, form: Form) -> Attribute {
    Attribute { key, number, form }
}

/// `IFLA_GRE_*` of `linux/if_tunnel.h`.
const GRE: Driver = Driver {
    keys: GRE_KEYS,
    table: &[
        one("dev", 1, Form::Device),
        one("key", 5, Form::GreKey),
        one("local", 6, Form::Host(Family::V4)),
        one("remote", 7, Form::Host(Family::V4)),
        one("ttl", 8, Form::Byte),
        one("tos", 9, Form::HexByte),
        one("pmtudisc", 10, Form::Switch),
        one("csum", 2, CSUM),
        one("seq", 2, SEQ),
        one("fwmark", 20, MARK),
    ],
    facts_of: |data| attributes::facts(data, GRE.table),
    usual: &[],
};

/// The same over IPv6, where the traffic class is part of the flow information and can't be set by itself.
const GRE6: Driver = Driver {
    keys: &[
        "csum", "dev", "fwmark", "key", "local", "remote", "seq", "ttl",
    ],
    table: &[
        one("dev", 1, Form::Device),
        one("key", 5, Form::GreKey),
        one("local", 6, Form::Host(Family::V6)),
        one("remote", 7, Form::Host(Family::V6)),
        one("ttl", 8, Form::Byte),
        one("csum", 2, CSUM),
        one("seq", 2, SEQ),
        one("fwmark", 20, MARK),
    ],
    facts_of: |data| attributes::facts(data, GRE6.table),
    usual: &[("ttl", 8, 64), ("", 11, 4)],
};

/// `IFLA_IPTUN_*` of `linux/if_tunnel.h`.
const IP: Driver = Driver {
    keys: PLAIN_KEYS,
    table: &[
        one("dev", 1, Form::Device),
        one("local", 2, Form::Host(Family::V4)),
        one("remote", 3, Form::Host(Family::V4)),
        one("ttl", 4, Form::Byte),
        one("tos", 5, Form::HexByte),
        one("pmtudisc", 10, Form::Switch),
        one("fwmark", 20, MARK),
    ],
    facts_of: |data| attributes::facts(data, IP.table),
    usual: &[("", 9, 0)],
};

/// The same over IPv6.
const IP6: Driver = Driver {
    keys: &["dev", "fwmark", "local", "remote", "ttl"],
    table: &[
        one("dev", 1, Form::Device),
        one("local", 2, Form::Host(Family::V6)),
        one("remote", 3, Form::Host(Family::V6)),
        one("ttl", 4, Form::Byte),
        one("fwmark", 20, MARK),
    ],
    facts_of: |data| attributes::facts(data, IP6.table),
    usual: &[("ttl", 4, 64), ("", 6, 4)],
};

fn make(
    session: &Rc<Session>,
    kind: &'static str,
    driver: &Driver,
    net: &Netns,
    name: &str,
    options: Map,
) -> Result<Link> {
    let context = creating(kind, name, net);
    let make = || {
        let (name, mut options, common) = read(kind, name, options, driver.keys)?;
        let mut asked = Asked::take(session, &net.0, &mut options, driver.table)?;
        let facts = asked.facts.clone();
        let has_ttl = asked.fact("ttl").is_some_and(|ttl| ttl != "0");
        if has_ttl && asked.fact("pmtudisc") == Some("false") {
            return Err(Error::invalid(
                "`ttl` and `pmtudisc: false` exclude each other: packets with a fixed TTL are not cut into fragments",
            ));
        }
        for (key, number, value) in driver.usual {
            if asked.fact(key).is_none() {
                asked.send(*number, [*value]);
            }
        }
        let wanted = Wanted {
            kind,
            place: net.0.clone(),
            name,
            parent: None,
            facts,
            facts_of: driver.facts_of,
            common,
        };
        ensure(session, &wanted, |_| Ok(asked.request(kind)), |_| Ok(()))
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
    /// Options, beside those that every link takes: `local` and `remote` (the two ends), `key` (the same at both), `ttl` and `tos` of the outer packets, `pmtudisc` (on unless it is false: they are not cut into fragments), `csum` and `seq` (checksums, sequence numbers), `fwmark` (their mark), `dev` (the link that carries it). Without `remote` it takes packets from everywhere.
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
            super::make(session, "gre", &GRE, net, name, options)
        })
    }

    /// Makes the GRE tunnel `name` that carries Ethernet frames over IPv4, and returns it.
    ///
    /// Options, beside those that every link takes: `local` and `remote` (the two ends), `key` (the same at both), `ttl` and `tos` of the outer packets, `pmtudisc` (on unless it is false: they are not cut into fragments), `csum` and `seq` (checksums, sequence numbers), `fwmark` (their mark), `dev` (the link that carries it). Without `remote` it takes packets from everywhere.
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
            super::make(session, "gretap", &GRE, net, name, options)
        })
    }

    /// Makes the GRE tunnel `name` that carries packets of any protocol over IPv6, and returns it.
    ///
    /// Options, beside those that every link takes: `local` and `remote` (the two ends), `key` (the same at both), `ttl` of the outer packets, `csum` and `seq` (checksums, sequence numbers), `fwmark` (their mark), `dev` (the link that carries it). Without `remote` it takes packets from everywhere.
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
            super::make(session, "ip6gre", &GRE6, net, name, options)
        })
    }

    /// Makes the GRE tunnel `name` that carries Ethernet frames over IPv6, and returns it.
    ///
    /// Options, beside those that every link takes: `local` and `remote` (the two ends), `key` (the same at both), `ttl` of the outer packets, `csum` and `seq` (checksums, sequence numbers), `fwmark` (their mark), `dev` (the link that carries it). Without `remote` it takes packets from everywhere.
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
            super::make(session, "ip6gretap", &GRE6, net, name, options)
        })
    }

    /// Makes the tunnel `name` that carries IPv4 packets over IPv4, and returns it.
    ///
    /// Options, beside those that every link takes: `local` and `remote` (the two ends), `ttl` and `tos` of the outer packets, `pmtudisc` (on unless it is false: they are not cut into fragments), `fwmark` (their mark), `dev` (the link that carries it). Without `remote` it takes packets from everywhere.
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
            super::make(session, "ipip", &IP, net, name, options)
        })
    }

    /// Makes the tunnel `name` that carries IPv6 packets over IPv4, and returns it.
    ///
    /// Options, beside those that every link takes: `local` and `remote` (the two ends), `ttl` and `tos` of the outer packets, `pmtudisc` (on unless it is false: they are not cut into fragments), `fwmark` (their mark), `dev` (the link that carries it). Without `remote` it takes packets from everywhere.
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
            super::make(session, "sit", &IP, net, name, options)
        })
    }

    /// Makes the tunnel `name` that carries IPv4 and IPv6 packets over IPv6, and returns it.
    ///
    /// Options, beside those that every link takes: `local` and `remote` (the two ends), `ttl` of the outer packets, `fwmark` (their mark), `dev` (the link that carries it). Without `remote` it takes packets from everywhere.
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
            super::make(session, "ip6tnl", &IP6, net, name, options)
        })
    }
}
