//! Draws a lab, the plan of a script, or the namespaces of this machine.

use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

use super::line::{Graph, Options};
use super::{output, plan, source, with_files};
use crate::dsl::Session;
use crate::dsl::acts::graph;
use crate::dsl::objects::netns::namespace_argument;
use crate::dsl::session::Settings;
use crate::engine::Failure;
use crate::error::{Error, nearest};
use crate::lab::inventory;
use crate::lab::journal;
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::view::error::Report;
use crate::view::graph::{self as picture, FORMS};

/// The form of what is printed where nobody says another.
const PRINTED: &str = "mmd";

/// Draws what the command line names, and returns the exit code.
pub(super) fn run(what: &Graph, options: &Options) -> Result<u8, Failure> {
    let form = form(what)?;
    let write = |graph: &picture::Graph| {
        let text = graph.write(&form).unwrap_or_default();
        output::write_to(what.output.as_deref(), &text)
    };
    if what
        .what
        .first()
        .is_some_and(|word| is_script(Path::new(word)))
    {
        return plan::with_plan(&what.what, options, |session, result| {
            result?;
            let places = planned(session).map_err(|error| failure(&error))?;
            let mut drawn = graph::look(session, &places).map_err(|error| failure(&error))?;
            graph::mark(&mut drawn, &session.lab().outcomes().entries());
            write(&drawn)
        });
    }
    let names = source::texts(what.what.iter())?;
    with_files()?;
    let session = Session::new(Settings::default());
    let places = named(&session, &names).map_err(|error| failure(&error))?;
    let drawn = graph::look(&session, &places).map_err(|error| failure(&error))?;
    write(&drawn)
}

fn failure(error: &Error) -> Failure {
    Failure::script(Report::of(error))
}

/// Whether it names a script: a file, or what can be nothing else.
fn is_script(word: &Path) -> bool {
    word == Path::new("-") || word.is_file() || word.extension().is_some_and(|end| end == "rhai")
}

/// The form that is asked for, by itself or by the ending of the file.
fn form(what: &Graph) -> Result<String, Failure> {
    if let Some(form) = &what.form {
        return Ok(form.clone());
    }
    let Some(file) = &what.output else {
        return Ok(PRINTED.to_owned());
    };
    let ending = file.extension().unwrap_or_default().to_string_lossy();
    if FORMS.contains(&&*ending) {
        return Ok(ending.into_owned());
    }
    let report = Report::new(format!(
        "`{}` does not say by its ending in which form to draw",
        file.display()
    ));
    let forms = FORMS.map(|form| format!(".{form}")).join(" ");
    Err(Failure::usage(report.hint(format!(
        "end its name with one of {forms}, or say it with --form"
    ))))
}

/// The namespaces that a plan works in: those that it names, and the one that it started in where links of it take part.
fn planned(session: &Rc<Session>) -> Result<Vec<Rc<Netns>>, Error> {
    let entries = session.lab().outcomes().entries();
    let mut labels: HashSet<String> = HashSet::new();
    for entry in entries.iter() {
        let label = match &entry.namespace {
            Some(namespace) => namespace.clone(),
            None if entry.object.kind == "namespace" => entry.object.name.clone(),
            None => continue,
        };
        labels.insert(label);
    }
    drop(entries);
    Ok(with_labels(&session.known_namespaces()?, &labels))
}

/// The namespaces with these labels that there are, in the order of the kernel's list; behind them those of containers.
fn with_labels(all: &[Rc<Netns>], labels: &HashSet<String>) -> Vec<Rc<Netns>> {
    let labelled = all.iter().filter(|place| labels.contains(place.label()));
    let mut found: Vec<Rc<Netns>> = labelled.cloned().collect();
    let is_found = |label: &String| found.iter().any(|place| place.label() == label);
    let mut others: Vec<&String> = labels.iter().filter(|label| !is_found(label)).collect();
    others.retain(|label| label.contains(':'));
    others.sort_unstable();
    // One that is gone is in no picture.
    let opened = others
        .into_iter()
        .filter_map(|label| namespace_argument(&label.into()).ok());
    found.extend(opened.map(|place| place.0));
    found
}

/// What the words of the command line name: labs and namespaces, `docker:web` and `pid:1234` included; all that have a name where
/// nothing is named.
pub(super) fn named(session: &Rc<Session>, names: &[String]) -> Result<Vec<Rc<Netns>>, Error> {
    if names.is_empty() {
        return graph::named(session);
    }
    let all = session.known_namespaces()?;
    let mut places: Vec<Rc<Netns>> = Vec::new();
    let mut seen: HashSet<Id> = HashSet::new();
    for name in names {
        let mut found = match inventory::namespaces(name)? {
            Some(labels) => with_labels(&all, &labels),
            None => vec![one(name, &all)?],
        };
        found.retain(|place| seen.insert(place.namespace().id()));
        places.append(&mut found);
    }
    Ok(places)
}

/// The namespace of that name, or that is told in another way.
fn one(name: &str, all: &[Rc<Netns>]) -> Result<Rc<Netns>, Error> {
    if let Some(place) = all.iter().find(|place| place.label() == name) {
        return Ok(place.clone());
    }
    match namespace_argument(&name.into()) {
        Ok(found) => Ok(found.0),
        // What names a namespace in no other way is no name of a lab either.
        Err(error) if name.contains([':', '/']) => Err(error),
        Err(_) => Err(absent(name, all)),
    }
}

fn absent(name: &str, all: &[Rc<Netns>]) -> Error {
    let error = Error::new(
        crate::error::Kind::NotFound,
        format!("there is no lab and no namespace `{name}`"),
    );
    let labs = journal::names().unwrap_or_default();
    let known = all
        .iter()
        .map(|place| place.label())
        .chain(labs.iter().map(String::as_str));
    match nearest(name, known) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`ipvsh ls` lists the labs, `ip netns` the namespaces"),
    }
}
