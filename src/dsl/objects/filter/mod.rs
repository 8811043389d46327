//! Filters: what a namespace lets through, and which addresses it puts in the place of others, by nftables.

mod rule;
mod text;

use std::fmt::Write;
use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::handle::Netns;
use crate::dsl::json;
use crate::dsl::objects::route::rows::REPLACE;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Object, Outcome, Undo, WayBack};
use crate::net::nft::{self, FAMILY, Mark, TABLE, Table};
use crate::schema::{self, Opt};
use crate::value::fingerprint;
use rule::Packets;

use rule::HOOKS;
pub(crate) use rule::{OF_FILTER, OF_MASQUERADE, OF_NAT};

/// What a ruleset of the user's own can be given.
pub(crate) const OF_RULESET: &[Opt] = &[REPLACE];

/// What is to be done where.
type Rules = Vec<(&'static str, String)>;

fn number_of(text: &str) -> String {
    format!("{:016x}", fingerprint::of(text.as_bytes()))
}

/// The table as it stands, or that it is not there.
fn one(tables: &[Table], family: &str, name: &str) -> Table {
    let found = tables.iter().find(|table| table.is(family, name)).cloned();
    found.unwrap_or_else(|| Table {
        family: family.to_owned(),
        name: name.to_owned(),
        text: None,
    })
}

/// Gives `text` to nft, and notes how that is undone.
fn apply(session: &Rc<Session>, net: &Netns, way: WayBack, text: &str) -> Result<()> {
    let undo = Undo::within(net.0.clone(), way);
    let command = || Command::tool("nft", net, [text]);
    session.wait(async {
        let change = async { nft::apply(net, text) };
        session.lab().step(undo, command, change).await
    })??
}

/// Rules as an outcome tells of them: by the chain of the first, with all their texts.
fn object(kind: &str, rules: &Rules) -> Object {
    let (hook, first) = rules.first().map_or(("", ""), |(hook, rule)| (*hook, rule));
    let texts: Vec<&str> = rules.iter().map(|(_, rule)| rule.as_str()).collect();
    Object::new(kind, hook).and("rules", texts).told(first)
}

/// A ruleset as an outcome tells of it: by the tables that it names, and its first line.
fn of_ruleset(about: &text::About, first_line: &str) -> Object {
    let tables = about.named.iter();
    let tables: Vec<String> = tables
        .map(|(family, name)| format!("{family}/{name}"))
        .collect();
    Object::new("ruleset", tables.join(",")).told(first_line)
}

/// Makes the rules, those that are there already left out.
fn ensure(session: &Rc<Session>, net: &Netns, kind: &str, rules: &Rules) -> Result<()> {
    let own = one(&nft::tables(net)?, FAMILY, TABLE);
    let present = own.text.clone().unwrap_or_default();
    let mut text = String::new();
    let (mut marks, mut standing) = (Vec::new(), Vec::new());
    for (hook, rule) in rules {
        let comment = format!("ipvsh {}", number_of(&format!("{hook} {rule}")));
        let told = Mark {
            chain: (*hook).to_owned(),
            comment: comment.clone(),
        };
        let mark = format!("comment \"{comment}\"");
        if present.contains(&mark) {
            standing.push(told);
            continue;
        }
        marks.push(told);
        let base = HOOKS.iter().find(|(name, _)| name == hook);
        let base = base.map_or("", |(_, base)| base);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "table {FAMILY} {TABLE} {{ chain {hook} {{ {base}; policy accept; }}; }}\n\
             add rule {FAMILY} {TABLE} {hook} {rule} {mark}"
        );
    }
    if !standing.is_empty() {
        let way = WayBack::DeleteRules { marks: standing };
        let undo = Undo::within(net.0.clone(), way);
        session.lab().asked(undo.clone());
        session.lab().claim(undo)?;
    }
    if text.is_empty() {
        session
            .lab()
            .report(Outcome::Unchanged, net, object(kind, rules));
        return Ok(());
    }
    apply(session, net, WayBack::DeleteRules { marks }, &text)?;
    let text = Some(present + text.as_str());
    nft::expect(net, vec![Table { text, ..own }])?;
    session
        .lab()
        .report(Outcome::Created, net, object(kind, rules));
    Ok(())
}

/// Says what an error is about.
fn context<'a>(doing: &'a str, net: &'a Netns) -> impl Fn(Error) -> Error + 'a {
    move |error| {
        if error.doing.is_empty() {
            error.doing_plain(doing).within(net.label())
        } else {
            error
        }
    }
}

/// Makes a rule for packets on their way through.
fn filter(session: &Rc<Session>, net: &Netns, verdict: &str, options: Map) -> Result<()> {
    let doing = format!("{verdict} packets");
    let make = || {
        let mut options = schema::options(verdict, options, &[rule::OF_FILTER])?;
        let packets = Packets::take(session, net, &mut options)?;
        let hooks = rule::hooks(&mut options, &packets)?;
        let rule = packets.rule(verdict);
        let rules = hooks.into_iter().map(|hook| (hook, rule.clone())).collect();
        ensure(session, net, verdict, &rules)
    };
    make().map_err(context(&doing, net))
}

fn masquerade(session: &Rc<Session>, net: &Netns, out: &Dynamic, options: Map) -> Result<()> {
    let make = || {
        let mut options = schema::options("masquerade", options, &[rule::OF_MASQUERADE])?;
        let mut packets = Packets::default();
        packets.interface(session, net, "oifname", out)?;
        let rest = Packets::take(session, net, &mut options)?;
        let rule = packets.rule(&rest.rule("masquerade"));
        ensure(session, net, "masquerade", &vec![("postrouting", rule)])
    };
    make().map_err(context("masquerade packets", net))
}

fn nat(session: &Rc<Session>, net: &Netns, options: Map) -> Result<()> {
    let make = || {
        let mut options = schema::options("nat", options, &[rule::OF_NAT])?;
        let mut packets = Packets::take(session, net, &mut options)?;
        let (dnat, snat) = (
            rule::DNAT.take_text(&mut options)?,
            rule::SNAT.take_text(&mut options)?,
        );
        let rules = match (dnat, snat) {
            (Some(text), None) => {
                if packets.has_oif {
                    return Err(Error::invalid(
                        "`oif` says nothing with `dnat`: where a packet goes out is decided behind it",
                    ));
                }
                let rule = rule::target(rule::DNAT.key, &text, &mut packets)?;
                let rule = packets.rule(&rule);
                let mut rules = vec![("prerouting", rule.clone())];
                if !packets.has_iif {
                    rules.push(("local", rule));
                }
                rules
            }
            (None, Some(text)) => {
                if packets.has_iif {
                    return Err(Error::invalid(
                        "`iif` says nothing with `snat`: it is done when a packet goes out",
                    ));
                }
                let rule = rule::target(rule::SNAT.key, &text, &mut packets)?;
                vec![("postrouting", packets.rule(&rule))]
            }
            _ => {
                return Err(Error::invalid("`nat` takes one of `dnat` and `snat`").hint(
                    "write the new address: #{proto: \"tcp\", dport: 8080, dnat: \"10.0.0.2:80\"}",
                ));
            }
        };
        ensure(session, net, "nat", &rules)
    };
    make().map_err(context("translate addresses", net))
}

/// Notes that the tables are as this lab wants them, with the marks of `chain` that tell so: where another lab has given them to
/// nft, they are this one's as well.
fn claim(session: &Session, net: &Netns, tables: Vec<Table>, chain: &str) -> Result<()> {
    let mark = |table: &Table| Mark {
        chain: chain.to_owned(),
        comment: note_of(table),
    };
    let marks = WayBack::DeleteRules {
        marks: tables.iter().map(mark).collect(),
    };
    let restored = WayBack::RestoreTables {
        tables: tables.clone(),
        left: tables,
    };
    session.lab().claim(Undo::within(net.0.clone(), restored))?;
    session.lab().claim(Undo::within(net.0.clone(), marks))
}

/// Gives a ruleset to nft, unless it stands as it was given before.
fn ruleset(session: &Rc<Session>, net: &Netns, text: &str, options: Map) -> Result<()> {
    let mut options = schema::options("nft", options, &[OF_RULESET])?;
    let replace = REPLACE.take_flag(&mut options)?.unwrap_or(false);
    let about = text::about(text);
    let before = nft::tables(net)?;
    let own = one(&before, FAMILY, TABLE);
    let chain = format!("nft-{}", number_of(text));
    let name = text.lines().find(|line| !line.trim().is_empty());
    let name = name.unwrap_or_default().trim();
    let mut doomed = Vec::new();
    if let Some(notes) = notes_of(&own, &chain) {
        let changed = |(family, table): &(String, String)| {
            let present = one(&before, family, table);
            !notes.contains(&note_of(&present))
        };
        let changed: Vec<_> = about.named.iter().filter(|named| changed(named)).collect();
        if changed.is_empty() {
            let tables = about.named.iter();
            let tables = tables.map(|(family, name)| one(&before, family, name));
            claim(session, net, tables.collect(), &chain)?;
            let lab = session.lab();
            lab.report(Outcome::Unchanged, net, of_ruleset(&about, name));
            return Ok(());
        }
        doomed.extend(changed.into_iter().filter(|n| about.declared.contains(*n)));
        if !replace {
            let error = conflict(&about.named, "was changed since this ruleset was made");
            return session.lab().conflict(error, net, of_ruleset(&about, name));
        }
    }
    let is_there = |(family, name): &&(String, String)| one(&before, family, name).text.is_some();
    let standing: Vec<_> = about.declared.iter().filter(is_there).collect();
    if !standing.is_empty() && !replace {
        let standing = standing.into_iter().cloned().collect();
        let error = conflict(&standing, "is there and was made by something else");
        return session.lab().conflict(error, net, of_ruleset(&about, name));
    }
    doomed.extend(standing);
    doomed.sort();
    doomed.dedup();
    let mut old: Vec<Table> = if about.is_all {
        before.clone()
    } else {
        Vec::new()
    };
    for (family, name) in &about.named {
        if !old.iter().any(|table| table.is(family, name)) {
            old.push(one(&before, family, name));
        }
    }
    // On the first line, so that the lines that nft complains of keep their numbers.
    let gone = doomed
        .iter()
        .map(|(family, name)| format!("table {family} {name}; delete table {family} {name}; "));
    let whole = gone.chain([text.to_owned()]).collect::<String>();
    let touched = old.clone();
    let way = WayBack::RestoreTables {
        tables: old,
        left: Vec::new(),
    };
    apply(session, net, way, &whole)?;
    nft::expect(net, expected(&before, &about, text))?;
    let after = nft::tables(net)?;
    let left = touched
        .iter()
        .map(|old| one(&after, &old.family, &old.name));
    session.lab().tables_left(left.collect());
    let own = one(&after, FAMILY, TABLE);
    let mut marks = format!(
        "table {FAMILY} {TABLE} {{ chain {chain} {{ }}; }}\nflush chain {FAMILY} {TABLE} {chain}\n"
    );
    let mut planned = format!("chain {chain} {{\n");
    let mut noted = Vec::new();
    let of_tables = about.named.iter();
    let of_tables = of_tables.map(|(family, name)| note_of(&one(&after, family, name)));
    // A chain without a rule is nobody's, and would stay.
    let whole = about.named.is_empty();
    let whole = whole.then(|| format!("ipvsh {}", number_of(text)));
    for note in of_tables.chain(whole) {
        let _ = writeln!(
            marks,
            "add rule {FAMILY} {TABLE} {chain} continue comment \"{note}\""
        );
        let _ = writeln!(planned, "comment \"{note}\"");
        noted.push(Mark {
            chain: chain.clone(),
            comment: note,
        });
    }
    apply(session, net, WayBack::DeleteRules { marks: noted }, &marks)?;
    let others = own.text.as_deref().unwrap_or_default();
    let text = Some(format!("{planned}}}\n{others}"));
    nft::expect(net, vec![Table { text, ..own }])?;
    let outcome = if doomed.is_empty() {
        Outcome::Created
    } else {
        Outcome::Changed
    };
    session.lab().report(outcome, net, of_ruleset(&about, name));
    Ok(())
}

/// What the tables are behind the ruleset `text`, as far as the words here look at it.
fn expected(before: &[Table], about: &text::About, text: &str) -> Vec<Table> {
    let gone = before.iter().filter(|_| about.is_all);
    let gone = gone.map(|table| Table {
        text: None,
        ..table.clone()
    });
    let mut tables: Vec<Table> = gone.collect();
    for (family, name) in &about.named {
        let mut table = one(before, family, name);
        let stays = !about.is_all && !about.declared.contains(&(family.clone(), name.clone()));
        let present = table.text.take().filter(|_| stays).unwrap_or_default();
        table.text = Some(present + text);
        tables.retain(|other| !other.is(family, name));
        tables.push(table);
    }
    tables
}

/// What is noted of a table as it stands.
fn note_of(table: &Table) -> String {
    let told = without_notes(table);
    let text = told.and_then(|table| table.text);
    let whole = format!("{} {} {text:?}", table.family, table.name);
    format!("ipvsh {}", number_of(&whole))
}

/// The table without what is noted in it of rulesets; none where that is all that it has.
pub(crate) fn without_notes(table: &Table) -> Option<Table> {
    let mut told = table.clone();
    if !table.is(FAMILY, TABLE) {
        return Some(told);
    }
    let (mut text, mut chains, mut is_note) = (String::new(), 0, false);
    for line in table.text.as_ref()?.lines() {
        let trimmed = line.trim_start();
        is_note |= trimmed.starts_with("chain nft-");
        if !is_note && !trimmed.is_empty() {
            chains += usize::from(trimmed.starts_with("chain "));
            text.extend([line, "\n"]);
        }
        is_note &= trimmed != "}";
    }
    told.text = Some(text);
    (chains > 0).then_some(told)
}

/// What was noted when the text of that chain was made; none where it was not.
fn notes_of(own: &Table, chain: &str) -> Option<String> {
    let text = own.text.as_ref()?;
    let start = text.find(&format!("chain {chain} {{"))?;
    let rest = &text[start..];
    Some(rest[..rest.find('}').unwrap_or(rest.len())].to_owned())
}

fn conflict(tables: &std::collections::BTreeSet<text::Named>, why: &str) -> Error {
    let names: Vec<String> = tables
        .iter()
        .map(|(family, name)| format!("`{family} {name}`"))
        .collect();
    Error::new(Kind::Conflict, format!("table {} {why}", names.join(", "))).hint(
        "see what stands with nft().to_json(), take another name, or make it so with #{replace: true}",
    )
}

/// What tells the list of a ruleset from other lists.
fn number_of_list(list: &Array) -> u64 {
    fingerprint::of(format!("{list:?}").as_bytes())
}

/// A ruleset that was listed, as `nft` prints it; none where `list` is no such thing.
pub(crate) fn told(session: &Session, list: &Array) -> Option<String> {
    // Each of its objects has one key, by which it is known; tables come first.
    let first = list.first()?.as_map_ref().ok()?;
    let is_ruleset = first.len() == 1 && first.contains_key("table");
    is_ruleset.then(|| session.ruleset(number_of_list(list)))?
}

/// The ruleset as a list, whose text is kept for those who print it.
fn listed(session: &Session, net: &Netns) -> Result<Array> {
    let list = objects(net)?;
    if !list.is_empty() {
        session.keep_ruleset(number_of_list(&list), nft::listing(net)?);
    }
    Ok(list)
}

fn objects(net: &Netns) -> Result<Array> {
    let text = nft::json(net)?;
    let json: serde_json::Value = serde_json::from_str(&text)
        .map_err(|_| Error::new(Kind::Kernel, "what `nft -j` lists is no JSON"))?;
    let list = json["nftables"].as_array().cloned().unwrap_or_default();
    let objects = list
        .into_iter()
        .filter(|object| object.get("metainfo").is_none());
    Ok(objects.map(json::value).collect())
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Drops packets without a word, and returns the namespace.
    ///
    /// Options say which: `from`, `to` (prefixes, or lists of them), `proto`, `sport`, `dport` (a port, a range `"8000-8010"`, a
    /// list), `iif`, `oif` (links), and where: `hook` (`"input"`, `"forward"`, `"output"`; all that fit, if it is left out).
    /// What `nft add rule inet ipvsh … drop` does, in a table of ipvsh's own.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.drop(#{to: "127.0.0.2", proto: "icmp", hook: "input"});
    /// a.ping("127.0.0.2", #{count: 1, timeout: "100ms", quiet: true}).received    // => 0
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn drop(context: NativeCallContext, net: &mut Netns, options: Map) -> Answer<Netns> {
        answer(&context, |session| {
            filter(session, net, "drop", options)?;
            Ok(net.clone())
        })
    }

    /// Refuses packets and tells their sender so, and returns the namespace. Options are those of `drop`.
    ///
    /// What `nft add rule inet ipvsh … reject` does.
    ///
    /// ```rhai
    /// netns("a").reject(#{proto: "tcp", dport: 80, hook: "input"}).nft().len() > 0    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn reject(context: NativeCallContext, net: &mut Netns, options: Map) -> Answer<Netns> {
        answer(&context, |session| {
            filter(session, net, "reject", options)?;
            Ok(net.clone())
        })
    }

    /// Lets packets through that a later `drop` or `reject` would stop, and returns the namespace. Options are those of `drop`.
    ///
    /// What `nft add rule inet ipvsh … accept` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.accept(#{proto: "tcp", dport: 22}).drop(#{proto: "tcp"}).nft().len() > 0    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn accept(context: NativeCallContext, net: &mut Netns, options: Map) -> Answer<Netns> {
        answer(&context, |session| {
            filter(session, net, "accept", options)?;
            Ok(net.clone())
        })
    }

    /// Gives what goes out by the link the link's own address, and returns the namespace.
    ///
    /// What `nft add rule inet ipvsh postrouting oifname NAME masquerade` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.masquerade(a.veth("wan", "far")).nft().len() > 0    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn masquerade(context: NativeCallContext, net: &mut Netns, out: Dynamic) -> Answer<Netns> {
        masquerade_with(context, net, out, Map::new())
    }

    /// Masquerades some of what goes out: options `from`, `to`, `proto`, `sport`, `dport` say which.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let wan = a.veth("wan", "far");
    /// a.masquerade(wan, #{from: "10.0.0.0/24"}).nft().len() > 0    // => true
    /// ```
    #[rhai_fn(name = "masquerade", return_raw, volatile)]
    pub fn masquerade_with(
        context: NativeCallContext,
        net: &mut Netns,
        out: Dynamic,
        options: Map,
    ) -> Answer<Netns> {
        answer(&context, |session| {
            super::masquerade(session, net, &out, options)?;
            Ok(net.clone())
        })
    }

    /// Puts another address in the place of that which packets go to (`dnat`) or come from (`snat`), and returns the namespace.
    ///
    /// `dnat` and `snat` are an address, with a port if wanted: `"10.0.0.2:80"`, `"[fd00::2]:80"`. Which packets is said as with
    /// `drop`. What `nft add rule inet ipvsh prerouting … dnat to ADDRESS` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.nat(#{proto: "tcp", dport: 8080, dnat: "10.0.0.2:80"}).nft().len() > 0    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn nat(context: NativeCallContext, net: &mut Netns, options: Map) -> Answer<Netns> {
        answer(&context, |session| {
            super::nat(session, net, options)?;
            Ok(net.clone())
        })
    }

    /// Gives a ruleset to the system's `nft`, and returns the namespace; the same text again changes nothing.
    ///
    /// A table that the text says all of, `table ip nat { … }`, must not be there already. What `nft -f FILE` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.nft("table inet mine { chain c { tcp dport 80 drop; }; }");
    /// a.nft().some(|object| "table" in object && object.table.name == "mine")    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn nft(context: NativeCallContext, net: &mut Netns, ruleset: &str) -> Answer<Netns> {
        nft_with(context, net, ruleset, Map::new())
    }

    /// Gives a ruleset to `nft` with `#{replace: true}`: tables of it that are there already are replaced.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.nft("table ip t { chain c { }; }");
    /// a.nft("table ip t { chain d { }; }", #{replace: true});
    /// a.nft().some(|object| "chain" in object && object.chain.name == "c")    // => false
    /// ```
    #[rhai_fn(name = "nft", return_raw, volatile)]
    pub fn nft_with(
        context: NativeCallContext,
        net: &mut Netns,
        ruleset: &str,
        options: Map,
    ) -> Answer<Netns> {
        answer(&context, |session| {
            super::ruleset(session, net, ruleset, options)
                .map_err(super::context("set the ruleset", net))?;
            Ok(net.clone())
        })
    }

    /// The ruleset of the namespace as a list of maps, as `nft -j list ruleset` has it; it prints as `nft list ruleset` prints it.
    ///
    /// ```rhai
    /// netns("a").nft()    // => []
    /// ```
    #[rhai_fn(name = "nft", return_raw, volatile)]
    pub fn nft_list(context: NativeCallContext, net: &mut Netns) -> Answer<Array> {
        answer(&context, |session| {
            listed(session, net).map_err(super::context("read the ruleset", net))
        })
    }

    /// The ruleset of the namespace as a list of maps, as `nft -j list ruleset` has it.
    #[rhai_fn(get = "ruleset", return_raw, volatile)]
    pub fn get_ruleset(context: NativeCallContext, net: &mut Netns) -> Answer<Array> {
        nft_list(context, net)
    }
}
