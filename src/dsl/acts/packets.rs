//! Packets of a file, as values.

use std::fs::File;
use std::io::BufReader;
use std::net::IpAddr;
use std::path::Path;

use chrono::{DateTime, SecondsFormat};
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::script::data::path_of;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::net::capture::LinkType;
use crate::net::capture::decode::{Decoded, decode};
use crate::net::capture::filter::{Filter, run};
use crate::net::capture::pcapng::read::{self, Stored};
use crate::value::count;

/// The moment, as RFC 3339 writes it in UTC.
pub(crate) fn moment(time: u64) -> String {
    let nanos = count::int(time);
    DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

fn read_all(session: &Session, path: &Path, name: &str, filter: &str) -> Result<Array> {
    let about = |error: Error| error.unless_said(|error| error.doing("read packets of", name));
    let filter = Filter::parse(filter)?;
    if session.planned_file(path).is_some() {
        return Ok(Array::new());
    }
    let file = File::open(path).map_err(|error| about(Error::io(&error)))?;
    let mut file = read::File::open(BufReader::new(file)).map_err(about)?;
    let mut programs = Vec::new();
    let mut packets = Array::new();
    while let Some(packet) = file.next_packet().map_err(about)? {
        for interface in &file.interfaces[programs.len()..] {
            let number = interface.link_type;
            let link_type = LinkType::of_number(number).ok_or_else(|| {
                let cause =
                    format!("its packets begin with a header of another kind (link type {number})");
                let error = Error::new(Kind::Unsupported, cause);
                about(error.hint("Ethernet and raw IP are read: `tshark -r FILE` reads the others"))
            })?;
            programs.push((link_type, filter.program(link_type, false, u32::MAX)?));
        }
        let (Some((link_type, program)), Some(interface)) = (
            programs.get(packet.interface),
            file.interfaces.get(packet.interface),
        ) else {
            continue;
        };
        if run::run(program, &packet.data) > 0 {
            let decoded = decode(*link_type, &packet.data);
            packets.push(to_map(&packet, &interface.name, decoded).into());
        }
    }
    Ok(packets)
}

fn to_map(packet: &Stored, link: &str, decoded: Decoded) -> Map {
    let text = |text: Option<String>| text.map_or(Dynamic::UNIT, Dynamic::from);
    let number = |number: Option<i64>| number.map_or(Dynamic::UNIT, Dynamic::from);
    let ip = |ip: Option<IpAddr>| text(ip.map(|ip| ip.to_string()));
    let (source_mac, destination_mac) = decoded.macs.unzip();
    let (source_port, destination_port) = decoded.ports.unzip();
    let direction = packet
        .is_out
        .map(|is_out| if is_out { "out" } else { "in" });
    Map::from([
        ("time".into(), moment(packet.time).into()),
        ("time_ns".into(), number(i64::try_from(packet.time).ok())),
        ("link".into(), link.into()),
        ("direction".into(), text(direction.map(str::to_owned))),
        ("len".into(), i64::from(packet.length).into()),
        ("proto".into(), decoded.protocol.into()),
        ("src".into(), ip(decoded.source)),
        ("dst".into(), ip(decoded.destination)),
        ("sport".into(), number(source_port.map(i64::from))),
        ("dport".into(), number(destination_port.map(i64::from))),
        ("src_mac".into(), text(source_mac)),
        ("dst_mac".into(), text(destination_mac)),
        (
            "vlan".into(),
            number(decoded.vlans.first().map(|id| i64::from(*id))),
        ),
        ("ttl".into(), number(decoded.ttl.map(i64::from))),
        ("info".into(), decoded.info.into()),
    ])
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Reads the packets of a file of pcapng that `filter` wants, oldest first.
    ///
    /// Each is a map of `time` (UTC, as RFC 3339 writes it), `time_ns` (since 1970), `link` (`NAMESPACE:LINK`), `direction` (`in`, `out`),
    /// `len` in bytes, `proto` (`icmp`, `icmp6`, `tcp`, `udp`, `arp` …), `src` and `dst`, `sport` and `dport`, `src_mac` and `dst_mac`,
    /// `vlan`, `ttl`, and `info`, which says it in words; `()` stands for what a packet does not have. Its path is seen from the
    /// folder of the script. The filter is that of `capture`.
    ///
    /// `host net port src dst proto ip ip6 arp tcp udp icmp icmp6 vlan and or not ( )` mean what they mean to `tcpdump`: `and` and `or`
    /// bind alike, from the left; an address or a number by itself takes the words of the one before it (`port 80 or 443`).
    /// What a VLAN carries is found within `vlan` only: `vlan 10 and icmp`.
    ///
    /// ```rhai
    /// let lo = netns("a").link("lo").up();
    /// let c = lo.capture("x.pcapng");
    /// lo.netns.ping("127.0.0.1", 1);
    /// c.stop();
    /// packets("x.pcapng", "icmp and src 127.0.0.1").map(|packet| packet.info.split(" ")[1])    // => ["request", "reply"]
    /// ```
    #[rhai_fn(name = "packets", return_raw, volatile)]
    pub fn packets_by(context: NativeCallContext, file: &str, filter: &str) -> Answer<Array> {
        answer(&context, |session| {
            read_all(session, &path_of(&context, file), file, filter)
        })
    }

    /// Reads all packets of a file of pcapng, oldest first.
    ///
    /// ```rhai
    /// let c = netns("a").link("lo").capture("x.pcapng");
    /// c.stop();
    /// packets("x.pcapng")    // => []
    /// ```
    #[rhai_fn(name = "packets", return_raw, volatile)]
    pub fn packets_all(context: NativeCallContext, file: &str) -> Answer<Array> {
        packets_by(context, file, "")
    }
}
