//! The type of the value that is being typed, and the value itself where it can be read without changing anything:
//! variables, objects that exist by name, and their properties.

use rhai::Dynamic;

use super::place::{last_solid, opening};
use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::{link, netns};
use crate::net::container::Runtime;
use crate::repl::lex::{Kind, Piece};
use crate::repl::state::{State, type_of};

/// What is known of a value.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The name of its type; empty where it is not known.
    pub(super) kind: String,
    /// The value, where it can be seen.
    pub(super) value: Option<Dynamic>,
}

impl Known {
    fn of_type(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    fn of_value(value: Dynamic) -> Self {
        Self {
            kind: type_of(&value),
            value: Some(value),
        }
    }

    /// The namespace that it is, or is in.
    pub(super) fn namespace(&self) -> Option<Netns> {
        let value = self.value.as_ref()?;
        if let Some(netns) = value.read_lock::<Netns>() {
            return Some(netns.clone());
        }
        let link = value.read_lock::<Link>()?;
        Some(Netns(link.netns()))
    }
}

impl Known {
    /// The link that it is.
    pub(super) fn link(&self) -> Option<Link> {
        Some(self.value.as_ref()?.read_lock::<Link>()?.clone())
    }
}

/// What the expression in `pieces` is.
pub(super) fn of(state: &State, pieces: &[Piece]) -> Known {
    find(state, pieces, true)
}

/// The type of the expression in `pieces`, as far as it is known without looking at anything.
pub(crate) fn type_of_expression(state: &State, pieces: &[Piece]) -> String {
    find(state, pieces, false).kind
}

fn find(state: &State, pieces: &[Piece], looks: bool) -> Known {
    let Some((last, piece)) = last_solid(pieces) else {
        return Known::default();
    };
    match piece.kind {
        Kind::Text { .. } => Known::of_type("string"),
        Kind::Number => Known::of_type("int"),
        Kind::Name => match before_dot(pieces, last) {
            Some(object) => property(state, &find(state, object, looks), piece.text, looks),
            None => match state.variable(piece.text) {
                Some(value) => Known::of_value(value),
                None => Known::of_type(&state.declared_type(piece.text).unwrap_or_default()),
            },
        },
        Kind::Close(']') => {
            let open = opening(pieces, last);
            if open == 0 {
                return Known::of_type("list");
            }
            item(
                &find(state, &pieces[..open], looks),
                &pieces[open + 1..last],
            )
        }
        Kind::Close('}') => Known::of_type("map"),
        Kind::Close(_) => {
            let open = opening(pieces, last);
            let Some(name) = open
                .checked_sub(1)
                .filter(|name| pieces[*name].kind == Kind::Name)
            else {
                return find(state, &pieces[open + 1..last], looks);
            };
            call(state, pieces, name, &pieces[open + 1..last], looks)
        }
        _ => Known::default(),
    }
}

/// What stands before the dot before the piece at `index`.
fn before_dot<'a, 'b>(pieces: &'b [Piece<'a>], index: usize) -> Option<&'b [Piece<'a>]> {
    let (dot, piece) = last_solid(&pieces[..index])?;
    piece.is(".").then(|| &pieces[..dot])
}

fn property(state: &State, object: &Known, name: &str, looks: bool) -> Known {
    if let Some(Ok(map)) = object.value.as_ref().map(Dynamic::as_map_ref) {
        return map
            .get(name)
            .cloned()
            .map(Known::of_value)
            .unwrap_or_default();
    }
    let mut properties = state.catalog().properties.iter();
    let found = properties
        .find(|one| one.name == name && (object.kind.is_empty() || one.of == object.kind));
    let Some(found) = found else {
        return Known::default();
    };
    // Reading a property changes nothing.
    let seen = object.value.as_ref().filter(|_| looks);
    let seen = seen.and_then(|value| state.property(value.clone(), name));
    seen.map_or_else(|| Known::of_type(&found.returns), Known::of_value)
}

fn item(list: &Known, index: &[Piece]) -> Known {
    let Some(value) = &list.value else {
        return Known::default();
    };
    let text: String = index.iter().map(|piece| piece.text).collect();
    let (Ok(list), Ok(index)) = (value.as_array_ref(), text.trim().parse::<usize>()) else {
        return Known::default();
    };
    list.get(index)
        .cloned()
        .map(Known::of_value)
        .unwrap_or_default()
}

fn call(state: &State, pieces: &[Piece], name: usize, arguments: &[Piece], looks: bool) -> Known {
    let word = pieces[name].text;
    let object = before_dot(pieces, name).map(|object| find(state, object, looks));
    let forms = state.signatures(word);
    let fits = |form: &&crate::engine::catalog::Signature| match &object {
        Some(object) if !object.kind.is_empty() => form
            .parameters
            .first()
            .is_some_and(|(_, kind)| *kind == object.kind),
        _ => true,
    };
    let form = forms.iter().find(fits).or(forms.first());
    if looks
        && word == "netns"
        && object.is_none()
        && let [argument] = arguments
        && !is_container(argument.content())
        && let Ok(found) = netns::find(argument.content())
    {
        return Known::of_value(Dynamic::from(Netns(found)));
    }
    if looks
        && word == "link"
        && let [argument] = arguments
        && let Some(found) = link_in(state, object.as_ref(), argument.content())
    {
        return Known::of_value(Dynamic::from(found));
    }
    form.map(|form| Known::of_type(&form.returns))
        .unwrap_or_default()
}

/// The link of that name in a namespace, or where bare words act.
fn link_in(state: &State, place: Option<&Known>, name: &str) -> Option<Link> {
    let session = state.session();
    let place = match place {
        Some(place) => place.namespace()?.0,
        None => session.here().ok()?,
    };
    link::lookup(session, &place, name).ok()
}

/// Whether only another program knows `place`; asking it may be slow.
fn is_container(place: &str) -> bool {
    let means = place.split_once(':').map(|(means, _)| means);
    means.is_some_and(|means| Runtime::ALL.iter().any(|runtime| runtime.name() == means))
}
