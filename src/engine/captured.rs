//! Closures that use the variable whose own part they are called for: `net.links.find(|link| link.name == net.name)`.
//!
//! The interpreter holds the variable at the head of a chain until the last call of the chain is done, and refuses it to the closure.

use rhai::{AST, ASTNode, Expr, Position, Stmt};

/// Such a closure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    /// The variable that is held and used.
    pub(crate) variable: String,
    /// Where the chain begins.
    pub(crate) head: Position,
    /// The call that gets the closure.
    pub(crate) call: String,
    /// Where that call stands.
    pub(crate) position: Position,
}

impl Captured {
    /// What stands before the call in `text`, where it is on one line with it: `net.links`.
    pub(crate) fn part(&self, text: &str) -> Option<String> {
        let (line, from, to) = (
            self.head.line()?,
            self.head.position()?,
            self.position.position()?,
        );
        let length = to
            .checked_sub(from)
            .filter(|_| self.position.line() == Some(line))?;
        let chars = text.lines().nth(line - 1)?.chars().skip(from - 1);
        let part: String = chars.take(length).collect();
        Some(
            part.trim_end()
                .trim_end_matches(['.', '?'])
                .trim_end()
                .to_owned(),
        )
    }
}

/// All of them, in the order of the text.
pub(crate) fn captured(ast: &AST) -> Vec<Captured> {
    let mut found = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Share(variables))) = path.last() {
            let names = variables.iter().map(|(name, _)| name.name.as_str());
            found.extend(held(path, &names.collect::<Vec<_>>()));
        }
        true
    });
    found.sort_by_key(|one| one.position);
    found
}

/// The chain that the closure at the end of `path` is handed to, where it begins with one of the variables `names`.
fn held(path: &[ASTNode], names: &[&str]) -> Option<Captured> {
    let mut above = path.iter().rev().skip_while(|node| {
        !matches!(
            node,
            ASTNode::Expr(Expr::MethodCall(..) | Expr::FnCall(..))
                | ASTNode::Stmt(Stmt::FnCall(..))
        )
    });
    let Some(ASTNode::Expr(Expr::MethodCall(call, position))) = above.next() else {
        return None;
    };
    // The rest of a chain hangs below its first dot, so that the head is the last of them.
    let links = above.map_while(|node| match node {
        ASTNode::Expr(Expr::Dot(parts, ..) | Expr::Index(parts, ..)) => Some(&parts.lhs),
        _ => None,
    });
    match links.last()? {
        Expr::Variable(variable, _, head) if names.contains(&variable.1.as_str()) => {
            Some(Captured {
                variable: variable.1.to_string(),
                head: *head,
                call: call.name.to_string(),
                position: *position,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::Session;
    use crate::dsl::session::Settings;
    use crate::engine::Interpreter;
    use crate::engine::script::Script;

    #[test]
    fn a_closure_that_uses_the_head_of_its_chain_is_found_with_its_call() {
        let found = |text: &str| {
            let interpreter = Interpreter::new(Session::new(Settings::default()));
            let scope = Interpreter::scope_of_names();
            let ast = interpreter.compile(&Script::new("x", text), &scope);
            let found = captured(&ast.unwrap());
            let at = |position: Position| {
                format!(
                    "{}:{}",
                    position.line().unwrap(),
                    position.position().unwrap()
                )
            };
            let told = |one: &Captured| {
                let (head, call) = (at(one.head), at(one.position));
                format!("{} {head} {} {call}", one.variable, one.call)
            };
            found.iter().map(told).collect::<Vec<_>>().join("; ")
        };
        let net = "let net = netns(\"a\");\n";
        for (text, wanted) in [
            (
                "net.links.find(|l| l.name == net.name)",
                "net 2:1 find 2:11",
            ),
            (
                "let x = net.links[0].addrs.map(|a| net)",
                "net 2:9 map 2:28",
            ),
            (
                "[1].map(|i| net.links.filter(|l| l == net))",
                "net 2:13 filter 2:23",
            ),
            (
                "fn f(net) { net.links.find(|l| l == net) }",
                "net 2:13 find 2:23",
            ),
            (
                "let links = net.links; links.find(|l| l.name == net.name)",
                "",
            ),
            ("net.links.find(|l| l.name == \"e0\")", ""),
            ("eventually(|| net.links.len() > 0, \"5s\")", ""),
            ("print(net.links.map(|l| l.name))", ""),
        ] {
            assert_eq!(found(&format!("{net}{text}")), wanted, "{text}");
        }
    }
}
