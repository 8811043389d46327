//! Calls that can be seen to fit no function without running the script: a name that nothing has, a count that nothing takes.

use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

use crate::engine::catalog::Catalog;
use crate::engine::{Failure, Interpreter, diagnose};

/// The mistakes in the calls of `ast`.
pub fn calls(interpreter: &Interpreter, ast: &AST) -> Vec<Failure> {
    let catalog = Catalog::with_builtin(interpreter.engine());
    let mut wrong: Vec<(FnCallExpr, Position, bool)> = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        let call = match path.last() {
            Some(
                ASTNode::Expr(Expr::FnCall(call, position))
                | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) => Some((call, *position, false)),
            Some(ASTNode::Expr(Expr::MethodCall(call, position))) => Some((call, *position, true)),
            _ => None,
        };
        if let Some((call, position, is_method)) = call
            && !fits(&catalog, ast, call, is_method)
            && !wrong.iter().any(|(_, known, _)| *known == position)
        {
            wrong.push(((**call).clone(), position, is_method));
        }
        true
    });
    wrong.sort_by_key(|(_, position, _)| *position);
    let source = ast.source().unwrap_or_default();
    wrong
        .into_iter()
        .map(|(call, position, is_method)| {
            let count = call.args.len() + usize::from(is_method);
            diagnose::misfit(interpreter, ast, source, &call.name, count, position)
        })
        .collect()
}

/// Whether anything could take this call: the types of its arguments are not known here.
fn fits(catalog: &Catalog, ast: &AST, call: &FnCallExpr, is_method: bool) -> bool {
    let name = call.name.as_str();
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if !is_name || call.is_qualified() || KEYWORDS.contains(&name) {
        return true;
    }
    let count = call.args.len() + usize::from(is_method);
    let native = catalog
        .word(name)
        .map(|word| &word.signatures)
        .or_else(|| catalog.builtin.get(name));
    let by_words = native
        .into_iter()
        .flatten()
        .any(|form| form.parameters.len() == count);
    let by_script = ast
        .iter_functions()
        .filter(|function| function.name == name)
        // Called as a method, a function of the script finds the object in `this`.
        .any(|function| function.params.len() == call.args.len());
    by_words || by_script
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
