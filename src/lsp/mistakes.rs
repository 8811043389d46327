//! The mistakes of a text, as an editor marks them.

use std::fmt::Write;
use std::path::Path;

use lsp_types::{Diagnostic, DiagnosticSeverity, Position, Range};

use super::document::Document;
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::modules::file_of;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, check};
use crate::repl::lex::{Kind, pieces};
use crate::value::escape::on_one_line;

/// What `ipvsh check` says of the text.
pub(super) fn of(document: &Document) -> Vec<Diagnostic> {
    let interpreter = Interpreter::new(Session::new(Settings::default()));
    let script = Script::new(&document.file().to_string_lossy(), document.text());
    let found = check::script(&interpreter, &script, &[]);
    let shown = found.iter();
    shown
        .map(|mistake| diagnostic(document, &script.name, mistake))
        .collect()
}

fn diagnostic(document: &Document, own: &str, mistake: &Failure) -> Diagnostic {
    let report = &mistake.report;
    let mut message = report.message.clone();
    for note in &report.notes {
        let _ = write!(message, "\n{note}");
    }
    if let Some(hint) = &report.hint {
        let _ = write!(message, "\nhint: {hint}");
    }
    let range = match &report.place {
        Some(place) if place.file == own => {
            let start = document.offset_of(place.line, place.column);
            let rest = &document.text()[start..];
            let piece = pieces(rest).first().map_or(0, |first| first.text.len());
            let line = rest.find('\n').unwrap_or(rest.len());
            document.range(start, start + piece.min(line))
        }
        Some(place) => {
            let (file, line) = (on_one_line(&place.file), place.line);
            message = format!("{file}:{line}: {message}");
            importing(document, Path::new(&place.file))
        }
        None => Range::new(Position::new(0, 0), Position::new(0, 0)),
    };
    Diagnostic {
        range,
        severity: Some(DiagnosticSeverity::ERROR),
        source: Some("ipvsh".to_owned()),
        message,
        ..Diagnostic::default()
    }
}

/// Where the text imports a file; its beginning where that is done by a module of it.
fn importing(document: &Document, file: &Path) -> Range {
    let own = document.file();
    let own = own.to_string_lossy();
    let all = pieces(document.text());
    let mut texts = all
        .iter()
        .filter(|piece| matches!(piece.kind, Kind::Text { .. }));
    let found = texts.find(|piece| file_of(Some(&own), piece.content()) == file);
    found.map_or_else(
        || document.range(0, 0),
        |piece| document.range(piece.start, piece.start + piece.text.len()),
    )
}
