//! The functions that a script declares, in the order of its text. The interpreter keeps them in none: what is shown in
//! its order is another each time.

use rhai::{AST, FnAccess, ScriptFnMetadata};

use super::catalog::{Signature, text_of};

/// What closures are called begins with this; nobody can type it.
pub(crate) const CLOSURE: &str = "anon$";

/// The functions of a script but its closures.
pub(crate) fn functions(ast: &AST) -> Vec<ScriptFnMetadata<'_>> {
    let definitions = ast.iter_fn_def();
    let mut found: Vec<_> = definitions
        .filter(|definition| !definition.name.starts_with(CLOSURE))
        .map(|definition| (definition.body.start_position(), definition))
        .collect();
    found.sort_by_key(|(position, definition)| {
        let place = (position.line(), position.position());
        (place, definition.name.as_str(), definition.params.len())
    });
    let found = found.into_iter();
    found
        .map(|(_, definition)| (&**definition).into())
        .collect()
}

/// Those that a script which imports this one can call.
pub(crate) fn public(ast: &AST) -> Vec<ScriptFnMetadata<'_>> {
    let mut functions = functions(ast);
    functions.retain(|function| function.access == FnAccess::Public);
    functions
}

/// How a function is called, and what its comments say of it.
pub(crate) fn signature(function: &ScriptFnMetadata) -> Signature {
    let parameters = function.params.iter();
    Signature {
        name: function.name.to_owned(),
        parameters: parameters
            .map(|name| ((*name).to_owned(), String::new()))
            .collect(),
        doc: text_of(function.comments.iter().copied()),
        ..Signature::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_in_the_order_of_the_text() {
        let text = "fn z(a) { || 1 } private fn y() {} fn x() {}\nfn z(a, b) {} fn z() {}";
        let ast = rhai::Engine::new().compile(text).unwrap();
        let name = |f: &ScriptFnMetadata| format!("{}/{}", f.name, f.params.len());
        let all: Vec<_> = functions(&ast).iter().map(name).collect();
        assert_eq!(all, ["z/1", "y/0", "x/0", "z/2", "z/0"]);
        let public: Vec<_> = public(&ast).iter().map(name).collect();
        assert_eq!(public, ["z/1", "x/0", "z/2", "z/0"]);
    }
}
