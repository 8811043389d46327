//! The mistakes of a script that can be seen without running it, in itself and in the modules that it imports.

mod calls;
mod kinds;

use std::path::PathBuf;

use rhai::{AST, EvalAltResult, Position, Scope};

use crate::dsl::session::exception;
use crate::engine::catalog::Catalog;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, modules, params};
use crate::error::Error;

/// The mistakes of `script`, and those of its parameters as they were typed behind it, if any were.
pub fn script(interpreter: &Interpreter, script: &Script, typed: &[String]) -> Vec<Failure> {
    let mut check = Check {
        interpreter,
        catalog: Catalog::with_builtin(interpreter.engine()),
        seen: Vec::new(),
        under_way: Vec::new(),
        mistakes: Vec::new(),
    };
    let ast = match interpreter.compile(script, &Interpreter::scope_of_names()) {
        Ok(ast) => ast,
        Err(failure) => return vec![failure],
    };
    match interpreter.parameters(&ast) {
        Err(failure) => check.mistakes.push(failure),
        Ok(_) if typed.is_empty() => {}
        Ok(declared) => {
            let parsed = params::parse(&declared, typed);
            check.mistakes.extend(parsed.err().map(Failure::script));
        }
    }
    let file = PathBuf::from(&script.name);
    check.inside(&ast, file.canonicalize().unwrap_or(file));
    check.mistakes
}

/// A check under way.
struct Check<'a> {
    interpreter: &'a Interpreter,
    catalog: Catalog,
    /// The files that were looked at, and the names of standard modules.
    seen: Vec<PathBuf>,
    /// Those that import the one at hand, to notice a circle.
    under_way: Vec<PathBuf>,
    mistakes: Vec<Failure>,
}

impl Check<'_> {
    /// Looks into what `key` names.
    fn inside(&mut self, ast: &AST, key: PathBuf) {
        self.seen.push(key.clone());
        self.under_way.push(key);
        let mut modules = Vec::new();
        for (name, alias, position) in params::imports(ast) {
            let module = self.module(ast, &name, position);
            modules.push((alias, module));
        }
        let found = calls::mistakes(self.interpreter, &self.catalog, ast, &modules);
        self.mistakes.extend(found);
        self.under_way.pop();
    }

    /// Looks into the module `name` that the script `ast` imports, and returns it where it can be read.
    fn module(&mut self, ast: &AST, name: &str, position: Position) -> Option<AST> {
        let importer = ast.source().unwrap_or_default();
        let missing = || EvalAltResult::ErrorModuleNotFound(name.to_owned(), position);
        let found = if modules::is_standard(name) {
            let script = modules::standard(name).ok_or_else(missing);
            script.map(|script| (PathBuf::from(&script.name), script))
        } else {
            let file = modules::file_of(Some(importer), name);
            let key = file.canonicalize().map_err(|_| missing());
            key.and_then(|key| match Script::read(&file) {
                Ok(script) => Ok((key, script)),
                Err(report) => {
                    let error = Error::invalid(report.message);
                    Err(*exception(&error, position))
                }
            })
        };
        let explained =
            |error: &EvalAltResult| self.interpreter.explain(error, Some(ast), importer);
        let (key, script) = match found {
            Ok(found) => found,
            Err(error) => {
                let failure = explained(&error);
                self.mistakes.push(failure);
                return None;
            }
        };
        if self.under_way.contains(&key) {
            let error = exception(&modules::circle(name), position);
            let failure = explained(&error);
            self.mistakes.push(failure);
            return None;
        }
        let is_new = !self.seen.contains(&key);
        let module = match self.interpreter.compile(&script, &Scope::new()) {
            Ok(module) => module,
            Err(failure) => {
                if is_new {
                    self.seen.push(key);
                    self.mistakes.push(failure);
                }
                return None;
            }
        };
        if is_new {
            if let Err(error) = params::forbid(&module) {
                let failure = self
                    .interpreter
                    .explain(&error, Some(&module), &script.name);
                self.mistakes.push(failure);
            }
            self.inside(&module, key);
        }
        Some(module)
    }
}
