//! Arithmetic of addresses and networks, IPv4 and IPv6 alike. `std/address` builds upon it.

use ipnet::IpNet;
use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::{Answer, answer};
use crate::error::Result;
use crate::value::{network, prefix};

/// An address with or without a prefix length: without one, it is a network of its own.
fn read(text: &str) -> Result<IpNet> {
    if text.contains('/') {
        prefix::address(text)
    } else {
        prefix::ip(text).map(IpNet::from)
    }
}

fn parts(text: &str) -> Result<Map> {
    let net = read(text)?;
    let family = if net.addr().is_ipv4() { 4_i64 } else { 6 };
    let parts: [(&str, Dynamic); 4] = [
        ("address", net.addr().to_string().into()),
        ("family", family.into()),
        ("length", i64::from(net.prefix_len()).into()),
        ("network", net.trunc().to_string().into()),
    ];
    Ok(parts
        .into_iter()
        .map(|(key, value)| (key.into(), value))
        .collect())
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Takes an address apart: `address`, `length`, `network`, and `family`, which is 4 or 6.
    ///
    /// An address without a prefix length is a network of its own. Each part comes in its usual form, so that two texts
    /// for one address become the same.
    ///
    /// ```rhai
    /// prefix("10.0.7.5/16").network         // => "10.0.0.0/16"
    /// ```
    ///
    /// ```rhai
    /// prefix("FD00:0::0001/64").address     // => "fd00::1"
    /// ```
    #[rhai_fn(name = "prefix", return_raw)]
    pub fn prefix_(context: NativeCallContext, text: &str) -> Answer<Map> {
        answer(&context, |_| parts(text))
    }

    /// Returns the subnet number `index` of those of prefix length `length` in `network`.
    ///
    /// The first has number 0; the last has number -1. Fails with `invalid` where there are not as many.
    ///
    /// ```rhai
    /// nth_subnet("10.0.0.0/16", 24, 3)      // => "10.0.3.0/24"
    /// ```
    ///
    /// ```rhai
    /// nth_subnet("fd00::/48", 64, -1)       // => "fd00:0:0:ffff::/64"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn nth_subnet(
        context: NativeCallContext,
        network: &str,
        length: i64,
        index: i64,
    ) -> Answer<String> {
        answer(&context, |_| {
            let subnet = network::subnet(read(network)?, length, index)?;
            Ok(subnet.to_string())
        })
    }

    /// Returns the address number `index` of `network`, without a prefix length.
    ///
    /// Number 0 is the network's own, -1 the last, which is for broadcasts in IPv4.
    ///
    /// ```rhai
    /// nth_address("10.0.0.0/24", 1)         // => "10.0.0.1"
    /// ```
    ///
    /// ```rhai
    /// nth_address("10.0.0.0/24", 256)       // !! `10.0.0.0/24` has no address number 256
    /// ```
    #[rhai_fn(return_raw)]
    pub fn nth_address(context: NativeCallContext, network: &str, index: i64) -> Answer<String> {
        answer(&context, |_| {
            let address = network::address(read(network)?, index)?;
            Ok(address.to_string())
        })
    }

    /// Tells whether `address`, or a whole subnet, lies within `network`.
    ///
    /// ```rhai
    /// in_network("10.0.7.5", "10.0.0.0/16")    // => true
    /// ```
    #[rhai_fn(return_raw)]
    pub fn in_network(context: NativeCallContext, address: &str, network: &str) -> Answer<bool> {
        answer(&context, |_| Ok(read(network)?.contains(&read(address)?)))
    }
}
