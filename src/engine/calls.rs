//! The words that a script calls, found without running it.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, FnCallExpr, Stmt};

use crate::engine::{modules, params};

/// The names of all that the script `ast` calls, with what the functions of the standard library call for it. The modules of its own
/// that it imports are scripts by themselves.
pub fn called(ast: &AST) -> BTreeSet<String> {
    let imports = params::imports(ast);
    let standard = |alias: &str| {
        let import = imports.iter().find(|(_, known, _)| known == alias);
        import.and_then(|(path, ..)| modules::standard(path))
    };
    let mut found = BTreeSet::new();
    let mut note = |call: &FnCallExpr| {
        let is_of_module = !call.namespace.is_empty();
        let module = is_of_module.then(|| standard(call.namespace.root()));
        match module.flatten() {
            Some(module) => follow(&module.text, call.name.as_str(), &mut found),
            None => _ = found.insert(call.name.to_string()),
        }
    };
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(
            ASTNode::Stmt(Stmt::FnCall(call, _))
            | ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)),
        ) = path.last()
        {
            note(call);
        }
        true
    });
    found
}

/// Notes what the function `name` of a module calls, and what those of its functions call that it calls.
fn follow(module: &str, name: &str, found: &mut BTreeSet<String>) {
    if !found.insert(name.to_owned()) {
        return;
    }
    let Some(body) = body(module, name) else {
        return;
    };
    for word in names_before_brackets(body) {
        if body_begins(module, word).is_some() {
            follow(module, word, found);
        } else {
            found.insert(word.to_owned());
        }
    }
}

/// Where the body of a function begins: modules of the standard library are laid out alike.
fn body_begins(module: &str, name: &str) -> Option<usize> {
    let head = format!("fn {name}(");
    let at = module.find(&format!("\n{head}")).map(|at| at + 1);
    at.or_else(|| module.find(&format!("\nprivate {head}")).map(|at| at + 1))
}

fn body<'a>(module: &'a str, name: &str) -> Option<&'a str> {
    let text = &module[body_begins(module, name)?..];
    let text = text.split_once('{')?.1;
    Some(text.split_once("\n}").map_or(text, |(body, _)| body))
}

fn names_before_brackets(text: &str) -> impl Iterator<Item = &str> {
    let code = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(|line| {
        line.match_indices('(').filter_map(|(at, _)| {
            let before = &line[..at];
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            let start = before.trim_end_matches(is_name).len();
            Some(&before[start..]).filter(|name| !name.is_empty())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::Session;
    use crate::dsl::session::Settings;
    use crate::engine::Interpreter;
    use crate::engine::script::Script;

    #[test]
    fn words_are_found_in_functions_closures_and_those_that_the_standard_library_calls() {
        let text = "import \"std/lab\" as lab;\nfn f() { [1].map(|x| host().dummy(\"d\")); }\nlab::uplink(\"u\");\n";
        let interpreter = Interpreter::new(Session::new(Settings::default()));
        let script = Script::new("x.rhai", text);
        let ast = interpreter
            .compile(&script, &Interpreter::scope_of_names())
            .unwrap();
        let found = called(&ast);
        for word in ["map", "host", "dummy", "uplink", "bond"] {
            assert!(found.contains(word), "{word}: {found:?}");
        }
        assert!(!found.contains("vxlan"), "{found:?}");
    }
}
