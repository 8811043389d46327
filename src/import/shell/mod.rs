//! Reads a shell script as a shell does, as far as that can be known without running it: variables with a known value are put
//! in, known conditions are decided, loops and functions become the commands that they run. What only a run would know is left,
//! and all that depends on it.
//!
//! The parser is our own: those of the registry give commands without the comments between them and without the text of each, and
//! both are to be told.

mod arithmetic;
pub(super) mod ask;
mod background;
mod branch;
mod builtin;
pub(super) mod expand;
mod files;
mod filter;
mod given;
mod later;
mod lines;
pub(super) mod own;
mod parse;
mod pattern;
mod pinged;
mod poison;
mod repeat;
mod simple;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::lex::tokens;
use super::parameters::Asked;
use crate::steps::{Item, Left, Step};
use expand::Held;
use parse::{Node, What};

/// How many commands a script may become, and how many it may run on the way.
const MOST: usize = 10_000;

/// How deep functions may call one another.
const DEEPEST: usize = 30;

/// Turns the words of a command into steps, or says why it does not.
pub(crate) type Translate<'a> = &'a dyn Fn(&[String]) -> Result<Vec<Step>, String>;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Status {
    /// It is known to succeed.
    Success,
    /// It is known to fail.
    Failure,
    /// It makes something, and succeeds where the script is right.
    Assumed,
    /// It succeeds where something is there already.
    Present,
    /// It succeeds where something is not there.
    Absent,
    /// Only a run would know; why is in [`Reader::why`].
    Unknown,
}

/// A function of the script.
#[derive(Clone)]
struct Function {
    body: Rc<Vec<Node>>,
    /// Its own text.
    own: Rc<str>,
    /// The script that it stands in.
    script: Rc<str>,
}

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flow {
    Next,
    Break(usize),
    Continue(usize),
    Return,
    /// The line of the `exit`.
    Exit(usize),
    /// The line of the command that fails, where that is the end.
    Failed(usize),
    /// The line of the loop that never ends.
    Stuck(usize),
}

#[allow(
    clippy::struct_excessive_bools,
    reason = "each says one thing of the place in the script"
)]
#[derive(Clone)]
struct Reader<'a> {
    given: Given,
    asks_arguments: bool,
    asked: Asked,
    fails: bool,
    /// Whether the script is one for bash.
    is_bash: bool,
    /// What is to be done at the end.
    at_exit: Option<String>,
    /// The lines that commands read, innermost last.
    input: Vec<Vec<String>>,
    /// What `read` cuts lines at, where that was said for it alone.
    read_separators: Option<String>,
    /// The file that is read along, by its name.
    file: Option<String>,
    /// How the last command ended: `$?`.
    last: Status,
    /// How far `getopts` has come in the letters of an argument.
    letters: usize,
    /// Where `cd` has led in what is printed.
    folder: Option<String>,
    text: Rc<str>,
    translate: Translate<'a>,
    variables: HashMap<String, Held>,
    /// The variables that the script sets anywhere: nobody else does, as a rule.
    own: HashSet<String>,
    /// The line of the command that is run.
    line: usize,
    /// What stands for another text where a command begins; none where the shell heeds none.
    aliases: Option<HashMap<String, String>>,
    /// None where only a run would know which one it is.
    functions: HashMap<String, Option<Function>>,
    called: HashSet<String>,
    /// The arguments of the functions that are running, and what their local variables hide.
    arguments: Vec<Vec<String>>,
    hidden: Vec<HashMap<String, Option<Held>>>,
    items: Vec<Item>,
    /// Comments and what was left, each once however often it is passed.
    seen: HashSet<(usize, String)>,
    flow: Flow,
    /// How the function that is left ends.
    returned: Status,
    why: String,
    ends_on_error: bool,
    /// Failing does not matter.
    is_tolerant: bool,
    /// How the command ends decides what is done.
    is_asking: bool,
    /// How many commands run within which one that fails ends nothing, whatever `set -e` says.
    tested: usize,
    /// How many subshells run.
    subshells: usize,
    /// What is printed, where that is what is asked for.
    printed: Option<String>,
    /// Programs that stand for a namespace of their own.
    processes: Vec<background::Process>,
    /// How many programs were started beside the script, and those of them that it has not waited for.
    started: usize,
    /// The words of each, by its number.
    programs: Vec<(usize, Vec<String>)>,
    /// The programs that the jobs of the shell are, in order; none for one of which that is not known.
    jobs: Vec<Option<usize>>,
    pending: Vec<usize>,
    /// How many commands were run.
    count: usize,
    depth: usize,
}

pub(crate) use given::Given;

/// How a script ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Behind its last command.
    Last,
    /// Before that.
    Early,
    /// With an error that it gives itself.
    Fails,
}

/// What a script was read as.
pub(crate) struct Reading {
    pub(crate) items: Vec<Item>,
    /// Whether what it does hangs on its arguments.
    pub(crate) asks_arguments: bool,
    pub(crate) end: End,
    /// What was found out of its arguments.
    pub(crate) asked: Asked,
    /// Whether it waits for what it has started, or ends it.
    pub(crate) awaits: bool,
}

/// The items of a script whose first line has the number `line`.
pub(crate) fn read(text: &str, line: usize, given: &Given, translate: Translate) -> Reading {
    let mut reader = Reader {
        given: given.clone(),
        asks_arguments: false,
        asked: Asked::default(),
        fails: false,
        is_bash: Given::is_bash(text),
        at_exit: None,
        input: Vec::new(),
        read_separators: None,
        file: None,
        folder: None,
        last: Status::Success,
        letters: 0,
        text: Rc::from(text),
        translate,
        variables: HashMap::new(),
        own: own::names(text),
        line,
        aliases: (!Given::is_bash(text)).then(HashMap::new),
        functions: HashMap::new(),
        called: HashSet::new(),
        arguments: given.arguments.iter().cloned().collect(),
        hidden: Vec::new(),
        items: Vec::new(),
        seen: HashSet::new(),
        flow: Flow::Next,
        returned: Status::Success,
        why: String::new(),
        ends_on_error: text
            .lines()
            .next()
            .is_some_and(|first| first.starts_with("#!") && first.contains(" -e")),
        is_tolerant: false,
        is_asking: false,
        tested: 0,
        subshells: 0,
        printed: None,
        processes: Vec::new(),
        // Other numbers in each block of a page.
        started: line * MOST,
        programs: Vec::new(),
        jobs: Vec::new(),
        pending: Vec::new(),
        count: 0,
        depth: 0,
    };
    let nodes = parse::parse(&tokens(text, line));
    reader.list(&nodes);
    let is_early = reader.flow != Flow::Next;
    reader.run_at_exit();
    reader.unnamed();
    let awaits = background::settle(&mut reader.items);
    reader.uncalled(&nodes);
    let end = match (reader.fails, is_early) {
        (true, _) => End::Fails,
        (false, true) => End::Early,
        (false, false) => End::Last,
    };
    Reading {
        items: reader.items,
        asks_arguments: reader.asks_arguments,
        end,
        asked: reader.asked,
        awaits,
    }
}

impl Reader<'_> {
    /// Runs commands one after the other; returns how the last one ends.
    fn list(&mut self, nodes: &[Node]) -> Status {
        let mut status = Status::Success;
        // The line where the last command ends, and where its items begin: a comment behind it is written above it.
        let mut last = (0, self.items.len());
        for node in nodes {
            if self.flow != Flow::Next {
                match self.flow {
                    Flow::Exit(line) => {
                        self.not_run(node, &format!("behind the exit in line {line}"));
                    }
                    Flow::Failed(line) => {
                        let why = format!("behind what fails in line {line}, which ends it");
                        self.not_run(node, &why);
                    }
                    Flow::Stuck(line) => self.not_run(node, &behind_loop(line)),
                    _ => {}
                }
                continue;
            }
            match &node.what {
                What::Blank => self.items.push(Item::Blank),
                What::Comment(text) => {
                    if self.printed.is_none() && self.seen.insert((node.line, text.clone())) {
                        let index = if last.0 == node.line {
                            last.1.min(self.items.len())
                        } else {
                            self.items.len()
                        };
                        self.items.insert(index, Item::Comment(text.clone()));
                    }
                }
                _ => {
                    let before = self.items.len();
                    status = self.statement(node);
                    self.end_where_failed(node, status);
                    self.last = if self.only_looks(node) {
                        Status::Unknown
                    } else {
                        status
                    };
                    let lines = self.text_of(node).matches('\n').count();
                    last = (node.line + lines, before);
                }
            }
        }
        match status {
            // It was left by itself: that is no reason to leave what stands around it.
            Status::Unknown if !self.is_asking && self.printed.is_none() => Status::Assumed,
            status => status,
        }
    }

    fn text_of(&self, node: &Node) -> String {
        self.text
            .get(node.range.clone())
            .unwrap_or_default()
            .to_owned()
    }

    /// Runs a command. What can't be known of it is left as a whole.
    fn statement(&mut self, node: &Node) -> Status {
        let before = self.items.len();
        self.count += 1;
        self.line = node.line;
        if self.count > MOST || before > MOST || self.depth > DEEPEST {
            "it goes on for too long".clone_into(&mut self.why);
            self.leave(node);
            self.flow = Flow::Exit(node.line);
            return Status::Unknown;
        }
        let is_tolerant = self.is_tolerant;
        let is_asking = std::mem::replace(&mut self.is_asking, false);
        let status = self.node(node);
        self.is_tolerant = is_tolerant;
        self.is_asking = is_asking;
        if self.flow == Flow::Stuck(node.line)
            && matches!(
                node.what,
                What::While(..) | What::Count(..) | What::Redirected(..)
            )
        {
            self.items.truncate(before);
            self.leave(node);
            return Status::Assumed;
        }
        if status == Status::Unknown {
            self.items.truncate(before);
            self.flow = match self.flow {
                Flow::Exit(line) if self.count > MOST => Flow::Exit(line),
                _ => Flow::Next,
            };
            let text = self.text_of(node);
            if self.is_left_to_shell(node) {
                return Status::Assumed;
            }
            self.poison(&text, 0);
            if self.takes_ping(node) {
                return Status::Assumed;
            }
            if self.printed.is_none() && self.only_files(node) {
                self.run_as_it_is(&text);
                return Status::Assumed;
            }
            self.leave(node);
        }
        status
    }

    /// Notes a command that is not translated, and why, once.
    fn leave(&mut self, node: &Node) {
        let text = self.text_of(node).trim_end().to_owned();
        if self.printed.is_some() || !self.seen.insert((node.line, text.clone())) {
            return;
        }
        let why = self.why.lines().next().unwrap_or_default();
        let why = match &self.file {
            Some(file) => format!("in {file}: {why}"),
            None => why.to_owned(),
        };
        self.items.push(Item::Left(Left {
            line: node.line,
            text,
            why,
        }));
    }

    /// Notes a command that the shell would not run.
    fn not_run(&mut self, node: &Node, why: &str) {
        if self.printed.is_some() || matches!(node.what, What::Blank | What::Comment(_)) {
            return;
        }
        if matches!(node.what, What::Function(..)) {
            return;
        }
        let text = self.text_of(node);
        for (index, line) in text.lines().enumerate() {
            let why = if index == 0 {
                format!("    ({why})")
            } else {
                String::new()
            };
            if self.seen.insert((node.line + index, line.to_owned())) {
                let text = format!("not run: line {}: {line}{why}", node.line + index);
                self.items.push(Item::Comment(text));
            }
        }
    }

    /// Names the functions that nobody calls: they are in the script only here.
    fn uncalled(&mut self, nodes: &[Node]) {
        for node in nodes {
            if let What::Function(name, _) = &node.what
                && !self.called.contains(name)
            {
                self.items.push(Item::Comment(format!(
                    "not run: the function {name} in line {} is not called",
                    node.line
                )));
            }
        }
    }

    fn unknown(&mut self, why: impl Into<String>) -> Status {
        self.why = why.into();
        Status::Unknown
    }

    fn node(&mut self, node: &Node) -> Status {
        match &node.what {
            What::Blank | What::Comment(_) => Status::Success,
            What::Broken(why) => self.unknown(why.clone()),
            What::Simple(simple) => self.simple(node, simple),
            What::Test(tokens) => match self.extended_test(tokens) {
                Ok(status) => status,
                Err(why) => self.unknown(why),
            },
            What::Arithmetic(text) => match self.calculate(text) {
                Ok(0) => Status::Failure,
                Ok(_) => Status::Success,
                Err(why) => self.unknown(why),
            },
            What::Pipe(parts) => self.pipe(parts),
            What::And(left, right) => self.both(left, right),
            What::Or(left, right) => self.either(left, right),
            What::Not(inner) => match self.tested(|reader| reader.ask(inner)) {
                Status::Success | Status::Assumed => Status::Failure,
                Status::Failure => Status::Success,
                Status::Present => Status::Absent,
                Status::Absent => Status::Present,
                Status::Unknown => Status::Unknown,
            },
            What::Background(inner) => self.background(inner),
            What::Group(body) => self.list(body),
            What::Subshell(body) => self.subshell(body),
            What::If(arms, otherwise) => self.condition(arms, otherwise),
            What::While(is_until, test, body) => self.repeat(*is_until, test, body),
            What::For(name, words, body) => self.each(name, words.as_deref(), body),
            What::Count(parts, body) => self.counted(parts, body),
            What::Case(word, arms) => self.choose(word, arms),
            What::Redirected(inner, redirections) => self.with_lines(inner, redirections),
            What::Function(name, body) => {
                let function = Function {
                    body: Rc::clone(body),
                    own: Rc::from(self.text_of(node)),
                    script: Rc::clone(&self.text),
                };
                self.functions.insert(name.clone(), Some(function));
                Status::Success
            }
        }
    }

    fn subshell(&mut self, body: &[Node]) -> Status {
        let variables = self.variables.clone();
        self.subshells += 1;
        let status = self.list(body);
        self.subshells -= 1;
        self.variables = variables;
        if self.count <= MOST && !matches!(self.flow, Flow::Stuck(_)) {
            self.flow = Flow::Next;
        }
        status
    }

    /// Runs what may fail without an end of the script.
    fn tested<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.tested += 1;
        let value = run(self);
        self.tested -= 1;
        value
    }

    /// Whether a command that fails here ends the script: `set -e`.
    fn ends_where_failed(&self) -> bool {
        self.ends_on_error && self.tested == 0 && !self.is_tolerant && self.printed.is_none()
    }

    /// Ends the script behind a command that fails.
    fn end_where_failed(&mut self, node: &Node, status: Status) {
        let is_one = matches!(
            node.what,
            What::Simple(_) | What::Test(_) | What::Arithmetic(_) | What::Subshell(_)
        );
        if status == Status::Failure
            && is_one
            && self.flow == Flow::Next
            && self.ends_where_failed()
        {
            self.fails = true;
            self.flow = Flow::Failed(node.line);
        }
    }

    /// Runs the right side of a chain, which ends the script where it fails.
    fn last_side(&mut self, node: &Node) -> Status {
        let status = self.side(node);
        self.end_where_failed(node, status);
        status
    }

    /// Runs one side of a chain.
    fn side(&mut self, node: &Node) -> Status {
        if self.is_asking {
            self.ask(node)
        } else {
            self.node(node)
        }
    }

    fn does_nothing(&self, node: &Node) -> bool {
        matches!(self.text_of(node).trim(), "true" | ":" | "/bin/true")
    }

    /// Calls a function.
    fn call(&mut self, name: &str, arguments: &[String]) -> Status {
        self.called.insert(name.to_owned());
        let Some(Some(function)) = self.functions.get(name).cloned() else {
            return self.unknown(format!(
                "which function {name} is is known only when it runs"
            ));
        };
        if self.depth >= DEEPEST {
            return self.unknown("functions that call one another too deep");
        }
        self.depth += 1;
        let text = std::mem::replace(&mut self.text, function.script);
        self.arguments.push(arguments.to_vec());
        self.hidden.push(HashMap::new());
        let status = self.list(&function.body);
        for (name, held) in self.hidden.pop().unwrap_or_default() {
            match held {
                Some(held) => self.variables.insert(name, held),
                None => self.variables.remove(&name),
            };
        }
        self.arguments.pop();
        self.text = text;
        self.depth -= 1;
        match std::mem::replace(&mut self.flow, Flow::Next) {
            Flow::Return => self.returned,
            flow => {
                self.flow = flow;
                status
            }
        }
    }

    /// Runs a text as a script of its own.
    fn run_text(&mut self, text: &str) -> Status {
        if self.depth >= DEEPEST {
            return self.unknown("scripts that run one another too deep");
        }
        self.depth += 1;
        let nodes = parse::parse(&tokens(text, 1));
        let source = std::mem::replace(&mut self.text, Rc::from(text));
        let status = self.subshell(&nodes);
        self.text = source;
        self.depth -= 1;
        status
    }

    /// What commands print, where that is known.
    fn printed(&mut self, text: &str) -> Result<String, String> {
        let fault = || {
            let first = text.trim().lines().next().unwrap_or_default();
            format!("what `{first}` prints is known only when it runs")
        };
        if self.depth > DEEPEST {
            return Err(fault());
        }
        let nodes = parse::parse(&tokens(text, 1));
        let source = std::mem::replace(&mut self.text, Rc::from(text));
        let variables = self.variables.clone();
        let (before, count) = (self.items.len(), self.count);
        let flow = std::mem::replace(&mut self.flow, Flow::Next);
        let outer = self.printed.replace(String::new());
        self.depth += 1;
        let mut is_known = true;
        for node in &nodes {
            self.count += 1;
            let status = if self.count > MOST {
                Status::Unknown
            } else {
                self.tested(|reader| reader.node(node))
            };
            is_known &= status != Status::Unknown && !matches!(self.flow, Flow::Stuck(_));
        }
        self.depth -= 1;
        let printed = std::mem::replace(&mut self.printed, outer);
        self.text = source;
        self.variables = variables;
        self.flow = flow;
        is_known &= self.items.len() == before && self.count - count < MOST;
        self.items.truncate(before);
        let printed = printed.filter(|_| is_known).ok_or_else(fault)?;
        Ok(printed.trim_end_matches('\n').to_owned())
    }
}

/// Why what stands behind the loop in `line` is not run.
fn behind_loop(line: usize) -> String {
    format!("behind the loop in line {line}, which never ends")
}
