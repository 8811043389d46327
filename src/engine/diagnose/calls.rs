//! A call that fits no function. Rhai says "not found" for a wrong name, a wrong number of arguments and a wrong type alike.

use std::collections::BTreeSet;

use super::{Context, habits};
use crate::engine::catalog::{Catalog, Signature};
use crate::engine::script::Script;
use crate::engine::{functions, modules, params, types};
use crate::error::nearest;
use crate::view::error::Report;

/// How many accepted forms are listed.
const LISTED: usize = 6;

/// What stands for a type that is not known.
pub(crate) const UNKNOWN: &str = "value";

/// Explains the call that Rhai writes as `name (type, type)`.
pub(super) fn explain(context: &Context, call: &str) -> Report {
    let (name, given) = split(call);
    if name.starts_with(|c: char| !c.is_alphabetic() && c != '_') {
        return operator(name, &given);
    }
    explain_given(context, name, given)
}

/// The same for a call of `name` with values of the types `given`; [`UNKNOWN`] stands for those that could be anything.
pub(super) fn explain_given(context: &Context, name: &str, given: Vec<&str>) -> Report {
    let call = Call {
        name,
        is_method: context.before().trim_end().ends_with(['.', '?']),
        given,
    };
    let catalog = context.catalog();
    let forms = forms(context, &catalog, name);
    if forms.is_empty() {
        return call.wrong_name(context, &catalog);
    }
    // Where the word is a method of what stands before the dot, what it is of other things is beside the point.
    let of_object: Vec<_> = forms
        .iter()
        .filter(|form| call.is_method && call.fits_object(form))
        .cloned()
        .collect();
    let meant = if of_object.is_empty() {
        &forms
    } else {
        &of_object
    };
    let mut fitting: Vec<_> = meant
        .iter()
        .filter(|form| form.parameters.len() == call.given.len())
        .collect();
    if fitting.iter().any(|form| form.is_method == call.is_method) {
        fitting.retain(|form| form.is_method == call.is_method);
    }
    if fitting.is_empty() && !of_object.is_empty() {
        return call.wrong_count(&of_object);
    }
    if fitting.is_empty() {
        return call.wrong_count(&forms);
    }
    call.wrong_type(&catalog, &fitting, &forms)
}

/// The name and the types that the arguments have.
fn split(call: &str) -> (&str, Vec<&str>) {
    let Some((name, rest)) = call.split_once(" (") else {
        return (call, Vec::new());
    };
    let list = rest.strip_suffix(')').unwrap_or(rest);
    let given = list.split(", ").filter(|kind| !kind.is_empty());
    (name, given.map(types::of_text).collect())
}

/// The forms of what is called `name`: a word, a function of Rhai, or one of the script.
fn forms(context: &Context, catalog: &Catalog, name: &str) -> Vec<Signature> {
    if let Some(word) = catalog.word(name) {
        return word.signatures.clone();
    }
    if let Some(forms) = catalog.builtin.get(name) {
        return forms.clone();
    }
    if let Some((alias, name)) = name.split_once("::") {
        let functions = context.functions_of_module(alias).into_iter();
        return functions.filter(|form| form.name == name).collect();
    }
    let functions = context.ast.into_iter().flat_map(functions::functions);
    functions
        .filter(|function| function.name == name)
        .map(|function| functions::signature(&function))
        .collect()
}

impl Context<'_> {
    /// The functions of the module that the script imports as `alias`.
    fn functions_of_module(&self, alias: &str) -> Vec<Signature> {
        let imports = self.ast.map(params::imports).unwrap_or_default();
        let Some((path, ..)) = imports.into_iter().find(|(_, known, _)| known == alias) else {
            return Vec::new();
        };
        let name = match modules::standard(&path) {
            Some(script) => script.name,
            None => modules::file_of(Some(&self.source), &path)
                .display()
                .to_string(),
        };
        let text = self.means.sources.text(&name).unwrap_or_default();
        let script = Script::new(&name, &text);
        let parsed = self.means.engine.compile(script.source());
        let functions = parsed.as_ref().map(functions::public);
        let functions = functions.iter().flatten();
        functions.map(functions::signature).collect()
    }
}

/// The call that failed.
struct Call<'a> {
    name: &'a str,
    /// Written with a dot: the first argument stands before it.
    is_method: bool,
    given: Vec<&'a str>,
}

impl Call<'_> {
    /// Whether what stands before the dot is what the form is a method of.
    fn fits_object(&self, form: &Signature) -> bool {
        let object = form.parameters.first().zip(self.given.first());
        form.is_method && object.is_some_and(|((_, wanted), given)| wanted == given)
    }

    fn wrong_name(&self, context: &Context, catalog: &Catalog) -> Report {
        let name = self.name;
        let report = Report::new(match name.rsplit_once("::") {
            Some((module, name)) => format!("module `{module}` has no function `{name}`"),
            None if self.is_method => match self.given.first() {
                Some(kind) => format!("{} has no method `{name}`", types::with_article(kind)),
                None => format!("there is no method `{name}`"),
            },
            None => format!("there is no word `{name}`"),
        });
        if let Some((alias, name)) = name.rsplit_once("::") {
            let functions = context.functions_of_module(alias);
            let mut known: Vec<_> = functions.iter().map(|form| form.name.as_str()).collect();
            known.sort_unstable();
            let report = match known.as_slice() {
                [] => report,
                known => report.note(format!("it has {}", known.join(" "))),
            };
            return match nearest(name, known.iter().copied()) {
                Some(near) => report.hint(format!("did you mean `{alias}::{near}`?")),
                None => report,
            };
        }
        let declared = context.declared();
        if !self.is_method && declared.iter().any(|known| known == name) {
            return report.hint(format!(
                "`{name}` is a variable; where it holds a function, write `{name}.call(…)`"
            ));
        }
        if let Some(report) = self.called_property(catalog) {
            return report;
        }
        if self.is_method
            && let Some(here) = habits::method(name).filter(|here| *here != name)
        {
            return report.hint(format!("it is called `{here}` here"));
        }
        if let Some(here) = habits::word(name).filter(|_| !self.is_method) {
            return report.hint(here);
        }
        let functions: Vec<_> = context
            .ast
            .into_iter()
            .flat_map(functions::functions)
            .map(|function| function.name.to_owned())
            .collect();
        let words = catalog.words.iter().map(|word| word.name.as_str());
        // Any short word is near any other.
        if name.chars().count() < 3 {
            return report.hint("`ipvsh doc` lists all words");
        }
        let near = nearest(name, functions.iter().map(String::as_str).chain(words))
            .or_else(|| nearest(name, catalog.builtin.keys().map(String::as_str)));
        match near {
            Some(near) => report.hint(format!("did you mean `{near}`?")),
            None => report.hint("`ipvsh doc` lists all words"),
        }
    }

    fn wrong_count(&self, forms: &[Signature]) -> Report {
        let in_front = |form: &&Signature| !self.is_method || form.is_method || form.is_derived;
        let hidden = usize::from(self.is_method);
        let mut counts: BTreeSet<usize> = forms
            .iter()
            .filter(in_front)
            .map(|form| form.parameters.len().saturating_sub(hidden))
            .collect();
        if counts.is_empty() {
            counts = forms.iter().map(|form| form.parameters.len()).collect();
        }
        let given = self.given.len().saturating_sub(hidden);
        // Rhai calls a function by its name for each item of a list.
        if counts.contains(&given) {
            let report = Report::new(format!("`{}` takes no such arguments", self.name));
            return self.accepted(report, forms);
        }
        let report = Report::new(format!(
            "`{}` takes {}, not {given}",
            self.name,
            counted(&counts)
        ));
        self.accepted(report, forms)
    }

    /// What is read with a dot alone is called like a method.
    fn called_property(&self, catalog: &Catalog) -> Option<Report> {
        let kind = self.given.first().filter(|_| self.is_method)?;
        let mut properties = catalog.properties.iter();
        properties.find(|property| property.of == *kind && property.name == self.name)?;
        Some(
            Report::new(format!(
                "`{}` is a property of {}, not a method",
                self.name,
                types::with_article(kind)
            ))
            .hint(format!("write `.{}` without brackets", self.name)),
        )
    }

    fn wrong_type(&self, catalog: &Catalog, fitting: &[&Signature], forms: &[Signature]) -> Report {
        let is_method_too = fitting.iter().any(|form| self.fits_object(form));
        if !is_method_too && let Some(report) = self.called_property(catalog) {
            return report;
        }
        // The form meant is the one that most arguments fit.
        let matches = |form: &Signature| {
            let pairs = form.parameters.iter().zip(&self.given);
            pairs
                .filter(|((_, wanted), given)| fits(wanted, given))
                .count()
        };
        let best = fitting.iter().map(|form| matches(form)).max().unwrap_or(0);
        let meant: Vec<_> = fitting
            .iter()
            .filter(|form| matches(form) == best)
            .collect();
        let wrong = (0..self.given.len()).find(|index| {
            meant
                .iter()
                .any(|form| !fits(&form.parameters[*index].1, self.given[*index]))
        });
        let Some(index) = wrong else {
            return self.accepted(
                Report::new(format!("`{}` takes no such arguments", self.name)),
                forms,
            );
        };
        let wanted: BTreeSet<_> = meant
            .iter()
            .filter(|form| !self.is_method || index > 0 || form.is_method)
            .map(|form| form.parameters[index].1.as_str())
            .filter(|kind| !kind.is_empty())
            .map(types::with_article)
            .collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        let given = types::with_article(self.given[index]);
        if wanted.is_empty() {
            let report = Report::new(format!("{given} has no method `{}`", self.name));
            return match self.given[index] {
                "range" => report.hint("make a list of it first: `(1..=3).to_list()`"),
                _ => self.accepted(report, forms),
            };
        }
        let report = if self.is_method && index == 0 {
            Report::new(format!(
                "`{}` is a method of {}, not of {given}",
                self.name,
                wanted.join(" or ")
            ))
        } else {
            let number = index + 1 - usize::from(self.is_method);
            let parameter = &meant[0].parameters[index].0;
            let named = if meant
                .iter()
                .all(|form| form.parameters[index].0 == *parameter)
            {
                format!(" ({parameter})")
            } else {
                String::new()
            };
            Report::new(format!(
                "argument {number}{named} of `{}` is {}, not {given}",
                self.name,
                wanted.join(" or ")
            ))
        };
        let report = match self.habit(index) {
            Some(hint) => report.hint(hint),
            None => report,
        };
        self.accepted(report, forms)
    }

    /// What to type in place of an argument of the wrong type.
    fn habit(&self, index: usize) -> Option<String> {
        let given = *self.given.get(index)?;
        match (self.name, given) {
            ("print", _) => Some(
                "it takes one value: put several into a text, print(`${a} and ${b}`)".to_owned(),
            ),
            (_, "char") => Some(
                "a text stands between double quotes; single ones hold one character".to_owned(),
            ),
            (name, "string") if !self.is_method && self.given.first() == Some(&"string") => Some(
                format!("to act in a namespace, write `netns(\"…\").{name}(…)`"),
            ),
            _ => None,
        }
    }

    /// Lists the forms that are accepted, those written the same way (with or without a dot) first.
    fn accepted(&self, report: Report, forms: &[Signature]) -> Report {
        let mut forms: Vec<_> = forms.iter().collect();
        forms.sort_by_key(|form| (form.is_method != self.is_method, form.parameters.len()));
        let mut lines: Vec<_> = forms.iter().take(LISTED).map(|form| form.show()).collect();
        lines.dedup();
        if forms.len() > LISTED {
            lines.push(format!("… and more, see `ipvsh doc {}`", self.name));
        }
        lines.insert(0, "accepted:".to_owned());
        report.note(lines.join("\n"))
    }
}

fn fits(wanted: &str, given: &str) -> bool {
    wanted == given || wanted == "any" || wanted.is_empty() || given == UNKNOWN
}

/// `1 argument`, `2 or 3 arguments`, `1 to 4 arguments`.
fn counted(counts: &BTreeSet<usize>) -> String {
    let noun = |count: usize| if count == 1 { "argument" } else { "arguments" };
    let all: Vec<_> = counts.iter().copied().collect();
    match all.as_slice() {
        [] | [0] => "no arguments".to_owned(),
        [one] => format!("{one} {}", noun(*one)),
        [first, last] => format!("{first} or {last} {}", noun(*last)),
        [first, .., last] if last - first == all.len() - 1 => {
            format!("{first} to {last} arguments")
        }
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(ToString::to_string).collect();
            format!("{} or {last} arguments", first.join(", "))
        }
    }
}

/// An operator between values that it does not work on.
fn operator(name: &str, given: &[&str]) -> Report {
    let given: Vec<_> = given.iter().map(|kind| types::with_article(kind)).collect();
    let report = match given.as_slice() {
        [one] => Report::new(format!("`{name}` does not work on {one}")),
        [left, right] => Report::new(format!("`{name}` does not work between {left} and {right}")),
        _ => Report::new(format!("`{name}` does not work here")),
    };
    if name == "+" {
        report.hint("to put values into a text, write `${value}` between back-ticks")
    } else {
        report
    }
}
