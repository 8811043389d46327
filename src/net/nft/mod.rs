//! Rules of nftables, through the system's `nft` program: it reads rulesets from its standard input and lists what stands.

pub mod table;
pub mod trace;

use std::fmt::Write as _;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::net::fault;
use crate::net::netns::Netns;
use crate::net::seam;

pub use table::Table;
use trace::Taken;

/// The table that the words here keep their rules in.
pub const FAMILY: &str = "inet";
/// Its name.
pub const TABLE: &str = "ipvsh";

/// What tells a rule of the table `inet ipvsh` from all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// The chain that it stands in.
    pub chain: String,
    /// Its comment.
    pub comment: String,
}

/// The rules with these marks that there are, each with its handle.
pub fn marked(netns: &Netns, marks: &[Mark]) -> Result<Vec<(Mark, u64)>> {
    let rules = own_rules(netns)?;
    let known = |(mark, _): &(Mark, u64)| marks.contains(mark);
    Ok(rules.into_iter().filter(known).collect())
}

/// The marks of all rules that the words have made.
pub fn all_marks(netns: &Netns) -> Result<Vec<Mark>> {
    let rules = own_rules(netns)?;
    Ok(rules.into_iter().map(|(mark, _)| mark).collect())
}

/// Deletes the rules with these marks, the chains that hold no rule then, and the table where it has no chain then. `false` where
/// there were none.
pub fn delete_marked(netns: &Netns, marks: &[Mark]) -> Result<bool> {
    let rules = own_rules(netns)?;
    let (doomed, rest): (Vec<_>, Vec<_>) = rules
        .into_iter()
        .partition(|(mark, _)| marks.contains(mark));
    let mut chains: Vec<&str> = doomed.iter().map(|(mark, _)| mark.chain.as_str()).collect();
    chains.sort_unstable();
    chains.dedup();
    chains.retain(|chain| rest.iter().all(|(mark, _)| mark.chain != *chain));
    let all = own_chains(netns)?;
    let mut text = String::new();
    for (Mark { chain, .. }, handle) in &doomed {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "delete rule {FAMILY} {TABLE} {chain} handle {handle}");
    }
    if all.iter().all(|chain| chains.contains(&chain.as_str())) && !all.is_empty() {
        let _ = writeln!(text, "delete table {FAMILY} {TABLE}");
    } else {
        for chain in chains {
            let _ = writeln!(text, "delete chain {FAMILY} {TABLE} {chain}");
        }
    }
    if doomed.is_empty() {
        return Ok(false);
    }
    apply(netns, &text)?;
    Ok(true)
}

/// What `nft -j` lists of the table, by what each is: `rule`, `chain`.
fn own_objects(netns: &Netns, what: &str) -> Result<Vec<serde_json::Value>> {
    let text = json(netns)?;
    let listed: serde_json::Value = serde_json::from_str(&text)
        .map_err(|_| Error::new(Kind::Kernel, "what `nft -j` lists is no JSON"))?;
    let all = listed["nftables"].as_array().cloned().unwrap_or_default();
    let objects = all.into_iter().map(|mut object| object[what].take());
    let is_own =
        |object: &serde_json::Value| object["family"] == FAMILY && object["table"] == TABLE;
    Ok(objects.filter(is_own).collect())
}

fn own_chains(netns: &Netns) -> Result<Vec<String>> {
    let chains = own_objects(netns, "chain")?.into_iter();
    Ok(chains
        .filter_map(|chain| Some(chain["name"].as_str()?.to_owned()))
        .collect())
}

/// Each rule of the table with its handle; one without a comment has an empty one.
fn own_rules(netns: &Netns) -> Result<Vec<(Mark, u64)>> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let rules = own_objects(netns, "rule")?.into_iter();
    Ok(rules
        .filter_map(|rule| {
            let mark = Mark {
                chain: text(&rule["chain"]),
                comment: text(&rule["comment"]),
            };
            Some((mark, rule["handle"].as_u64()?))
        })
        .collect())
}

/// Every table of the namespace, in the order of `nft list ruleset`.
pub fn tables(netns: &Netns) -> Result<Vec<Table>> {
    netns.check()?;
    let id = netns.namespace().id();
    if let Some(planned) = seam::plan().and_then(|plan| plan.tables(id)) {
        return Ok(planned);
    }
    if netns.namespace().is_imagined() {
        return Ok(Vec::new());
    }
    let listing = run(netns, &["-s", "list", "ruleset"], "")?;
    Ok(read_tables(&listing))
}

/// The whole ruleset as `nft -j` has it.
pub fn json(netns: &Netns) -> Result<String> {
    netns.check()?;
    if netns.namespace().is_imagined() {
        return Ok("{}".to_owned());
    }
    run(netns, &["-j", "list", "ruleset"], "")
}

/// The whole ruleset as `nft list ruleset` has it.
pub fn listing(netns: &Netns) -> Result<String> {
    netns.check()?;
    if netns.namespace().is_imagined() {
        return Ok(String::new());
    }
    run(netns, &["list", "ruleset"], "")
}

/// A rule, or the policy of a chain, that lets packets not pass, or a rule that gives them other addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropping {
    /// The family and the name of the table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// The hook of the chain; empty where others jump to it.
    pub hook: String,
    /// The rule's handle; none for a policy.
    pub handle: Option<u64>,
    /// The rule as `nft` lists it; empty for a policy.
    pub text: String,
}

/// All that lets packets not pass in the namespace, and the rules that give them other addresses.
pub fn dropping(netns: &Netns) -> Result<(Vec<Dropping>, Vec<Dropping>)> {
    netns.check()?;
    if netns.namespace().is_imagined() {
        return Ok(Default::default());
    }
    run(netns, &["-s", "-a", "list", "ruleset"], "").map(|listing| read_dropping(&listing))
}

/// What has taken a packet, with the rule as `nft` lists it. None where it is gone already.
pub fn dropping_of(netns: &Netns, taken: &Taken) -> Result<Option<Dropping>> {
    let Taken {
        family,
        table,
        chain,
        handle,
    } = taken;
    let listing = run(
        netns,
        &["-s", "-a", "list", "chain", family, table, chain],
        "",
    )?;
    let (mut hook, mut text) = (String::new(), None);
    for line in listing.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("type ") {
            let mut words = rest.split_whitespace().skip_while(|word| *word != "hook");
            words.nth(1).unwrap_or_default().clone_into(&mut hook);
        }
        if let Some((rule, at)) = line.rsplit_once(" # handle ")
            && at.parse().ok() == *handle
        {
            text = Some(rule.to_owned());
        }
    }
    let is_known = handle.is_none() || text.is_some();
    Ok(is_known.then(|| Dropping {
        table: format!("{family} {table}"),
        chain: chain.clone(),
        hook,
        handle: *handle,
        text: text.unwrap_or_default(),
    }))
}

/// Makes what the ruleset `text` says. All of it is done, or nothing.
pub fn apply(netns: &Netns, text: &str) -> Result<()> {
    if seam::plan().is_some() {
        return Ok(());
    }
    netns.check()?;
    fault::before()?;
    let done = run(netns, &["-f", "-"], text);
    fault::after();
    done.map(drop)
}

/// Notes what tables will be by what was applied, for a plan, in which nobody has done it.
pub fn expect(netns: &Netns, expected: Vec<Table>) -> Result<()> {
    let Some(plan) = seam::plan() else {
        return Ok(());
    };
    let mut all = tables(netns)?;
    let is_expected = |table: &Table| {
        expected
            .iter()
            .any(|one| one.is(&table.family, &table.name))
    };
    all.retain(|table| !is_expected(table));
    all.extend(expected.into_iter().filter(|table| table.text.is_some()));
    plan.set_tables(netns.namespace().id(), all);
    Ok(())
}

/// Brings tables back to what they were.
pub fn restore(netns: &Netns, tables: &[Table]) -> Result<()> {
    let text: String = tables.iter().map(Table::restored).collect();
    apply(netns, &text)
}

fn run(netns: &Netns, arguments: &[&str], input: &str) -> Result<String> {
    let mut command = Command::new("nft");
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // The child is started by this thread while it is in the namespace, and so is born there.
    let mut child = netns.within(|| command.spawn())?.map_err(missing)?;
    if let Some(mut stdin) = child.stdin.take() {
        // Where it does not read all of it, it says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output()?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    Err(refusal(&String::from_utf8_lossy(&stderr)))
}

fn missing(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::new(Kind::Unsupported, "the program `nft` is not there")
                .hint("install the package nftables")
        }
        _ => error.into(),
    }
}

/// What nft complains of: the first complaint is the cause, with its line; the rest are notes.
fn refusal(text: &str) -> Error {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or("it failed without a word");
    let (place, complaint) = match first.split_once(": Error: ") {
        Some((place, complaint)) => (place, complaint),
        None => ("", first.trim_start_matches("Error: ")),
    };
    // `/dev/stdin:2:5-9` names what was read, the line and the columns.
    let line = place.rsplit(':').nth(1).and_then(|line| line.parse().ok());
    let complaint = lower_first(complaint.trim());
    let known = [Errno::EPERM, Errno::EOPNOTSUPP, Errno::EPROTONOSUPPORT];
    let errno = known.into_iter().find(|errno| first.contains(errno.desc()));
    let kind = errno.map_or(Kind::Invalid, Kind::of_errno);
    let error = Error::new(
        kind,
        match line {
            Some(line @ 1u32..) => format!("line {line} of the ruleset: {complaint}"),
            _ => complaint,
        },
    );
    lines.take(20).fold(error, Error::note)
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Reads those of a listing with handles.
fn read_dropping(listing: &str) -> (Vec<Dropping>, Vec<Dropping>) {
    let (mut found, mut translating) = (Vec::new(), Vec::new());
    let (mut table, mut chain, mut hook) = (String::new(), String::new(), String::new());
    for line in listing.lines() {
        let (text, handle) = match line.trim().rsplit_once(" # handle ") {
            Some((text, handle)) => (text, handle.parse().ok()),
            None => (line.trim(), None),
        };
        if let Some(name) = text.strip_prefix("table ") {
            name.trim_end_matches(" {").clone_into(&mut table);
        } else if let Some(name) = text.strip_prefix("chain ") {
            name.trim_end_matches(" {").clone_into(&mut chain);
            hook.clear();
        } else if let Some(rest) = text.strip_prefix("type ") {
            let mut words = rest.split_whitespace().skip_while(|word| *word != "hook");
            words.nth(1).unwrap_or_default().clone_into(&mut hook);
            if text.contains("policy drop") {
                found.push(Dropping {
                    table: table.clone(),
                    chain: chain.clone(),
                    hook: hook.clone(),
                    handle: None,
                    text: String::new(),
                });
            }
        } else if handle.is_some() {
            // What stands in quotes is a name or a comment.
            let words = || text.split('"').step_by(2).flat_map(str::split_whitespace);
            let all = if words().any(|word| ["drop", "reject"].contains(&word)) {
                Some(&mut found)
            } else if words().any(|word| ["dnat", "snat", "masquerade", "redirect"].contains(&word))
            {
                Some(&mut translating)
            } else {
                None
            };
            if let Some(all) = all {
                all.push(Dropping {
                    table: table.clone(),
                    chain: chain.clone(),
                    hook: hook.clone(),
                    handle,
                    text: text.to_owned(),
                });
            }
        }
    }
    (found, translating)
}

/// Takes a listing apart: a table begins at the margin and ends there.
fn read_tables(listing: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for line in listing.lines() {
        if let Some(head) = line.strip_prefix("table ") {
            let mut words = head.split_whitespace();
            let mut word = || words.next().unwrap_or_default().to_owned();
            tables.push(Table {
                family: word(),
                name: word(),
                text: Some(String::new()),
            });
        }
        if let Some(text) = tables.last_mut().and_then(|table| table.text.as_mut()) {
            text.push_str(line);
            text.push('\n');
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_taken_apart_at_its_tables() {
        let listing =
            "table ip nat {\n\tchain c {\n\t}\n}\ntable inet f {\n\tcomment \"table x {\"\n}\n";
        let tables = read_tables(listing);
        let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["nat", "f"]);
        let texts: String = tables.into_iter().filter_map(|table| table.text).collect();
        assert_eq!(texts, listing);
    }

    #[test]
    fn what_drops_is_found_with_its_handle() {
        let listing = "table inet f { # handle 1\n\tchain c { # handle 2\n\t\ttype filter hook forward priority filter; policy drop;\n\t\tip saddr 10.0.0.1 drop # handle 3\n\t\taccept comment \"no drop\" # handle 4\n\t}\n}\n";
        let (found, _) = read_dropping(listing);
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.hook.as_str(), one.handle, one.text.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("forward", None, ""),
                ("forward", Some(3), "ip saddr 10.0.0.1 drop")
            ]
        );
        assert_eq!((&*found[1].table, &*found[1].chain), ("inet f", "c"));
    }

    #[test]
    fn a_complaint_names_its_line() {
        let error =
            refusal("/dev/stdin:2:7-7: Error: Could not resolve hostname: x\nadd y\n      ^\n");
        assert_eq!(
            error.to_string(),
            "line 2 of the ruleset: could not resolve hostname: x"
        );
        assert_eq!(error.notes, ["add y", "      ^"]);
    }
}
