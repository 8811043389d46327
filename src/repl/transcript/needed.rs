//! What a saved script needs of an entry: the names that it declares, sets and uses, and whether it only shows something.

use std::collections::BTreeSet;

use crate::repl::lex::{Kind, Piece, pieces};

/// Words that show something, and change nothing.
const SHOWING: [&str; 26] = [
    "addrs",
    "debug",
    "graph",
    "help",
    "here",
    "host",
    "is_shared",
    "len",
    "link",
    "links",
    "lookup",
    "mesh",
    "namespaces",
    "neighbors",
    "path",
    "ping",
    "print",
    "routes",
    "rules",
    "shell",
    "state",
    "to_json",
    "to_string",
    "tree",
    "type_of",
    "why",
];

/// The pieces that say something, also those of the code within texts.
fn solid(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    for piece in pieces(text) {
        match piece.kind {
            Kind::Blank | Kind::Comment { .. } => {}
            Kind::Text { .. } if piece.text.starts_with('`') => {
                found.push(piece);
                for code in piece.text.split("${").skip(1) {
                    let end = code.rfind('}').unwrap_or(code.len());
                    found.extend(solid(&code[..end]));
                }
            }
            _ => found.push(piece),
        }
    }
    found
}

/// Where the bracket is closed that the piece at `open` opens, or the last piece.
fn closing(all: &[Piece], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, piece) in all.iter().enumerate().skip(open) {
        match piece.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    all.len().saturating_sub(1)
}

/// The functions and modules that an entry declares, each as it stands there.
pub(super) fn declarations(text: &str) -> Vec<String> {
    let all: Vec<Piece> = pieces(text);
    let solid: Vec<Piece> = all
        .iter()
        .filter(|one| !matches!(one.kind, Kind::Blank | Kind::Comment { .. }))
        .copied()
        .collect();
    let mut found = Vec::new();
    let mut index = 0;
    while let Some(piece) = solid.get(index) {
        let last = match piece.kind {
            Kind::Name if piece.is("fn") => {
                let body = solid.iter().skip(index).position(|one| one.is("{"));
                body.map(|body| closing(&solid, index + body))
            }
            Kind::Name if piece.is("import") => {
                let end = solid.iter().skip(index).position(|one| one.is(";"));
                Some(end.map_or(solid.len(), |end| index + end) - 1)
            }
            Kind::Open(_) => {
                index = closing(&solid, index) + 1;
                continue;
            }
            _ => None,
        };
        if let Some(last) = last {
            let is_private = index > 0 && solid[index - 1].is("private");
            let first = if is_private { index - 1 } else { index };
            let end = solid[last].start + solid[last].text.len();
            found.push(text[solid[first].start..end].to_owned());
            index = last;
        }
        index += 1;
    }
    found
}

/// What an entry does with a name.
#[derive(PartialEq, Eq)]
enum Use {
    Declared,
    Set,
    Used,
}

/// The names of variables in an entry, in order, with what it does with each. The bodies of functions see none.
fn names(text: &str) -> Vec<(String, Use)> {
    let all = solid(text);
    let mut found = Vec::new();
    let mut index = 0;
    let mut is_parameter = false;
    while let Some(piece) = all.get(index) {
        let before = index.checked_sub(1).and_then(|before| all.get(before));
        let after = all.get(index + 1);
        let is = |piece: Option<&Piece>, text: &[&str]| {
            piece.is_some_and(|piece| text.contains(&piece.text))
        };
        if piece.is("fn") {
            let body = all.iter().skip(index).position(|one| one.is("{"));
            index = body.map_or(all.len(), |body| closing(&all, index + body) + 1);
            continue;
        }
        if piece.is("|") {
            // The parameters of a closure; elsewhere it stands between two values.
            let is_value = before.is_some_and(|before| {
                matches!(before.kind, Kind::Name | Kind::Number | Kind::Close(_))
            });
            is_parameter = !is_parameter && !is_value;
        }
        if piece.kind == Kind::Name && !is(before, &[".", "::"]) {
            let is_key = is(after, &[":"]);
            let then = all.get(index + 2);
            let is_equal = is(after, &["="]) && !is(then, &["="]);
            let is_set = is_equal
                || is(after, &["+", "-", "*", "/", "%"]) && is(then, &["="])
                || is(before, &["++", "--"]);
            if is_parameter || is(before, &["let", "const", "as", "for"]) {
                found.push((piece.text.to_owned(), Use::Declared));
            } else if is_set {
                if !is_equal {
                    found.push((piece.text.to_owned(), Use::Used));
                }
                found.push((piece.text.to_owned(), Use::Set));
            } else if !is_key {
                found.push((piece.text.to_owned(), Use::Used));
            }
        }
        index += 1;
    }
    found
}

/// Whether an entry uses one of the names before it declares or sets it.
pub(super) fn uses(text: &str, lost: &BTreeSet<String>) -> bool {
    let mut own = BTreeSet::new();
    for (name, what) in names(text) {
        match what {
            Use::Used if lost.contains(&name) && !own.contains(&name) => return true,
            Use::Used => {}
            // What a declaration is given comes behind it, and may be of the same name.
            Use::Declared | Use::Set => {
                own.insert(name);
            }
        }
    }
    false
}

/// Notes that the names which an entry declares or sets have what they had in the session.
pub(super) fn settle(text: &str, lost: &mut BTreeSet<String>) {
    for (name, what) in names(text) {
        if what != Use::Used {
            lost.remove(&name);
        }
    }
}

/// Notes that the names which an entry declares or sets do not.
pub(super) fn lose(text: &str, lost: &mut BTreeSet<String>) {
    let changed = names(text)
        .into_iter()
        .filter(|(_, what)| *what != Use::Used);
    lost.extend(changed.map(|(name, _)| name));
}

/// Whether an entry that made nothing only shows something: it declares and sets nothing, and calls no word that does more.
pub(super) fn only_shows(text: &str) -> bool {
    let all = solid(text);
    let calls = all.windows(2).filter(|two| two[1].is("("));
    let mut calls = calls.filter(|two| two[0].kind == Kind::Name);
    let does_more = [
        "let", "const", "fn", "import", "throw", "within", "for", "while", "loop",
    ];
    let sets = |index: usize| {
        let is =
            |at: usize, signs: &[&str]| all.get(at).is_some_and(|one| signs.contains(&one.text));
        is(index, &["="])
            && !is(index + 1, &["=", ">"])
            && !(index > 0 && is(index - 1, &["=", "!", "<", ">"]))
    };
    !all.iter().any(|piece| does_more.contains(&piece.text))
        && !(0..all.len()).any(sets)
        && calls.all(|two| SHOWING.contains(&two[0].text))
}

/// Whether an entry is one value, which a variable can be given.
pub(super) fn is_expression(text: &str) -> bool {
    let all = solid(text);
    let statements = [
        "let", "const", "fn", "import", "export", "throw", "for", "while", "loop",
    ];
    let first = all
        .first()
        .is_none_or(|first| statements.contains(&first.text));
    let mut depth = 0_usize;
    for (index, piece) in all.iter().enumerate() {
        match piece.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            _ if depth == 0 && piece.is(";") && index + 1 < all.len() => return false,
            _ => {}
        }
    }
    !first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::Session;
    use crate::dsl::session::Settings;
    use crate::engine::Interpreter;
    use crate::engine::catalog::Catalog;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn functions_and_modules_of_an_entry_are_found() {
        assert_eq!(
            declarations(
                "import \"std/lab\" as lab; fn f(x) { if x { 1 } }\nnetns(\"a\"); private fn g() { }"
            ),
            [
                "import \"std/lab\" as lab",
                "fn f(x) { if x { 1 } }",
                "private fn g() { }"
            ]
        );
        assert!(declarations("if x { fn(1) }; a.fn_of()").is_empty());
    }

    #[test]
    fn the_use_of_a_name_is_told_from_its_declaration() {
        let lost = set(&["a"]);
        for text in [
            "a.up()",
            "f(a)",
            "let b = a",
            "`${a}`",
            "`x-${f(a)}-y`",
            "a += 1",
        ] {
            assert!(uses(text, &lost), "{text}");
        }
        for text in [
            "let a = 1; a",
            "a = 5",
            "x.a",
            "#{a: 1}",
            "fn f(a) { a }",
            "list.map(|a| a + 1)",
            "for a in list { a }",
        ] {
            assert!(!uses(text, &lost), "{text}");
        }
    }

    #[test]
    fn what_only_shows_is_told_from_what_does_something() {
        for text in [
            "5",
            "help()",
            "tree();",
            "a.name",
            "shell(\"a\")",
            "a.links.len()",
            "x == 3",
        ] {
            assert!(only_shows(text), "{text}");
        }
        for text in [
            "let a = 1",
            "a = 1",
            "list.push(1)",
            "a.exec(\"true\")",
            "m.x = 1",
            "a.up()",
        ] {
            assert!(!only_shows(text), "{text}");
        }
    }

    #[test]
    fn what_shows_something_is_a_word_or_a_function_of_rhai() {
        let session = Session::new(Settings::default());
        let catalog = Catalog::with_builtin(Interpreter::new(session).engine());
        // Those of Rhai.
        let own = ["debug", "is_shared", "len", "print", "to_string", "type_of"];
        for word in SHOWING {
            assert!(
                catalog.word(word).is_some() || own.contains(&word),
                "{word}"
            );
        }
    }
}
