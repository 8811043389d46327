//! What a script is run with: its arguments, its path, and the files that it reads from beside it.

use std::path::{Path, PathBuf};

use super::{Flow, Reader, Status, parse};
use crate::import::lex::tokens;
use crate::import::parameters::{self, Signs, has_sign};

/// What is known of how a script is run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    /// Its arguments; none where they are not known.
    pub(crate) arguments: Option<Vec<String>>,
    /// Where it lies; none where it comes from nowhere.
    pub(crate) path: Option<PathBuf>,
    /// Where signs stand for the arguments, as their values are not known.
    pub(crate) signs: Option<Signs>,
    /// The variables for which signs stand, as they may be given from outside, or by an option of the script.
    pub(crate) variables: Vec<String>,
}

/// How many bytes a file that is read along may have.
const LONGEST: u64 = 1 << 20;

impl Given {
    /// Whether a script says that bash is to run it.
    pub(super) fn is_bash(text: &str) -> bool {
        let first = text.lines().next().unwrap_or_default();
        !first.starts_with("#!") || first.contains("bash")
    }

    fn folder(&self) -> Option<&Path> {
        self.path.as_deref()?.parent()
    }
}

impl Reader<'_> {
    /// The positional parameters that stand now.
    pub(super) fn positional(&mut self) -> Option<&Vec<String>> {
        self.asks_arguments |= self.is_outside();
        self.arguments.last()
    }

    /// The positional parameters that are there: of those with signs only as many as the script takes itself to have.
    pub(super) fn all_positional(&mut self) -> Option<Vec<String>> {
        let missing = match (&self.given.signs, &self.given.arguments) {
            (Some(signs), Some(all)) if self.is_outside() => all.len().saturating_sub(signs.count),
            _ => 0,
        };
        let all = self.positional()?;
        Some(all[..all.len().saturating_sub(missing)].to_vec())
    }

    /// The positional parameter of this number; none where it is not given.
    pub(super) fn argument(&mut self, number: usize) -> Option<String> {
        let is_of_script = self.is_outside() || self.text.contains("$@");
        let has_signs = self.given.signs.is_some();
        let first = self.given.arguments.as_ref().map_or(0, Vec::len);
        let all = self.positional()?;
        let found = number.checked_sub(1).and_then(|at| all.get(at)).cloned();
        // One that keeps its default is not given.
        let is_none = has_signs && found.as_ref().is_some_and(String::is_empty);
        if is_of_script {
            let asked = number + first.saturating_sub(all.len());
            self.asked.last = self.asked.last.max(asked);
        }
        found.filter(|_| !is_none)
    }

    /// What stands for an argument where it is not given: of one whose value is not known it is kept. Whether it is such a one.
    pub(super) fn keeps_default(&mut self, text: &str, default: &str) -> bool {
        let Some(number) = parameters::whole(text) else {
            return false;
        };
        let default = Some(default.to_owned());
        let known = self.asked.defaults.entry(number).or_insert(default.clone());
        if *known != default {
            *known = None;
        }
        true
    }

    /// Whether a text is a sign for what may be several words.
    pub(super) fn is_split(&self, text: &str) -> bool {
        let default = parameters::whole(text).and_then(|number| self.asked.defaults.get(&number));
        matches!(default, Some(Some(default)) if default.contains(char::is_whitespace))
    }

    /// The sign of a variable that may be given from outside, with its value where it is not; none of one that is known.
    pub(super) fn given_by(&mut self, name: &str, default: &str) -> Option<String> {
        let mut all = self.given.variables.iter();
        let at = all.position(|known| known == name)?;
        let (number, sign) = parameters::of_variable(at)?;
        if has_sign(default) || !self.keeps_default(&sign, default) {
            return None;
        }
        self.asked.names.insert(number, name.to_owned());
        Some(parameters::told(&sign, default))
    }

    /// The same of a variable that is set for the first time, and that an option of the script sets elsewhere.
    pub(super) fn set_by_option(&mut self, name: &str, value: &str) -> Option<String> {
        let is_first = !self.variables.contains_key(name) && self.arguments.len() <= 1;
        let is_one = is_first && !value.is_empty() && parameters::is_option(&self.text, name);
        is_one.then(|| self.given_by(name, value)).flatten()
    }

    /// Fails where a condition hangs on what an argument is; that one which has to be given is not empty is known.
    pub(super) fn heeds_arguments(&self, words: &[&str]) -> Result<(), String> {
        let needed = self.given.signs.as_ref().map_or(0, |signs| signs.needed);
        for (at, word) in words.iter().enumerate().filter(|(_, word)| has_sign(word)) {
            let mut numbers = word.chars().filter_map(parameters::number);
            let is_given = numbers.all(|number| number <= needed);
            let before = at.checked_sub(1).and_then(|at| words.get(at));
            let is_longer = |other: Option<&&str>| {
                other.is_some_and(|other| {
                    !has_sign(other) && other.chars().count() < word.chars().count()
                })
            };
            let compares =
                |sign: Option<&&str>| sign.is_some_and(|sign| ["=", "==", "!="].contains(sign));
            let is_known = match before {
                _ if compares(words.get(at + 1)) => is_longer(words.get(at + 2)),
                sign if compares(sign) => is_longer(words.get(at.wrapping_sub(2))),
                None | Some(&("-z" | "-n" | "!" | "-a" | "-o")) => {
                    !words.get(at + 1).is_some_and(|word| {
                        word.starts_with(['-', '<', '>']) && !["-a", "-o"].contains(word)
                    })
                }
                _ => false,
            };
            if !is_given || !is_known {
                return Err("what is done depends on an argument".to_owned());
            }
        }
        Ok(())
    }

    /// Whether signs stand for what is not known.
    pub(super) fn has_signs(&self) -> bool {
        self.given.signs.is_some() || !self.given.variables.is_empty()
    }

    /// Whether no function is running: the arguments are those of the script.
    fn is_outside(&self) -> bool {
        self.arguments.len() <= usize::from(self.given.arguments.is_some())
    }

    /// Whether `return` ends something here.
    pub(super) fn may_return(&self) -> bool {
        !self.is_outside() || self.file.is_some()
    }

    /// `$0`
    pub(super) fn own_path(&self) -> Option<String> {
        let path = self.given.path.as_ref()?;
        Some(path.to_string_lossy().into_owned())
    }

    /// A file that is named in the script, and its text.
    fn beside(&self, named: &Path) -> Option<(PathBuf, String)> {
        self.given.path.as_ref()?;
        let beside = self.given.folder().map(|folder| folder.join(named));
        let is_file = |path: &PathBuf| {
            std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() < LONGEST)
        };
        let found = [Some(named.to_owned()), beside]
            .into_iter()
            .flatten()
            .find(is_file)?;
        let text = std::fs::read_to_string(&found).ok()?;
        Some((found, text))
    }

    /// `./FILE` and `bash FILE`: its commands are run in a shell of their own, which knows the arguments only. None where it is
    /// no file of commands that can be read.
    pub(super) fn run_file(&mut self, words: &[String]) -> Option<Status> {
        let (first, rest) = words.split_first()?;
        let program = first.rsplit('/').next()?;
        let is_shell = ["sh", "bash", "dash"].contains(&program);
        let (named, arguments) = if is_shell {
            let options = rest
                .iter()
                .take_while(|word| ["-x", "-e", "-ex"].contains(&word.as_str()));
            rest.get(options.count()..)?.split_first()?
        } else {
            (first, rest)
        };
        if !named.contains('/') && !is_shell || named.starts_with('-') || self.printed.is_some() {
            return None;
        }
        let (path, text) = self.beside(Path::new(named))?;
        let is_script = is_shell || text.starts_with("#!");
        if !is_script || crate::import::other_interpreter(&text).is_some() {
            return None;
        }
        if self.depth >= super::DEEPEST {
            return Some(self.unknown("scripts that run one another too deep"));
        }
        self.depth += 1;
        let name = path.file_name()?.to_string_lossy().into_owned();
        let nodes = parse::parse(&tokens(&text, 1));
        let variables = std::mem::take(&mut self.variables);
        let functions = std::mem::take(&mut self.functions);
        let own = std::mem::replace(&mut self.own, super::own::names(&text));
        let ends = std::mem::replace(&mut self.ends_on_error, false);
        let at_exit = self.at_exit.take();
        let source = std::mem::replace(&mut self.text, text.as_str().into());
        let outer = self.file.replace(name);
        let given = self.given.path.replace(path);
        self.arguments.push(arguments.to_vec());
        self.hidden.push(std::collections::HashMap::new());
        let mut status = self.list(&nodes);
        if self.count <= super::MOST && !matches!(self.flow, Flow::Stuck(_)) {
            self.flow = Flow::Next;
            self.run_at_exit();
            self.uncalled(&nodes);
            self.flow = Flow::Next;
        }
        if status == Status::Unknown {
            status = Status::Assumed;
        }
        self.hidden.pop();
        self.arguments.pop();
        self.given.path = given;
        self.file = outer;
        self.text = source;
        self.at_exit = at_exit;
        self.ends_on_error = ends;
        self.own = own;
        self.functions = functions;
        self.variables = variables;
        self.depth -= 1;
        Some(status)
    }

    /// `. FILE`: its commands are run here.
    pub(super) fn source(&mut self, path: &str) -> Status {
        let here = Path::new(path);
        let Some((_, text)) = self.beside(here) else {
            // It may set whatever it likes.
            self.own.clear();
            return self.unknown(format!("the file {path} is not there"));
        };
        if self.depth >= super::DEEPEST {
            return self.unknown("scripts that run one another too deep");
        }
        self.depth += 1;
        self.own.extend(super::own::names(&text));
        let nodes = parse::parse(&tokens(&text, 1));
        let source = std::mem::replace(&mut self.text, text.as_str().into());
        let file = here
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let outer = self.file.replace(file);
        let status = self.list(&nodes);
        self.file = outer;
        self.text = source;
        self.depth -= 1;
        if self.flow == Flow::Return {
            self.flow = Flow::Next;
            return self.returned;
        }
        status
    }

    /// `trap COMMANDS EXIT`: they are run at the end. Other signals come from outside.
    pub(super) fn trap(&mut self, line: usize, words: &[String]) -> Status {
        let words: Vec<&String> = words.iter().filter(|word| *word != "--").collect();
        let ends = |signal: &String| matches!(signal.as_str(), "EXIT" | "0");
        match words.as_slice() {
            [commands, signals @ ..] if signals.iter().any(|signal| ends(signal)) => {
                let is_taken_back = commands.is_empty() || commands.as_str() == "-";
                self.at_exit = (!is_taken_back).then(|| (*commands).clone());
            }
            [commands, _, ..] if self.printed.is_none() => {
                let text = format!("not run: line {line}: {commands}    (only at a signal)");
                if self.seen.insert((line, text.clone())) {
                    self.items.push(crate::steps::Item::Comment(text));
                }
                self.mention(commands);
            }
            _ => {}
        }
        Status::Success
    }

    /// Takes the functions that a text names as called.
    fn mention(&mut self, text: &str) {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if self.functions.contains_key(word) {
                self.called.insert(word.to_owned());
            }
        }
    }

    /// Runs what is to be done at the end.
    pub(super) fn run_at_exit(&mut self) {
        let Some(text) = self.at_exit.take() else {
            return;
        };
        if let Flow::Stuck(line) = self.flow {
            let text = format!("not run: {text}    ({})", super::behind_loop(line));
            self.items.push(crate::steps::Item::Comment(text));
            return;
        }
        self.flow = Flow::Next;
        let nodes = parse::parse(&tokens(&text, 1));
        self.text = text.as_str().into();
        // It is run whatever was left by then.
        self.is_tolerant = true;
        self.list(&nodes);
    }
}
