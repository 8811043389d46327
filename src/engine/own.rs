//! The pages of the functions that the language itself brings along: `split`, `push`, `find`.

use std::collections::BTreeSet;

use rhai::Engine;

use super::catalog::{Catalog, Signature};

/// What the functions called `name` take and return, each with what is said of it; none where there is no such function.
///
/// Those for types that a script of ours has no values of, numbers of other sizes and bytes, are left out.
pub(super) fn forms(name: &str) -> Vec<(String, String)> {
    let catalog = Catalog::with_builtin(&Engine::new());
    let forms = catalog.builtin.get(name).into_iter().flatten();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for form in forms.filter(|form| is_of_scripts(form)) {
        let call = form.show();
        if seen.insert(call.clone()) {
            found.push((call, said(&form.doc)));
        }
    }
    found.sort();
    found
}

/// Whether a script has values of all types that it takes.
fn is_of_scripts(form: &Signature) -> bool {
    const TYPES: [&str; 12] = [
        "int", "float", "bool", "string", "char", "list", "map", "function", "any", "time",
        "range", "",
    ];
    let mut kinds = form.parameters.iter().map(|(_, kind)| kind.as_str());
    kinds.all(|kind| TYPES.contains(&kind) || kind.starts_with("Range"))
}

/// The first paragraphs of a documentation, up to its first heading.
fn said(doc: &str) -> String {
    let lines = doc.lines().take_while(|line| !line.starts_with('#'));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_the_language_have_forms_and_what_they_do() {
        let split = forms("split");
        assert!(
            split.iter().any(|(call, said)| call
                .starts_with("split(string: string, delimiter: string)")
                && said.starts_with("Split the string")),
            "{split:#?}"
        );
        for name in [
            "push", "find", "sort", "len", "to_upper", "keys", "contains", "abs", "floor",
        ] {
            assert!(!forms(name).is_empty(), "{name}");
        }
        assert_eq!(forms("netns"), []);
    }
}
