//! The words as Rhai's language server reads them: a definition file.

use std::any::TypeId;
use std::rc::Rc;

use rhai::plugin::RhaiFunc;
use rhai::{Dynamic, Engine, FuncRegistration, Module};

use crate::engine::catalog::{Catalog, Signature};

const HEAD: &str = "\
// The words of ipvsh, for Rhai's language server. Keep this file beside your scripts as `ipvsh.d.rhai`.
//
// What is statement and not function it can't say: `within PLACE { … }` is one.

";

/// The definitions of all words and properties, and of what Rhai brings along, in one file.
pub fn file() -> String {
    let mut engine = Engine::new();
    let catalog = Catalog::new();
    // One module for each, for words of the same name and count differ in types that need not be known here.
    let mut words = Vec::new();
    let statements = ["within"];
    for word in &catalog.words {
        let is_statement = statements.contains(&word.name.as_str());
        if !is_statement && !word.name.contains("::") {
            for signature in &word.signatures {
                words.push(defined(&signature.name, signature));
            }
        }
    }
    for property in &catalog.properties {
        let object = ("object".to_owned(), property.of.clone());
        let get = Signature {
            parameters: vec![object.clone()],
            returns: property.returns.clone(),
            doc: property.doc.clone(),
            ..Signature::default()
        };
        words.push(defined(&format!("get${}", property.name), &get));
        if property.is_writable {
            let value = ("value".to_owned(), property.returns.clone());
            let set = Signature {
                parameters: vec![object, value],
                ..get
            };
            words.push(defined(&format!("set${}", property.name), &set));
        }
    }
    for word in words.into_iter().rev() {
        engine.register_global_module(word.into());
    }
    for (alias, functions) in catalog.modules() {
        let mut module = Module::new();
        for signature in functions {
            let name = signature.name.rsplit("::").next();
            define(&mut module, name.unwrap_or_default(), signature);
        }
        engine.register_static_module(alias, module.into());
    }
    let definitions = engine.definitions().include_standard_packages(true);
    format!("{HEAD}{}", definitions.single_file().trim_end())
}

fn defined(name: &str, signature: &Signature) -> Module {
    let mut module = Module::new();
    define(&mut module, name, signature);
    module
}

/// Adds a function that is there to be described only.
fn define(module: &mut Module, name: &str, signature: &Signature) {
    let parameters = signature.parameters.iter();
    let mut described: Vec<_> = parameters
        .map(|(name, kind)| format!("{}: {}", name_of(name), type_of(kind)))
        .collect();
    // What a function of a module returns is not written down.
    let returns = match signature.returns.as_str() {
        "" if signature.name.contains("::") => "any",
        "" => "nothing",
        returns => returns,
    };
    described.push(type_of(returns).to_owned());
    let types = vec![TypeId::of::<Dynamic>(); signature.parameters.len()];
    let doc: Vec<_> = signature
        .doc
        .lines()
        .map(|line| format!("/// {line}").trim_end().to_owned())
        .collect();
    FuncRegistration::new(name)
        .with_params_info(described)
        .with_comments(doc)
        .set_into_module_raw(
            module,
            types,
            RhaiFunc::Pure {
                func: Rc::new(|_, _| Ok(Dynamic::UNIT)),
                has_context: false,
                is_pure: true,
                is_volatile: true,
            },
        );
}

/// The name of a parameter, changed where the language keeps it for itself.
fn name_of(name: &str) -> String {
    let is_free = Engine::new_raw().compile(format!("let {name};")).is_ok();
    let mark = if is_free { "" } else { "_" };
    format!("{name}{mark}")
}

/// The type as Rhai's definitions write it.
fn type_of(kind: &str) -> &str {
    match kind {
        "string" => "String",
        "list" => "Array",
        "map" => "Map",
        "function" => "FnPtr",
        "nothing" => "()",
        "" | "any" => "Dynamic",
        other => other,
    }
}
