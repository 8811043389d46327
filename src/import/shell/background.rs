//! Programs in the background, and the namespaces that are known only by the process in them.

use super::parse::{Node, What};
use super::simple::{inner, output_is_plain};
use super::{Left, Reader, Status};
use crate::import::lex::is_name;
use crate::steps::{Act, Call, Item, Step, Value};

/// Stands in front of the number of a process whose id only a run knows.
pub(super) const MARK: char = '\u{1}';

/// A program that was started in a namespace of its own.
pub(super) struct Process {
    left: Left,
    program: Vec<String>,
    /// The name that its namespace got.
    name: Option<String>,
}

/// Whether a path is that of the folder of named namespaces.
pub(super) fn folder_of_namespaces(path: &str) -> bool {
    ["/run/netns", "/var/run/netns"].contains(&path.trim_end_matches('/'))
}

/// The name of the namespace that a file stands for.
pub(super) fn name_of_namespace(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    (folder_of_namespaces(folder) && !name.is_empty()).then_some(name)
}

impl Reader<'_> {
    /// `COMMAND &`: a program in a namespace goes on beside what follows; a command that only sets something is run at once.
    pub(super) fn background(&mut self, node: &Node) -> Status {
        self.variables.remove("!");
        let odd = "a command in the background";
        let What::Simple(simple) = &node.what else {
            return self.unknown(odd);
        };
        let words = match self.expand(&simple.words) {
            Ok(words) => words,
            Err(why) => return self.unknown(why),
        };
        if !simple.assignments.is_empty() || !output_is_plain(&simple.redirections) {
            return self.unknown(odd);
        }
        let words = match inner(&words) {
            Ok(words) => words.to_vec(),
            Err(why) => return self.unknown(why),
        };
        if let Some(program) = unshared(&words) {
            let token = format!("{MARK}{}", self.processes.len());
            self.processes.push(Process {
                left: Left {
                    line: node.line,
                    text: self.text_of(node),
                    why: "the namespace of this process gets no name".to_owned(),
                },
                program: program.to_vec(),
                name: None,
            });
            self.variables
                .insert("!".to_owned(), super::expand::Held::Text(token));
            return Status::Success;
        }
        let texts: Vec<&str> = words.iter().map(String::as_str).collect();
        match texts.as_slice() {
            ["ip", object, exec, name, program, ..]
                if "netns".starts_with(object) && exec.len() > 1 && "exec".starts_with(exec) =>
            {
                if ["ip", "tc", "bridge", "sysctl"].contains(program) {
                    return self.node(node);
                }
                let words = words[4..].iter().map(Value::text).collect();
                self.start((*name).to_owned(), words);
                Status::Success
            }
            ["ip" | "tc" | "bridge" | "sysctl", ..] => self.node(node),
            _ => self.unknown(odd),
        }
    }

    /// Starts a program in a namespace. Where there is none of its name a shell goes on.
    fn start(&mut self, place: String, words: Vec<Value>) {
        let act = Act::InNetns(Call::new("spawn", [Value::List(words)]));
        let act = if self.ends_on_error {
            act
        } else {
            Act::Try(Box::new(act))
        };
        self.items.push(Item::Step(Step {
            place: Some(place),
            act,
        }));
    }

    /// The words with the name of the namespace in place of the id of its process. Where they give it that name, none are left.
    pub(super) fn with_named(&mut self, words: &[String]) -> Result<Vec<String>, String> {
        let odd = || "the id of a process is known only when it runs".to_owned();
        let number = |text: &str| text.strip_prefix(MARK)?.parse::<usize>().ok();
        let texts: Vec<&str> = words.iter().map(String::as_str).collect();
        let given = match texts.as_slice() {
            ["ln", .., from, to] if texts.iter().any(|word| word.starts_with("-s")) => {
                name_of_namespace(to).map(|name| (*from, name))
            }
            ["mount", .., from, to] if texts.iter().any(|word| word.ends_with("bind")) => {
                name_of_namespace(to).map(|name| (*from, name))
            }
            ["ip", "netns", "attach", name, id] => Some((*id, *name)),
            _ => None,
        };
        if let Some((from, name)) = given {
            let id = from.strip_prefix("/proc/").unwrap_or(from);
            let id = id.strip_suffix("/ns/net").unwrap_or(id);
            let process = number(id).and_then(|at| self.processes.get_mut(at));
            let process = process.filter(|process| process.name.is_none());
            let process = process.ok_or_else(odd)?;
            process.name = Some(name.to_owned());
            let program = process.program.iter().map(Value::text).collect();
            self.items.push(Item::Step(Step {
                place: Some(name.to_owned()),
                act: Act::MakeNetns,
            }));
            self.start(name.to_owned(), program);
            return Ok(Vec::new());
        }
        let name = |id: &str| {
            let process = number(id).and_then(|at| self.processes.get(at));
            process
                .and_then(|process| process.name.clone())
                .ok_or_else(odd)
        };
        let mut all: Vec<String> = Vec::new();
        let is_entered = texts.first() == Some(&"nsenter");
        let mut rest = texts.iter().copied();
        while let Some(word) = rest.next() {
            let id = word.strip_prefix("--target=").or(word.strip_prefix("-t"));
            match (word, id) {
                ("-t" | "--target", _) if is_entered => {
                    let name = name(rest.next().unwrap_or_default())?;
                    all.push(format!("--net=/run/netns/{name}"));
                }
                (_, Some(id)) if is_entered && id.starts_with(MARK) => {
                    all.push(format!("--net=/run/netns/{}", name(id)?));
                }
                ("-n" | "--net", _) if is_entered => {}
                ("netns", _) => {
                    all.push(word.to_owned());
                    let id = rest.next().unwrap_or_default();
                    all.push(if id.starts_with(MARK) {
                        name(id)?
                    } else {
                        id.to_owned()
                    });
                }
                _ if word.contains(MARK) => return Err(odd()),
                _ => all.push(word.to_owned()),
            }
        }
        Ok(all)
    }

    /// Notes the programs whose namespaces nobody has named.
    pub(super) fn unnamed(&mut self) {
        for process in std::mem::take(&mut self.processes) {
            if process.name.is_none() {
                self.items.push(Item::Left(process.left));
            }
        }
    }
}

/// The program of `unshare -n PROGRAM …`.
fn unshared(words: &[String]) -> Option<&[String]> {
    let (first, rest) = words.split_first()?;
    let begin = rest.iter().position(|word| !word.starts_with('-'))?;
    let (options, program) = rest.split_at(begin);
    let is_net = |option: &String| ["-n", "--net"].contains(&option.as_str());
    let is_known = !options.is_empty() && options.iter().all(is_net);
    let is_program = program
        .first()
        .is_some_and(|word| !is_name(word) || !word.contains('='));
    (first.as_str() == "unshare" && is_known && is_program).then_some(program)
}
