//! From the commands of a shell to a script: [`import`].
//!
//! Text goes one way: a page or script is cut into commands ([`markdown`], [`lex`], [`shell`]), a command becomes steps ([`ip`],
//! [`tools`]), steps are put in a better order where that leads to the same state ([`arrange`]), and written ([`write`](crate::steps)).
//! Whether it leads there is told by what stands behind the one and the other ([`proof`]).

mod addresses;
mod arrange;
mod bridge;
mod chains;
mod ip;
mod lex;
mod markdown;
pub mod proof;
mod shell;
mod tc;
mod tools;
mod vlans;

pub use crate::steps::Left;

use crate::steps::{Item, write};
use markdown::Block;

/// A script, and what of its source is in it only as a comment.
#[derive(Debug, PartialEq, Eq)]
pub struct Imported {
    /// The script.
    pub script: String,
    /// What was not translated.
    pub left: Vec<Left>,
    /// The sections of a page that the script was made from, by their headings.
    pub sections: Vec<String>,
}

/// Why nothing was imported.
#[derive(Debug, PartialEq, Eq)]
pub enum Nothing {
    /// The page has no blocks of commands.
    NoBlocks,
    /// No section of the page has such a heading; these are the headings that there are.
    NoSection(Vec<String>),
}

/// Turns a shell script, or the blocks of commands in a Markdown page, into a script.
///
/// `section` takes only those blocks of a page that stand under a heading with that text in it.
pub fn import(source: &str, section: Option<&str>) -> Result<Imported, Nothing> {
    let translate = |words: &[String]| tools::command(words, &None);
    let mut sections: Vec<String> = Vec::new();
    let mut items = Vec::new();
    if let Some(blocks) = blocks(source, section)? {
        for block in &blocks {
            let heading = block.headings.last().cloned().unwrap_or_default();
            if sections.last() != Some(&heading) {
                items.extend([Item::Blank, Item::Comment(heading.clone())]);
                sections.push(heading);
            }
            items.push(Item::Blank);
            items.extend(shell::read(&block.text, block.line, &translate));
        }
    } else {
        items = shell::read(source, 1, &translate);
    }
    vlans::settle(&mut items);
    addresses::settle(&mut items);
    chains::settle(&mut items, source);
    let left = items.iter().filter_map(|item| match item {
        Item::Left(left) => Some(left.clone()),
        _ => None,
    });
    Ok(Imported {
        left: left.collect(),
        script: write::script(&arrange::arrange(items)),
        sections: distinct(sections),
    })
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
