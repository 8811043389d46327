//! Rules are added where they are not there as asked, and taken away.

use std::rc::Rc;

use nix::errno::Errno;
use rhai::Map;

use super::options::{Asked, read};
use super::rows;
use crate::dsl::Session;
use crate::dsl::handle::Netns;
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Object, Outcome, Undo, WayBack};
use crate::net::netns;
use crate::net::rule::{self, Action};
use crate::schema;

/// All rules of a namespace.
pub(super) fn list(session: &Rc<Session>, place: &netns::Netns) -> Result<Vec<rule::Rule>> {
    session.wait(async {
        rule::list(&place.rtnl()?).await.map_err(|refusal| {
            Error::from(refusal)
                .doing_plain("list rules")
                .within(place.label())
        })
    })?
}

/// Refuses what can't be together.
fn check(asked: &Asked, action: &Action) -> Result<()> {
    let suppresses = [
        (asked.suppress.is_some(), rows::SUPPRESS_PREFIXLENGTH.key),
        (asked.suppress_group.is_some(), rows::SUPPRESS_IFGROUP.key),
    ];
    for (_, key) in suppresses.iter().filter(|(is_asked, _)| *is_asked) {
        if !matches!(action, Action::Lookup(_)) {
            let why = format!("`{key}` is for rules that look up in a table");
            return Err(Error::invalid(why));
        }
    }
    Ok(())
}

pub(super) fn add(session: &Rc<Session>, net: &Netns, options: Map) -> Result<()> {
    let place = &net.0;
    let plain = |error: Error| error.doing_plain("add rule").within(place.label());
    let tables = &[rows::OF_DELETE, rows::OF_ADD];
    let mut options = schema::options("rule", options, tables).map_err(plain)?;
    let replace = rows::REPLACE.take_flag(&mut options).map_err(plain)?;
    let replace = replace.unwrap_or(false);
    let asked = read(&mut options).map_err(plain)?;
    let action = asked.action.clone().ok_or_else(|| {
        plain(
            Error::invalid("neither a table nor an action is given")
                .hint("say what it does: #{table: 100}, or #{action: \"blackhole\"}"),
        )
    })?;
    check(&asked, &action).map_err(plain)?;
    let present = list(session, place)?;
    let is_ipv6 = asked.family.unwrap_or(false);
    let mut wanted = rule::Rule {
        is_ipv6,
        priority: 0,
        selector: asked.selector,
        action,
        suppress: asked.suppress,
        suppress_group: asked.suppress_group,
        protocol: asked.protocol,
    };
    let is_same = |rule: &&rule::Rule| rule.is_for_same(&wanted, asked.priority);
    let mut alike = present.iter().filter(is_same);
    if let Some(found) = alike.clone().find(|rule| rule.does_as(&wanted)) {
        let way = WayBack::Send {
            what: format!("rule `{found}`"),
            request: found.deleting(),
            made: Some(found.adding()),
        };
        let undo = Undo::within(place.clone(), way);
        session.lab().asked(undo.clone());
        session.lab().claim(undo)?;
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
            let conflict = Error::new(
                Kind::Conflict,
                "a rule of that priority for the same packets is there and does something else",
            )
            .note(format!("there: {rival}"))
            .note(format!("asked: {wanted}"))
            .hint("give it a priority of its own, or replace it with #{replace: true}");
            let lab = session.lab();
            return lab.conflict(context(conflict), place, object(session, &wanted));
        }
        Some(rival) => remove(session, place, rival).map_err(context)?,
        None => {}
    }
    let way = WayBack::Send {
        what: format!("rule `{wanted}`"),
        request: wanted.deleting(),
        made: Some(wanted.adding()),
    };
    let undo = Undo::within(place.clone(), way);
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
    session.lab().report(outcome, place, object(session, rule));
}

/// The rule as an outcome tells of it.
fn object(session: &Session, rule: &rule::Rule) -> Object {
    Object::new("rule", rule.priority.to_string())
        .with(session.lab(), || rows::said(rule))
        .told(rule.to_string())
}

fn remove(session: &Rc<Session>, place: &Rc<netns::Netns>, rule: &rule::Rule) -> Result<()> {
    let way = WayBack::Send {
        what: format!("rule `{rule}` taken away"),
        request: rule.adding(),
        made: None,
    };
    let undo = Undo::within(place.clone(), way);
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

pub(super) fn delete(session: &Rc<Session>, net: &Netns, given: Map) -> Result<()> {
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
        schema::options("del_rule", given.clone(), &[rows::OF_DELETE]).map_err(context)?;
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
                && (wanted.l3mdev
                    || asked
                        .action
                        .as_ref()
                        .is_none_or(|action| *action == rule.action))
                && (asked.suppress.is_none() || asked.suppress == rule.suppress)
                && (asked.suppress_group.is_none() || asked.suppress_group == rule.suppress_group)
                && (asked.protocol.is_none() || asked.protocol == rule.protocol)
                && (wanted.uids.is_none() || wanted.uids == selector.uids)
                && (!wanted.l3mdev || selector.l3mdev)
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
        let missing = Object::new("rule", "").told("none that matches");
        session.lab().report(Outcome::Unchanged, place, missing);
    }
    for rule in &matching {
        remove(session, place, rule).map_err(context)?;
    }
    Ok(())
}
