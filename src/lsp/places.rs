//! Where the names of a text are: their declarations, all their uses, the outline.

use std::collections::HashMap;

use lsp_types::{
    DocumentHighlight, DocumentSymbol, Location, Range, SymbolKind, TextEdit, WorkspaceEdit,
};

use super::document::{Document, uri_of};
use super::names::{Declaration, KEYWORDS, Means, Names};
use crate::engine::catalog::Catalog;
use crate::engine::modules::{file_of, is_standard};
use crate::engine::script::Script;
use crate::repl::lex::{Kind, pieces};
use crate::value::escape::on_one_line;

/// Where the name at the cursor is declared: in the text, or in the module that it is of.
pub(super) fn definition(document: &Document, offset: usize) -> Option<Location> {
    let text = document.text();
    let names = Names::of(text);
    let all = pieces(text);
    let at = all.iter().position(|piece| {
        let end = piece.start + piece.text.len();
        (piece.start..end.max(piece.start + 1)).contains(&offset)
    })?;
    if let Some(declared) = names.at(offset) {
        let declaration = &names.declarations[declared];
        if declaration.means == Means::Module && declaration.start != all[at].start {
            return module(document, declaration.value(text), None);
        }
        let end = declaration.start + declaration.name.len();
        let range = document.range(declaration.start, end);
        return Some(Location::new(document.uri().clone(), range));
    }
    let piece = &all[at];
    if matches!(piece.kind, Kind::Text { closed: true }) {
        let before = all[..at].iter().rfind(|piece| piece.kind != Kind::Blank)?;
        return before
            .is("import")
            .then(|| module(document, piece.text, None))?;
    }
    // `alias::name`
    let colons = at.checked_sub(1).filter(|&colons| all[colons].is("::"))?;
    let alias = names.at(all[colons.checked_sub(1)?].start)?;
    module(
        document,
        names.declarations[alias].value(text),
        Some(piece.text),
    )
}

/// The range of the name at the cursor, where the text itself declares it.
pub(super) fn own_name(document: &Document, offset: usize) -> Option<Range> {
    let names = Names::of(document.text());
    let declared = names.at(offset)?;
    let length = names.declarations[declared].name.len();
    let one = names.uses.iter().find(|one| {
        one.declaration == declared && (one.start..=one.start + length).contains(&offset)
    })?;
    Some(document.range(one.start, one.start + length))
}

fn ranges(document: &Document, offset: usize) -> Vec<(bool, Range)> {
    let names = Names::of(document.text());
    let Some(declared) = names.at(offset) else {
        return Vec::new();
    };
    let declaration = &names.declarations[declared];
    let uses = names.uses.iter().filter(|one| one.declaration == declared);
    let ranges = uses.map(|one| {
        let range = document.range(one.start, one.start + declaration.name.len());
        (one.start == declaration.start, range)
    });
    ranges.collect()
}

pub(super) fn references(
    document: &Document,
    offset: usize,
    with_declaration: bool,
) -> Vec<Location> {
    let found = ranges(document, offset).into_iter();
    let wanted = found.filter(|(is_declaration, _)| with_declaration || !is_declaration);
    wanted
        .map(|(_, range)| Location::new(document.uri().clone(), range))
        .collect()
}

pub(super) fn highlights(document: &Document, offset: usize) -> Vec<DocumentHighlight> {
    let found = ranges(document, offset).into_iter();
    found
        .map(|(_, range)| DocumentHighlight { range, kind: None })
        .collect()
}

/// The text with another name for what the cursor is on. Fails where that name means something already.
pub(super) fn renamed(
    document: &Document,
    offset: usize,
    name: &str,
) -> Result<WorkspaceEdit, String> {
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().any(|c| c.is_ascii_alphanumeric());
    if !is_name || KEYWORDS.contains(&name) {
        return Err(format!("`{}` can't be a name", on_one_line(name)));
    }
    let names = Names::of(document.text());
    let declared = names
        .at(offset)
        .ok_or("only what the script itself declares can be renamed")?;
    let is_function = names.declarations[declared].means == Means::Function;
    let mut others = names.declarations.iter().enumerate();
    if others.any(|(index, other)| index != declared && other.name == name) {
        return Err(format!("`{name}` is declared in this script already"));
    }
    if is_function && Catalog::new().word(name).is_some() {
        return Err(format!("`{name}` is a word of ipvsh"));
    }
    let edits = ranges(document, offset).into_iter();
    let edits = edits.map(|(_, range)| TextEdit::new(range, name.to_owned()));
    // The key is an address, whose cached parts are no part of what is compared.
    #[allow(clippy::mutable_key_type, reason = "the protocol's own type has it so")]
    let changes = HashMap::from([(document.uri().clone(), edits.collect())]);
    Ok(WorkspaceEdit::new(changes))
}

/// Functions, modules, and what is declared outside of all blocks.
pub(super) fn symbols(document: &Document) -> Vec<DocumentSymbol> {
    let names = Names::of(document.text());
    let mut outer: Vec<&Declaration> = names
        .declarations
        .iter()
        // What a `for` or a closure names is of the block behind it, and stands without a word before it.
        .filter(|one| one.is_outermost && one.whole.0 < one.start)
        .collect();
    outer.sort_by_key(|one| one.start);
    outer.into_iter().map(|one| symbol(document, one)).collect()
}

/// The file of a module, at a function of it where one is named.
fn module(document: &Document, path: &str, function: Option<&str>) -> Option<Location> {
    let path = path.trim_matches('"');
    if is_standard(path) {
        return None;
    }
    let own = document.file();
    let file = file_of(own.to_str(), path);
    let file = file.canonicalize().ok()?;
    let uri = uri_of(&file)?;
    let script = Script::read(&file).ok()?;
    let there = Document::new(uri.clone(), script.text.to_string(), document.columns());
    let names = Names::of(&script.text);
    let declared = names
        .declarations
        .iter()
        .find(|one| one.means == Means::Function && Some(one.name.as_str()) == function);
    let range = declared.map_or_else(
        || there.range(0, 0),
        |one| there.range(one.start, one.start + one.name.len()),
    );
    Some(Location::new(uri, range))
}

#[expect(
    deprecated,
    reason = "the type has a field that is, and no other way to be made"
)]
fn symbol(document: &Document, one: &Declaration) -> DocumentSymbol {
    let kind = match one.means {
        Means::Function => SymbolKind::FUNCTION,
        Means::Module => SymbolKind::MODULE,
        Means::Constant => SymbolKind::CONSTANT,
        Means::Variable | Means::Parameter => SymbolKind::VARIABLE,
    };
    let detail = (one.means == Means::Function).then(|| format!("({})", one.parameters.join(", ")));
    DocumentSymbol {
        name: one.name.clone(),
        detail,
        kind,
        tags: None,
        deprecated: None,
        range: document.range(one.whole.0.min(one.start), one.whole.1),
        selection_range: document.range(one.start, one.start + one.name.len()),
        children: None,
    }
}
