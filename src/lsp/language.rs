//! What is said at the cursor: what can stand there, what stands there, and how a call goes on.

use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, Hover, HoverContents,
    MarkupContent, MarkupKind, ParameterInformation, ParameterLabel, SignatureHelp,
    SignatureInformation, TextEdit,
};

use super::document::Document;
use super::names::{Declaration, KEYWORDS, Means, Names, solid};
use crate::dsl::session::Settings;
use crate::dsl::{Session, options};
use crate::engine::catalog::Signature;
use crate::engine::params;
use crate::engine::script::Script;
use crate::repl::complete::place::{innermost_call, value_before};
use crate::repl::complete::value::type_of_expression;
use crate::repl::lex::{Kind, Piece, pieces};
use crate::repl::state::State;
use crate::repl::{complete, hint};
use crate::value::escape::on_one_line;

/// The words, as the session knows them.
pub(super) struct Language {
    state: State,
}

impl Language {
    pub(super) fn new() -> Self {
        Self {
            state: State::new(Session::new(Settings::default())),
        }
    }

    /// Has the session know what the text declares, up to the cursor: functions, modules, and variables with their types.
    fn learn(&self, text: &str, whole: &str, names: &Names) {
        // A text that is being typed has often mistakes: then those of before are known on.
        if let Some(ast) = self.state.compile(&Script::new("", whole)) {
            let imports = params::imports(&ast).into_iter();
            let imports = imports.map(|(path, alias, _)| (path, alias));
            self.state.forget_functions();
            self.state.learn(&ast, imports);
        }
        self.state.forget_declared();
        for &index in &names.visible {
            let declaration = &names.declarations[index];
            if matches!(declaration.means, Means::Function | Means::Module) {
                continue;
            }
            // It can be set to what one before it is.
            let kind = self.type_of(text, declaration);
            self.state.declare(declaration.name.clone(), kind);
        }
    }

    fn type_of(&self, text: &str, declaration: &Declaration) -> String {
        let (start, end) = declaration.value;
        let set_to = text.get(start..end).unwrap_or_default();
        let found = type_of_expression(&self.state, &pieces(set_to));
        if !["", "any"].contains(&found.as_str()) {
            return found;
        }
        // What a parameter of the script is by itself.
        let default = set_to
            .strip_prefix("param(")
            .and_then(|rest| rest.split(',').nth(1));
        let default =
            default.map(|default| type_of_expression(&self.state, &pieces(default.trim())));
        default.unwrap_or_default()
    }

    pub(super) fn completion(&self, document: &Document, offset: usize) -> Vec<CompletionItem> {
        let before = &document.text()[..offset];
        self.learn(before, document.text(), &Names::of(before));
        let (start, found) = complete::in_code(&self.state, before);
        let range = document.range(start, offset);
        let items = found.iter();
        items
            .map(|one| {
                let (put, shown) = (one.put(), one.shown());
                let label = put.trim_end_matches(['(', ')', ' ', ':']);
                let label = on_one_line(if label.is_empty() { put } else { label });
                CompletionItem {
                    label: label.into_owned(),
                    kind: Some(kind(put, shown)),
                    detail: Some(shown.to_owned()).filter(|shown| shown != put),
                    documentation: self
                        .state
                        .catalog()
                        .word(put.trim_end_matches(['(', ')']))
                        .map(|word| markdown(&word.signatures[0].doc))
                        .map(Documentation::MarkupContent),
                    filter_text: Some(put.to_owned()),
                    text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(
                        range,
                        put.to_owned(),
                    ))),
                    ..CompletionItem::default()
                }
            })
            .collect()
    }

    /// The manual of the word at the cursor, or what the text declares under that name.
    pub(super) fn hover(&self, document: &Document, offset: usize) -> Option<Hover> {
        let text = document.text();
        let all = solid(text, 0);
        let index = all.iter().position(|piece| {
            let end = piece.start + piece.text.len();
            piece.kind == Kind::Name && (piece.start..=end).contains(&offset)
        })?;
        let piece = &all[index];
        let before = &text[..piece.start + piece.text.len()];
        let names = Names::of(text);
        self.learn(before, text, &Names::of(before));
        let said = match names.at(piece.start) {
            Some(declared) => self.declared(text, &names.declarations[declared]),
            None => self.word(&all, index)?,
        };
        Some(Hover {
            contents: HoverContents::Markup(markdown(&said)),
            range: Some(document.range(piece.start, piece.start + piece.text.len())),
        })
    }

    fn declared(&self, text: &str, declaration: &Declaration) -> String {
        let name = &declaration.name;
        match declaration.means {
            Means::Function => {
                let parameters = declaration.parameters.join(", ");
                let about = comment_before(text, declaration.whole.0);
                format!("```rhai\nfn {name}({parameters})\n```\n{about}")
            }
            Means::Module => format!(
                "```rhai\nimport {} as {name};\n```",
                declaration.value(text)
            ),
            means => {
                let kind = self.type_of(text, declaration);
                let kind = if kind.is_empty() {
                    String::new()
                } else {
                    format!(": {kind}")
                };
                let word = if means == Means::Constant {
                    "const"
                } else {
                    "let"
                };
                format!("```rhai\n{word} {name}{kind}\n```")
            }
        }
    }

    fn word(&self, all: &[Piece], index: usize) -> Option<String> {
        let name = all[index].text;
        let before = &all[..index];
        let last = index.checked_sub(1);
        let behind = |sign: &str| last.filter(|&last| before[last].is(sign));
        let catalog = self.state.catalog();
        if let Some(dot) = behind(".").or_else(|| behind("?.")) {
            let object = &before[value_before(before, dot)..dot];
            let kind = type_of_expression(&self.state, object);
            let mut properties = catalog.properties.iter();
            let is_called = all.get(index + 1).is_some_and(|next| next.is("("));
            let found =
                properties.find(|one| one.name == name && (kind.is_empty() || one.of == kind));
            if let Some(property) = found.filter(|_| !is_called) {
                let (of, returns) = (&property.of, &property.returns);
                return Some(format!(
                    "```rhai\n{of}.{name}: {returns}\n```\n{}",
                    property.doc
                ));
            }
            return self.forms(name, &kind);
        }
        if let Some(colons) = behind("::") {
            let alias = before[..colons].last()?.text;
            let full = self.state.word_of_module(alias, name)?;
            return self.forms(&full, "");
        }
        if let Some(said) = option(before, name, all.get(index + 1)) {
            return Some(said);
        }
        self.forms(name, "")
    }

    /// The calls of a word, and what the manual says of the one on a value of that type.
    fn forms(&self, name: &str, kind: &str) -> Option<String> {
        let all = self.state.signatures(name);
        let is_of = |form: &&Signature| {
            let first = form.parameters.first();
            kind.is_empty() || first.is_some_and(|(_, of)| of == kind)
        };
        let mut fitting: Vec<&Signature> = all.iter().filter(is_of).collect();
        if fitting.is_empty() {
            fitting = all.iter().collect();
        }
        let written = fitting
            .iter()
            .find(|form| !form.doc.is_empty())
            .or(fitting.first())?;
        let calls: Vec<String> = fitting.iter().map(|form| form.show()).collect();
        Some(format!(
            "```rhai\n{}\n```\n{}",
            calls.join("\n"),
            written.doc
        ))
    }

    pub(super) fn signatures(&self, document: &Document, offset: usize) -> Option<SignatureHelp> {
        let before = &document.text()[..offset];
        self.learn(before, document.text(), &Names::of(before));
        let all = pieces(before);
        let call = innermost_call(&all)?;
        let (forms, best) = hint::forms(&self.state, &all)?;
        let given = call.argument + usize::from(call.is_method);
        let shown = forms.iter().map(|form| {
            let parameters = form.parameters.iter();
            let parameters = parameters.map(|(name, kind)| ParameterInformation {
                label: ParameterLabel::Simple(match kind.as_str() {
                    "" => name.clone(),
                    kind => format!("{name}: {kind}"),
                }),
                documentation: None,
            });
            // Before the dot stands no argument.
            let own = usize::from(form.is_method);
            let argument = given
                .checked_sub(own)
                .and_then(|given| u32::try_from(given).ok());
            SignatureInformation {
                label: form.show(),
                documentation: Some(form.doc.as_str())
                    .filter(|doc| !doc.is_empty())
                    .map(|doc| Documentation::MarkupContent(markdown(doc))),
                parameters: Some(parameters.skip(own).collect()),
                active_parameter: argument,
            }
        });
        Some(SignatureHelp {
            signatures: shown.collect(),
            active_signature: u32::try_from(best).ok(),
            active_parameter: None,
        })
    }
}

/// The lines `///` that stand before a place.
fn comment_before(text: &str, offset: usize) -> String {
    let start = text[..offset].rfind('\n').map_or(0, |end| end + 1);
    let before = text[..start].lines().rev();
    let mut lines: Vec<&str> = before
        .map_while(|line| line.trim_start().strip_prefix("///"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    lines.reverse();
    lines.join("\n")
}

/// What the manual says of an option, where `name` is the key of one in a call.
fn option(before: &[Piece], name: &str, next: Option<&Piece>) -> Option<String> {
    if !next.is_some_and(|next| next.is(":")) {
        return None;
    }
    let call = innermost_call(before).filter(|call| call.in_options)?;
    let row = options::row(call.name, name)?;
    let default = match row.default {
        "" => String::new(),
        default => format!("\n\nDefault: {default}"),
    };
    Some(format!(
        "```rhai\n{}(… #{{{name}: {}}})\n```\n{}{default}",
        call.name,
        row.form.described(),
        row.doc
    ))
}

fn kind(put: &str, shown: &str) -> CompletionItemKind {
    if put.ends_with("::") {
        CompletionItemKind::MODULE
    } else if put.ends_with(": ") {
        CompletionItemKind::PROPERTY
    } else if put.ends_with('(') || put.ends_with("()") {
        CompletionItemKind::FUNCTION
    } else if KEYWORDS.contains(&put) {
        CompletionItemKind::KEYWORD
    } else if shown.starts_with(&format!("{put}: ")) {
        CompletionItemKind::VARIABLE
    } else {
        CompletionItemKind::VALUE
    }
}

fn markdown(text: &str) -> MarkupContent {
    MarkupContent {
        kind: MarkupKind::Markdown,
        value: text.to_owned(),
    }
}
