//! A script that is not typed but made: its steps, and how they are written.

pub(crate) mod fold;
pub(crate) mod vlan;
pub(crate) mod write;

use serde::{Deserialize, Serialize};

/// A namespace by its name. None is the one that the script runs in.
pub(crate) type Place = Option<String>;

/// A value in a script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A text.
    Text(String),
    /// A text of several lines.
    Lines(String),
    /// A whole number.
    Number(i64),
    /// A truth value.
    Flag(bool),
    /// A list.
    List(Vec<Value>),
    /// A map, in the order in which it is written.
    Map(Vec<(String, Value)>),
    /// What a variable of the script holds.
    Variable(String),
}

impl Value {
    /// A text as a value.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A number where `text` is one, else the text.
    pub fn guess(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::text(text), Self::Number)
    }
}

/// Signs that stand for what a variable of the script will hold: of the private use area, where nobody else has any.
pub(crate) const PLACEHOLDERS: std::ops::RangeInclusive<char> = '\u{e001}'..='\u{e028}';

/// Whether a text is one sign that stands for what a variable will hold.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next();
    first.is_some_and(|c| PLACEHOLDERS.contains(&c)) && chars.next().is_none()
}

/// A word and what stands in its parentheses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) word: &'static str,
    pub(crate) arguments: Vec<Value>,
}

impl Call {
    /// A call of `word`. Maps without keys are left out.
    pub(crate) fn new(word: &'static str, arguments: impl IntoIterator<Item = Value>) -> Self {
        let arguments = arguments.into_iter();
        let is_said = |value: &Value| !matches!(value, Value::Map(keys) if keys.is_empty());
        Self {
            word,
            arguments: arguments.filter(is_said).collect(),
        }
    }
}

/// A link to be made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewLink {
    /// The word for its kind.
    pub(crate) word: &'static str,
    pub(crate) name: String,
    /// Its parent: a variable, or a name where the sender is.
    pub(crate) parent: Option<Value>,
    /// The namespace that the parent is in.
    pub(crate) sender: Place,
    /// The far end of a pair, and where it is to be.
    pub(crate) peer: Option<(Place, String)>,
    /// What the kind can't do without, such as the id of a VLAN.
    pub(crate) arguments: Vec<Value>,
    pub(crate) options: Vec<(String, Value)>,
}

/// A parameter of the script: the variable, and what stands on the command line for it. Without a default it has to be given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) default: Option<String>,
    /// Whether it is a number, and not a text.
    pub(crate) is_number: bool,
    pub(crate) help: String,
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    /// Makes the namespace of the step.
    MakeNetns,
    /// Finds it: it is there before.
    FindNetns,
    /// Deletes it.
    DeleteNetns,
    /// Makes a link in it.
    Make(NewLink),
    /// Moves a link of it elsewhere.
    Move { link: String, to: Place },
    /// Calls a word on a link of it.
    OnLink { link: String, call: Call },
    /// Calls a word on the namespace itself.
    InNetns(Call),
    /// Pings, and ends the script where no reply comes.
    Answered(Call),
    /// Prints what a word on the namespace, or on a link of it, returns.
    Show {
        link: Option<String>,
        call: Call,
        field: Option<&'static str>,
    },
    /// Declares a parameter, and a variable of its name.
    Declare(Parameter),
    /// Calls a word that belongs to no namespace.
    Free(Call),
    /// Prints what a word that belongs to no namespace returns.
    ShowFree(Call),
    /// Starts a program, which is known by a number from then on.
    Start { program: usize, call: Call },
    /// Calls a word on a program that was started.
    OnProgram { program: usize, call: Call },
    /// Does it, and goes on where it fails.
    Try(Box<Act>),
}

/// One step, and where it is done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) place: Place,
    pub(crate) act: Act,
}

/// What a script consists of, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Blank,
    Comment(String),
    /// A line of the text that says at the top what the script is.
    Head(String),
    Step(Step),
    Left(Left),
    /// What is done only where something holds, or more than once: what stands in front of each pair of braces, and what in them.
    Block(Vec<(String, Vec<Item>)>),
}

impl Item {
    /// All items, with those that stand in blocks.
    pub(crate) fn all(items: &[Self]) -> Vec<&Self> {
        let mut all = Vec::new();
        for item in items {
            all.push(item);
            if let Self::Block(arms) = item {
                all.extend(arms.iter().flat_map(|(_, inner)| Self::all(inner)));
            }
        }
        all
    }
}

/// What was not translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The line it stands in.
    pub line: usize,
    /// The text as it stands there.
    pub text: String,
    /// Why not.
    pub why: String,
}
