//! The state of the session, as completion and hints see it: the words, the variables, the functions and modules of the user.

use std::cell::{OnceCell, Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rhai::{AST, Dynamic, Scope};

use super::shell;
use crate::dsl::Session;
use crate::engine::Interpreter;
use crate::engine::catalog::{Catalog, Signature};
use crate::engine::functions;
use crate::engine::modules::{file_of, is_standard};
use crate::engine::script::Script;
use crate::engine::types;

/// The variables, the functions and the interpreter of a session.
pub(crate) struct State {
    pub(super) interpreter: RefCell<Interpreter>,
    pub(super) scope: RefCell<Scope<'static>>,
    /// The functions that the user declared.
    functions: RefCell<BTreeMap<(String, usize), Signature>>,
    /// The modules that the user imported, by their alias, with the path.
    modules: RefCell<BTreeMap<String, String>>,
    /// The variables that a text declares which nothing has run, with the names of their types, empty where not known.
    declared: RefCell<Vec<(String, String)>>,
    /// The variables that stand for what was taken back.
    taken_back: RefCell<BTreeSet<String>>,
    catalog: OnceCell<Catalog>,
    session: Rc<Session>,
}

impl State {
    pub(crate) fn new(session: Rc<Session>) -> Self {
        let interpreter = Interpreter::new(session.clone());
        Self {
            scope: RefCell::new(interpreter.scope()),
            interpreter: RefCell::new(interpreter),
            functions: RefCell::default(),
            modules: RefCell::default(),
            declared: RefCell::default(),
            taken_back: RefCell::default(),
            catalog: OnceCell::new(),
            session,
        }
    }

    pub(super) fn session(&self) -> &Rc<Session> {
        &self.session
    }

    /// The words; read when the first key is typed.
    pub(crate) fn catalog(&self) -> &Catalog {
        self.catalog
            .get_or_init(|| Catalog::with_builtin(self.interpreter.borrow().engine()))
    }

    /// Notes the functions and modules that the entry `ast` declared.
    pub(crate) fn learn(&self, ast: &AST, imports: impl Iterator<Item = (String, String)>) {
        for function in functions::functions(ast) {
            let signature = functions::signature(&function);
            let key = (function.name.to_owned(), function.params.len());
            self.functions.borrow_mut().insert(key, signature);
        }
        self.modules
            .borrow_mut()
            .extend(imports.map(|(path, alias)| (alias, path)));
    }

    /// Forgets the functions and modules that were declared.
    pub(crate) fn forget_functions(&self) {
        self.functions.borrow_mut().clear();
        self.modules.borrow_mut().clear();
    }

    /// Compiles a script that the session itself does not run; none where it has mistakes.
    pub(crate) fn compile(&self, script: &Script) -> Option<AST> {
        let interpreter = self.interpreter.borrow();
        let names = Interpreter::scope_of_names();
        interpreter.compile(script, &names).ok()
    }

    /// Notes a variable that a text declares which nothing has run, with the name of its type.
    pub(crate) fn declare(&self, name: String, kind: String) {
        self.declared.borrow_mut().push((name, kind));
    }

    /// Forgets the variables of texts that nothing has run.
    pub(crate) fn forget_declared(&self) {
        self.declared.borrow_mut().clear();
    }

    /// Those variables, each once: of several of one name the last can be seen.
    pub(super) fn declared(&self) -> BTreeMap<String, String> {
        self.declared.borrow().iter().cloned().collect()
    }

    /// The name of the type of such a variable.
    pub(super) fn declared_type(&self, name: &str) -> Option<String> {
        let declared = self.declared.borrow();
        let found = declared.iter().rfind(|(known, _)| known == name);
        found.map(|(_, kind)| kind.clone())
    }

    /// Notes that variables stand for what was taken back.
    pub(super) fn mark_taken_back(&self, names: impl Iterator<Item = String>) {
        self.taken_back.borrow_mut().extend(names);
    }

    /// Notes that the variables from the one at `first` on were declared now.
    pub(super) fn declare_again(&self, first: usize) {
        let scope = self.scope.borrow();
        let mut taken_back = self.taken_back.borrow_mut();
        for (name, ..) in scope.iter().skip(first) {
            taken_back.remove(name);
        }
    }

    /// Whether a variable stands for what was taken back.
    pub(super) fn is_taken_back(&self, name: &str) -> bool {
        self.taken_back.borrow().contains(name)
    }

    /// Forgets the variables.
    pub(super) fn forget(&self) {
        let scope = self.interpreter.borrow().scope();
        self.scope.replace(scope);
    }

    pub(super) fn functions(&self) -> Ref<'_, BTreeMap<(String, usize), Signature>> {
        self.functions.borrow()
    }

    /// How the function of that name is called which the user declared, and what its comments say of it.
    pub(super) fn own_function(&self, name: &str) -> Option<String> {
        let functions = self.functions.borrow();
        let own = functions.values().filter(|one| one.name == name);
        let pages: Vec<String> = own
            .map(|one| {
                let lines = one.doc.lines().map(|line| format!("\n    {line}"));
                format!("{}{}", one.show(), lines.collect::<String>())
            })
            .collect();
        (!pages.is_empty()).then(|| pages.join("\n"))
    }

    pub(super) fn modules(&self) -> Ref<'_, BTreeMap<String, String>> {
        self.modules.borrow()
    }

    /// The name that the manual has for `name` of the module imported as `alias`: none for a module of the user's.
    pub(crate) fn word_of_module(&self, alias: &str, name: &str) -> Option<String> {
        let modules = self.modules();
        let module = modules.get(alias)?.strip_prefix("std/")?;
        Some(format!("{module}::{name}"))
    }

    /// How the functions of a module of the user's are called, as its file has them now.
    pub(super) fn functions_of_module(&self, alias: &str) -> Vec<Signature> {
        let modules = self.modules();
        let own = modules.get(alias).filter(|path| !is_standard(path));
        let script = own.and_then(|path| Script::read(&file_of(None, path)).ok());
        let ast = script.and_then(|script| {
            let interpreter = self.interpreter.borrow();
            interpreter.compile(&script, &Scope::new()).ok()
        });
        let functions = ast.as_ref().map(functions::public);
        functions
            .iter()
            .flatten()
            .map(functions::signature)
            .collect()
    }

    /// The names of the variables, each once.
    pub(super) fn variables(&self) -> Vec<(String, Dynamic)> {
        let scope = self.scope.borrow();
        let mut found = BTreeMap::new();
        for (name, _, value) in scope.iter() {
            // Of several variables of one name the last is visible.
            found.insert(name.to_owned(), value);
        }
        // It is typed as `_`.
        found.remove(shell::LAST);
        found.into_iter().collect()
    }

    pub(super) fn variable(&self, name: &str) -> Option<Dynamic> {
        self.scope.borrow().get_value::<Dynamic>(name)
    }

    /// The property `name` of `value` as it is now; `None` where it cannot be read, or holds nothing.
    pub(super) fn property(&self, value: Dynamic, name: &str) -> Option<Dynamic> {
        let interpreter = self.interpreter.try_borrow().ok()?;
        let mut scope = Scope::new();
        scope.push_dynamic("it", value);
        let text = format!("it.{name}");
        let read = interpreter
            .engine()
            .eval_expression_with_scope::<Dynamic>(&mut scope, &text);
        read.ok().filter(|value| !value.is_unit())
    }

    /// The forms of the word or function `name`.
    pub(crate) fn signatures(&self, name: &str) -> Vec<Signature> {
        let functions = self.functions();
        let own = functions.values().filter(|one| one.name == name).cloned();
        let catalog = self.catalog();
        let word = catalog.word(name).map(|word| &word.signatures);
        let builtin = catalog.builtin.get(name);
        let native = word.or(builtin).into_iter().flatten().cloned();
        own.chain(native).collect()
    }

    /// Whether anything can be called by that name, on a value or by itself.
    pub(super) fn is_callable(&self, name: &str) -> bool {
        self.catalog().word(name).is_some()
            || self.catalog().builtin.contains_key(name)
            || KEYWORDS.contains(&name)
            || self.functions().keys().any(|(known, _)| known == name)
    }

    /// Whether `name` begins the name of anything that can be called, or of a variable.
    pub(super) fn begins_a_name(&self, name: &str) -> bool {
        let catalog = self.catalog();
        catalog.words.iter().any(|word| word.name.starts_with(name))
            || catalog
                .builtin
                .range(name.to_owned()..)
                .next()
                .is_some_and(|(known, _)| known.starts_with(name))
            || STATEMENTS
                .iter()
                .chain(&KEYWORDS)
                .any(|word| word.starts_with(name))
            || self
                .functions()
                .keys()
                .any(|(known, _)| known.starts_with(name))
            || self.modules().keys().any(|known| known.starts_with(name))
            || self
                .scope
                .borrow()
                .iter()
                .any(|(known, ..)| known.starts_with(name))
    }
}

/// The name of a value's type, as the catalog calls it.
pub(super) fn type_of(value: &Dynamic) -> String {
    types::of_text(value.type_name()).to_owned()
}

/// Calls that Rhai itself answers.
pub(super) const KEYWORDS: [&str; 10] = [
    "call",
    "curry",
    "debug",
    "eval",
    "Fn",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "print",
    "type_of",
];

/// The words that statements begin with or are made of.
pub(super) const STATEMENTS: [&str; 25] = [
    "as", "break", "catch", "const", "continue", "do", "else", "export", "false", "fn", "for",
    "if", "import", "in", "let", "loop", "private", "return", "switch", "this", "throw", "true",
    "try", "while", "within",
];
