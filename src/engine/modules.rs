//! Where `import` finds modules: `std/…` in the binary itself, all others in files, relative to the script that imports them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rhai::{
    Engine, EvalAltResult, Module, ModuleResolver, OptimizationLevel, Position, Scope, Shared,
};

use crate::dsl::session::exception;
use crate::engine::constants;
use crate::engine::params;
use crate::engine::script::{Script, Sources};
use crate::error::Error;

/// The modules of the standard library, by the name that a script imports them by.
pub const STANDARD: &[(&str, &str)] = &[
    ("std/address", include_str!("../../stdlib/std/address.rhai")),
    ("std/check", include_str!("../../stdlib/std/check.rhai")),
    ("std/fabric", include_str!("../../stdlib/std/fabric.rhai")),
    ("std/lab", include_str!("../../stdlib/std/lab.rhai")),
];

/// Finds modules, and keeps those that were loaded.
pub(crate) struct Modules {
    sources: Sources,
    loaded: RefCell<BTreeMap<PathBuf, Shared<Module>>>,
    /// Those being loaded now, to notice a circle.
    loading: RefCell<Vec<PathBuf>>,
}

/// The file that `import "path"` in the script `importer` means.
pub(crate) fn file_of(importer: Option<&str>, path: &str) -> PathBuf {
    let mut file = Path::new(importer.unwrap_or_default())
        .parent()
        .unwrap_or(Path::new(""))
        .join(path);
    if file.extension().is_none_or(|extension| extension != "rhai") {
        file.as_mut_os_string().push(".rhai");
    }
    file
}

/// The text of the module of the standard library that `path` names.
pub(crate) fn standard(path: &str) -> Option<Script> {
    let name = path.strip_suffix(".rhai").unwrap_or(path);
    STANDARD
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(known, text)| Script::new(known, text))
}

/// The alias that a module is usually imported by: `lab` for `std/lab`.
pub(crate) fn alias(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether `path` can only mean the standard library.
pub(crate) fn is_standard(path: &str) -> bool {
    path.starts_with("std/")
}

impl Modules {
    pub(crate) fn new(sources: Sources) -> Self {
        Self {
            sources,
            loaded: RefCell::default(),
            loading: RefCell::default(),
        }
    }

    fn load(
        &self,
        engine: &Engine,
        script: &Script,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        self.sources.keep(script);
        let within = |error: Box<EvalAltResult>| {
            Box::new(EvalAltResult::ErrorInModule(
                script.name.clone(),
                error,
                position,
            ))
        };
        let with = constants::with_own(engine, &script.source(), &Scope::new());
        let mut ast = engine
            .compile_with_scope(&with.unwrap_or_default(), script.source())
            .map_err(|error| within(error.into()))?;
        ast.set_source(script.name.as_str());
        params::forbid(&ast).map_err(within)?;
        Module::eval_ast_as_new(Scope::new(), &ast, engine)
            .map(Rc::new)
            .map_err(within)
    }
}

impl ModuleResolver for Modules {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        debug_assert_eq!(engine.optimization_level(), OptimizationLevel::Simple);
        let not_found = || EvalAltResult::ErrorModuleNotFound(path.to_owned(), position);
        let (key, script) = if is_standard(path) {
            let script = standard(path).ok_or_else(not_found)?;
            (PathBuf::from(&script.name), Some(script))
        } else {
            let file = file_of(source, path);
            (fs::canonicalize(&file).map_err(|_| not_found())?, None)
        };
        if let Some(module) = self.loaded.borrow().get(&key) {
            return Ok(module.clone());
        }
        let is_under_way = self.loading.borrow().contains(&key);
        if is_under_way {
            return Err(exception(&circle(path), position));
        }
        let script = match script {
            Some(script) => script,
            None => Script::read(&file_of(source, path)).map_err(|report| {
                let error = Error::invalid(report.message);
                exception(&error, position)
            })?,
        };
        self.loading.borrow_mut().push(key.clone());
        let module = self.load(engine, &script, position);
        self.loading.borrow_mut().pop();
        let module = module?;
        self.loaded.borrow_mut().insert(key, module.clone());
        Ok(module)
    }
}

/// The failure of an import that leads back to where it stands.
pub(crate) fn circle(path: &str) -> Error {
    Error::invalid(format!("cannot import `{path}`: it imports itself"))
        .note("directly, or by way of the modules that it imports")
}

/// The modules in files beside `file`, as a script would import them.
pub(crate) fn beside(file: &Path) -> Vec<String> {
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".rhai").map(str::to_owned))
        .collect()
}
