//! From the commands of a shell to a script: [`import`].
//!
//! Text goes one way: a page or script is cut into commands ([`markdown`], [`lex`], [`shell`]), a command becomes steps ([`ip`],
//! [`tools`]), steps are put in a better order where that leads to the same state ([`arrange`]), and written ([`write`](crate::steps)).
//! Whether it leads there is told by what stands behind the one and the other ([`proof`]).

mod addresses;
mod arrange;
mod bridge;
mod chains;
mod endless;
mod ip;
mod lex;
mod markdown;
mod observed;
mod older;
mod parameters;
mod places;
pub mod proof;
mod shell;
mod signs;
mod stand_ins;
mod tc;
mod tools;
mod vlans;

pub use crate::steps::Left;
pub use observed::{Observed, observed};
pub use stand_ins::{StandIn, stand_ins};

use std::path::Path;

use crate::steps::{Item, fold, write};
use markdown::Block;
use shell::{End, Given, ask};

/// What stands for the number of the process that runs a script, `$$`: nothing else has it.
const OWN_PROCESS: u32 = 2_147_483_646;

/// A script, and what of its source is in it only as a comment.
#[derive(Debug, PartialEq, Eq)]
pub struct Imported {
    /// The script.
    pub script: String,
    /// What was not translated.
    pub left: Vec<Left>,
    /// The sections of a page that the script was made from, by their headings.
    pub sections: Vec<String>,
    /// Whether it would do something else, or more, with arguments.
    pub wants_arguments: bool,
    /// The parameters of the script that its arguments have become, in their order.
    pub parameters: Vec<String>,
}

/// Why nothing was imported.
#[derive(Debug, PartialEq, Eq)]
pub enum Nothing {
    /// The page has no blocks of commands.
    NoBlocks,
    /// It is a script for another interpreter.
    NotShell(String),
    /// No section of the page has such a heading; these are the headings that there are.
    NoSection(Vec<String>),
}

/// What an import is told of a script beside its text.
#[derive(Clone, Debug, Default)]
pub struct Told<'a> {
    /// Only those blocks of a page that stand under a heading with this text in it.
    pub section: Option<&'a str>,
    /// The arguments that the script is run with.
    pub arguments: &'a [String],
    /// Where it lies; none where it comes from nowhere. Files beside it are read along where it reads them.
    pub path: Option<&'a Path>,
    /// Whether the script is to be run as it is, with no parameter given.
    pub is_run: bool,
}

/// Turns a shell script, or the blocks of commands in a Markdown page, into a script.
///
/// `section` takes only those blocks of a page that stand under a heading with that text in it.
pub fn import(source: &str, section: Option<&str>) -> Result<Imported, Nothing> {
    import_as(
        source,
        &Told {
            section,
            ..Told::default()
        },
    )
}

/// The interpreter that a script names, where that is no shell.
pub(crate) fn other_interpreter(source: &str) -> Option<&str> {
    let line = source.lines().next()?.strip_prefix("#!")?;
    let mut words = line.split_whitespace();
    let mut name = words.next()?.rsplit('/').next()?;
    if name == "env" {
        name = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
        name = name.rsplit('/').next()?;
    }
    let is_shell =
        name.ends_with("sh") || ["busybox", "sudo", "nsenter", "unshare"].contains(&name);
    (!is_shell).then_some(name)
}

/// The same with all that is known of how the script is run.
pub fn import_as(source: &str, told: &Told) -> Result<Imported, Nothing> {
    if let Some(name) = other_interpreter(source) {
        return Err(Nothing::NotShell(name.to_owned()));
    }
    let mut given = Given {
        arguments: Some(told.arguments.to_vec()),
        path: told.path.map(Path::to_owned),
        signs: None,
        variables: Vec::new(),
    };
    let mut read = read(source, told.section, &given)?;
    let mut wants_arguments = read.asks_arguments && told.arguments.is_empty();
    // What it does without any is to say so: better what can be known whatever they are.
    if wants_arguments && (read.fails || !parameters::has_steps(&read)) {
        given.arguments = None;
        let other = self::read(source, told.section, &given)?;
        if parameters::has_steps(&other) || !parameters::has_steps(&read) {
            wants_arguments = parameters::left(&other) > 0 || !parameters::has_steps(&other);
            read = other;
        }
    } else if !read.fails {
        wants_arguments &= parameters::left(&read) > 0;
    }
    let asks = read.asks_arguments && told.arguments.is_empty();
    if read.sections.is_empty() && !parameters::has_sign(source) {
        let again = |given: &Given| self::read(source, told.section, given);
        let asked = if asks {
            parameters::read(&read, &given, told.is_run, again)
        } else {
            None
        };
        let variables = parameters::variables(source);
        if let Some(better) = parameters::with(asked, variables, &mut read, &given, again) {
            let is_left = parameters::left(&better) > 0;
            // Some keep their defaults.
            let mut numbers = better.parameters.iter().map(|(number, _)| *number);
            let is_all = (1..=better.asked.last).all(|number| numbers.any(|one| one == number));
            wants_arguments &= is_left || !is_all;
            read = better;
        }
    }
    let parameters = std::mem::take(&mut read.parameters);
    if told.is_run {
        endless::cut(&mut read.items);
    }
    let mut imported = finished(read.items, read.sections, wants_arguments);
    let counters = std::mem::take(&mut read.asked.counters);
    let variables = [parameters.clone(), counters].concat();
    imported.script = parameters::settle(&imported.script, &variables);
    imported.parameters = parameters.into_iter().map(|(_, name)| name).collect();
    Ok(imported)
}

/// The items in a good order, each block by itself.
fn settled(mut items: Vec<Item>) -> Vec<Item> {
    for item in &mut items {
        if let Item::Block(arms) = item {
            for (_, inner) in arms {
                *inner = settled(std::mem::take(inner));
            }
        }
    }
    vlans::settle(&mut items);
    addresses::settle(&mut items);
    chains::settle(&mut items);
    arrange::arrange(items)
}

/// The script of the items, in a good order.
fn finished(items: Vec<Item>, sections: Vec<String>, wants_arguments: bool) -> Imported {
    let items = settled(items);
    let left = Item::all(&items).into_iter().filter_map(|item| match item {
        Item::Left(left) => Some(left.clone()),
        _ => None,
    });
    Imported {
        left: left.collect(),
        script: fold::fold(&write::script(&places::find(items))),
        sections: distinct(sections),
        wants_arguments,
        parameters: Vec::new(),
    }
}

/// What was read of a source.
#[derive(Default)]
struct Read {
    items: Vec<Item>,
    sections: Vec<String>,
    asks_arguments: bool,
    fails: bool,
    /// Whether it ends before its last command.
    exits: bool,
    /// What was found out of arguments whose values are not known.
    asked: parameters::Asked,
    /// The arguments that have become parameters, by their numbers.
    parameters: Vec<(usize, String)>,
}

fn read(source: &str, section: Option<&str>, given: &Given) -> Result<Read, Nothing> {
    let translate = |words: &[String]| tools::command(words, &None);
    let mut read = Read {
        items: Vec::new(),
        sections: Vec::new(),
        asks_arguments: false,
        fails: false,
        exits: false,
        asked: parameters::Asked::default(),
        parameters: Vec::new(),
    };
    let take = |read: &mut Read, text: &str, line: usize| {
        let reading = shell::read(text, line, given, &translate);
        read.items.extend(reading.items);
        read.asks_arguments |= reading.asks_arguments;
        read.fails |= reading.end == End::Fails;
        read.exits |= reading.end != End::Last;
        read.asked = reading.asked;
    };
    let Some(blocks) = blocks(source, section)? else {
        take(&mut read, source, 1);
        return Ok(read);
    };
    for (host, lines) in hosts_of(&blocks) {
        let word = if lines.len() == 1 { "line" } else { "lines" };
        let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
        let lines = lines.join(", ");
        let text =
            format!("The page is of several machines: {host} has its commands in {word} {lines}.");
        read.items.push(Item::Comment(text));
    }
    for block in &blocks {
        let heading = block.headings.last().cloned().unwrap_or_default();
        if read.sections.last() != Some(&heading) {
            read.items
                .extend([Item::Blank, Item::Comment(heading.clone())]);
            read.sections.push(heading);
        }
        read.items.push(Item::Blank);
        take(&mut read, &block.text, block.line);
    }
    Ok(read)
}

/// The commands that [`import`] reads, as a script of the shell.
pub fn commands(source: &str, section: Option<&str>) -> Result<String, Nothing> {
    Ok(match blocks(source, section)? {
        Some(blocks) => {
            let texts: Vec<&str> = blocks.iter().map(|block| block.text.as_str()).collect();
            texts.join("\n")
        }
        None => source.to_owned(),
    })
}

/// The machines that a page says its commands are run on, where those are several, with the lines of each.
pub fn hosts(source: &str, section: Option<&str>) -> Vec<(String, Vec<usize>)> {
    let Ok(Some(blocks)) = blocks(source, section) else {
        return Vec::new();
    };
    hosts_of(&blocks)
}

fn hosts_of(blocks: &[Block]) -> Vec<(String, Vec<usize>)> {
    let mut hosts: Vec<(String, Vec<usize>)> = Vec::new();
    for (host, line) in blocks.iter().flat_map(|block| &block.hosts) {
        match hosts.iter_mut().find(|(known, _)| known == host) {
            Some((_, lines)) => lines.push(*line),
            None => hosts.push((host.clone(), vec![*line])),
        }
    }
    if hosts.len() < 2 {
        hosts.clear();
    }
    hosts
}

/// The blocks of a page that are meant; none where it is a script.
fn blocks(source: &str, section: Option<&str>) -> Result<Option<Vec<Block>>, Nothing> {
    if !markdown::is_page(source) {
        return match section {
            Some(_) => Err(Nothing::NoSection(Vec::new())),
            None => Ok(None),
        };
    }
    let mut blocks = markdown::blocks(source);
    if blocks.is_empty() {
        return Err(Nothing::NoBlocks);
    }
    if let Some(section) = section {
        let heading = |block: &Block| block.headings.last().cloned();
        let all: Vec<String> = blocks.iter().filter_map(heading).collect();
        let wanted = section.to_lowercase();
        let is_meant = |heading: &String| heading.to_lowercase().contains(&wanted);
        blocks.retain(|block| block.headings.iter().any(is_meant));
        if blocks.is_empty() {
            return Err(Nothing::NoSection(distinct(all)));
        }
    }
    Ok(Some(blocks))
}

fn distinct(mut texts: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    texts
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
