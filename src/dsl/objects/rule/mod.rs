//! Rules: which packets are looked up in which routing table.

mod ensure;
mod options;
pub(crate) mod rows;
mod show;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::Netns;
use crate::dsl::{Answer, answer};
use crate::net::rule;

pub(crate) use rows::{OF_ADD, OF_DELETE, said};
pub use show::Rule;

use ensure::{add, delete, list};

fn or_unit(text: Option<String>) -> Dynamic {
    text.map_or(Dynamic::UNIT, Dynamic::from)
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Adds a rule that looks packets up in a table, or refuses them, and returns the namespace.
    ///
    /// Which packets: `from`, `to`, `iif`, `oif`, `fwmark` (`1`, `"0x1/0xff"`), `tos`, `ipproto`, `sport`, `dport` (`80`,
    /// `"8000-8080"`), `uidrange` (`1000`, `"1000-1999"`), or with `not: true` all others. What is done: `table`, by its number or name, or `action`, one of
    /// `blackhole`, `unreachable`, `prohibit`, `nop`, and `goto`, which goes on with the rule of the priority `target`;
    /// or `l3mdev: true` for the table of the VRF that a packet belongs to. `suppress_prefixlength` ignores routes that are no longer
    /// than that, `suppress_ifgroup` those by links of that group; `proto` says who made the rule. It is a rule of IPv4 unless an address or `family: "inet6"` says otherwise. Without a `priority` it comes before all rules but
    /// the first. Nothing happens where it is there; another one of the same priority for the same packets is a `conflict`,
    /// unless `replace` is set. What `ip rule add` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.rule(#{from: "10.0.0.0/8", table: 100, priority: 1000});
    /// a.rules[1].line    // => "1000: from 10.0.0.0/8 lookup 100"
    /// ```
    #[rhai_fn(name = "rule", return_raw, volatile)]
    pub fn rule_(context: NativeCallContext, net: &mut Netns, options: Map) -> Answer<Netns> {
        answer(&context, |session| {
            add(session, net, options)?;
            Ok(net.clone())
        })
    }

    /// Takes the rules away that have all of what is given, and returns the namespace. None there is no error.
    ///
    /// What `ip rule del` does, for every rule that matches.
    ///
    /// ```rhai
    /// let a = netns("a").rule(#{iif: "lo", table: 100});
    /// a.del_rule(#{table: 100}).rules.len()    // => 5
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn del_rule(context: NativeCallContext, net: &mut Netns, options: Map) -> Answer<Netns> {
        answer(&context, |session| {
            delete(session, net, options)?;
            Ok(net.clone())
        })
    }

    /// Returns the rules, first those of IPv4, in the order in which they are tried.
    ///
    /// What `ip rule` and `ip -6 rule` list.
    ///
    /// ```rhai
    /// netns("a").rules()[0].line    // => "0: from all lookup local"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn rules(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        answer(&context, |session| {
            let rules = list(session, &net.0)?;
            Ok(rules
                .into_iter()
                .map(|rule| Dynamic::from(Rule(rule)))
                .collect())
        })
    }

    /// The rules of the namespace.
    #[rhai_fn(get = "rules", return_raw, volatile)]
    pub fn get_rules(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        rules(context, net)
    }

    /// Its place among the others; the lowest is tried first.
    #[rhai_fn(get = "priority")]
    pub fn get_priority(rule: &mut Rule) -> i64 {
        rule.0.priority.into()
    }

    /// The family that it is for: `inet` or `inet6`.
    #[rhai_fn(get = "family")]
    pub fn get_family(rule: &mut Rule) -> String {
        rule.family().to_owned()
    }

    /// The source that packets have, or `()` for any.
    #[rhai_fn(get = "from")]
    pub fn get_from(rule: &mut Rule) -> Dynamic {
        or_unit(rule.0.selector.from.map(rule::prefix_text))
    }

    /// The destination that packets have, or `()` for any.
    #[rhai_fn(get = "to")]
    pub fn get_to(rule: &mut Rule) -> Dynamic {
        or_unit(rule.0.selector.to.map(rule::prefix_text))
    }

    /// The name of the link that packets came in by, or `()` for any.
    #[rhai_fn(get = "iif")]
    pub fn get_iif(rule: &mut Rule) -> Dynamic {
        or_unit(rule.0.selector.iif.clone())
    }

    /// The name of the link that a socket is bound to, or `()` for any.
    #[rhai_fn(get = "oif")]
    pub fn get_oif(rule: &mut Rule) -> Dynamic {
        or_unit(rule.0.selector.oif.clone())
    }

    /// The mark that packets have: `0x1`, `0x1/0xff`, or `()` for any.
    #[rhai_fn(get = "fwmark")]
    pub fn get_fwmark(rule: &mut Rule) -> Dynamic {
        or_unit(rule.0.selector.mark_text())
    }

    /// Whether it is for the packets that are not so.
    #[rhai_fn(get = "not")]
    pub fn get_not(rule: &mut Rule) -> bool {
        rule.0.selector.is_not
    }

    /// The type of service that packets have; 0 for any.
    #[rhai_fn(get = "tos")]
    pub fn get_tos(rule: &mut Rule) -> i64 {
        rule.0.selector.tos.into()
    }

    /// The protocol that packets are of: `tcp`, `47`, or `()` for any.
    #[rhai_fn(get = "ipproto")]
    pub fn get_ipproto(rule: &mut Rule) -> Dynamic {
        or_unit(rule.0.selector.protocol.map(rule::protocol_text))
    }

    /// The source port, or the range of them, or `()` for any.
    #[rhai_fn(get = "sport")]
    pub fn get_sport(rule: &mut Rule) -> Dynamic {
        or_unit(rule.0.selector.sport.map(rule::range_text))
    }

    /// The destination port, or the range of them, or `()` for any.
    #[rhai_fn(get = "dport")]
    pub fn get_dport(rule: &mut Rule) -> Dynamic {
        or_unit(rule.0.selector.dport.map(rule::range_text))
    }

    /// Routes with a prefix of that length or shorter are passed over, or `()`.
    #[rhai_fn(get = "suppress_prefixlength")]
    pub fn get_suppress_prefixlength(rule: &mut Rule) -> Dynamic {
        let length = rule.0.suppress;
        length.map_or(Dynamic::UNIT, |length| i64::from(length).into())
    }

    /// The number of the table that is looked up, or `()` where none is.
    #[rhai_fn(get = "table")]
    pub fn get_table(rule: &mut Rule) -> Dynamic {
        let table = rule.table();
        table.map_or(Dynamic::UNIT, |table| i64::from(table).into())
    }

    /// What is done with packets: `lookup`, `blackhole`, `unreachable`, `prohibit`.
    #[rhai_fn(get = "action")]
    pub fn get_action(rule: &mut Rule) -> String {
        rule.action().to_owned()
    }

    /// The rule as `ip rule` prints it.
    #[rhai_fn(get = "line")]
    pub fn get_line(rule: &mut Rule) -> String {
        rule.to_string()
    }

    /// The rule in one line, as `ip rule` prints it.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(rule: &mut Rule) -> String {
        rule.to_string()
    }
}
