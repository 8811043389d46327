//! What an argument or an option can be, if only few things can: a namespace, a link, an address, a setting, a file, a name.

use std::rc::Rc;

use super::{Candidate, described, live, nearby, pages, place, setting, value, variable};
use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::{link, netns};
use crate::dsl::options;
use crate::engine::catalog::Signature;
use crate::engine::modules;
use crate::net::container::Runtime;
use crate::repl::lex::{Kind, Piece};
use crate::repl::state::{State, type_of};
use crate::schema::Form;

/// What is wanted at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// A page of the manual.
    Page,
    Namespace,
    /// A link of what the call acts on.
    Link,
    /// A link of where bare words act.
    Parent,
    /// An address that a link can be given.
    Free,
    /// An address that the link has.
    Own,
    /// An address that something has.
    Address,
    /// The same, or a namespace.
    Host,
    /// What a route can lead to.
    Destination,
    /// A setting below `/proc/sys/net`.
    Setting,
    File,
    /// True or false.
    Switch,
}

/// A place in a call: what is wanted there, or which option or parameter it is.
enum At<'a> {
    Known(Wanted),
    Key(&'a str),
}

/// What fits behind `before`, where code is typed; `None` where anything may stand.
pub(super) fn in_code(state: &State, before: &[Piece], last: &Piece) -> Option<Vec<Candidate>> {
    let call = place::innermost_call(before)?;
    let at = if call.in_options {
        key_of(before)?
    } else if last.is("(") || last.is(",") {
        argument(state, before, &call)?
    } else {
        return None;
    };
    if is_switch(&at, &call) {
        let both = ["true", "false"].into_iter();
        return Some(
            both.map(|one| Candidate::plain(one).group("values"))
                .collect(),
        );
    }
    let found = fitting(state, before, &call, &at, "");
    let mut fitting: Vec<Candidate> = found.into_iter().map(Candidate::quoted).collect();
    if fitting.is_empty() {
        return None;
    }
    let kinds = kinds_of(&call, &at);
    let variables = state.variables().into_iter();
    let handles = variables.filter(|(_, value)| kinds.contains(&&*type_of(value)));
    fitting.extend(handles.map(|(name, value)| variable(&name, &value)));
    let declared = state.declared().into_iter();
    let declared = declared.filter(|(_, kind)| kinds.contains(&kind.as_str()));
    fitting.extend(declared.map(|(name, kind)| described(&name, &kind)));
    Some(fitting)
}

/// What can stand in the text that is open at the end of `all`, of which `typed` is there.
pub(super) fn in_text(state: &State, all: &[Piece], typed: &str) -> Vec<Candidate> {
    let before = &all[..all.len() - 1];
    let last = place::last_solid(before).map(|(_, last)| last.text);
    match last {
        Some("import") => {
            let standard = modules::STANDARD
                .iter()
                .map(|(name, _)| Candidate::plain(name).group("standard library"));
            return standard.chain(live::files(typed, false)).collect();
        }
        Some("within") => return places(typed),
        _ => {}
    }
    let Some(call) = place::innermost_call(before) else {
        return Vec::new();
    };
    let at = if call.in_options {
        key_of(before)
    } else {
        argument(state, before, &call)
    };
    at.map_or_else(Vec::new, |at| fitting(state, before, &call, &at, typed))
}

/// The types of variables that can stand for what is wanted.
fn kinds_of(call: &place::Call, at: &At) -> &'static [&'static str] {
    let wanted = match at {
        At::Known(wanted) => Some(*wanted),
        At::Key(key) => wanted_by(call.name, key),
    };
    match wanted {
        Some(Wanted::Namespace | Wanted::Link | Wanted::Parent) => &["Netns", "Link"],
        Some(Wanted::Host) => &["Netns", "Link", "string"],
        _ => &["string"],
    }
}

/// The key whose value is wanted at the end of `before`, also within a list.
fn key_of<'a>(before: &[Piece<'a>]) -> Option<At<'a>> {
    let (mut index, mut last) = place::last_solid(before)?;
    if last.is("[") {
        (index, last) = place::last_solid(&before[..index])?;
    }
    let (_, key) = place::last_solid(&before[..index]).filter(|_| last.is(":"))?;
    Some(At::Key(key.text))
}

/// Whether it is true or false.
fn is_switch(at: &At, call: &place::Call) -> bool {
    match at {
        At::Known(wanted) => *wanted == Wanted::Switch,
        At::Key(key) => options::row(call.name, key)
            .is_some_and(|row| matches!(row.form, Form::Switch) && row.offers().next().is_none()),
    }
}

fn fitting(
    state: &State,
    before: &[Piece],
    call: &place::Call,
    at: &At,
    typed: &str,
) -> Vec<Candidate> {
    let session = state.session();
    let wanted = match at {
        At::Known(wanted) => *wanted,
        At::Key(key) => {
            let Some(wanted) = wanted_by(call.name, key) else {
                let values = options::offers(call.name, key).into_iter();
                return values
                    .map(|value| Candidate::plain(value).group("values"))
                    .collect();
            };
            wanted
        }
    };
    let acts_in = || acts_in(state, before, call).map(|place| place.0);
    match wanted {
        Wanted::Page => pages(state),
        Wanted::Namespace => places(typed),
        Wanted::Link => links(state, before, call),
        Wanted::Parent => match current(state, before) {
            Some(place) => live::links(session, place),
            None => Vec::new(),
        },
        Wanted::Free => nearby::free(session, link_of(state, before, call).as_ref()),
        Wanted::Own => link_of(state, before, call)
            .map_or_else(Vec::new, |link| nearby::of_link(session, &link)),
        Wanted::Address => nearby::taken(session, acts_in().as_ref()),
        Wanted::Host => {
            let mut found = live::namespaces();
            found.extend(nearby::taken(session, acts_in().as_ref()));
            found
        }
        Wanted::Destination => {
            let mut found =
                vec![Candidate::plain("default").about("all that no other route is for")];
            found.extend(nearby::subnets(session, acts_in().as_ref()));
            found
        }
        Wanted::Setting => match link_before(state, before, call) {
            Some(link) => setting::of_link(&link),
            None => acts_in().map_or_else(Vec::new, |place| setting::of_namespace(&place, typed)),
        },
        Wanted::File => live::any_files(typed),
        Wanted::Switch => Vec::new(),
    }
}

/// What the value of an option is.
fn wanted_by(word: &str, key: &str) -> Option<Wanted> {
    match key {
        "addr" => return Some(Wanted::Free),
        "master" | "dev" => return Some(Wanted::Parent),
        "route" => return Some(Wanted::Destination),
        _ => {}
    }
    match options::row(word, key)?.form {
        Form::Device => Some(Wanted::Parent),
        Form::Ip | Form::Host(_) | Form::Hosts(_) => Some(Wanted::Address),
        _ => None,
    }
}

/// What the argument of a call is.
fn argument<'a>(state: &State, before: &[Piece], call: &place::Call<'a>) -> Option<At<'a>> {
    let by_word = match (call.name, call.argument) {
        ("netns" | "enter" | "shell" | "within" | "existing", 0) => Some(Wanted::Namespace),
        ("link", 0) => Some(Wanted::Link),
        ("help", 0) => Some(Wanted::Page),
        _ => None,
    };
    if let Some(known) = by_word {
        return Some(At::Known(known));
    }
    let mut forms = state.signatures(call.name);
    let object = place::object_of(before, call);
    let object = object.map_or_else(String::new, |object| value::of(state, object).kind);
    let is_of_object = |form: &Signature| {
        let first = form.parameters.first();
        form.is_method && first.is_some_and(|(_, kind)| *kind == object)
    };
    // What the word is of other things is beside the point.
    if forms.iter().any(is_of_object) {
        forms.retain(is_of_object);
    }
    // A bare word is meant as such; what stands before the dot is no argument.
    let (same, other): (Vec<_>, Vec<_>) =
        (forms.iter()).partition(|form| form.is_method == call.is_method);
    let fitting = same
        .into_iter()
        .chain(other.into_iter().filter(|_| !call.is_method));
    let mut found = fitting.filter_map(|form| {
        let offset = usize::from(call.is_method);
        let (name, kind) = form.parameters.get(call.argument + offset)?;
        parameter(call.name, name, kind)
    });
    found.next()
}

/// What a parameter of that name is.
fn parameter(word: &str, name: &str, kind: &str) -> Option<At<'static>> {
    Some(At::Known(match (word, name) {
        (_, "peer_net" | "peer_ns" | "net" | "netns" | "namespace" | "place" | "home") => {
            Wanted::Namespace
        }
        (_, "link" | "dev" | "port") if kind != "int" => Wanted::Link,
        (_, "parent" | "master") => Wanted::Parent,
        ("addr", "address") => Wanted::Free,
        ("del_addr", "address") => Wanted::Own,
        ("route" | "del_route", "destination") => Wanted::Destination,
        (_, "destination" | "from" | "to") if kind == "any" => Wanted::Host,
        (_, "ip") => Wanted::Address,
        ("sysctl", "key") => Wanted::Setting,
        (_, "file") => Wanted::File,
        (_, _) if kind == "bool" && word != "assert" => Wanted::Switch,
        (_, "mode") => return Some(At::Key("mode")),
        (_, "protocol") => return Some(At::Key("protocol")),
        _ => return None,
    }))
}

/// Where bare words act at the end of `before`; none inside of that is the current namespace. `None` where it can't be known.
#[allow(
    clippy::option_option,
    reason = "whether it is known, and which one it is"
)]
fn current(state: &State, before: &[Piece]) -> Option<Option<Netns>> {
    match place::enclosing(before) {
        None => Some(None),
        Some(place) => Some(Some(namespace(state, place)?)),
    }
}

/// The namespace that an expression is, or names, where it is there.
fn namespace(state: &State, expression: &[Piece]) -> Option<Netns> {
    let found = value::of(state, expression);
    if let Some(netns) = found.namespace() {
        return Some(netns);
    }
    let name = text_of(expression)?;
    netns::existing(name).ok().flatten()
}

/// What the text says that an expression is.
fn text_of<'a>(expression: &'a [Piece<'a>]) -> Option<&'a str> {
    let (_, text) = place::last_solid(expression)?;
    matches!(text.kind, Kind::Text { closed: true }).then(|| text.content())
}

/// The namespace that a call acts in, where it is there.
fn acts_in(state: &State, before: &[Piece], call: &place::Call) -> Option<Netns> {
    let place = match place::object_of(before, call) {
        Some(object) => Some(value::of(state, object).namespace()?),
        None => current(state, before)?,
    };
    place.or_else(|| state.session().here().ok().map(Netns))
}

/// The link before the dot of a call.
fn link_before(state: &State, before: &[Piece], call: &place::Call) -> Option<Link> {
    value::of(state, place::object_of(before, call)?).link()
}

/// The link that a call is about: the one before the dot, or what its first argument is or names, such as a parent.
fn link_of(state: &State, before: &[Piece], call: &place::Call) -> Option<Link> {
    if let Some(found) = link_before(state, before, call) {
        return Some(found);
    }
    let first = place::argument(before, call, 0)?;
    if let Some(found) = value::of(state, first).link() {
        return Some(found);
    }
    let place: Rc<_> = acts_in(state, before, call)?.0;
    link::lookup(state.session(), &place, text_of(first)?).ok()
}

/// The links that an argument of a call can name: those of what stands before the dot, or of where bare words act.
fn links(state: &State, before: &[Piece], call: &place::Call) -> Vec<Candidate> {
    let place = match place::object_of(before, call) {
        Some(object) => value::of(state, object).namespace().map(Some),
        None => current(state, before),
    };
    // Of a namespace that is not there yet there are none.
    place.map_or_else(Vec::new, |place| live::links(state.session(), place))
}

/// The namespaces; processes or containers where one of those is asked for.
fn places(typed: &str) -> Vec<Candidate> {
    let Some((means, _)) = typed.split_once(':') else {
        let mut found = live::namespaces();
        if !typed.is_empty() {
            let here = Runtime::ALL.into_iter().filter(|runtime| runtime.is_here());
            let means = here.map(Runtime::name).chain(["pid"]);
            found.extend(means.map(|means| {
                let about = match means {
                    "pid" => "of a process".to_owned(),
                    runtime => format!("of a container of {runtime}"),
                };
                Candidate::plain(&format!("{means}:"))
                    .about(&about)
                    .group("others")
            }));
        }
        return found;
    };
    if means == "pid" {
        return live::processes();
    }
    let mut runtimes = Runtime::ALL.into_iter();
    runtimes
        .find(|runtime| runtime.name() == means)
        .map_or_else(live::namespaces, live::containers)
}
