//! Constants of a script that its functions see: `const LIMIT = 3;` outside of all blocks, with a value that is told by its text.
//!
//! Rhai puts the constants that a scope has in their places, also in functions, while it parses; those of the text itself it
//! does not. So they are found beforehand, and stand in the scope that the text is parsed with.

use rhai::{AST, Dynamic, Engine, Position, Scope, Stmt, Token};

/// The scope with the constants of `text` behind what it has; none where there is nothing to add.
pub(crate) fn with_own<'a>(engine: &Engine, text: &str, scope: &Scope<'a>) -> Option<Scope<'a>> {
    // Most scripts have none, or no function that could use them.
    if !text.contains("const ") || !text.contains("fn ") {
        return None;
    }
    let mut found = Scope::new();
    for (name, value) in declared(engine, text) {
        let ast = engine.compile_expression_with_scope(&found, value);
        if let Some(value) = ast.ok().as_ref().and_then(literal) {
            found.push_constant_dynamic(name, value);
        }
    }
    if found.is_empty() {
        return None;
    }
    let mut all = scope.clone();
    for (name, _, value) in found.iter() {
        all.push_constant_dynamic(name.to_owned(), value);
    }
    Some(all)
}

/// The value of an expression that is one as it stands.
fn literal(ast: &AST) -> Option<Dynamic> {
    match ast.statements() {
        [Stmt::Expr(value)] => value.get_literal_value(None),
        _ => None,
    }
}

/// The names and the values, as they are written, of the constants outside of all blocks.
fn declared<'t>(engine: &Engine, text: &'t str) -> Vec<(String, &'t str)> {
    let texts = [text];
    let (tokens, _) = engine.lex(&texts);
    let (mut depth, mut found) = (0_usize, Vec::new());
    let mut tokens = tokens.filter(|(token, _)| !matches!(token, Token::Comment(_)));
    while let Some((token, _)) = tokens.next() {
        match token {
            Token::LexError(_) | Token::EOF => return found,
            Token::LeftBrace | Token::MapStart => depth += 1,
            Token::RightBrace => depth = depth.saturating_sub(1),
            Token::Const if depth == 0 => {
                let Some((Token::Identifier(name), _)) = tokens.next() else {
                    continue;
                };
                let Some((Token::Equals, equals)) = tokens.next() else {
                    continue;
                };
                let mut open = 0_usize;
                let end = tokens.find(|(token, _)| {
                    match token {
                        Token::LeftBrace
                        | Token::MapStart
                        | Token::LeftBracket
                        | Token::LeftParen => {
                            open += 1;
                        }
                        Token::RightBrace | Token::RightBracket | Token::RightParen => {
                            open = open.saturating_sub(1);
                        }
                        _ => {}
                    }
                    let is_last = matches!(token, Token::EOF | Token::LexError(_));
                    is_last || open == 0 && *token == Token::SemiColon
                });
                let start = place(text, equals) + 1;
                let end = match end {
                    Some((Token::SemiColon, end)) => place(text, end),
                    _ => text.len(),
                };
                if let Some(value) = text.get(start..end) {
                    found.push((name.to_string(), value));
                }
            }
            _ => {}
        }
    }
    found
}

/// The byte at a position of a text.
fn place(text: &str, position: Position) -> usize {
    let (line, column) = (
        position.line().unwrap_or(1),
        position.position().unwrap_or(1),
    );
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines.by_ref().take(line - 1).map(str::len).sum();
    let line = lines.next().unwrap_or_default();
    let within = line.char_indices().nth(column - 1);
    before + within.map_or(line.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let engine = Engine::new();
        let with = with_own(&engine, text, &Scope::new());
        let with = with.unwrap_or_default();
        let all = with.iter();
        all.map(|(name, _, value)| format!("{name} {value}"))
            .collect()
    }

    #[test]
    fn constants_with_a_written_value_are_found() {
        let text = "// const A = 0;\nconst A = 5; fn f() { const B = 1; }\nconst C = \"ä;\"; const D = C + \"x\";\n\
            const E = [1, #{a: 2}];\nconst F = f();\nconst G = A * 2";
        assert_eq!(
            found(text),
            ["A 5", "C ä;", "D ä;x", "E [1, #{\"a\": 2}]", "G 10"]
        );
        assert!(found("const A = 5;").is_empty());
        for cut in [
            "fn f() {} const A = [1",
            "fn f() {} const A =",
            "fn f() {} const ",
            "fn f() { const A = 'ab",
        ] {
            assert!(found(cut).is_empty(), "{cut}");
        }
    }
}
