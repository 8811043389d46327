//! How far a thing reaches in the pieces of a text: brackets, statements, arguments.

use crate::repl::lex::{Kind, Piece};

/// The names between the bracket at `open` and the one that closes it, and the index behind that.
pub(super) fn parameters<'a, 'b>(all: &'b [Piece<'a>], open: usize) -> (Vec<&'b Piece<'a>>, usize) {
    if !all.get(open).is_some_and(|piece| piece.is("(")) {
        return (Vec::new(), open);
    }
    let close = closing(all, open);
    let inner = &all[open + 1..close.min(all.len())];
    let names = inner.iter().filter(|piece| piece.kind == Kind::Name);
    (names.collect(), (close + 1).min(all.len()))
}

/// The index of the bracket that closes the one at `open`; the end of the text where none does.
pub(super) fn closing(all: &[Piece], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, piece) in all.iter().enumerate().skip(open) {
        match piece.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return index;
        }
    }
    all.len()
}

/// The byte behind the block that begins at the piece `open`.
pub(super) fn end_of(all: &[Piece], open: usize) -> usize {
    let last = all.get(closing(all, open)).or(all.last());
    last.map_or(0, |last| last.start + last.text.len())
}

/// The index of the `;` that ends what begins at `from`, or of the bracket that closes what it is in.
pub(super) fn end_of_statement(all: &[Piece], from: usize) -> usize {
    end_before(all, from, &[";"])
}

pub(super) fn end_of_argument(all: &[Piece], from: usize) -> usize {
    end_before(all, from, &[";", ","])
}

fn end_before(all: &[Piece], from: usize, ends: &[&str]) -> usize {
    let mut depth = 0_usize;
    for (index, piece) in all.iter().enumerate().skip(from) {
        match piece.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) if depth == 0 => return index,
            Kind::Close(_) => depth -= 1,
            // A statement that is still typed ends where the next one begins.
            Kind::Name if depth == 0 && ["let", "const", "fn"].contains(&piece.text) => {
                return index;
            }
            _ if depth == 0 && ends.contains(&piece.text) => return index,
            _ => {}
        }
    }
    all.len()
}

/// The bytes of the pieces from one index to another.
pub(super) fn value(all: &[Piece], from: usize, to: usize) -> (usize, usize) {
    match (
        all.get(from),
        to.checked_sub(1).and_then(|last| all.get(last)),
    ) {
        (Some(first), Some(last)) if from < to => (first.start, last.start + last.text.len()),
        _ => (0, 0),
    }
}

/// Whether the `|` at `index` begins a closure: nothing stands before it that it could join.
pub(super) fn is_closure(all: &[Piece], index: usize) -> bool {
    let Some(before) = index.checked_sub(1).map(|before| &all[before]) else {
        return true;
    };
    match before.kind {
        Kind::Open(_) => true,
        Kind::Sign => [",", "=", ":", ";", "=>"].contains(&before.text),
        Kind::Name => before.is("return"),
        _ => false,
    }
}
