//! The types of values, as far as they can be known without running anything.

use std::collections::BTreeMap;

use rhai::{AST, ASTNode, Expr, FnCallExpr, Stmt};

use crate::engine::catalog::{Catalog, Signature};
use crate::engine::diagnose::UNKNOWN;
use crate::engine::{functions, types};

/// The types of Rhai's own that a word takes.
const PLAIN: [&str; 8] = [
    "int", "float", "bool", "string", "char", "list", "map", "function",
];

/// What is known about the values of one script.
pub(super) struct Kinds<'a> {
    catalog: &'a Catalog,
    ast: &'a AST,
    /// The types of variables of which there is one of that name in the whole script, which nothing is assigned to.
    variables: BTreeMap<String, String>,
}

impl<'a> Kinds<'a> {
    pub(super) fn new(catalog: &'a Catalog, ast: &'a AST) -> Self {
        let mut kinds = Self {
            catalog,
            ast,
            variables: BTreeMap::new(),
        };
        let mut declared: BTreeMap<String, (usize, Option<Expr>)> = BTreeMap::new();
        let mut changed = Vec::new();
        let mut is_open = false;
        let mut declare = |name: &str, value: Option<&Expr>| {
            let known = declared.entry(name.to_owned()).or_default();
            known.0 += 1;
            known.1 = value.cloned();
        };
        for function in ast.iter_fn_def() {
            function.params.iter().for_each(|name| declare(name, None));
        }
        ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(var, ..))) => declare(&var.0.name, Some(&var.1)),
                Some(ASTNode::Stmt(Stmt::For(parts, _))) => {
                    declare(&parts.0.name, None);
                    if let Some(counter) = &parts.1 {
                        declare(&counter.name, None);
                    }
                }
                Some(ASTNode::Stmt(Stmt::TryCatch(parts, _))) => {
                    if let Expr::Variable(variable, ..) = &parts.expr {
                        declare(&variable.1, None);
                    }
                }
                Some(ASTNode::Stmt(Stmt::Assignment(parts))) => {
                    if let Expr::Variable(variable, ..) = &parts.1.lhs {
                        changed.push(variable.1.to_string());
                    }
                }
                Some(
                    ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)),
                ) => is_open |= call.name == "eval",
                _ => {}
            }
            true
        });
        if is_open {
            return kinds;
        }
        // One variable's type follows from another's: as often as there are links in such a chain, to no end of three.
        for _ in 0..3 {
            for (name, (count, value)) in &declared {
                if *count == 1 && !changed.contains(name) {
                    let kind = value.as_ref().and_then(|value| kinds.of(value));
                    if let Some(kind) = kind {
                        kinds.variables.insert(name.clone(), kind);
                    }
                }
            }
        }
        kinds
    }

    /// The type of what `expression` gives.
    pub(super) fn of(&self, expression: &Expr) -> Option<String> {
        let kind = match expression {
            Expr::IntegerConstant(..) => "int",
            Expr::FloatConstant(..) => "float",
            Expr::BoolConstant(..) | Expr::And(..) | Expr::Or(..) => "bool",
            Expr::CharConstant(..) => "char",
            Expr::StringConstant(..) | Expr::InterpolatedString(..) => "string",
            Expr::Array(..) => "list",
            Expr::Map(..) => "map",
            Expr::DynamicConstant(value, _) => types::of_text(value.type_name()),
            Expr::Variable(variable, ..) if variable.2.is_empty() => {
                self.variables.get(variable.1.as_str())?
            }
            Expr::FnCall(call, _) => return self.of_call(call, None),
            Expr::Dot(parts, ..) => {
                let object = self.of(&parts.lhs)?;
                return self.behind(&object, &parts.rhs);
            }
            _ => return None,
        };
        Some(kind.to_owned())
    }

    /// The type of what stands behind the dot of a value of type `object`.
    pub(super) fn behind(&self, object: &str, expression: &Expr) -> Option<String> {
        match expression {
            Expr::MethodCall(call, _) => self.of_call(call, Some(object)),
            Expr::Property(parts, _) => {
                let mut properties = self.catalog.properties_of(object);
                let property = properties.find(|property| property.name == parts.2.as_str())?;
                self.worth_knowing(&property.returns)
            }
            Expr::Dot(parts, ..) => {
                let object = self.behind(object, &parts.lhs)?;
                self.behind(&object, &parts.rhs)
            }
            _ => None,
        }
    }

    /// The types of the arguments of a call, with `object` for what stands before the dot.
    pub(super) fn given(&self, call: &FnCallExpr, object: Option<&str>) -> Vec<String> {
        let rest = call.args.iter().map(|argument| self.of(argument));
        let rest = rest.map(|kind| kind.unwrap_or_else(|| UNKNOWN.to_owned()));
        object.map(str::to_owned).into_iter().chain(rest).collect()
    }

    /// The type of what a call of a word returns.
    fn of_call(&self, call: &FnCallExpr, object: Option<&str>) -> Option<String> {
        let functions = functions::functions(self.ast);
        if call.is_qualified()
            || functions
                .iter()
                .any(|function| function.name == call.name.as_str())
        {
            return None;
        }
        let word = self.catalog.word(&call.name)?;
        let given = self.given(call, object);
        let mut fitting = word
            .signatures
            .iter()
            .filter(|form| self.fits(form, &given));
        let kind = &fitting.next()?.returns;
        if fitting.all(|form| form.returns == *kind) {
            self.worth_knowing(kind)
        } else {
            None
        }
    }

    /// Whether values of the types `given` can be what `form` takes.
    pub(super) fn fits(&self, form: &Signature, given: &[String]) -> bool {
        form.parameters.len() == given.len()
            && form
                .parameters
                .iter()
                .zip(given)
                .all(|((_, wanted), given)| self.is(given, wanted))
    }

    /// Whether a value of the type `given` can stand where `wanted` is: what is not known may.
    fn is(&self, given: &str, wanted: &str) -> bool {
        given == wanted || !self.is_known(given) || !self.is_known(wanted)
    }

    /// Whether it is a type that words tell apart.
    pub(super) fn is_known(&self, kind: &str) -> bool {
        PLAIN.contains(&kind) || self.catalog.kinds().contains(&kind)
    }

    fn worth_knowing(&self, kind: &str) -> Option<String> {
        self.is_known(kind).then(|| kind.to_owned())
    }
}
