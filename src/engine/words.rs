//! Puts the words of the language into an engine, and derives the other ways of saying where from the first parameter.
//!
//! `net.route("default")` on a namespace also gives `route("default")` in the current one; `link.up()` also gives
//! `up("eth0")` here and `net.up("eth0")` there. A form that a topic defines itself is never replaced by a derived one.

use std::any::TypeId;
use std::collections::HashSet;
use std::rc::Rc;

use rhai::plugin::{FnManifestEntry, PluginFunc, RhaiFunc};
use rhai::{
    Dynamic, Engine, FuncRegistration, ImmutableString, Module, NativeCallContext, Position,
};

use crate::dsl::answer;
use crate::dsl::handle::{Link, Netns};
use crate::dsl::handles;
use crate::dsl::kinds::kind;
use crate::dsl::objects::link;
use crate::dsl::session::exception;
use crate::dsl::topics::{METHOD_ONLY, TOPICS};
use crate::engine::script::Sources;
use crate::error::{Error, Kind, Result};
use crate::lab::Outcome;
use crate::net::netns::Netns as Place;

type Found<T> = std::result::Result<T, Box<rhai::EvalAltResult>>;

/// The word that is content where what it names is gone.
const DELETE: &str = "delete";

/// How a form says where it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As the topic defines it.
    Written,
    /// In the current namespace.
    Here,
    /// On a link of the namespace in front, by name.
    NamedLink,
    /// On a link of the current namespace, by name.
    NamedLinkHere,
}

impl Form {
    /// The parameters of this form, given those of the written one.
    fn parameters(self, written: &[TypeId]) -> Vec<TypeId> {
        let name = TypeId::of::<ImmutableString>();
        let front: &[TypeId] = match self {
            Self::Written => return written.to_vec(),
            Self::Here => &[],
            Self::NamedLink => &[TypeId::of::<Netns>(), name],
            Self::NamedLinkHere => &[name],
        };
        let rest = written.get(1..).unwrap_or_default();
        front.iter().chain(rest).copied().collect()
    }
}

/// The forms of a word that are derived from the one in `entry`, to be dropped where a topic defines them itself.
pub(crate) fn derived(entry: &FnManifestEntry) -> &'static [Form] {
    let mut first = None;
    entry.with_param_types(&mut |types| first = types.first().copied());
    let is_name = entry
        .name()
        .starts_with(|c: char| c.is_alphabetic() || c == '_')
        && !entry.name().contains('$')
        && !["to_string", "to_debug"].contains(&entry.name());
    let method_only = |kind| METHOD_ONLY.contains(&(kind, entry.name()));
    match first {
        Some(first) if is_name && first == TypeId::of::<Netns>() && !method_only("Netns") => {
            &[Form::Here]
        }
        Some(first) if is_name && first == TypeId::of::<Link>() && !method_only("Link") => {
            &[Form::NamedLink, Form::NamedLinkHere]
        }
        _ => &[],
    }
}

/// The types of the parameters, each as Rhai stores it: strings of every sort are one type.
pub(crate) fn types_of(entry: &FnManifestEntry) -> Vec<TypeId> {
    let mut types = Vec::new();
    entry.with_param_types(&mut |found| types = found.to_vec());
    for found in &mut types {
        if *found == TypeId::of::<&str>() || *found == TypeId::of::<String>() {
            *found = TypeId::of::<ImmutableString>();
        }
    }
    types
}

/// Every form of every word: the topic, the function, how it says where, and its parameters. Derived forms come last.
pub(crate) fn forms() -> Vec<(&'static str, &'static FnManifestEntry, Form, Vec<TypeId>)> {
    let mut forms = Vec::new();
    let mut taken = HashSet::new();
    for topic in TOPICS {
        topic.words.for_each_fn(true, &mut |entry| {
            let types = types_of(entry);
            taken.insert((entry.name(), types.clone()));
            forms.push((topic.title, entry, Form::Written, types));
        });
    }
    for index in 0..forms.len() {
        let (topic, entry, _, ref written) = forms[index];
        let written = written.clone();
        for form in derived(entry) {
            let types = form.parameters(&written);
            if taken.insert((entry.name(), types.clone())) {
                forms.push((topic, entry, *form, types));
            }
        }
    }
    forms
}

/// Puts all words into `engine`.
pub(crate) fn register(engine: &mut Engine, sources: &Sources) {
    handles::register_all(engine);
    let mut words = Module::new();
    for (_, entry, form, types) in forms() {
        let func = entry.func();
        let may_be_gone = entry.name() == DELETE;
        let function = match form {
            Form::Written => RhaiFunc::StaticPlugin { func },
            Form::Here if kind::of_word(entry.name()).is_some() => {
                let sources = sources.clone();
                forward(func, move |context, args| {
                    let found = here_or_in_front(context, &sources, args)?;
                    Ok(Some((found, 0)))
                })
            }
            Form::Here => forward(func, here),
            Form::NamedLink | Form::NamedLinkHere => {
                let is_here = form == Form::NamedLinkHere;
                forward(func, move |context, args| {
                    named_link(context, args, is_here, may_be_gone)
                })
            }
        };
        FuncRegistration::new(entry.name())
            .in_global_namespace()
            .set_into_module_raw(&mut words, types, function);
    }
    engine.register_global_module(words.into());
}

/// A function that finds out where, and hands on to the written form: `front` turns the arguments of a derived form into the first
/// argument of the written one and the number of those that it replaces; nothing where there is nothing to do.
fn forward(
    func: &'static (dyn PluginFunc + Send + Sync),
    front: impl Fn(&NativeCallContext, &[&mut Dynamic]) -> Found<Option<(Dynamic, usize)>> + 'static,
) -> RhaiFunc {
    let call =
        move |context: Option<NativeCallContext>, args: &mut [&mut Dynamic]| -> Found<Dynamic> {
            let Some(context) = context else {
                let error = Error::invalid("this word works in a running script only");
                return Err(exception(&error, Position::NONE));
            };
            let Some((mut first, replaced)) = front(&context, args)? else {
                return Ok(Dynamic::UNIT);
            };
            let mut forwarded: Vec<&mut Dynamic> = std::iter::once(&mut first)
                .chain(args.iter_mut().skip(replaced).map(|arg| &mut **arg))
                .collect();
            func.call(Some(context), &mut forwarded)
        };
    RhaiFunc::Pure {
        func: Rc::new(call),
        has_context: true,
        is_pure: false,
        is_volatile: true,
    }
}

fn here(context: &NativeCallContext, _args: &[&mut Dynamic]) -> Found<Option<(Dynamic, usize)>> {
    answer(context, |session| {
        Ok(Some((Dynamic::from(Netns(session.here()?)), 0)))
    })
}

/// Where a link is made: in the namespace of the parent that stands in front of the dot, else in the current one. The interpreter does
/// not tell the two ways of calling apart; the text of the script does.
fn here_or_in_front(
    context: &NativeCallContext,
    sources: &Sources,
    args: &[&mut Dynamic],
) -> Found<Dynamic> {
    let parent = args.first().and_then(|first| first.read_lock::<Link>());
    let parent = parent.map(|parent| parent.netns());
    let is_method = || {
        let text = sources.text(context.call_source().unwrap_or_default())?;
        let place = context.call_position();
        let (above, column) = (
            place.line()?.checked_sub(1)?,
            place.position()?.checked_sub(1)?,
        );
        let before: String = text.lines().nth(above)?.chars().take(column).collect();
        // The dot may end the line above.
        let lines = text.lines().take(above).chain([before.as_str()]);
        let last = lines.filter(|line| !line.trim().is_empty()).last()?;
        Some(last.trim_end().ends_with('.'))
    };
    match parent {
        Some(parent) if is_method() == Some(true) => Ok(Dynamic::from(Netns(parent))),
        _ => answer(context, |session| Ok(Dynamic::from(Netns(session.here()?)))),
    }
}

/// A link by its name, in the current namespace or that in front; one that is to be deleted may be gone already.
fn named_link(
    context: &NativeCallContext,
    args: &[&mut Dynamic],
    is_here: bool,
    may_be_gone: bool,
) -> Found<Option<(Dynamic, usize)>> {
    answer(context, |session| {
        let (netns, at) = if is_here {
            (session.here()?, 0)
        } else {
            (first(args)?, 1)
        };
        let name = name(args.get(at))?;
        match link::lookup(session, &netns, &name) {
            Err(error) if may_be_gone && error.kind == Kind::NotFound => {
                let lab = session.lab();
                lab.report(Outcome::Unchanged, &netns, ("link", name));
                Ok(None)
            }
            found => found.map(|found| Some((Dynamic::from(found), at + 1))),
        }
    })
}

fn first(args: &[&mut Dynamic]) -> Result<Rc<Place>> {
    let netns = args.first().and_then(|first| first.read_lock::<Netns>());
    let netns = netns.map(|netns| netns.0.clone());
    netns.ok_or_else(|| Error::invalid("the namespace is missing"))
}

fn name(arg: Option<&&mut Dynamic>) -> Result<ImmutableString> {
    let name = arg.and_then(|name| (**name).clone().into_immutable_string().ok());
    name.ok_or_else(|| Error::invalid("the link's name is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms_of(name: &str) -> Vec<Form> {
        let forms = forms().into_iter();
        forms
            .filter(|(_, entry, ..)| entry.name() == name)
            .map(|(_, _, form, _)| form)
            .collect()
    }

    #[test]
    fn a_method_of_a_namespace_is_also_a_bare_word() {
        assert!(forms_of("ipvlan").contains(&Form::Here));
    }

    #[test]
    fn a_method_of_a_link_is_also_a_word_that_takes_its_name() {
        let forms = forms_of("up");
        assert_eq!(forms, [Form::Written, Form::NamedLink, Form::NamedLinkHere]);
    }

    #[test]
    fn a_form_that_a_topic_defines_is_not_derived_again() {
        let mut seen = HashSet::new();
        for (_, entry, _, types) in forms() {
            let name = entry.name();
            assert!(seen.insert((name, types)), "`{name}` has a form twice");
        }
    }

    #[test]
    fn what_is_method_only_is_there_and_has_no_derived_form() {
        for (kind, name) in METHOD_ONLY {
            let first = match *kind {
                "Netns" => TypeId::of::<Netns>(),
                _ => TypeId::of::<Link>(),
            };
            let mut found = 0;
            for (_, entry, form, _) in forms() {
                if entry.name() == *name && types_of(entry).first() == Some(&first) {
                    assert_eq!(form, Form::Written, "{kind}.{name}");
                    found += 1;
                }
            }
            assert!(found > 0, "there is no {kind}.{name}");
        }
    }
}
