//! Where in a text the cursor is: in which call and at which argument, behind which value, in which text.

use crate::repl::lex::{Kind, Piece};

/// The call that a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call<'a> {
    /// What is called.
    pub(crate) name: &'a str,
    /// The place of the name among the pieces.
    pub(crate) index: usize,
    /// Whether it stands behind a dot.
    pub(crate) is_method: bool,
    /// How many arguments stand before the place.
    pub(crate) argument: usize,
    /// Whether the place is right within a `#{…}` that is an argument.
    pub(crate) in_options: bool,
}

/// The innermost call that is open at the end of `pieces`.
pub(crate) fn innermost_call<'a>(pieces: &[Piece<'a>]) -> Option<Call<'a>> {
    let (mut depth, mut argument, mut in_options) = (0, 0, false);
    for (index, piece) in pieces.iter().enumerate().rev() {
        match piece.kind {
            Kind::Close(_) => depth += 1,
            Kind::Open(_) if depth > 0 => depth -= 1,
            Kind::Open('(') => {
                let name = pieces[..index]
                    .last()
                    .filter(|name| name.kind == Kind::Name)?;
                return Some(Call {
                    name: name.text,
                    index: index - 1,
                    is_method: is_behind(pieces, index - 1, "."),
                    argument,
                    in_options,
                });
            }
            // What was counted so far were the entries of the map.
            Kind::Open('#') if argument_start(pieces, index) => {
                in_options = true;
                argument = 0;
            }
            Kind::Open('[') => argument = 0,
            Kind::Open(_) => return None,
            Kind::Sign if depth == 0 && piece.is(",") => argument += 1,
            _ => {}
        }
    }
    None
}

/// The namespace of the innermost `within` whose block is open at the end of `pieces`.
pub(super) fn enclosing<'a, 'b>(pieces: &'b [Piece<'a>]) -> Option<&'b [Piece<'a>]> {
    let mut depth = 0;
    for (index, piece) in pieces.iter().enumerate().rev() {
        match piece.kind {
            Kind::Close(_) => depth += 1,
            Kind::Open(_) if depth > 0 => depth -= 1,
            Kind::Open('{') => {
                let start = value_before(pieces, index);
                let word = last_solid(&pieces[..start]);
                if word.is_some_and(|(_, word)| word.is("within")) {
                    return Some(&pieces[start..index]);
                }
            }
            _ => {}
        }
    }
    None
}

/// What stands before the dot of a call.
pub(crate) fn object_of<'a, 'b>(pieces: &'b [Piece<'a>], call: &Call) -> Option<&'b [Piece<'a>]> {
    let (dot, _) = last_solid(&pieces[..call.index]).filter(|_| call.is_method)?;
    Some(&pieces[value_before(pieces, dot)..dot])
}

/// The argument of that number, of a call that is open at the end of `pieces`.
pub(super) fn argument<'a, 'b>(
    pieces: &'b [Piece<'a>],
    call: &Call,
    number: usize,
) -> Option<&'b [Piece<'a>]> {
    let first = call.index + 2;
    let (mut depth, mut at, mut start) = (0_usize, 0, first);
    for (index, piece) in pieces.iter().enumerate().skip(first) {
        match piece.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.checked_sub(1)?,
            Kind::Sign if depth == 0 && piece.is(",") => {
                if at == number {
                    return Some(&pieces[start..index]);
                }
                (at, start) = (at + 1, index + 1);
            }
            _ => {}
        }
    }
    None
}

/// The module that the name at `index` is asked of: `lab` of `lab::wire`.
pub(crate) fn module_of<'a>(pieces: &[Piece<'a>], index: usize) -> Option<&'a str> {
    let (sign, _) = last_solid(&pieces[..index]).filter(|(_, piece)| piece.is("::"))?;
    last_solid(&pieces[..sign]).map(|(_, alias)| alias.text)
}

/// Whether the map that opens at `index` is an argument by itself.
fn argument_start(pieces: &[Piece], index: usize) -> bool {
    let before = last_solid(&pieces[..index]);
    before.is_some_and(|(_, piece)| piece.is("(") || piece.is(","))
}

/// The last piece that is no blank.
pub(super) fn last_solid<'a, 'b>(pieces: &'b [Piece<'a>]) -> Option<(usize, &'b Piece<'a>)> {
    let mut all = pieces.iter().enumerate().rev();
    all.find(|(_, piece)| piece.kind != Kind::Blank)
}

/// Whether the piece at `index` stands right behind `sign`.
pub(super) fn is_behind(pieces: &[Piece], index: usize, sign: &str) -> bool {
    last_solid(&pieces[..index]).is_some_and(|(_, piece)| piece.is(sign))
}

/// Whether a key is wanted at the end of `pieces`: right behind `#{`, or behind a comma in it.
pub(super) fn wants_key(pieces: &[Piece]) -> bool {
    let Some((_, last)) = last_solid(pieces) else {
        return false;
    };
    last.is("#{")
        || (last.is(",")
            && innermost_call(pieces).is_some_and(|call| call.in_options)
            && opens_map(pieces))
}

/// The keys that the map which is open at the end of `pieces` has already.
pub(super) fn keys_given<'a>(pieces: &[Piece<'a>]) -> Vec<&'a str> {
    let mut depth = 0;
    let mut given = Vec::new();
    for (index, piece) in pieces.iter().enumerate().rev() {
        match piece.kind {
            Kind::Close(_) => depth += 1,
            Kind::Open(_) if depth > 0 => depth -= 1,
            Kind::Open(_) => break,
            Kind::Sign if depth == 0 && piece.is(":") => {
                given.extend(last_solid(&pieces[..index]).map(|(_, key)| key.text));
            }
            _ => {}
        }
    }
    given
}

/// Where the code begins that is being typed within a text between back-ticks: behind a `${` that is still open.
pub(super) fn in_template(text: &Piece) -> Option<usize> {
    let start = text
        .text
        .rfind("${")
        .filter(|_| text.text.starts_with('`'))?
        + 2;
    let code = &text.text[start..];
    (!code.contains('}')).then_some(text.start + start)
}

/// Whether the innermost open bracket is `#{`.
fn opens_map(pieces: &[Piece]) -> bool {
    let mut depth = 0;
    for piece in pieces.iter().rev() {
        match piece.kind {
            Kind::Close(_) => depth += 1,
            Kind::Open(_) if depth > 0 => depth -= 1,
            Kind::Open(bracket) => return bracket == '#',
            _ => {}
        }
    }
    false
}

/// Where the value begins that the dot at `dot` stands behind: `netns("a").links[0]`.
pub(crate) fn value_before(pieces: &[Piece], dot: usize) -> usize {
    let mut start = dot;
    loop {
        let Some((index, piece)) = last_solid(&pieces[..start]) else {
            return start;
        };
        match piece.kind {
            Kind::Close(_) => {
                start = opening(pieces, index);
                // What is called or indexed belongs to it.
                let before = start.checked_sub(1).and_then(|before| pieces.get(before));
                if before.is_some_and(|before| matches!(before.kind, Kind::Name | Kind::Close(_))) {
                    continue;
                }
            }
            Kind::Name | Kind::Text { closed: true } | Kind::Number => start = index,
            _ => return start,
        }
        match last_solid(&pieces[..start]) {
            Some((index, piece)) if piece.is(".") || piece.is("::") => start = index,
            _ => return start,
        }
    }
}

/// The place of the bracket that the one at `close` closes.
pub(super) fn opening(pieces: &[Piece], close: usize) -> usize {
    let mut depth = 0;
    for index in (0..=close).rev() {
        match pieces[index].kind {
            Kind::Close(_) => depth += 1,
            Kind::Open(_) => {
                depth -= 1;
                if depth == 0 {
                    return index;
                }
            }
            _ => {}
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::lex::pieces;

    fn call(text: &str) -> Option<(String, bool, usize, bool)> {
        let pieces = pieces(text);
        innermost_call(&pieces).map(|call| {
            (
                call.name.to_owned(),
                call.is_method,
                call.argument,
                call.in_options,
            )
        })
    }

    #[test]
    fn the_innermost_call_is_found_with_the_argument() {
        let found = |name: &str, is_method, argument, in_options| {
            Some((name.to_owned(), is_method, argument, in_options))
        };
        assert_eq!(call("ping("), found("ping", false, 0, false));
        assert_eq!(call("net.ping(f(1, 2), "), found("ping", true, 1, false));
        assert_eq!(
            call("net.ipvlan(p, \"a\", #{up: true, "),
            found("ipvlan", true, 2, true)
        );
        assert_eq!(call("f(1); { "), None);
    }

    #[test]
    fn an_argument_is_found_by_its_number() {
        let text = "a.veth(f(1, 2), \"x\", #{addr: ";
        let pieces = pieces(text);
        let call = innermost_call(&pieces).unwrap();
        let found = |number| {
            let pieces = argument(&pieces, &call, number)?;
            Some(pieces.iter().map(|piece| piece.text).collect::<String>())
        };
        assert_eq!(found(0).as_deref(), Some("f(1, 2)"));
        assert_eq!(found(1).as_deref(), Some(" \"x\""));
        assert_eq!(found(2), None);
    }

    #[test]
    fn the_innermost_within_is_found() {
        let found = |text: &str| {
            let pieces = pieces(text);
            let place = enclosing(&pieces)?;
            let place: String = place.iter().map(|piece| piece.text).collect();
            Some(place.trim().to_owned())
        };
        assert_eq!(found("within a { up("), Some("a".to_owned()));
        assert_eq!(
            found("within \"a\" { if x { f(#{b: g("),
            Some("\"a\"".to_owned())
        );
        assert_eq!(
            found("within a { within netns(\"b\") { up("),
            Some("netns(\"b\")".to_owned())
        );
        assert_eq!(found("within a { up(\"v\") } up("), None);
        assert_eq!(found("if x { up("), None);
    }

    #[test]
    fn the_keys_of_the_open_map_are_known() {
        let given = |text: &str| keys_given(&pieces(text)).join(" ");
        assert_eq!(given("f(#{b: [#{x: 1}, 2], a: g(#{y: 1}), "), "a b");
        assert_eq!(given("f(#{b: 1, a: [#{x: 1, "), "x");
    }

    #[test]
    fn the_value_before_a_dot_is_the_whole_chain() {
        for (text, value) in [
            ("1 + netns(\"a\").links[0].", "netns(\"a\").links[0]"),
            ("let x = net.", "net"),
            ("f(a).g(b.", "b"),
            ("[1, 2].", "[1, 2]"),
        ] {
            let pieces = pieces(text);
            let start = value_before(&pieces, pieces.len() - 1);
            assert_eq!(&text[pieces[start].start..text.len() - 1], value);
        }
    }
}
