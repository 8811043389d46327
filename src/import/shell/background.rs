//! Programs in the background, and the namespaces that are known only by the process in them.

use super::parse::{Node, What};
use super::simple::{inner, output_is_plain};
use super::{Left, Reader, Status};
use crate::import::lex::is_name;
use crate::import::parameters::has_sign;
use crate::steps::{Act, Call, Item, Place, Step, Value};

/// Stands in front of the number of a process whose id only a run knows.
pub(super) const MARK: char = '\u{1}';

/// Stands behind it for a program that was started beside the script.
const STARTED: char = 'p';

/// The number of the program whose id a word stands for.
fn started(word: &str) -> Option<usize> {
    word.strip_prefix(MARK)?.strip_prefix(STARTED)?.parse().ok()
}

/// Fails where a text has the id of a process.
pub(super) fn has_no_id(text: &str) -> Result<(), String> {
    if text.contains(MARK) {
        return Err("the id of a process is known only when it runs".to_owned());
    }
    Ok(())
}

/// Says of what is waited for at the end that it is not, and keeps no number of programs on which nothing is called. Whether any is
/// waited for or ended.
pub(super) fn settle(items: &mut Vec<Item>) -> bool {
    let line_of = |item: &Item| match item {
        Item::Comment(text) => text.strip_prefix(MARK)?.parse::<usize>().ok(),
        _ => None,
    };
    let is_mark = |item: &Item| line_of(item).is_some();
    let is_step = |item: &Item| matches!(item, Item::Step(_) | Item::Left(_) | Item::Block(_));
    let waits = |items: &[Item], at: usize| at > 0 && is_mark(&items[at - 1]);
    // The last steps of all.
    let end = (0..items.len())
        .rev()
        .find(|at| is_step(&items[*at]) && !waits(items, *at))
        .map_or(0, |at| at + 1);
    let mut told = None;
    let mut kept = Vec::new();
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        let is_at_end = index >= end;
        match item {
            item if is_mark(&item) => {
                let line = line_of(&item).unwrap_or_default();
                if is_at_end && told != Some(line) {
                    let why = "what was started goes on in the lab, and nothing is done behind it";
                    kept.push(Item::Comment(format!(
                        "not run: line {line}: wait    ({why})"
                    )));
                    told = Some(line);
                }
            }
            Item::Step(_) if is_at_end => {}
            item => kept.push(item),
        }
    }
    *items = kept;
    let steps = items.iter().filter_map(|item| match item {
        Item::Step(step) => Some(plain(&step.act)),
        _ => None,
    });
    let used: Vec<usize> = steps
        .filter_map(|act| match act {
            Act::OnProgram { program, .. } => Some(*program),
            _ => None,
        })
        .collect();
    for item in items {
        if let Item::Step(Step { act, .. }) = item {
            let act = match act {
                Act::Try(act) => &mut **act,
                act => act,
            };
            if let Act::Start { program, call } = act
                && !used.contains(program)
            {
                *act = Act::InNetns(call.clone());
            }
        }
    }
    told.is_some() || !used.is_empty()
}

/// The only command of a group or a subshell, whose end and whose id are its own.
fn only_one(node: &Node) -> Option<&Node> {
    let (What::Group(nodes) | What::Subshell(nodes)) = &node.what else {
        return None;
    };
    let is_command = |node: &&Node| !matches!(node.what, What::Blank | What::Comment(_));
    let mut commands = nodes.iter().filter(is_command);
    let only = commands.next().filter(|_| commands.next().is_none())?;
    matches!(only.what, What::Simple(_)).then_some(only)
}

/// What is done, whether it may fail or not.
fn plain(act: &Act) -> &Act {
    match act {
        Act::Try(act) => act,
        act => act,
    }
}

/// A program that was started in a namespace of its own.
#[derive(Clone)]
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
        if let Some(only) = only_one(node) {
            return self.background(only);
        }
        let What::Simple(simple) = &node.what else {
            return self.unknown(odd);
        };
        self.jobs.push(None);
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
                let place = Some((*name).to_owned());
                self.start_known(place, words);
                Status::Success
            }
            ["ip" | "tc" | "bridge" | "sysctl", ..] => self.node(node),
            [program, ..] if self.is_program(program) && self.printed.is_none() => {
                // Within `ip netns exec NAME sh -c …` it is started there.
                let place = match (self.translate)(&["true".to_owned()]) {
                    Ok(steps) => steps.into_iter().next().and_then(|step| step.place),
                    Err(why) => return self.unknown(why),
                };
                let words = words.iter().map(Value::text).collect();
                self.start_known(place, words);
                Status::Success
            }
            _ => self.unknown(odd),
        }
    }

    /// Whether a word names a program, and nothing that the shell knows or a script beside this one.
    fn is_program(&self, word: &str) -> bool {
        const OF_THE_SHELL: [&str; 12] = [
            "cd", "echo", "eval", "exit", "export", "printf", "read", "return", "set", "source",
            "unset", "wait",
        ];
        let base = word.rsplit('/').next().unwrap_or(word);
        let is_shell = ["sh", "bash", "dash", "unshare", "nsenter", "."].contains(&base);
        !self.functions.contains_key(word)
            && !OF_THE_SHELL.contains(&word)
            && !is_shell
            && !word.starts_with('.')
            && !has_sign(word)
            && !word.contains(MARK)
    }

    /// Starts a program whose id is in `$!` from then on.
    fn start_known(&mut self, place: Place, words: Vec<Value>) {
        let program = self.started;
        self.started += 1;
        let texts = words.iter().map(|word| match word {
            Value::Text(text) => text.clone(),
            _ => String::new(),
        });
        self.programs.push((program, texts.collect()));
        self.pending.push(program);
        if let Some(job) = self.jobs.last_mut() {
            *job = Some(program);
        }
        let token = format!("{MARK}{STARTED}{program}");
        let held = super::expand::Held::Text(token);
        self.variables.insert("!".to_owned(), held);
        let call = Call::new("spawn", [Value::List(words)]);
        self.do_with(place, Act::Start { program, call });
    }

    /// Does something with a program. A shell goes on where that fails.
    fn do_with(&mut self, place: Place, act: Act) {
        let act = if self.ends_on_error && !self.is_tolerant {
            act
        } else {
            Act::Try(Box::new(act))
        };
        self.items.push(Item::Step(Step { place, act }));
    }

    /// `wait [ID]…`
    pub(super) fn wait(&mut self, line: usize, words: &[&str]) -> Status {
        let programs: Option<Vec<usize>> = if words.is_empty() {
            Some(self.pending.clone())
        } else {
            words.iter().map(|word| started(word)).collect()
        };
        let Some(programs) = programs else {
            return self.unknown("which program it waits for is known only when it runs");
        };
        if self.is_asking {
            return self.unknown("how a program ends is known only when it runs");
        }
        if self.printed.is_some() {
            return Status::Success;
        }
        self.pending.retain(|program| !programs.contains(program));
        for program in programs {
            let call = Call::new("wait", []);
            // The line, until it is known whether anything comes behind it.
            self.items.push(Item::Comment(format!("{MARK}{line}")));
            self.do_with(None, Act::OnProgram { program, call });
        }
        Status::Success
    }

    /// `kill [-SIGNAL] ID…`
    pub(super) fn kill(&mut self, words: &[&str]) -> Status {
        let (signal, ids) = match words {
            ["-s", signal, ids @ ..] => (*signal, ids),
            [option, ids @ ..] if option.starts_with('-') => (&option[1..], ids),
            ids => ("TERM", ids),
        };
        let signal = match signal.strip_prefix("SIG").unwrap_or(signal) {
            "9" => "KILL",
            "15" => "TERM",
            "2" => "INT",
            "1" => "HUP",
            other if other.starts_with(|c: char| c.is_ascii_uppercase()) => other,
            _ => return self.unknown("this signal is not known here"),
        };
        let programs: Option<Vec<usize>> =
            ids.iter().map(|id| started(id).or(self.job(id))).collect();
        let Some(programs) = programs.filter(|_| !self.is_asking) else {
            return self.unknown("the id of a process is known only when it runs");
        };
        self.signal(&programs, signal)
    }

    fn signal(&mut self, programs: &[usize], signal: &str) -> Status {
        for program in programs {
            let call = Call::new("signal", [Value::text(signal)]);
            let program = *program;
            self.do_with(None, Act::OnProgram { program, call });
        }
        Status::Success
    }

    /// The program that a job of the shell is: `%1`, `%%`, `%nc`.
    fn job(&self, word: &str) -> Option<usize> {
        let job = word.strip_prefix('%')?;
        if let Ok(number) = job.parse::<usize>() {
            return *self.jobs.get(number.checked_sub(1)?)?;
        }
        match job {
            "" | "%" | "+" => *self.jobs.last()?,
            "-" => *self.jobs.iter().nth_back(1)?,
            name => {
                let mut last = self.programs.iter().rev();
                let begun = last.find(|(_, words)| words.join(" ").starts_with(name))?;
                Some(begun.0)
            }
        }
    }

    /// `pkill [-SIGNAL] [-f] [-x] PATTERN` and `killall [-SIGNAL] NAME`, of programs that the commands have started.
    pub(super) fn kill_by_name(&mut self, tool: &str, words: &[&str]) -> Status {
        let (mut is_whole, mut is_exact, mut signal) = (false, tool == "killall", "TERM");
        let mut patterns = Vec::new();
        for word in words {
            match *word {
                "-f" => is_whole = true,
                "-x" => is_exact = true,
                "-9" | "-KILL" | "-SIGKILL" => signal = "KILL",
                "-2" | "-INT" | "-SIGINT" => signal = "INT",
                "-1" | "-HUP" | "-SIGHUP" => signal = "HUP",
                "-q" | "-w" | "-15" | "-TERM" | "-SIGTERM" => {}
                option if option.starts_with('-') => {
                    return self.unknown("this option is not known here");
                }
                pattern => patterns.push(pattern),
            }
        }
        let is_meant = |words: &Vec<String>| {
            let Some(first) = words.first() else {
                return false;
            };
            // The kernel keeps 15 letters of a name.
            let base = first.rsplit('/').next().unwrap_or(first);
            patterns.iter().any(|pattern| {
                if is_whole {
                    words.join(" ").contains(pattern)
                } else if is_exact {
                    base == *pattern
                } else {
                    base.contains(pattern)
                }
            })
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./: ".contains(c);
        if patterns.is_empty()
            || self.is_asking
            || !patterns.iter().all(|p| p.chars().all(is_plain))
        {
            return self.unknown("which programs it ends is known only when it runs");
        }
        let meant = self.programs.iter().filter(|(_, words)| is_meant(words));
        let programs: Vec<usize> = meant.map(|(program, _)| *program).collect();
        if programs.is_empty() {
            return self.unknown("it ends programs that were not started here");
        }
        self.signal(&programs, signal)
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
