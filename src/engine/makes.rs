//! What a script makes that a kernel may lack: kinds of link and of queue, as far as that can be seen without running it.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rhai::{AST, ASTNode, Expr, FnCallExpr, Scope, Stmt};

use crate::dsl::kinds::kind::{self, Kind};
use crate::engine::functions::{self, CLOSURE};
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, modules, params};

/// What the words need of a kernel beside kinds of link, each with its module and the option that the kernel is built with, the
/// words that make it, and a line that needs it.
const BESIDE: [(Driver, &[&str], &str); 4] = [
    (
        Driver {
            name: "netem",
            module: "sch_netem",
            config: "CONFIG_NET_SCH_NETEM",
        },
        &["netem", "impair"],
        "link(\"lo\").netem(#{delay: \"1ms\"});",
    ),
    (
        Driver {
            name: "tbf",
            module: "sch_tbf",
            config: "CONFIG_NET_SCH_TBF",
        },
        &["tbf"],
        "link(\"lo\").tbf(#{rate: \"1mbit\"});",
    ),
    (
        Driver {
            name: "htb",
            module: "sch_htb",
            config: "CONFIG_NET_SCH_HTB",
        },
        &["htb"],
        "link(\"lo\").htb(#{classes: [#{rate: \"1mbit\"}]});",
    ),
    (
        Driver {
            name: "nft",
            module: "nf_tables",
            config: "CONFIG_NF_TABLES",
        },
        &["nft", "drop", "reject", "accept", "masquerade", "nat"],
        "here().nft(\"table inet t { }\");",
    ),
];

/// Something that a kernel has, or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Driver {
    /// How the words call it.
    pub name: &'static str,
    /// Its kernel module.
    pub module: &'static str,
    /// The option that the kernel is built with to have it.
    pub config: &'static str,
}

/// The driver behind a word.
pub fn driver(word: &str) -> Option<Driver> {
    if let Some(kind) = kind::of_word(word) {
        return Some(of_kind(kind));
    }
    let mut beside = BESIDE.iter();
    let (driver, ..) = beside.find(|(_, words, _)| words.contains(&word))?;
    Some(*driver)
}

fn of_kind(kind: &Kind) -> Driver {
    Driver {
        name: kind.word,
        module: kind.module,
        config: kind.config,
    }
}

/// All drivers that the words can need; those that are no kind of link with a line that needs it.
pub fn all() -> impl Iterator<Item = (Driver, Option<&'static str>)> {
    let kinds = kind::all().map(|kind| (of_kind(kind), None));
    let beside = BESIDE.iter();
    kinds.chain(beside.map(|(driver, _, line)| (*driver, Some(*line))))
}

/// The drivers of all that the script may make, by its own calls and by those of the functions that it calls, in its modules too.
///
/// What is called by a name that is only known at run time is not seen.
pub fn drivers(interpreter: &Interpreter, script: &Script) -> Result<Vec<Driver>, Failure> {
    let ast = interpreter.compile(script, &Interpreter::scope_of_names())?;
    let mut look = Look {
        interpreter,
        modules: HashMap::new(),
        seen: HashSet::new(),
        found: Vec::new(),
    };
    look.look(&ast, None);
    Ok(look.found)
}

/// The same, with what drivers can do only where the kernel was built so: to choose a place by.
pub fn needs(interpreter: &Interpreter, script: &Script) -> Result<Vec<Driver>, Failure> {
    let mut found = drivers(interpreter, script)?;
    if VLANS_ASKED.iter().any(|asked| script.text.contains(asked)) {
        found.push(VLAN_FILTERING);
    }
    Ok(found)
}

/// What a bridge can do only where the kernel was built so.
const VLAN_FILTERING: Driver = Driver {
    name: "vlan_filtering",
    // None of its own: it is a part of the driver.
    module: "bridge_vlan_filtering",
    config: "CONFIG_BRIDGE_VLAN_FILTERING",
};

/// How a script asks for it.
const VLANS_ASKED: [&str; 2] = ["vlan_filtering: true", "vlan_default_pvid"];

/// A look under way.
struct Look<'a> {
    interpreter: &'a Interpreter,
    /// Those that were read, by the script that imports them and the name there; none for what can't be read.
    modules: HashMap<(String, String), Option<AST>>,
    /// The functions that were looked into, each with the script that has it.
    seen: HashSet<(String, Option<String>)>,
    found: Vec<Driver>,
}

/// A call in a script.
struct Call {
    /// The function that it stands in, closures left out; none for what the script itself does.
    function: Option<String>,
    /// The alias of the module that has what is called.
    module: Option<String>,
    name: String,
}

impl Look<'_> {
    /// Looks into a function, or into what the script itself does.
    fn look(&mut self, ast: &AST, function: Option<&str>) {
        let function = function.map(str::to_owned);
        let source = ast.source().unwrap_or_default().to_owned();
        if !self.seen.insert((source, function.clone())) {
            return;
        }
        for call in calls(ast) {
            if call.function != function {
                continue;
            }
            let name = call.name.as_str();
            if let Some(alias) = &call.module {
                if let Some(module) = self.module(ast, alias) {
                    self.look(&module, Some(name));
                }
            } else if functions::functions(ast)
                .iter()
                .any(|known| known.name == name)
            {
                self.look(ast, Some(name));
            } else if let Some(driver) = driver(name)
                && !self.found.contains(&driver)
            {
                self.found.push(driver);
            }
        }
    }

    /// The module that a script imports by the alias.
    fn module(&mut self, ast: &AST, alias: &str) -> Option<AST> {
        let importer = ast.source().unwrap_or_default().to_owned();
        let imports = params::imports(ast);
        let (name, ..) = imports.into_iter().find(|(_, known, _)| known == alias)?;
        let interpreter = self.interpreter;
        let read = || {
            let script = match modules::standard(&name) {
                Some(script) => script,
                None => Script::read(Path::new(&modules::file_of(Some(&importer), &name))).ok()?,
            };
            interpreter.compile(&script, &Scope::new()).ok()
        };
        let key = (importer.clone(), name.clone());
        self.modules.entry(key).or_insert_with(read).clone()
    }
}

/// The calls of a script, in its order, and what they say that a kernel needs: `needs("ipvlan")`.
fn calls(ast: &AST) -> Vec<Call> {
    let functions: Vec<_> = ast
        .iter_fn_def()
        .filter(|function| !function.name.starts_with(CLOSURE))
        .map(|function| {
            let body = &function.body;
            (&function.name, body.start_position(), body.end_position())
        })
        .collect();
    let mut calls = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(
            ASTNode::Expr(Expr::FnCall(call, position) | Expr::MethodCall(call, position))
            | ASTNode::Stmt(Stmt::FnCall(call, position)),
        ) = path.last()
        {
            let mut around = functions.iter();
            let around = around.find(|(_, start, end)| start <= position && position <= end);
            let function = around.map(|(name, ..)| name.to_string());
            let named = needed_kind(call).map(|kind| (None, kind));
            let module = call
                .is_qualified()
                .then(|| call.namespace.root().to_owned());
            let called = (module, call.name.to_string());
            for (module, name) in named.into_iter().chain([called]) {
                let function = function.clone();
                let call = Call {
                    function,
                    module,
                    name,
                };
                calls.push((*position, call));
            }
        }
        true
    });
    // Rhai hands out functions in an order of chance.
    calls.sort_by_key(|(position, _)| *position);
    calls.into_iter().map(|(_, call)| call).collect()
}

/// The kind of link that a call says to need.
fn needed_kind(call: &FnCallExpr) -> Option<String> {
    let kind = call.args.first().filter(|_| call.name == "needs")?;
    kind.get_literal_value(None)?.into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::Session;
    use crate::dsl::session::Settings;

    fn names(text: &str) -> Vec<&'static str> {
        let interpreter = Interpreter::new(Session::new(Settings::default()));
        let found = drivers(&interpreter, &Script::new("lab.rhai", text)).unwrap();
        found.iter().map(|driver| driver.name).collect()
    }

    #[test]
    fn the_kinds_that_a_script_makes_are_found_where_they_are_reached() {
        assert_eq!(names("ping(\"127.0.0.1\");"), Vec::<&str>::new());
        assert_eq!(
            names("let v = veth(\"a\", \"b\"); v.netem(#{delay: \"1ms\"});"),
            ["veth", "netem"]
        );
        assert_eq!(
            names("fn one(n) { n.bridge(\"br0\") } fn other() { dummy(\"d\") } one(netns(\"a\"));"),
            ["bridge"]
        );
        assert_eq!(
            names("[1].map(|i| macvlan(\"p\", \"m\" + i));"),
            ["macvlan"]
        );
        assert_eq!(names("needs(\"ipvlan\");"), ["ipvlan"]);
    }

    #[test]
    fn a_function_of_a_module_is_looked_into_and_no_other() {
        assert_eq!(
            names("import \"std/lab\" as lab; lab::uplink(\"bond0\");"),
            ["bond", "dummy"]
        );
        assert_eq!(
            names("import \"std/lab\" as lab; print(1);"),
            Vec::<&str>::new()
        );
    }
}
