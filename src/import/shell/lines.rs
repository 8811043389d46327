//! Texts that commands read line by line: `while read A B; do …; done <<EOF`.

use super::expand::Held;
use super::parse::{Node, Redirection};
use super::{Reader, Status};
use crate::import::lex::{Piece, is_name};

impl Reader<'_> {
    /// A compound command with what it reads; where it writes to a file all of it is left.
    pub(super) fn with_lines(&mut self, inner: &Node, redirections: &[Redirection]) -> Status {
        let mut text = None;
        for redirection in redirections {
            let given = match redirection.target.as_slice() {
                _ if redirection.is_text => {
                    let end = if redirection.operator == "<<<" {
                        "\n"
                    } else {
                        ""
                    };
                    self.one(&redirection.target).map(|text| text + end)
                }
                [Piece::Process(commands)] if redirection.operator == "<" => {
                    let commands = commands.clone();
                    self.printed(&commands).map(|text| text + "\n")
                }
                _ => Err("a redirection of several commands".to_owned()),
            };
            match given {
                Ok(given) => text = Some(given),
                Err(why) => return self.unknown(why),
            }
        }
        let Some(text) = text else {
            return self.unknown("a redirection of several commands");
        };
        self.reading(&text, inner)
    }

    /// Runs a command that reads a text.
    pub(super) fn reading(&mut self, text: &str, inner: &Node) -> Status {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.reverse();
        self.input.push(lines);
        let status = self.node(inner);
        self.input.pop();
        status
    }

    /// How many lines are still to be read.
    pub(super) fn input_left(&self) -> usize {
        self.input.last().map_or(0, Vec::len)
    }

    /// `read [-r] [-a LIST] NAME…`: none where what it reads is known only when it runs.
    pub(super) fn read_line(&mut self, words: &[String]) -> Option<Status> {
        let mut names: Vec<&str> = Vec::new();
        let (mut is_list, mut is_literal) = (false, false);
        for word in words {
            match word.as_str() {
                "-r" => is_literal = true,
                "-a" => is_list = true,
                "-ra" => (is_literal, is_list) = (true, true),
                option if option.starts_with('-') => return None,
                name if is_name(name) => names.push(name),
                _ => return None,
            }
        }
        let lines = self.input.last_mut()?;
        let Some(line) = lines.pop() else {
            for name in names {
                self.variables
                    .insert(name.to_owned(), Held::Text(String::new()));
            }
            return Some(Status::Failure);
        };
        if line.contains('\\') && !is_literal {
            return None;
        }
        let separators = match (&self.read_separators, self.variables.get("IFS")) {
            (Some(text), _) | (None, Some(Held::Text(text))) => text.clone(),
            (None, None) => " \t".to_owned(),
            (None, Some(_)) => return None,
        };
        let is_separator = |c: char| separators.contains(c);
        let is_blank = separators.trim().is_empty() && !separators.is_empty();
        let mut parts: Vec<String> = Vec::new();
        let mut left = if is_blank {
            line.trim_matches(is_separator)
        } else {
            line.as_str()
        };
        let most = if is_list {
            usize::MAX
        } else {
            names.len().max(1)
        };
        while parts.len() + 1 < most
            && let Some(at) = left.find(is_separator)
        {
            parts.push(left[..at].to_owned());
            left = &left[at..];
            left = if is_blank {
                left.trim_start_matches(is_separator)
            } else {
                left.strip_prefix(is_separator).unwrap_or_default()
            };
        }
        if !left.is_empty() || parts.len() + 1 == names.len() {
            parts.push(left.to_owned());
        }
        if is_list {
            let name = names.first()?;
            self.variables.insert((*name).to_owned(), Held::List(parts));
        } else {
            let names = if names.is_empty() {
                vec!["REPLY"]
            } else {
                names
            };
            for (index, name) in names.into_iter().enumerate() {
                let text = parts.get(index).cloned().unwrap_or_default();
                self.variables.insert(name.to_owned(), Held::Text(text));
            }
        }
        Some(Status::Success)
    }
}
