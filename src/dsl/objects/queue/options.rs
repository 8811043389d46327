//! What a script says of a queue, as the queue that is asked for.

use std::time::Duration;

use ipnet::IpNet;
use rhai::plugin::Dynamic;
use rhai::{Array, Map};

use crate::error::{Error, Result};
use crate::net::queue::{
    Chance, Class, Distribution, Htb, LossModel, Netem, OWN, Packets, Part, ROOT, Steer, Tbf, Tree,
    What,
};
use crate::schema::{self, Form, Opt, Quantity};
use crate::value::choice::choose;
use crate::value::options::{self, Options};
use crate::value::percent::{self, Percent};
use crate::value::rate::Rate;
use crate::value::{duration, size};

use super::rows;

/// How many packets a netem queue holds where nothing is said, as `tc` has it.
const NETEM_LIMIT: u32 = 1000;
/// How long a packet waits in a tbf queue at most where nothing is said.
const LATENCY: Duration = Duration::from_millis(50);
/// How often in a second a default burst can be sent.
const BURSTS_IN_A_SECOND: u64 = 250;
/// How many classes there can be: their numbers are 10, 20, … in hexadecimal.
const MOST_CLASSES: usize = 0xfff;
/// The class that all others borrow from, where a rate is given for the whole link.
const ALL: u32 = OWN | 1;

/// The largest packet of a link of that MTU, its Ethernet header with a tag included.
pub(crate) fn packet(mtu: u32) -> u32 {
    mtu.saturating_add(18)
}

/// The netem queue that the options ask for.
fn netem(options: &mut Options) -> Result<Netem> {
    let loss_model = loss_model(options)?;
    let mut percent = |row: &Opt| Ok::<_, Error>(row.take_percent(options)?.unwrap_or_default());
    let mut chance = |row: &Opt, correlation: &Opt| {
        let chance = Chance {
            of: percent(row)?,
            correlation: percent(correlation)?,
        };
        needs(
            correlation,
            chance.correlation.raw > 0,
            row,
            chance.of.raw > 0,
        )?;
        Ok::<_, Error>(chance)
    };
    let mut netem = Netem {
        loss: chance(&rows::LOSS, &rows::LOSS_CORRELATION)?,
        loss_model,
        duplicate: chance(&rows::DUPLICATE, &rows::DUPLICATE_CORRELATION)?,
        corrupt: chance(&rows::CORRUPT, &rows::CORRUPT_CORRELATION)?,
        reorder: chance(&rows::REORDER, &rows::REORDER_CORRELATION)?,
        delay_correlation: percent(&rows::DELAY_CORRELATION)?,
        delay: time(options, &rows::DELAY)?,
        jitter: time(options, &rows::JITTER)?,
        distribution: match rows::DISTRIBUTION.take_named("netem", options)? {
            Some(name) => choose("netem", rows::DISTRIBUTION.key, &name, &Distribution::ALL)?,
            None => Distribution::default(),
        },
        rate: rows::RATE.take_rate(options)?.unwrap_or_default(),
        gap: rows::GAP.take_number(options)?.unwrap_or_default(),
        limit: rows::NETEM_LIMIT
            .take_number(options)?
            .unwrap_or(NETEM_LIMIT),
        more: Vec::new(),
    };
    if let (Some(model), true) = (netem.loss_model, netem.loss.of.raw > 0) {
        let (name, _) = model.parts();
        let row = rows::model_row(name).unwrap_or(&rows::LOSS_STATE);
        return Err(either(&rows::LOSS, row));
    }
    let is_delayed = !netem.delay.is_zero();
    needs(
        &rows::JITTER,
        !netem.jitter.is_zero(),
        &rows::DELAY,
        is_delayed,
    )?;
    let varies = !netem.jitter.is_zero();
    needs(
        &rows::DELAY_CORRELATION,
        netem.delay_correlation.raw > 0,
        &rows::JITTER,
        varies,
    )?;
    let is_spread = !netem.distribution.is_uniform();
    needs(&rows::DISTRIBUTION, is_spread, &rows::JITTER, varies)?;
    let is_reordered = netem.reorder.of.raw > 0;
    needs(&rows::REORDER, is_reordered, &rows::DELAY, is_delayed)?;
    needs(&rows::GAP, netem.gap > 0, &rows::REORDER, is_reordered)?;
    if is_reordered && netem.gap == 0 {
        netem.gap = 1;
    }
    let does_nothing = Netem {
        limit: netem.limit,
        ..Netem::default()
    } == netem;
    if does_nothing && netem.limit == NETEM_LIMIT {
        return Err(Error::invalid("nothing is asked of it")
            .note(format!("options: {}", keys(rows::NETEM)))
            .hint("say what it is to do: #{delay: \"10ms\", loss: \"1%\"}"));
    }
    Ok(netem)
}

/// The model of loss that the options ask for; what is left out of its list is as `tc` has it.
fn loss_model(options: &mut Options) -> Result<Option<LossModel>> {
    let never = Percent::default();
    let gemodel = chances(options, &rows::LOSS_GEMODEL, |first| {
        [first, first.other(), never.other(), never]
    })?;
    let state = chances(options, &rows::LOSS_STATE, |first| {
        [first, first.other(), never, never.other(), never]
    })?;
    match (gemodel, state) {
        (Some(_), Some(_)) => Err(either(&rows::LOSS_GEMODEL, &rows::LOSS_STATE)),
        (Some(chances), None) => Ok(Some(LossModel::Gemodel(chances))),
        (None, state) => Ok(state.map(LossModel::State)),
    }
}

/// The keys of the options in a table, as a message lists them.
fn keys(table: &[Opt]) -> String {
    let mut keys: Vec<&str> = schema::keys(table).collect();
    keys.sort_unstable();
    keys.join(", ")
}

fn either(one: &Opt, other: &Opt) -> Error {
    let (one, other) = (one.key, other.key);
    Error::invalid(format!(
        "`{one}` and `{other}` are two ways to say which packets are lost"
    ))
    .hint("leave one of them out")
}

/// A list of up to `N` chances, of which `usual` has those that are left out, by the first.
fn chances<const N: usize>(
    options: &mut Options,
    row: &Opt,
    usual: impl FnOnce(Percent) -> [Percent; N],
) -> Result<Option<[Percent; N]>> {
    let key = row.key;
    let Some(value) = row.take_given(options)? else {
        return Ok(None);
    };
    let list = value.try_cast::<Array>().unwrap_or_default();
    if list.is_empty() || list.len() > N {
        return Err(Error::invalid(format!(
            "`{key}` has 1 to {N} percentages, not {}",
            list.len()
        )));
    }
    let mut read = Vec::new();
    for value in list {
        let percentage = Form::Quantity(Quantity::Percent);
        let value = percentage.read("netem", key, value)?;
        read.push(percent::parse(&schema::text(&value))?);
    }
    let first = read.first().copied().unwrap_or_default();
    let mut chances = usual(first);
    for (chance, read) in chances.iter_mut().zip(read) {
        *chance = read;
    }
    Ok(Some(chances))
}

/// How long, as the kernel counts it: in nanoseconds, with a sign.
fn time(options: &mut Options, row: &Opt) -> Result<Duration> {
    let key = row.key;
    let time = row.take_duration(options)?.unwrap_or_default();
    if i64::try_from(time.as_nanos()).is_err() {
        return Err(Error::invalid(format!(
            "`{key}` of {} is more than the kernel counts, which is below {}",
            duration::print(time),
            duration::print(Duration::from_nanos(i64::MAX.unsigned_abs()))
        )));
    }
    Ok(time)
}

/// Refuses the option `key` where what it builds on is not there.
fn needs(row: &Opt, is_given: bool, base: &Opt, is_base_given: bool) -> Result<()> {
    let (key, base) = (row.key, base.key);
    if is_given && !is_base_given {
        return Err(
            Error::invalid(format!("`{key}` says nothing without `{base}`"))
                .hint(format!("give `{base}` too")),
        );
    }
    Ok(())
}

/// The rate that has to be there.
fn rate(options: &mut Options, whose: &str) -> Result<Rate> {
    rows::RATE.take_rate(options)?.ok_or_else(|| {
        Error::invalid(format!("{whose} needs its `rate`")).hint("write it as #{rate: \"10mbit\"}")
    })
}

/// What may go at once at the rate where nothing is said: what 4 ms take, a packet at least.
fn usual_burst(rate: Rate, packet: u32) -> u32 {
    let share = rate.bytes_per_second / BURSTS_IN_A_SECOND;
    u32::try_from(share).unwrap_or(u32::MAX).max(packet)
}

/// How large a packet of the link may have been when `tree` was put there, by what its bursts hold.
pub(super) fn packets_of(tree: &Tree) -> Vec<u32> {
    let bursts = tree.parts.iter().flat_map(|part| match part.what() {
        What::Tbf(tbf) => vec![tbf.burst, tbf.minburst],
        What::Class(class) => vec![class.burst, class.cburst],
        _ => Vec::new(),
    });
    // The kernel keeps them as times, which rounds.
    let mut packets: Vec<u32> = bursts.flat_map(|burst| [burst, burst + 1]).collect();
    packets.sort_unstable();
    packets.dedup();
    packets
}

/// The burst `key`, which holds a packet at least.
fn burst(options: &mut Options, row: &Opt, rate: Rate, packet: u32) -> Result<u32> {
    let key = row.key;
    let Some(bytes) = row.take_size(options)? else {
        return Ok(usual_burst(rate, packet));
    };
    if bytes < packet {
        return Err(Error::invalid(format!(
            "`{key}` of {} holds no packet of the link, which takes {}",
            size::print(bytes),
            size::print(packet)
        ))
        .hint("take a larger one, or give the link a smaller MTU"));
    }
    Ok(bytes)
}

/// The netem queue that `netem: #{…}` asks for, below `parent`.
fn nested(options: &mut Options, parent: u32, handle: u32) -> Result<Option<Part>> {
    let Some(mut options) = rows::INNER.take_map(options)? else {
        return Ok(None);
    };
    Ok(Some(Part::netem((parent, handle), &netem(&mut options)?)))
}

/// A link's queue of netem; `packet` is the size of its largest packet.
pub(crate) fn netem_tree(options: &mut Options, packet: u32) -> Result<Tree> {
    let inner = rows::INNER_TBF.take_map(options)?;
    let mut parts = vec![Part::netem((ROOT, OWN), &netem(options)?)];
    if let Some(mut options) = inner {
        let tbf = tbf(&mut options, packet)?;
        parts.push(Part::tbf((ALL, 0x10_0000), &tbf));
    }
    Ok(Tree { parts })
}

/// A link's queue of tbf.
pub(crate) fn tbf_tree(options: &mut Options, packet: u32) -> Result<Tree> {
    let mut parts = vec![Part::tbf((ROOT, OWN), &tbf(options, packet)?)];
    parts.extend(nested(options, ALL, 0x10_0000)?);
    Ok(Tree { parts })
}

/// The tbf queue that the options ask for; `packet` is the size of the link's largest packet.
fn tbf(options: &mut Options, packet: u32) -> Result<Tbf> {
    let rate = rate(options, "tbf")?;
    let burst = burst(options, &rows::BURST, rate, packet)?;
    let peakrate = rows::PEAKRATE.take_rate(options)?.unwrap_or_default();
    let has_peak = peakrate.bytes_per_second > 0;
    if has_peak && peakrate <= rate {
        return Err(Error::invalid(format!(
            "`peakrate` is more than the rate of {rate}, not {peakrate}"
        )));
    }
    let minburst = rows::MINBURST.take_size(options)?;
    needs(
        &rows::MINBURST,
        minburst.is_some(),
        &rows::PEAKRATE,
        has_peak,
    )?;
    let latency = rows::LATENCY.take_duration(options)?;
    let limit = match (rows::LIMIT.take_size(options)?, latency) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid("`limit` and `latency` say the same")
                .hint("give one of them: how much it holds, or for how long"));
        }
        (Some(limit), None) if limit < packet => {
            return Err(Error::invalid(format!(
                "`limit` of {} holds no packet of the link, which takes {}",
                size::print(limit),
                size::print(packet)
            ))
            .hint("take a larger one, or say for how long it holds one: `latency`"));
        }
        (Some(limit), None) => limit,
        (None, latency) => {
            let held = u128::from(rate.bytes_per_second) * latency.unwrap_or(LATENCY).as_nanos();
            let held = u32::try_from(held / 1_000_000_000).unwrap_or(u32::MAX);
            held.saturating_add(burst)
        }
    };
    Ok(Tbf {
        rate,
        burst,
        limit,
        peakrate,
        minburst: if has_peak {
            minburst.unwrap_or(packet)
        } else {
            0
        },
    })
}

/// A link's queue of htb; `packet` is the size of its largest packet.
pub(crate) fn htb_tree(options: &mut Options, packet: u32) -> Result<Tree> {
    let otherwise = rows::OTHERWISE.take_text(options)?;
    let classes = classes(options)?;
    let total = rows::RATE.take_rate(options)?;
    let most = rows::CEIL.take_rate(options)?;
    needs(&rows::CEIL, most.is_some(), &rows::RATE, total.is_some())?;
    let names: Vec<&str> = classes.iter().map(|(name, _)| name.as_str()).collect();
    let default = match otherwise {
        Some(name) => {
            let numbers: Vec<(&str, u32)> =
                names.iter().copied().zip((1..).map(|n| n * 0x10)).collect();
            class_called(&name, &numbers)?
        }
        None => 0,
    };
    let mut parts = vec![Part::htb((ROOT, OWN), &Htb { default })];
    let above = match total {
        Some(rate) => {
            let ceil = most.unwrap_or(rate);
            let all = Class {
                rate,
                ceil,
                burst: usual_burst(rate, packet),
                cburst: usual_burst(ceil, packet),
                prio: 0,
            };
            parts.push(Part::class((ROOT, ALL), &all, packet));
            ALL
        }
        None => ROOT,
    };
    let mut filters = Vec::new();
    for (number, (name, map)) in (1..).map(|n| n * 0x10).zip(classes) {
        let own = OWN | number;
        let context = |error: Error| {
            let cause = format!("class `{name}`: {}", error.cause);
            error.cause(cause)
        };
        let mut read = || {
            let options = &mut schema::options("class", map.clone(), &[rows::CLASS])?;
            let class = class(options, total, packet)?;
            parts.push(Part::class((above, own), &class, packet));
            parts.extend(nested(options, own, number << 16)?);
            for steer in matches(options)? {
                filters.push((steer, own));
            }
            Ok(())
        };
        read().map_err(context)?;
    }
    for (priority, (steer, class)) in (1..).zip(filters) {
        parts.push(Part::filter(OWN, priority, &steer, class));
    }
    Ok(Tree { parts })
}

fn class(options: &mut Options, total: Option<Rate>, packet: u32) -> Result<Class> {
    let rate = rate(options, "it")?;
    let ceil = match rows::CEIL.take_rate(options)? {
        Some(ceil) if ceil < rate => {
            return Err(Error::invalid(format!(
                "`ceil` is the rate of {rate} or more, not {ceil}"
            )));
        }
        Some(ceil) => ceil,
        None => total.unwrap_or(rate).max(rate),
    };
    Ok(Class {
        rate,
        ceil,
        burst: burst(options, &rows::BURST, rate, packet)?,
        cburst: burst(options, &rows::CBURST, ceil, packet)?,
        prio: rows::PRIO.take_number(options)?.unwrap_or_default(),
    })
}

/// The number of the class called `name`.
fn class_called(name: &str, numbers: &[(&str, u32)]) -> Result<u32> {
    if let Some((_, number)) = numbers.iter().find(|(known, _)| *known == name) {
        return Ok(*number);
    }
    let names: Vec<&str> = numbers.iter().map(|(name, _)| *name).collect();
    let error = Error::invalid(format!("`otherwise` names no class: there is no `{name}`"))
        .note(format!("classes: {}", names.join(", ")));
    Err(match crate::error::nearest(name, names) {
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None => error,
    })
}

/// The classes with their names, in the order given.
fn classes(options: &mut Options) -> Result<Vec<(String, Map)>> {
    let hint = "write them as classes: [#{name: \"fast\", rate: \"8mbit\"}, #{name: \"slow\", rate: \"1mbit\"}]";
    let given = rows::CLASSES.take_given(options);
    let given = given.map_err(|error| error.hint(hint))?;
    let given = given.ok_or_else(|| Error::invalid("htb needs its `classes`").hint(hint))?;
    let list = given.try_cast::<Array>().unwrap_or_default();
    if list.is_empty() || list.len() > MOST_CLASSES {
        return Err(Error::invalid(format!(
            "htb has 1 to {MOST_CLASSES} classes, not {}",
            list.len()
        ))
        .hint(hint));
    }
    let mut classes: Vec<(String, Map)> = Vec::new();
    for class in list {
        let map = map_of(&rows::CLASSES, class)?;
        let name = map.get(rows::NAME.key).cloned().unwrap_or_default();
        let name = name
            .into_string()
            .ok()
            .filter(|name| !name.is_empty())
            .ok_or_else(|| Error::invalid("each class needs its `name`").hint(hint))?;
        if classes.iter().any(|(known, _)| *known == name) {
            return Err(Error::invalid(format!("two classes are called `{name}`")));
        }
        classes.push((name, map));
    }
    Ok(classes)
}

fn map_of(row: &Opt, given: Dynamic) -> Result<Map> {
    let type_name = given.type_name();
    given
        .try_cast::<Map>()
        .ok_or_else(|| options::wrong_type(row.key, &row.form.wanted(), type_name))
}

/// The filters that `packets` asks for: one map, or a list of them.
fn matches(options: &mut Options) -> Result<Vec<Steer>> {
    let Some(given) = rows::PACKETS.take_given(options)? else {
        return Ok(Vec::new());
    };
    let list = if given.is_array() {
        given.into_array().unwrap_or_default()
    } else {
        vec![given]
    };
    let mut steers = Vec::new();
    for given in list {
        let map = map_of(&rows::PACKETS, given)?;
        steers.extend(steer(map)?);
    }
    Ok(steers)
}

/// The filters for one match: one for each address family that it leaves open.
fn steer(map: Map) -> Result<Vec<Steer>> {
    let is_empty = map.is_empty();
    let has_others = map.len() > 1;
    let options = &mut schema::options(rows::PACKETS.key, map, &[rows::MATCH])?;
    if is_empty {
        return Err(Error::invalid("`packets` says of none that it is meant")
            .note(format!("options: {}", keys(rows::MATCH))));
    }
    if let Some(mark) = rows::MARK.take_number(options)? {
        if has_others {
            return Err(Error::invalid("`mark` stands alone")
                .hint("let the firewall set the mark for just the packets that are meant"));
        }
        return Ok(vec![Steer::Mark(mark)]);
    }
    let (src, dst) = (
        rows::SRC.take_prefix(options)?,
        rows::DST.take_prefix(options)?,
    );
    let is_v6 = |prefix: IpNet| matches!(prefix, IpNet::V6(_));
    if let (Some(src), Some(dst)) = (src, dst)
        && is_v6(src) != is_v6(dst)
    {
        return Err(Error::invalid(format!(
            "`src` {src} and `dst` {dst} are of different families"
        )));
    }
    let proto = rows::PROTO.take_named("a class", options)?;
    let (sport, dport): (Option<u16>, Option<u16>) = (
        rows::SPORT.take_number(options)?,
        rows::DPORT.take_number(options)?,
    );
    let has_port = sport.or(dport).is_some();
    if has_port && !matches!(proto.as_deref(), Some("tcp" | "udp" | "sctp")) {
        return Err(Error::invalid("a port is one of a protocol")
            .hint("say which: #{proto: \"tcp\", dport: 443}"));
    }
    let families = match src.or(dst) {
        Some(prefix) => vec![is_v6(prefix)],
        None => vec![false, true],
    };
    let steer = |is_v6| {
        let protocol = proto.as_deref().and_then(|name| protocol(name, is_v6));
        Steer::Packets(Packets {
            is_v6,
            src,
            dst,
            protocol,
            sport,
            dport,
        })
    };
    Ok(families.into_iter().map(steer).collect())
}

/// The number of the protocol above IP.
fn protocol(name: &str, is_v6: bool) -> Option<u8> {
    if is_v6 && name == "icmp" {
        return Some(ICMPV6);
    }
    let known = rows::PROTOCOLS.iter().find(|(known, _)| *known == name);
    known.and_then(|(_, number)| u8::try_from(*number).ok())
}

/// The protocol that IPv6 has in the place of ICMP.
const ICMPV6: u8 = 58;
