//! What a script calls and reads: names that nothing has, counts and types that nothing takes, options that no word knows.

use rhai::{AST, ASTNode, EvalAltResult, Expr, FnCallExpr, Map, Position, Stmt};

use super::kinds::Kinds;
use crate::dsl::options;
use crate::engine::catalog::Catalog;
use crate::engine::diagnose::{self, UNKNOWN};
use crate::engine::{Failure, Interpreter, captured, functions, types};
use crate::error::Error;
use crate::schema::{Form, Opt};
use crate::value::options::{Options, wrong_type};
use crate::view::error::Report;

/// The modules that a script imports: the alias, and what could be read of it.
pub(super) type Imported = [(String, Option<AST>)];

/// The mistakes in the calls and properties of `ast`, in the order of its lines.
pub(super) fn mistakes(
    interpreter: &Interpreter,
    catalog: &Catalog,
    ast: &AST,
    modules: &Imported,
) -> Vec<Failure> {
    let mut look = Look {
        interpreter,
        catalog,
        ast,
        modules,
        kinds: Kinds::new(catalog, ast),
        objects: Vec::new(),
        found: Vec::new(),
    };
    ast.walk(&mut |path: &[ASTNode]| {
        look.at(path);
        true
    });
    look.captured();
    look.found.sort_by_key(|(position, _)| *position);
    look.found.into_iter().map(|(_, failure)| failure).collect()
}

struct Look<'a> {
    interpreter: &'a Interpreter,
    catalog: &'a Catalog,
    ast: &'a AST,
    modules: &'a Imported,
    kinds: Kinds<'a>,
    /// The types of what stands before the dot, by the place of what stands behind it.
    objects: Vec<(Position, String)>,
    found: Vec<(Position, Failure)>,
}

impl Look<'_> {
    fn at(&mut self, path: &[ASTNode]) {
        match path.last() {
            Some(
                ASTNode::Expr(Expr::FnCall(call, position))
                | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) => self.call(call, *position, None),
            Some(ASTNode::Expr(Expr::MethodCall(call, position))) => {
                let object = self.object(*position);
                let object = object.as_deref().unwrap_or(UNKNOWN);
                self.call(call, *position, Some(object));
            }
            Some(ASTNode::Expr(Expr::Property(parts, position))) => {
                if let Some(object) = self.object(*position) {
                    self.property(&object, &parts.2, *position);
                }
            }
            Some(ASTNode::Expr(Expr::Dot(parts, ..))) => {
                // The parser hangs what stands behind a dot or an index below it: those have no object of their own.
                let above = path.iter().rev().nth(1);
                let is_rest = matches!(above, Some(ASTNode::Expr(Expr::Index(..))))
                    || matches!(parts.lhs, Expr::MethodCall(..) | Expr::Property(..));
                if !is_rest {
                    let object = self.kinds.of(&parts.lhs);
                    self.note_objects(object, &parts.rhs);
                }
            }
            _ => {}
        }
    }

    /// Closures that use what the call that runs them still holds.
    fn captured(&mut self) {
        let source = self.ast.source().unwrap_or_default();
        for one in captured::captured(self.ast) {
            if self.is_called_at_once(&one.call) {
                let text = self.interpreter.sources().text(source).unwrap_or_default();
                let mut report = diagnose::captured_in(&one, &text);
                report.place = self.interpreter.sources().place(source, one.position);
                self.found.push((one.position, Failure::script(report)));
            }
        }
    }

    /// Whether a call of that name runs the closure that it gets: a script's own function may only keep it.
    fn is_called_at_once(&self, name: &str) -> bool {
        let functions = functions::functions(self.ast);
        let is_own = functions.iter().any(|function| function.name == name);
        let ours = self.catalog.word(name).map(|word| &word.signatures);
        let forms = ours.or_else(|| self.catalog.builtin.get(name));
        let mut parameters = forms
            .into_iter()
            .flatten()
            .flat_map(|form| &form.parameters);
        !is_own && parameters.any(|(_, kind)| kind == "function")
    }

    fn object(&self, position: Position) -> Option<String> {
        let mut objects = self.objects.iter();
        objects
            .find(|(known, _)| *known == position)
            .map(|(_, kind)| kind.clone())
    }

    /// Notes what stands before each dot of a chain.
    fn note_objects(&mut self, object: Option<String>, expression: &Expr) {
        let Some(object) = object else { return };
        match expression {
            Expr::MethodCall(_, position) | Expr::Property(_, position) => {
                self.objects.push((*position, object));
            }
            Expr::Dot(parts, ..) => {
                let next = self.kinds.behind(&object, &parts.lhs);
                self.note_objects(Some(object), &parts.lhs);
                self.note_objects(next, &parts.rhs);
            }
            Expr::Index(parts, ..) => self.note_objects(Some(object), &parts.lhs),
            _ => {}
        }
    }

    /// Looks at a call; `object` is the type of what stands before the dot, if there is one.
    fn call(&mut self, call: &FnCallExpr, position: Position, object: Option<&str>) {
        let name = call.name.as_str();
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let is_known_already = self.found.iter().any(|(known, _)| *known == position);
        if !is_name || is_known_already || (!call.is_qualified() && KEYWORDS.contains(&name)) {
            return;
        }
        if call.is_qualified() {
            self.call_of_module(call, position);
            return;
        }
        let functions = functions::functions(self.ast);
        // Called as a method, a function of the script finds the object in `this`.
        if functions
            .iter()
            .any(|function| function.name == name && function.params.len() == call.args.len())
        {
            return;
        }
        let given = self.kinds.given(call, object);
        let native = self.catalog.word(name).map(|word| &word.signatures);
        let native = native.or_else(|| self.catalog.builtin.get(name));
        let mut forms = native.into_iter().flatten();
        if forms.any(|form| self.kinds.fits(form, &given)) {
            self.options(call);
        } else {
            self.misfit(name, &given, position);
        }
    }

    fn call_of_module(&mut self, call: &FnCallExpr, position: Position) {
        let alias = call.namespace.root();
        let mut modules = self.modules.iter().filter(|(known, _)| known == alias);
        // What could not be read, or is imported by a name that is put together, may have anything.
        let has = |module: &Option<AST>| {
            module.as_ref().is_none_or(|module| {
                let functions = functions::public(module);
                functions.iter().any(|function| {
                    function.name == call.name.as_str() && function.params.len() == call.args.len()
                })
            })
        };
        let is_imported = modules.clone().next().is_some();
        if is_imported && call.namespace.path.len() == 1 && !modules.any(|(_, module)| has(module))
        {
            let given = self.kinds.given(call, None);
            self.misfit(&format!("{alias}::{}", call.name), &given, position);
        }
    }

    fn misfit(&mut self, name: &str, given: &[String], position: Position) {
        let source = self.ast.source().unwrap_or_default();
        let means = self.interpreter.means();
        let failure = diagnose::misfit(means, self.ast, source, name, given, position);
        self.found.push((position, failure));
    }

    /// A property that a handle doesn't have.
    fn property(&mut self, object: &str, name: &str, position: Position) {
        let mut known = self.catalog.properties_of(object).peekable();
        if known.peek().is_none() || known.any(|property| property.name == name) {
            return;
        }
        // As Rhai says it when it runs into it.
        let text = format!("Unknown property '{name}' for type '{object}'");
        let error = EvalAltResult::ErrorDotExpr(text, position);
        let source = self.ast.source().unwrap_or_default();
        let failure = self.interpreter.explain(&error, Some(self.ast), source);
        self.found.push((position, failure));
    }

    /// The keys of the `#{…}` that a call hands over as options, and their values as far as they are known.
    fn options(&mut self, call: &FnCallExpr) {
        let rows = options::of(&call.name);
        if let Some(last) = call.args.last().filter(|_| !rows.is_empty()) {
            self.map(&call.name, &rows, last);
        }
    }

    /// The keys of a map, and of the maps in it.
    fn map(&mut self, word: &str, rows: &[&'static Opt], map: &Expr) {
        let accepted: Vec<&str> = rows
            .iter()
            .filter(|row| options::is_key(word, row))
            .map(|row| row.key)
            .collect();
        for Given {
            key,
            position,
            value,
        } in given(map)
        {
            let only = Map::from([(key.as_str().into(), ().into())]);
            let named = Options::new(word, only, &[&accepted]).map(|_| ());
            let mut rows = rows
                .iter()
                .filter(|row| options::is_key(word, row) && row.key == key);
            let row = rows.next();
            let fits = |row: &&'static Opt| self.value(word, row, &value);
            // Where what it stands for depends on the link, one that it fits is enough.
            let fitting = named
                .and_then(|()| row.map_or(Ok(()), fits))
                .or_else(|error| rows.find_map(|row| fits(row).ok()).ok_or(error));
            match (fitting, row) {
                (Err(error), _) => {
                    let source = self.ast.source().unwrap_or_default();
                    let mut report = Report::of(&error);
                    report.place = self.interpreter.sources().place(source, position);
                    self.found.push((position, Failure::script(report)));
                }
                (Ok(()), Some(row)) => self.within(row, &value),
                (Ok(()), None) => {}
            }
        }
    }

    /// The maps that are the value of an option.
    fn within(&mut self, row: &'static Opt, value: &Expr) {
        match row.form {
            Form::Map(table) => self.map(row.key, &table.iter().collect::<Vec<_>>(), value),
            Form::Maps(table) => {
                let rows: Vec<_> = table.iter().collect();
                for item in items(value) {
                    self.map(row.key, &rows, &item);
                }
            }
            _ => {}
        }
    }

    /// Refuses a value that an option can't have: one that is written out is read as the word reads it, of others the type counts.
    fn value(&self, word: &str, row: &Opt, value: &Expr) -> Result<(), Error> {
        let literal = value.get_literal_value(None);
        let kind = match &literal {
            Some(literal) => Some(types::of_text(literal.type_name()).to_owned()),
            None => self.kinds.of(value),
        };
        let Some(kind) = kind.filter(|kind| self.kinds.is_known(kind)) else {
            return Ok(());
        };
        // What is nothing is not given.
        if kind == "nothing" {
            return Ok(());
        }
        if !row.form.types().contains(&kind.as_str()) {
            let wanted = row.form.wanted();
            return Err(wrong_type(row.key, &wanted, &kind));
        }
        match (literal, row.form) {
            // What it names is there when the script runs, or it is not.
            (None, _)
            | (
                _,
                Form::Special(..)
                | Form::Map(_)
                | Form::Maps(_)
                | Form::Device
                | Form::Table
                | Form::TableName,
            ) => Ok(()),
            (Some(literal), _) => row.read(word, literal).map(|_| ()),
        }
    }
}

/// An entry of a map that is written out; of one that the optimizer has put together, the place is that of the map.
struct Given {
    key: String,
    position: Position,
    value: Expr,
}

fn given(expression: &Expr) -> Vec<Given> {
    match expression {
        Expr::Map(parts, _) => {
            let keys = parts.0.iter();
            keys.map(|(key, value)| Given {
                key: key.name.to_string(),
                position: key.pos,
                value: value.clone(),
            })
            .collect()
        }
        Expr::DynamicConstant(value, position) => {
            let map = value.read_lock::<Map>();
            let entries = map.iter().flat_map(|map| map.iter());
            entries
                .map(|(key, value)| Given {
                    key: key.to_string(),
                    position: *position,
                    value: Expr::from_dynamic(value.clone(), *position),
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The items of a list that is written out.
fn items(expression: &Expr) -> Vec<Expr> {
    match expression {
        Expr::Array(items, _) => items.to_vec(),
        Expr::DynamicConstant(value, position) => {
            let list = value.read_lock::<rhai::Array>();
            let items = list.iter().flat_map(|list| list.iter());
            items
                .map(|item| Expr::from_dynamic(item.clone(), *position))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Calls that Rhai itself answers.
const KEYWORDS: [&str; 10] = [
    "call",
    "curry",
    "debug",
    "eval",
    "Fn",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "print",
    "type_of",
];
