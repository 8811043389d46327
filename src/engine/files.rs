//! The files that a script needs: itself, the modules that it imports and what it reads, found without running it.

use std::path::{Path, PathBuf};

use rhai::{ASTNode, Expr, Scope, Stmt};

use crate::dsl::script::data::READERS;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, modules, params};

/// The script and the modules that it imports by literal names, directly or not, each with its text. The standard library,
/// which is part of the program, is left out.
///
/// Fails where one of them can't be read or parsed.
pub fn needed(
    interpreter: &Interpreter,
    script: &Script,
) -> Result<Vec<(String, String)>, Failure> {
    let mut needed = Vec::new();
    let mut left = vec![script.clone()];
    while let Some(script) = left.pop() {
        if needed.iter().any(|(name, _)| *name == script.name) {
            continue;
        }
        let scope = if needed.is_empty() {
            Interpreter::scope_of_names()
        } else {
            Scope::new()
        };
        let ast = interpreter.compile(&script, &scope)?;
        for (import, ..) in params::imports(&ast) {
            if !modules::is_standard(&import) {
                let file = modules::file_of(Some(&script.name), &import);
                left.push(Script::read(&file).map_err(Failure::script)?);
            }
        }
        needed.push((script.name.clone(), script.text.to_string()));
    }
    Ok(needed)
}

/// The files that the scripts of `needed` read, as far as they name them literally.
pub fn data(interpreter: &Interpreter, needed: &[(String, String)]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (name, text) in needed {
        let script = Script::new(name, text);
        let Ok(ast) = interpreter.compile(&script, &Interpreter::scope_of_names()) else {
            continue;
        };
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        ast.walk(&mut |path: &[ASTNode]| {
            if let Some(
                ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
            ) = path.last()
                && READERS.contains(&call.name.as_str())
                && let Some(file) = call.args.first()
                && let Some(file) = file.get_literal_value(None)
                && let Ok(file) = file.into_string()
            {
                found.push(folder.join(file));
            }
            true
        });
    }
    found
}
