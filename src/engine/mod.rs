//! The Rhai interpreter as ipvsh sets it up, the catalog of its words, the parameters of scripts, and the explanation of errors.

mod captured;
pub mod catalog;
pub mod check;
mod constants;
pub mod definitions;
mod diagnose;
mod example;
pub mod files;
pub mod format;
pub(crate) mod functions;
mod help;
mod keys;
pub mod makes;
pub mod manual;
pub mod memory;
pub mod modules;
mod names;
mod own;
mod pad;
pub mod params;
pub mod reference;
pub mod script;
pub mod signals;
pub mod stack;
pub mod stories;
pub mod testing;
pub(crate) mod types;
mod words;
mod written;

pub(crate) use diagnose::{Means, memory_used_up};
pub(crate) use names::declared as declared_names;

use std::rc::Rc;

use rhai::packages::{Package, StandardPackage};
use rhai::{
    AST, Dynamic, Engine, EvalAltResult, Expr, OptimizationLevel, ParseError, Position, Scope, Stmt,
};

use crate::dsl::Session;
use crate::dsl::script::progress::Steps;
use crate::dsl::script::within;
use crate::dsl::strands::Floor;
use crate::engine::modules::Modules;
use crate::engine::script::{Script, Sources};
use crate::view::error::Report;

/// How many calls of functions may be under way at once.
const CALL_LEVELS: usize = 1000;
/// How deep expressions may nest. A chain of 30 calls is 30 levels.
const EXPRESSION_DEPTH: usize = 256;

/// Why a run was ended between two of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A signal asked for it.
    Interrupted,
    /// Nobody reads the output any more.
    OutputClosed,
    /// The script calls itself deeper than the stack goes.
    StackUsedUp,
    /// The script has taken more memory than it may.
    MemoryUsedUp,
}

/// What a failure means for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The script failed.
    Script,
    /// The command line or a parameter is wrong.
    Usage,
    /// The privileges do not suffice, or this machine can't do it.
    NotPossible,
    /// The signal of that number ended it.
    Interrupted(i32),
    /// Nobody reads the output any more.
    OutputClosed,
}

/// How a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What there is to say of it.
    pub report: Report,
    /// What it means for the exit code.
    pub reason: Reason,
}

impl Failure {
    /// A failure of the command line.
    pub fn usage(report: Report) -> Self {
        Self {
            report,
            reason: Reason::Usage,
        }
    }

    /// A failure of the script.
    pub fn script(report: Report) -> Self {
        Self {
            report,
            reason: Reason::Script,
        }
    }

    /// The exit code that tells it.
    pub fn exit_code(&self) -> u8 {
        match self.reason {
            Reason::Script => 1,
            Reason::Usage => 2,
            Reason::NotPossible => 3,
            // As shells have it: 128 and the number of the signal.
            Reason::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(1),
            Reason::OutputClosed => u8::try_from(128 + libc::SIGPIPE).unwrap_or(1),
        }
    }
}

/// When the functions that Rhai brings along are put into an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Functions {
    /// At once, which is half of the time that it takes to start.
    Ready,
    /// When they are called, which is slow where they are called from closures and modules over and over.
    WhenCalled,
}

/// Sets up an engine with all words of the language.
fn build(session: &Rc<Session>, sources: &Sources, functions: Functions) -> Engine {
    let mut engine = Engine::new_raw();
    // No limit of sizes: to keep one, the interpreter measures a whole value at each step. What counts is the memory of all.
    engine
        .set_optimization_level(OptimizationLevel::Simple)
        .set_default_tag(Dynamic::from(session.clone()))
        .set_max_strings_interned(rhai::default_limits::MAX_STRINGS_INTERNED)
        .set_max_call_levels(CALL_LEVELS)
        .set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH)
        .set_fail_on_invalid_map_property(true)
        .set_strict_variables(true)
        .set_module_resolver(Modules::new(sources.clone()));
    let package = match functions {
        Functions::Ready => StandardPackage::new(),
        Functions::WhenCalled => StandardPackage::new_lazy(),
    };
    engine.register_global_module(package.as_shared_module());
    keys::allow_keywords(&mut engine);
    words::register(&mut engine, sources);
    engine.register_iterator::<Steps>();
    diagnose::tell_caught(&mut engine, session, sources);
    help::register(&mut engine);
    pad::register(&mut engine);
    // Fails only for symbols that can't be parsed, and these can.
    let registered = within::register(&mut engine);
    debug_assert!(registered.is_ok());

    session.strands().measured_by(Floor {
        begin: stack::begin,
        get: stack::floor,
        set: stack::set_floor,
    });
    let watched = session.clone();
    engine.on_progress(move |_| {
        let stop = if watched.interrupted().is_some() {
            Stop::Interrupted
        } else if watched.output_closed() {
            Stop::OutputClosed
        } else if stack::is_used_up() {
            Stop::StackUsedUp
        } else if memory::is_used_up() {
            Stop::MemoryUsedUp
        } else {
            return None;
        };
        Some(Dynamic::from(stop))
    });
    let printing = session.clone();
    engine.on_print(move |text| {
        // Where it fails the session notes it, and the run ends at its next step.
        let _ = printing.print_of_script(text);
    });
    let debugging = session.clone();
    engine.on_debug(move |text, source, position| {
        let place = match (source, position.line()) {
            (Some(source), Some(line)) => format!("{source}:{line}: "),
            _ => String::new(),
        };
        let _ = debugging.print_of_script(&format!("{place}{text}"));
    });
    engine
}

/// Where the call stands whose value is that of the whole script.
fn last_call(ast: &AST) -> Option<Position> {
    match ast.statements().last()? {
        Stmt::FnCall(_, position) => Some(*position),
        Stmt::Expr(expression) => {
            let mut last = &**expression;
            while let Expr::Dot(parts, ..) = last {
                last = &parts.rhs;
            }
            match last {
                Expr::FnCall(_, position) | Expr::MethodCall(_, position) => Some(*position),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The report of a mistake in ipvsh itself.
fn internal(panic: &(dyn std::any::Any + Send)) -> Report {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    Report::new(format!("ipvsh itself failed: {}", text.unwrap_or_default()))
        .hint("this is a mistake of ipvsh: report it, with the script")
}

/// An engine with the session that its words share and the scripts that it has read.
pub struct Interpreter {
    engine: Engine,
    session: Rc<Session>,
    sources: Sources,
}

impl Interpreter {
    /// An interpreter that acts in `session`.
    pub fn new(session: Rc<Session>) -> Self {
        Self::with(session, Functions::Ready)
    }

    /// The same for a single line, which starts quicker.
    pub fn for_line(session: Rc<Session>, line: &str) -> Self {
        let calls_often = line.contains('|') || line.contains("import");
        let functions = if calls_often {
            Functions::Ready
        } else {
            Functions::WhenCalled
        };
        Self::with(session, functions)
    }

    fn with(session: Rc<Session>, functions: Functions) -> Self {
        let sources = Sources::of(&session);
        let engine = build(&session, &sources, functions);
        Self {
            engine,
            session,
            sources,
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What its words share.
    pub fn session(&self) -> &Rc<Session> {
        &self.session
    }

    /// The scripts that were read.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// What explanations of mistakes draw upon.
    pub(crate) fn means(&self) -> Means<'_> {
        Means {
            engine: &self.engine,
            session: &self.session,
            sources: &self.sources,
        }
    }

    /// What a script finds when it starts: `args`.
    pub fn scope(&self) -> Scope<'static> {
        let mut scope = Scope::new();
        let args = self.session.args().iter();
        let args: rhai::Array = args.map(|argument| argument.clone().into()).collect();
        scope.push_constant("args", args);
        scope
    }

    /// The names of what a script finds when it starts, to parse it before the values are known.
    pub fn scope_of_names() -> Scope<'static> {
        let mut scope = Scope::new();
        // A variable and not a constant, whose value would be put in its place while parsing.
        scope.push("args", rhai::Array::new());
        scope
    }

    /// Parses `script` without explaining what is wrong with it.
    pub(crate) fn parse(&self, script: &Script, scope: &Scope) -> Result<AST, ParseError> {
        self.sources.keep(script);
        let with = constants::with_own(&self.engine, &script.source(), scope);
        let scope = with.as_ref().unwrap_or(scope);
        let mut ast = self.engine.compile_with_scope(scope, script.source())?;
        ast.set_source(script.name.as_str());
        Ok(ast)
    }

    /// Parses `script`, which may use what is in `scope`.
    pub fn compile(&self, script: &Script, scope: &Scope) -> Result<AST, Failure> {
        self.parse(script, scope)
            .map_err(|error| self.explain(&error.into(), None, &script.name))
    }

    /// The parameters that the script `ast` declares.
    pub fn parameters(&self, ast: &AST) -> Result<Vec<params::Parameter>, Failure> {
        params::declared(ast)
            .map_err(|error| self.explain(&error, Some(ast), ast.source().unwrap_or_default()))
    }

    /// Runs `ast`, whose value is shown to somebody, and returns it. Where it is that of one call, that may show it as it comes.
    pub fn run_shown(&self, ast: &AST, scope: &mut Scope) -> Result<Dynamic, Failure> {
        let source = ast.source().unwrap_or_default();
        self.session.live().begin(source, last_call(ast));
        self.run(ast, scope)
    }

    /// Runs `ast` and returns its value.
    pub fn run(&self, ast: &AST, scope: &mut Scope) -> Result<Dynamic, Failure> {
        let run = || self.engine.eval_ast_with_scope::<Dynamic>(scope, ast);
        // Also after a mistake of ours there is a lab to take down.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
            .map_err(|panic| Failure::script(internal(&*panic)))?;
        match result {
            // A last line printed into the void is found out here only.
            Ok(_) if self.session.output_closed() => Err(Failure {
                report: Report::new("nobody reads the output"),
                reason: Reason::OutputClosed,
            }),
            // What Rhai hands through is the exit code, which is no value of the script's.
            Ok(_) if self.session.exit_code().is_some() => Ok(Dynamic::UNIT),
            result => result
                .map_err(|error| self.explain(&error, Some(ast), ast.source().unwrap_or_default())),
        }
    }

    /// Runs a text from its beginning to its end and returns its value.
    pub fn eval(&self, name: &str, text: &str) -> Result<Dynamic, Failure> {
        let ast = self.compile(&Script::new(name, text), &Self::scope_of_names())?;
        self.parameters(&ast)?;
        self.run(&ast, &mut self.scope())
    }

    /// Keeps the functions and modules of the script `ast`, so that scripts run later find them.
    ///
    /// Fails where a module can't be loaded.
    pub fn keep(&mut self, ast: &AST) -> Result<(), Failure> {
        let source = ast.source().unwrap_or_default();
        let explained =
            |error: Box<EvalAltResult>| diagnose::explain(self.means(), &error, Some(ast), source);
        let mut modules = Vec::new();
        for (path, alias, position) in params::imports(ast) {
            let resolver = self.engine.module_resolver();
            let module = resolver.resolve(&self.engine, Some(source), &path, position);
            modules.push((alias, module.map_err(explained)?));
        }
        let mut functions = None;
        if ast.has_functions() {
            let parts = ast.clone_functions_only();
            let module = rhai::Module::eval_ast_as_new(Scope::new(), &parts, &self.engine);
            functions = Some(module.map_err(explained)?);
        }
        for (alias, module) in modules {
            if !alias.is_empty() {
                self.engine.register_static_module(alias, module);
            }
        }
        if let Some(functions) = functions {
            self.engine.register_global_module(functions.into());
        }
        Ok(())
    }

    /// Whether `text` is the beginning of something that goes on.
    pub(crate) fn is_incomplete(&self, text: &str, scope: &Scope) -> bool {
        if text.trim_end().ends_with('|') || names::ends_in_comment(text) {
            return true;
        }
        let script = Script::new("<incomplete>", text);
        let parsed = self.engine.compile_with_scope(scope, script.source());
        parsed.is_err_and(|error| diagnose::is_incomplete(&error.0, error.1, text))
    }

    fn explain(&self, error: &EvalAltResult, ast: Option<&AST>, source: &str) -> Failure {
        diagnose::explain(self.means(), error, ast, source)
    }
}
