//! The files that a script needs: itself and the modules that it imports, found without running it.

use rhai::Scope;

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
