//! The parameters of a script: found in it without running it, read from its command line, shown by its `--help`.

mod arguments;
mod bounds;
mod file;
mod help;

use rhai::{AST, ASTNode, Dynamic, EvalAltResult, Expr, FnCallExpr, Map, Position, Stmt};

use crate::dsl::script::data::own_name;
use crate::dsl::script::param::ROWS;
use crate::dsl::session::exception;
use crate::error::{Error, Result};
use crate::schema;

pub use arguments::{Arguments, parse};
pub use bounds::Bounds;
pub use file::words as words_of_file;
pub use help::help;

/// The words that declare a parameter.
const WORDS: [&str; 2] = ["param", "required"];
/// Names that mean something else behind a script.
const TAKEN: [&str; 1] = ["help"];

/// How the text of an argument is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// A truth value: `--name` alone is true, `--no-name` false.
    Bool,
    /// Any text.
    String,
    /// Values of one kind, with commas between them, given one by one, or as JSON.
    List,
    /// A map, as JSON.
    Map,
}

impl Kind {
    /// As `required` and the help call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::String => "string",
            Self::List => "list",
            Self::Map => "map",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        use Kind::{Bool, Float, Int, List, Map, String};
        [Int, Float, Bool, String, List, Map]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    fn of_value(value: &Dynamic) -> Option<Self> {
        if value.is_int() {
            Some(Self::Int)
        } else if value.is_float() {
            Some(Self::Float)
        } else if value.is_bool() {
            Some(Self::Bool)
        } else if value.is_string() {
            Some(Self::String)
        } else if value.is_array() {
            Some(Self::List)
        } else if value.is_map() {
            Some(Self::Map)
        } else {
            None
        }
    }
}

/// A parameter that a script declares.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name: `--name`.
    pub name: String,
    /// How its text is read.
    pub kind: Kind,
    /// Its value where none is given; without one it has to be given.
    pub default: Option<Dynamic>,
    /// What it is for.
    pub help: String,
    /// How each item of a list is read: as those of the default are.
    pub items: Kind,
    /// What it, or each of its items, may be; anything where there is nothing.
    pub bounds: Bounds,
}

/// The parameters that the script `ast` declares, in its order.
///
/// Fails, with the place, where a declaration can't be read without running the script.
pub fn declared(ast: &AST) -> std::result::Result<Vec<Parameter>, Box<EvalAltResult>> {
    let mut parameters: Vec<Parameter> = Vec::new();
    let mut seen = Vec::new();
    for (call, position) in calls(ast, true) {
        seen.push(position);
        let parameter = parameter(&call).map_err(|error| exception(&error, position))?;
        if parameters.iter().any(|known| known.name == parameter.name) {
            let error = Error::invalid(format!(
                "parameter `{}` is declared a second time",
                parameter.name
            ))
            .hint("declare it once, and use the variable that holds its value");
            return Err(exception(&error, position));
        }
        parameters.push(parameter);
    }
    match calls(ast, false)
        .into_iter()
        .find(|(_, position)| !seen.contains(position))
    {
        Some((call, position)) => Err(exception(&misplaced(&call, "a function"), position)),
        None => Ok(parameters),
    }
}

/// Fails where the module `ast` declares a parameter: only a script has a command line.
pub(crate) fn forbid(ast: &AST) -> std::result::Result<(), Box<EvalAltResult>> {
    match calls(ast, false).into_iter().next() {
        Some((call, position)) => Err(exception(&misplaced(&call, "a module"), position)),
        None => Ok(()),
    }
}

fn misplaced(call: &FnCallExpr, place: &str) -> Error {
    Error::invalid(format!(
        "`{}` can't stand in {place}: parameters belong to the top level of a script",
        call.name
    ))
    .hint("declare it at the top of the script, and hand its value over")
}

/// The calls of the words that declare parameters: in the top level of `ast` only, or in its functions as well.
fn calls(ast: &AST, top_level_only: bool) -> Vec<(FnCallExpr, Position)> {
    let mut calls = Vec::new();
    let mut note = |path: &[ASTNode]| {
        let found = match path.last() {
            Some(
                ASTNode::Expr(Expr::FnCall(call, position))
                | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) => Some((call, position)),
            _ => None,
        };
        if let Some((call, position)) = found
            && WORDS.contains(&call.name.as_str())
            && !call.is_qualified()
            && !calls.iter().any(|(_, known)| known == position)
        {
            calls.push(((**call).clone(), *position));
        }
        true
    };
    if top_level_only {
        let mut path = Vec::new();
        for statement in ast.statements() {
            statement.walk(&mut path, &mut note);
        }
    } else {
        ast.walk(&mut note);
    }
    calls
}

/// Reads one declaration.
fn parameter(call: &FnCallExpr) -> Result<Parameter> {
    let word = &call.name;
    let text = |index: usize, what: &str| {
        let value = call
            .args
            .get(index)
            .and_then(|arg| arg.get_literal_value(None));
        value
            .and_then(|value| value.into_string().ok())
            .ok_or_else(|| {
                Error::invalid(format!("the {what} in `{word}` has to be a literal text"))
                    .hint("the command line is read before the script runs")
            })
    };
    if !(2..=3).contains(&call.args.len()) {
        let second = if word == "param" { "default" } else { "type" };
        return Err(Error::invalid(format!(
            "`{word}` takes 2 or 3 arguments, not {}",
            call.args.len()
        ))
        .hint(format!("write `{word}(name, {second}, help)`")));
    }
    let name = text(0, "name")?;
    check_name(&name)?;
    let (kind, default) = if word == "param" {
        let default = default(&call.args[1])?.ok_or_else(|| {
            Error::invalid(format!(
                "the default of parameter `{name}` has to be a literal value, or `hostname()`"
            ))
            .hint("the command line is read before the script runs")
        })?;
        let kind = Kind::of_value(&default).ok_or_else(|| {
            Error::invalid(format!(
                "the default of parameter `{name}` is of a type that no command line can give"
            ))
            .hint("it can be an int, a float, a bool, a string, a list or a map")
        })?;
        (kind, Some(default))
    } else {
        let named = text(1, "type")?;
        let kind = Kind::of_name(&named).ok_or_else(|| {
            Error::invalid(format!("`{named}` is no type of a parameter"))
                .hint("write \"int\", \"float\", \"bool\", \"string\", \"list\" or \"map\"")
        })?;
        (kind, None)
    };
    let items = default.as_ref().map_or(Kind::String, items_of);
    let (help, bounds) = match call.args.get(2) {
        None => (String::new(), Bounds::default()),
        Some(third) => match third.get_literal_value(None) {
            Some(options) if options.is_map() => {
                let options = options.cast::<Map>();
                let tables: &[&[_]] = &[ROWS];
                let options = &mut schema::options("param", options, tables)?;
                Bounds::take(options)?
            }
            _ => (text(2, "help")?, Bounds::default()),
        },
    };
    let of = if kind == Kind::List { items } else { kind };
    bounds.fit(&name, of, default.as_ref())?;
    Ok(Parameter {
        name,
        kind,
        default,
        help,
        items,
        bounds,
    })
}

/// What is written as a default: a literal value, or `hostname()`, which is known before the script runs.
fn default(written: &Expr) -> Result<Option<Dynamic>> {
    match written {
        Expr::FnCall(call, _) if call.name == "hostname" && call.args.is_empty() => {
            Ok(Some(own_name()?.into()))
        }
        _ => Ok(written.get_literal_value(None)),
    }
}

/// How the items of a list are read whose default is this one.
fn items_of(default: &Dynamic) -> Kind {
    let list = default.as_array_ref();
    let first = list
        .ok()
        .and_then(|list| list.first().and_then(Kind::of_value));
    first.unwrap_or(Kind::String)
}

fn check_name(name: &str) -> Result<()> {
    let is_good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !is_good {
        return Err(
            Error::invalid(format!("`{name}` can't be the name of a parameter"))
                .hint("it begins with a letter, and has letters, digits, `-` and `_`"),
        );
    }
    if TAKEN.contains(&name) {
        return Err(Error::invalid(format!(
            "`{name}` can't be the name of a parameter: `--{name}` shows the script's help"
        ))
        .hint("choose another name"));
    }
    Ok(())
}

/// The modules that the script `ast` imports by a literal name: the name, the alias, the place of the name.
pub(crate) fn imports(ast: &AST) -> Vec<(String, String, Position)> {
    let mut imports: Vec<(String, String, Position)> = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, _))) = path.last()
            && let Some(name) = import.0.get_literal_value(None)
            && let Ok(name) = name.into_string()
        {
            let position = import.0.position();
            if !imports.iter().any(|(.., known)| *known == position) {
                imports.push((name, import.1.name.to_string(), position));
            }
        }
        true
    });
    imports
}
