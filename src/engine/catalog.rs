//! Every word of the language, with its forms, documentation and examples. Built only where it is asked for: by `doc`,
//! `help`, completion, and the explanation of an error.

use std::any::TypeId;
use std::collections::BTreeMap;

use rhai::{Engine, FuncMetadata, Module};

use crate::dsl::script::within;
use crate::engine::words::{Form, forms, types_of};
use crate::engine::{example, functions, help, modules, types};

pub use example::{Example, Expected, in_doc};

/// The words, in the order of the manual.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Functions, methods and statements.
    pub words: Vec<Word>,
    /// What can be read from a handle with a dot.
    pub properties: Vec<Property>,
    /// The functions that Rhai brings along: their names and how they are called.
    pub builtin: BTreeMap<String, Vec<Signature>>,
}

/// A word: all functions of one name.
#[derive(Debug)]
pub struct Word {
    /// The name, with its module in front for a word of the standard library: `lab::uplink`.
    pub name: String,
    /// The heading that it stands under.
    pub topic: String,
    /// The ways to call it; those written out in the source first, each with its own documentation.
    pub signatures: Vec<Signature>,
}

/// One way to call a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// What is called: the word.
    pub name: String,
    /// The parameters' names and types; where it is a method, the first is what stands before the dot.
    pub parameters: Vec<(String, String)>,
    /// The type of what it returns; empty for nothing.
    pub returns: String,
    /// Whether it reads better as a method.
    pub is_method: bool,
    /// Whether it follows from another form by the rule for the first parameter.
    pub is_derived: bool,
    /// The documentation, in Markdown.
    pub doc: String,
}

/// A property of a handle.
#[derive(Debug)]
pub struct Property {
    /// The type of the handle.
    pub of: String,
    /// The name.
    pub name: String,
    /// The type of its value.
    pub returns: String,
    /// Whether it can be assigned to.
    pub is_writable: bool,
    /// The documentation, in Markdown.
    pub doc: String,
}

impl Word {
    /// The first sentence of its documentation.
    pub fn summary(&self) -> &str {
        let doc = self.signatures.first().map_or("", |first| &first.doc);
        doc.lines().next().unwrap_or_default()
    }

    /// The examples of all its forms.
    pub fn examples(&self) -> Vec<Example> {
        let written = self.signatures.iter().filter(|form| !form.is_derived);
        written
            .flat_map(|form| example::in_doc(&self.name, &form.doc))
            .collect()
    }
}

impl Signature {
    /// The call, as one types it: `net.ping(dst: string, count: int) -> map`.
    pub fn show(&self) -> String {
        let returns = match self.returns.as_str() {
            "" | "nothing" => String::new(),
            returns => format!(" -> {returns}"),
        };
        format!("{}{returns}", self.call())
    }

    /// The same without what it returns.
    pub fn call(&self) -> String {
        let list = |parameters: &[(String, String)]| {
            let parameters: Vec<_> = parameters
                .iter()
                .map(|(name, kind)| match kind.as_str() {
                    "" => name.clone(),
                    kind => format!("{name}: {kind}"),
                })
                .collect();
            parameters.join(", ")
        };
        match self.parameters.split_first() {
            _ if self.name == "within" => "within place { … }".to_owned(),
            Some(((object, _), rest)) if self.is_method => {
                format!("{object}.{}({})", self.name, list(rest))
            }
            _ => format!("{}({})", self.name, list(&self.parameters)),
        }
    }
}

impl Catalog {
    /// Everything that ipvsh itself brings along.
    pub fn new() -> Self {
        let mut catalog = Self::default();
        catalog.add_words();
        catalog.add_statements();
        catalog.add_modules();
        catalog
    }

    /// The same, with the functions that Rhai brings along.
    pub(crate) fn with_builtin(engine: &Engine) -> Self {
        let mut catalog = Self::new();
        let found = engine.collect_fn_metadata(None, |info| Some(info.metadata.clone()), true);
        for metadata in found {
            let name = metadata.name.to_string();
            let is_name = name.starts_with(|c: char| c.is_alphabetic());
            if is_name && !name.contains('$') && catalog.word(&name).is_none() {
                let signature = signature(&metadata, Form::Written);
                catalog.builtin.entry(name).or_default().push(signature);
            }
        }
        catalog
    }

    /// The word `name`.
    pub fn word(&self, name: &str) -> Option<&Word> {
        self.words.iter().find(|word| word.name == name)
    }

    /// All examples that can be run.
    pub fn examples(&self) -> Vec<Example> {
        let of_words = self.words.iter().flat_map(Word::examples);
        let of_properties = self.properties.iter().flat_map(|property| {
            example::in_doc(&format!("{}.{}", property.of, property.name), &property.doc)
        });
        of_words.chain(of_properties).collect()
    }

    /// The headings, in the order of the manual.
    pub(crate) fn topics(&self) -> Vec<&str> {
        let mut topics: Vec<&str> = Vec::new();
        for word in &self.words {
            if !topics.contains(&word.topic.as_str()) {
                topics.push(&word.topic);
            }
        }
        topics
    }

    /// The types that have properties.
    pub(crate) fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = Vec::new();
        for property in &self.properties {
            if !kinds.contains(&property.of.as_str()) {
                kinds.push(&property.of);
            }
        }
        kinds
    }

    /// What can be read from a value of the type `kind`.
    pub(crate) fn properties_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Property> {
        let properties = self.properties.iter();
        properties.filter(move |property| property.of == kind)
    }

    /// The modules of the standard library by their usual alias, each with its functions.
    pub(crate) fn modules(&self) -> BTreeMap<&str, Vec<&Signature>> {
        let mut modules: BTreeMap<&str, Vec<&Signature>> = BTreeMap::new();
        for word in &self.words {
            if let Some((alias, _)) = word.name.split_once("::") {
                let functions = modules.entry(alias).or_default();
                functions.extend(&word.signatures);
            }
        }
        modules
    }

    fn add_words(&mut self) {
        let described = described();
        for (topic, entry, form, _) in forms() {
            let Some(metadata) = described.get(&(entry.name().to_owned(), types_of(entry))) else {
                continue;
            };
            if let Some(name) = entry.name().strip_prefix("get$") {
                self.properties.push(property(metadata, name));
            } else if let Some(name) = entry.name().strip_prefix("set$") {
                let of = first_type(metadata);
                let known = self.properties.iter_mut();
                for property in known.filter(|known| known.of == of && known.name == name) {
                    property.is_writable = true;
                }
            } else if entry.name().starts_with(|c: char| c.is_alphabetic())
                && !["to_string", "to_debug"].contains(&entry.name())
            {
                self.add(entry.name(), topic, signature(metadata, form));
            }
        }
    }

    fn add(&mut self, name: &str, topic: &str, signature: Signature) {
        match self.words.iter_mut().find(|word| word.name == name) {
            Some(word) => word.signatures.push(signature),
            None => self.words.push(Word {
                name: name.to_owned(),
                topic: topic.to_owned(),
                signatures: vec![signature],
            }),
        }
    }

    /// What is no function of a topic.
    fn add_statements(&mut self) {
        let within = Signature {
            name: "within".to_owned(),
            parameters: vec![("place".to_owned(), "Netns or string".to_owned())],
            returns: "any".to_owned(),
            doc: within::DOC.to_owned(),
            ..Signature::default()
        };
        self.add("within", "Namespaces", within);
        for parameters in [Vec::new(), vec![("word".to_owned(), "string".to_owned())]] {
            let help = Signature {
                name: "help".to_owned(),
                parameters,
                doc: help::DOC.to_owned(),
                ..Signature::default()
            };
            self.add("help", "The manual", help);
        }
    }

    fn add_modules(&mut self) {
        // Parsing needs no words, but the statement that ipvsh adds to the syntax.
        let mut engine = Engine::new_raw();
        let _ = within::register(&mut engine);
        // No depth is too deep for what is part of the program.
        engine.set_max_expr_depths(0, 0);
        for (module, _) in modules::STANDARD {
            let Some(script) = modules::standard(module) else {
                continue;
            };
            let Ok(ast) = engine.compile(script.source()) else {
                continue;
            };
            let alias = modules::alias(module);
            for function in functions::public(&ast) {
                let name = format!("{alias}::{}", function.name);
                let signature = Signature {
                    name: name.clone(),
                    ..functions::signature(&function)
                };
                self.add(&name, &format!("import \"{module}\""), signature);
            }
        }
    }
}

/// The functions of all topics with what the compiler noted about them, by name and types.
fn described() -> BTreeMap<(String, Vec<TypeId>), FuncMetadata> {
    let mut described = BTreeMap::new();
    for topic in crate::dsl::topics::TOPICS {
        let mut module = Module::new();
        topic
            .words
            .for_each_fn(true, &mut |entry| entry.register_into(&mut module));
        let mut engine = Engine::new_raw();
        engine.register_global_module(module.into());
        for metadata in engine.collect_fn_metadata(None, |info| Some(info.metadata.clone()), true) {
            let types = metadata.param_types.to_vec();
            described.insert((metadata.name.to_string(), types), metadata);
        }
    }
    described
}

fn signature(metadata: &FuncMetadata, form: Form) -> Signature {
    let written = parameters(metadata);
    let rest = written.get(1..).unwrap_or_default();
    let pair = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
    let front = match form {
        Form::Written => written.get(..1).unwrap_or_default().to_vec(),
        Form::Here => Vec::new(),
        Form::NamedLink => vec![pair("net", "Netns"), pair("link", "string")],
        Form::NamedLinkHere => vec![pair("link", "string")],
    };
    let parameters: Vec<_> = front.iter().chain(rest).cloned().collect();
    let is_method = matches!(
        parameters.first(),
        Some((_, kind)) if kind == "Netns" || kind == "Link"
    );
    Signature {
        name: metadata.name.to_string(),
        parameters,
        // What `print` returns is what Rhai prints.
        returns: match metadata.name.as_str() {
            "print" => String::new(),
            _ => types::of_text(&metadata.return_type).to_owned(),
        },
        is_method,
        is_derived: form != Form::Written,
        doc: text_of(metadata.comments.iter().map(AsRef::as_ref)),
    }
}

/// The parameters' names and types; names that the compiler did not note are made up from the type.
fn parameters(metadata: &FuncMetadata) -> Vec<(String, String)> {
    let known = |index: usize| metadata.params_info.get(index).map(AsRef::as_ref);
    metadata
        .param_types
        .iter()
        .enumerate()
        .map(|(index, id)| {
            let (name, text) = known(index)
                .map(|info: &str| info.split_once(':').unwrap_or((info, "")))
                .unwrap_or_default();
            let kind = types::of_id(*id).unwrap_or_else(|| types::of_text(text));
            let name = name.trim().trim_start_matches("r#").trim_start_matches('_');
            let name = if name.is_empty() { kind } else { name };
            (name.to_owned(), kind.to_owned())
        })
        .collect()
}

fn first_type(metadata: &FuncMetadata) -> String {
    parameters(metadata)
        .into_iter()
        .next()
        .map(|(_, kind)| kind)
        .unwrap_or_default()
}

fn property(metadata: &FuncMetadata, name: &str) -> Property {
    Property {
        of: first_type(metadata),
        name: name.to_owned(),
        returns: types::of_text(&metadata.return_type).to_owned(),
        is_writable: false,
        doc: text_of(metadata.comments.iter().map(AsRef::as_ref)),
    }
}

/// The text of doc comments, without what marks them as such.
pub(super) fn text_of<'a>(comments: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<_> = comments
        .flat_map(str::lines)
        .map(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("///").unwrap_or(line);
            line.strip_prefix(' ').unwrap_or(line).trim_end()
        })
        .collect();
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_sentence_and_an_example() {
        let catalog = Catalog::new();
        assert!(catalog.words.len() > 5);
        for word in &catalog.words {
            for form in word.signatures.iter().filter(|form| !form.is_derived) {
                let first = form.doc.lines().next().unwrap_or_default();
                assert!(
                    first.ends_with('.') && first.len() > 10,
                    "{}: its first line is no sentence: {first:?}",
                    form.call()
                );
            }
            assert!(
                !word.examples().is_empty(),
                "`{}` has no example",
                word.name
            );
        }
    }

    #[test]
    fn every_module_of_the_standard_library_has_a_page() {
        let catalog = Catalog::new();
        for (module, _) in modules::STANDARD {
            let topic = format!("import \"{module}\"");
            assert!(catalog.topics().contains(&topic.as_str()), "{module}");
        }
    }

    #[test]
    fn every_property_has_a_sentence() {
        for property in Catalog::new().properties {
            let first = property.doc.lines().next().unwrap_or_default();
            assert!(
                first.ends_with('.'),
                "{}.{}: its first line is no sentence: {first:?}",
                property.of,
                property.name
            );
        }
    }

    #[test]
    fn signatures_read_as_one_types_them() {
        let catalog = Catalog::new();
        let shown = |name: &str| -> Vec<String> {
            let word = catalog.word(name).unwrap();
            word.signatures.iter().map(Signature::show).collect()
        };
        assert_eq!(shown("here"), ["here() -> Netns"]);
        assert_eq!(
            shown("assert"),
            [
                "assert(condition: bool)",
                "assert(condition: bool, text: string)"
            ]
        );
        assert_eq!(shown("within"), ["within place { … } -> any"]);
    }
}
