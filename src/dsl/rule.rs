//! Rules: which packets are looked up in which routing table.

use std::fmt;
use std::rc::Rc;

use ipnet::IpNet;
use nix::errno::Errno;
use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::{Answer, Session, answer, table};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Outcome, Undo};
use crate::net::netns;
use crate::net::rule::{self, Action, Selector};
use crate::value::choice::choose;
use crate::value::name::LinkName;
use crate::value::options::{Options, in_range, wrong_type};
use crate::value::prefix;
use crate::view::value::{Handle, Value};

/// What a rule can be given.
pub(crate) const KEYS: &[&str] = &[
    "action",
    "dport",
    "family",
    "from",
    "fwmark",
    "iif",
    "ipproto",
    "not",
    "oif",
    "priority",
    "replace",
    "sport",
    "suppress_prefixlength",
    "table",
    "to",
    "tos",
];

/// What tells one rule from another.
pub(crate) const KEYS_OF_DELETE: &[&str] = &[
    "action",
    "dport",
    "family",
    "from",
    "fwmark",
    "iif",
    "ipproto",
    "not",
    "oif",
    "priority",
    "sport",
    "suppress_prefixlength",
    "table",
    "to",
    "tos",
];

/// What the options of a call say of a rule.
struct Asked {
    selector: Selector,
    family: Option<bool>,
    priority: Option<u32>,
    action: Option<Action>,
    suppress: Option<u32>,
}

fn read(options: &mut Options) -> Result<Asked> {
    let from = prefix_option(options, "from")?;
    let to = prefix_option(options, "to")?;
    if let (Some(from), Some(to)) = (from, to)
        && from.addr().is_ipv4() != to.addr().is_ipv4()
    {
        return Err(Error::invalid(format!(
            "source `{from}` and destination `{to}` are of different families"
        )));
    }
    let named = options.string("family")?;
    let families = [("inet", false), ("inet6", true)];
    let named = named
        .map(|name| choose("a rule", "family", &name, &families))
        .transpose()?;
    let seen = from.or(to);
    let family = match (named, seen) {
        (Some(named), Some(prefix)) if named == prefix.addr().is_ipv4() => {
            let name = if named { "inet6" } else { "inet" };
            return Err(Error::invalid(format!(
                "`{prefix}` is not of the family {name}"
            )));
        }
        (Some(named), _) => Some(named),
        (None, seen) => seen.map(|prefix| prefix.addr().is_ipv6()),
    };
    let counts = |prefix: &IpNet| prefix.prefix_len() > 0;
    let (from, to) = (from.filter(counts), to.filter(counts));
    let number = |value: i64| u32::try_from(value).ok();
    let largest = i64::from(u32::MAX);
    let tos = options.integer("tos", 0..=255)?.unwrap_or(0);
    let selector = Selector {
        is_not: options.flag("not")?.unwrap_or(false),
        from,
        to,
        iif: link_option(options, "iif")?,
        oif: link_option(options, "oif")?,
        fwmark: mark_option(options)?,
        tos: u8::try_from(tos).unwrap_or(0),
        protocol: protocol_option(options)?,
        sport: ports_option(options, "sport")?,
        dport: ports_option(options, "dport")?,
        l3mdev: false,
    };
    if (selector.sport.is_some() || selector.dport.is_some()) && selector.protocol.is_none() {
        return Err(
            Error::invalid("ports are given, and no protocol that has them")
                .hint("add it: #{ipproto: \"tcp\"}"),
        );
    }
    let suppress = options.integer("suppress_prefixlength", 0..=128)?;
    let table = table::option(options)?;
    let actions = rule::ACTIONS.map(|(name, _)| (name, Some(name)));
    let known: Vec<_> = [("lookup", None)].into_iter().chain(actions).collect();
    let named = options.string("action")?;
    let named = named
        .map(|name| choose("a rule", "action", &name, &known))
        .transpose()?;
    let action = match (named, table) {
        (Some(Some(name)), Some(_)) => {
            return Err(Error::invalid(format!(
                "a rule with the action `{name}` looks up in no table"
            )));
        }
        (Some(Some(name)), None) => Some(Action::Other(name)),
        (_, table) => table.map(Action::Lookup),
    };
    Ok(Asked {
        selector,
        family,
        priority: options.integer("priority", 0..=largest)?.and_then(number),
        action,
        suppress: suppress.and_then(number),
    })
}

fn prefix_option(options: &mut Options, key: &str) -> Result<Option<IpNet>> {
    match options.string(key)?.as_deref() {
        None | Some("all") => Ok(None),
        Some(text) => prefix::destination(text, None).map(Some),
    }
}

/// The name of a link, given as such or by a handle. None of that name needs to be there.
fn link_option(options: &mut Options, key: &str) -> Result<Option<String>> {
    let Some(value) = options.take(key) else {
        return Ok(None);
    };
    if let Some(link) = value.read_lock::<Link>() {
        return Ok(Some(link.name()));
    }
    let given = value.type_name();
    let name = value
        .into_string()
        .map_err(|_| wrong_type(key, "a link or its name", given))?;
    let name: LinkName = name.parse()?;
    Ok(Some(name.as_str().to_owned()))
}

/// A number, in decimal or hexadecimal.
fn number(key: &str, text: &str) -> Result<u32> {
    let text = text.trim();
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number.ok_or_else(|| {
        Error::invalid(format!("`{key}`: `{text}` is not a number of 32 bits"))
            .hint("write it as 1, \"0x1\" or \"0x1/0xff\"")
    })
}

fn mark_option(options: &mut Options) -> Result<Option<(u32, u32)>> {
    let Some(value) = options.take("fwmark") else {
        return Ok(None);
    };
    if let Ok(mark) = value.as_int() {
        let mark = in_range("fwmark", mark, 0..=i64::from(u32::MAX))?;
        return Ok(Some((u32::try_from(mark).unwrap_or(0), u32::MAX)));
    }
    let given = value.type_name();
    let text = value.into_string().map_err(|_| {
        wrong_type(
            "fwmark",
            "an integer or a string such as \"0x1/0xff\"",
            given,
        )
    })?;
    Ok(Some(match text.split_once('/') {
        Some((mark, bits)) => (number("fwmark", mark)?, number("fwmark", bits)?),
        None => (number("fwmark", &text)?, u32::MAX),
    }))
}

fn protocol_option(options: &mut Options) -> Result<Option<u8>> {
    let Some(value) = options.take("ipproto") else {
        return Ok(None);
    };
    if let Ok(number) = value.as_int() {
        return Ok(u8::try_from(in_range("ipproto", number, 1..=255)?).ok());
    }
    let given = value.type_name();
    let name = value
        .into_string()
        .map_err(|_| wrong_type("ipproto", "a name such as \"tcp\", or a number", given))?;
    choose("a rule", "ipproto", &name, &rule::PROTOCOLS).map(Some)
}

fn ports_option(options: &mut Options, key: &str) -> Result<Option<(u16, u16)>> {
    let Some(value) = options.take(key) else {
        return Ok(None);
    };
    let given = value.type_name();
    let text = match value.as_int() {
        Ok(port) => port.to_string(),
        Err(_) => value
            .into_string()
            .map_err(|_| wrong_type(key, "a port, or a range such as \"8000-8080\"", given))?,
    };
    let (start, end) = text.split_once('-').unwrap_or((&text, &text));
    let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
    match (port(start), port(end)) {
        (Some(start), Some(end)) if start <= end => Ok(Some((start, end))),
        _ => Err(Error::invalid(format!(
            "`{key}` is a port from 1 to 65535, or a range such as \"8000-8080\", not `{text}`"
        ))),
    }
}

/// All rules of a namespace.
fn list(session: &Rc<Session>, place: &netns::Netns) -> Result<Vec<rule::Rule>> {
    session.wait(async {
        rule::list(&place.rtnl()?).await.map_err(|refusal| {
            Error::from(refusal)
                .doing_plain("list rules")
                .within(place.label())
        })
    })?
}

fn add(session: &Rc<Session>, net: &Netns, options: Map) -> Result<()> {
    let place = &net.0;
    let plain = |error: Error| error.doing_plain("add rule").within(place.label());
    let mut options = Options::new("rule", options, &[KEYS]).map_err(plain)?;
    let replace = options.flag("replace").map_err(plain)?.unwrap_or(false);
    let asked = read(&mut options).map_err(plain)?;
    let action = asked.action.ok_or_else(|| {
        plain(
            Error::invalid("neither a table nor an action is given")
                .hint("say what it does: #{table: 100}, or #{action: \"blackhole\"}"),
        )
    })?;
    if asked.suppress.is_some() && !matches!(action, Action::Lookup(_)) {
        let why = "`suppress_prefixlength` is for rules that look up in a table";
        return Err(plain(Error::invalid(why)));
    }
    let present = list(session, place)?;
    let is_ipv6 = asked.family.unwrap_or(false);
    let mut wanted = rule::Rule {
        is_ipv6,
        priority: 0,
        selector: asked.selector,
        action,
        suppress: asked.suppress,
    };
    let is_same = |rule: &&rule::Rule| rule.is_ipv6 == is_ipv6 && rule.selector == wanted.selector;
    let mut alike = present.iter().filter(is_same).filter(|rule| {
        asked
            .priority
            .is_none_or(|priority| priority == rule.priority)
    });
    let is_as_asked =
        |rule: &&rule::Rule| rule.action == wanted.action && rule.suppress == wanted.suppress;
    if let Some(found) = alike.clone().find(is_as_asked) {
        report(session, Outcome::Unchanged, place, found);
        return Ok(());
    }
    // Where no priority is asked for, another rule for the same packets is no rival: this one comes before it.
    let rival = alike.next().filter(|_| asked.priority.is_some());
    wanted.priority = asked
        .priority
        .unwrap_or_else(|| next_priority(&present, is_ipv6));
    let context = |error: Error| {
        error
            .doing("add rule", &wanted.words())
            .within(place.label())
    };
    match rival {
        Some(rival) if !replace => {
            return Err(context(
                Error::new(
                    Kind::Conflict,
                    "a rule of that priority for the same packets is there and does something else",
                )
                .note(format!("there: {rival}"))
                .note(format!("asked: {wanted}"))
                .hint("give it a priority of its own, or replace it with #{replace: true}"),
            ));
        }
        Some(rival) => remove(session, place, rival).map_err(context)?,
        None => {}
    }
    let undo = Undo::Send {
        netns: place.clone(),
        link: None,
        what: format!("rule `{wanted}`"),
        request: wanted.deleting(),
    };
    session
        .wait(async {
            let rtnl = &place.rtnl()?;
            let command = || command(place, "add", &wanted);
            let request = wanted.adding();
            let lab = session.lab();
            lab.step(undo, command, request.send(place, rtnl)).await
        })??
        .map_err(|refusal| match refusal.errno {
            Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT => context(
                Error::from(refusal)
                    .kind(Kind::Unsupported)
                    .cause("this kernel has no rules for that family")
                    .hint("it needs CONFIG_IP_MULTIPLE_TABLES, or CONFIG_IPV6_MULTIPLE_TABLES"),
            ),
            _ => context(refusal.into()),
        })?;
    report(session, Outcome::Created, place, &wanted);
    Ok(())
}

/// The priority that the kernel would choose (`fib_default_rule_pref`): just before the second rule.
///
/// Chosen here, so that the journal tells the rule from others for the same packets.
fn next_priority(present: &[rule::Rule], is_ipv6: bool) -> u32 {
    let mut of_family = present.iter().filter(|rule| rule.is_ipv6 == is_ipv6);
    let second = of_family.nth(1).map_or(0, |rule| rule.priority);
    second.saturating_sub(1)
}

fn command(place: &netns::Netns, verb: &str, rule: &rule::Rule) -> Command {
    let family = rule.is_ipv6.then_some("-6");
    let priority = rule.priority.to_string();
    let words = family.into_iter().chain(["rule", verb]);
    let words = words.chain(["priority", &priority]);
    let text = rule.words();
    // What only `ip` prints, it does not read.
    let text = text.replace("lookup [l3mdev-table]", "l3mdev");
    Command::ip(place, words).and(text.split_whitespace())
}

fn report(session: &Session, outcome: Outcome, place: &netns::Netns, rule: &rule::Rule) {
    let name = rule.to_string();
    session.lab().report(outcome, place, "rule", &name);
}

fn remove(session: &Rc<Session>, place: &Rc<netns::Netns>, rule: &rule::Rule) -> Result<()> {
    let undo = Undo::Send {
        netns: place.clone(),
        link: None,
        what: format!("rule `{rule}` taken away"),
        request: rule.adding(),
    };
    session.wait(async {
        let rtnl = &place.rtnl()?;
        let command = || command(place, "del", rule);
        let request = rule.deleting();
        let lab = session.lab();
        let step = lab.step(undo, command, request.send(place, rtnl));
        step.await?.map_err(Error::from)
    })??;
    report(session, Outcome::Deleted, place, rule);
    Ok(())
}

fn delete(session: &Rc<Session>, net: &Netns, given: Map) -> Result<()> {
    let place = &net.0;
    let context = |error: Error| error.doing_plain("delete rule").within(place.label());
    if given.is_empty() {
        return Err(context(
            Error::invalid("no option says which rule is meant")
                .hint("name what it has: #{priority: 100}, or #{from: \"10.0.0.0/8\", table: 100}"),
        ));
    }
    let has = |key: &str| given.contains_key(key);
    let (tos, not) = (has("tos"), has("not"));
    let mut options =
        Options::new("del_rule", given.clone(), &[KEYS_OF_DELETE]).map_err(context)?;
    let asked = read(&mut options).map_err(context)?;
    let wanted = &asked.selector;
    let matching: Vec<rule::Rule> = list(session, place)?
        .into_iter()
        .filter(|rule| {
            let selector = &rule.selector;
            asked.family.is_none_or(|is_ipv6| is_ipv6 == rule.is_ipv6)
                && asked
                    .priority
                    .is_none_or(|priority| priority == rule.priority)
                && asked
                    .action
                    .as_ref()
                    .is_none_or(|action| *action == rule.action)
                && (asked.suppress.is_none() || asked.suppress == rule.suppress)
                && (!has("from") || wanted.from == selector.from)
                && (!has("to") || wanted.to == selector.to)
                && (wanted.iif.is_none() || wanted.iif == selector.iif)
                && (wanted.oif.is_none() || wanted.oif == selector.oif)
                && (wanted.fwmark.is_none() || wanted.fwmark == selector.fwmark)
                && (wanted.protocol.is_none() || wanted.protocol == selector.protocol)
                && (wanted.sport.is_none() || wanted.sport == selector.sport)
                && (wanted.dport.is_none() || wanted.dport == selector.dport)
                && (!tos || wanted.tos == selector.tos)
                && (!not || wanted.is_not == selector.is_not)
        })
        .collect();
    if matching.is_empty() {
        session
            .lab()
            .report(Outcome::Unchanged, place, "rule", "none that matches");
    }
    for rule in &matching {
        remove(session, place, rule).map_err(context)?;
    }
    Ok(())
}

/// A rule, as scripts hold it: what it was when it was read.
#[derive(Clone, Debug)]
pub struct Rule(rule::Rule);

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Rule {
    fn family(&self) -> &'static str {
        if self.0.is_ipv6 { "inet6" } else { "inet" }
    }

    fn action(&self) -> &'static str {
        match self.0.action {
            Action::Lookup(_) => "lookup",
            Action::Other(name) => name,
        }
    }

    fn table(&self) -> Option<u32> {
        match self.0.action {
            Action::Lookup(table) => Some(table),
            Action::Other(_) => None,
        }
    }

    /// What there is to show of it.
    pub(crate) fn show(&self) -> Value {
        let selector = &self.0.selector;
        let text = |text: Option<String>| text.map_or(Value::Nothing, Value::Text);
        let word = |word: Option<String>| word.map_or(Value::Nothing, Value::Word);
        let table = self.table().map(crate::net::table::text);
        let action = match self.action() {
            "lookup" => String::new(),
            other => other.to_owned(),
        };
        let from = selector.from.map(rule::prefix_text);
        let to = selector.to.map(rule::prefix_text);
        let others = self.0.words();
        Value::Handle(Box::new(Handle {
            name: self.to_string(),
            line: self.to_string(),
            cells: vec![
                ("priority", self.0.priority.to_string()),
                ("family", self.family().to_owned()),
                ("rule", others),
            ],
            fields: vec![
                ("priority", Value::word(self.0.priority)),
                ("family", Value::text(self.family())),
                ("not", Value::word(selector.is_not)),
                ("from", text(from)),
                ("to", text(to)),
                ("iif", text(selector.iif.clone())),
                ("oif", text(selector.oif.clone())),
                ("fwmark", text(selector.mark_text())),
                ("tos", Value::word(selector.tos)),
                ("ipproto", text(selector.protocol.map(rule::protocol_text))),
                ("sport", text(selector.sport.map(rule::range_text))),
                ("dport", text(selector.dport.map(rule::range_text))),
                ("table", text(table)),
                (
                    "action",
                    Value::text(if action.is_empty() { "lookup" } else { &action }),
                ),
                (
                    "suppress_prefixlength",
                    word(self.0.suppress.map(|length| length.to_string())),
                ),
                ("line", Value::text(self)),
            ],
        }))
    }
}

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
    /// `"8000-8080"`), or with `not: true` all others. What is done: `table`, by its number or name, or `action`, one of
    /// `blackhole`, `unreachable` and `prohibit`; `suppress_prefixlength` ignores routes that are no longer than that. It is a
    /// rule of IPv4 unless an address or `family: "inet6"` says otherwise. Without a `priority` it comes before all rules but
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
