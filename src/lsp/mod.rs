//! The language server: what `check`, the manual, the session's completion and `fmt` know, for editors, over standard input
//! and output.

mod document;
mod extent;
mod language;
mod mistakes;
mod names;
mod places;

use std::collections::HashMap;
use std::rc::Rc;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, DidSaveTextDocument,
    Notification as _, PublishDiagnostics,
};
use lsp_types::request::{
    Completion, DocumentHighlightRequest, DocumentSymbolRequest, Formatting, GotoDefinition,
    HoverRequest, PrepareRenameRequest, References, Rename, Request as _, SignatureHelpRequest,
};
use lsp_types::{
    CompletionOptions, HoverProviderCapability, InitializeParams, OneOf, PositionEncodingKind,
    PrepareRenameResponse, PublishDiagnosticsParams, RenameOptions, ServerCapabilities, ServerInfo,
    SignatureHelpOptions, TextDocumentSyncCapability, TextDocumentSyncKind, TextEdit, Uri,
};
use serde_json::{Value, json};

use crate::engine::format;
use crate::error::{Error, Result};
use document::{Columns, Document};
use language::Language;

/// Serves one editor until it says `exit`. Returns the exit code: 1 where that came without `shutdown`.
pub(crate) fn serve() -> Result<u8> {
    let (connection, threads) = Connection::stdio();
    let served = converse(&connection);
    // The thread that writes ends when nobody can send to it any more.
    drop(connection);
    let code = served.map_err(|text| Error::invalid(text).doing_plain("serve the editor"))?;
    if code == 0 {
        threads
            .join()
            .map_err(|error| Error::io(&error).doing_plain("serve the editor"))?;
    }
    Ok(code)
}

fn converse(connection: &Connection) -> std::result::Result<u8, String> {
    let (id, params) = connection
        .initialize_start()
        .map_err(|error| error.to_string())?;
    let params: InitializeParams =
        serde_json::from_value(params).map_err(|error| error.to_string())?;
    let columns = columns(&params);
    let answer = json!({
        "capabilities": capabilities(columns),
        "serverInfo": ServerInfo {
            name: "ipvsh".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        },
    });
    connection
        .initialize_finish(id, answer)
        .map_err(|error| error.to_string())?;
    let mut server = Server {
        columns,
        documents: HashMap::new(),
        language: Language::new(),
    };
    for message in &connection.receiver {
        match message {
            Message::Request(request) => {
                let ends = connection
                    .handle_shutdown(&request)
                    .map_err(|error| error.to_string())?;
                if ends {
                    return Ok(0);
                }
                let response = server.answer(request);
                // An editor that is gone wants no answer; the next message is its end.
                let _ = connection.sender.send(response.into());
            }
            Message::Notification(notification) => {
                if notification.method == "exit" {
                    return Ok(1);
                }
                for told in server.note(&notification) {
                    let _ = connection.sender.send(told.into());
                }
            }
            Message::Response(_) => {}
        }
    }
    Ok(0)
}

/// How the editor counts columns: in bytes where it can, in UTF-16 units otherwise, as the protocol wants.
fn columns(params: &InitializeParams) -> Columns {
    let general = params.capabilities.general.as_ref();
    let offered = general.and_then(|general| general.position_encodings.as_ref());
    if offered.is_some_and(|all| all.contains(&PositionEncodingKind::UTF8)) {
        Columns::Bytes
    } else {
        Columns::Utf16
    }
}

fn capabilities(columns: Columns) -> ServerCapabilities {
    let characters = |all: &[&str]| Some(all.iter().map(|one| (*one).to_owned()).collect());
    ServerCapabilities {
        position_encoding: Some(match columns {
            Columns::Bytes => PositionEncodingKind::UTF8,
            Columns::Utf16 => PositionEncodingKind::UTF16,
        }),
        text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::FULL)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: characters(&[".", ":", "(", "\"", "{", ","]),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: characters(&["(", ","]),
            ..SignatureHelpOptions::default()
        }),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        document_formatting_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: lsp_types::WorkDoneProgressOptions::default(),
        })),
        ..ServerCapabilities::default()
    }
}

/// What is known of the editor's documents.
struct Server {
    columns: Columns,
    documents: HashMap<String, Rc<Document>>,
    language: Language,
}

/// Why a request has no answer.
struct Refusal(ErrorCode, String);

type Answer = std::result::Result<Value, Refusal>;

impl Server {
    /// Takes what an editor tells, and says what it is to be told.
    fn note(&mut self, notification: &Notification) -> Vec<Notification> {
        let params = notification.params.clone();
        match notification.method.as_str() {
            DidOpenTextDocument::METHOD => {
                let Ok(opened) =
                    serde_json::from_value::<lsp_types::DidOpenTextDocumentParams>(params)
                else {
                    return Vec::new();
                };
                let document = opened.text_document;
                self.keep(&document.uri, document.text)
            }
            DidChangeTextDocument::METHOD => {
                let Ok(changed) =
                    serde_json::from_value::<lsp_types::DidChangeTextDocumentParams>(params)
                else {
                    return Vec::new();
                };
                // The whole text comes each time, as was agreed.
                match changed.content_changes.into_iter().next_back() {
                    Some(last) => self.keep(&changed.text_document.uri, last.text),
                    None => Vec::new(),
                }
            }
            // What it imports can have changed.
            DidSaveTextDocument::METHOD => {
                let all: Vec<Rc<Document>> = self.documents.values().cloned().collect();
                all.iter().filter_map(|one| told_mistakes(one)).collect()
            }
            DidCloseTextDocument::METHOD => {
                let Ok(closed) =
                    serde_json::from_value::<lsp_types::DidCloseTextDocumentParams>(params)
                else {
                    return Vec::new();
                };
                let uri = closed.text_document.uri;
                self.documents.remove(uri.as_str());
                published(uri, Vec::new()).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn keep(&mut self, uri: &Uri, text: String) -> Vec<Notification> {
        let document = Rc::new(Document::new(uri.clone(), text, self.columns));
        self.documents
            .insert(uri.as_str().to_owned(), document.clone());
        told_mistakes(&document).into_iter().collect()
    }

    /// The answer to a request. A fault in one answer is told to the editor, and the server goes on.
    fn answer(&mut self, request: Request) -> Response {
        let id = request.id.clone();
        match self.answer_to(request) {
            Ok(value) => Response::new_ok(id, value),
            Err(Refusal(code, why)) => Response::new_err(id, code as i32, why),
        }
    }

    fn answer_to(&mut self, request: Request) -> Answer {
        match request.method.as_str() {
            Completion::METHOD => {
                let params: lsp_types::CompletionParams = read(request.params)?;
                let (document, offset) = self.place(&params.text_document_position)?;
                write(self.language.completion(&document, offset))
            }
            HoverRequest::METHOD => {
                let params: lsp_types::HoverParams = read(request.params)?;
                let (document, offset) = self.place(&params.text_document_position_params)?;
                write(self.language.hover(&document, offset))
            }
            SignatureHelpRequest::METHOD => {
                let params: lsp_types::SignatureHelpParams = read(request.params)?;
                let (document, offset) = self.place(&params.text_document_position_params)?;
                write(self.language.signatures(&document, offset))
            }
            GotoDefinition::METHOD => {
                let params: lsp_types::GotoDefinitionParams = read(request.params)?;
                let (document, offset) = self.place(&params.text_document_position_params)?;
                write(places::definition(&document, offset))
            }
            References::METHOD => {
                let params: lsp_types::ReferenceParams = read(request.params)?;
                let (document, offset) = self.place(&params.text_document_position)?;
                let with_declaration = params.context.include_declaration;
                write(places::references(&document, offset, with_declaration))
            }
            DocumentHighlightRequest::METHOD => {
                let params: lsp_types::DocumentHighlightParams = read(request.params)?;
                let (document, offset) = self.place(&params.text_document_position_params)?;
                write(places::highlights(&document, offset))
            }
            DocumentSymbolRequest::METHOD => {
                let params: lsp_types::DocumentSymbolParams = read(request.params)?;
                let document = self.document(&params.text_document.uri)?;
                write(places::symbols(&document))
            }
            Formatting::METHOD => {
                let params: lsp_types::DocumentFormattingParams = read(request.params)?;
                let document = self.document(&params.text_document.uri)?;
                write(formatted(&document))
            }
            PrepareRenameRequest::METHOD => {
                let params: lsp_types::TextDocumentPositionParams = read(request.params)?;
                let (document, offset) = self.place(&params)?;
                let range = places::own_name(&document, offset);
                write(range.map(PrepareRenameResponse::Range))
            }
            Rename::METHOD => {
                let params: lsp_types::RenameParams = read(request.params)?;
                let (document, offset) = self.place(&params.text_document_position)?;
                let renamed = places::renamed(&document, offset, &params.new_name);
                write(renamed.map_err(|why| Refusal(ErrorCode::RequestFailed, why))?)
            }
            other => Err(Refusal(
                ErrorCode::MethodNotFound,
                format!("`{other}` is not known to this server"),
            )),
        }
    }

    fn document(&self, uri: &Uri) -> std::result::Result<Rc<Document>, Refusal> {
        let found = self.documents.get(uri.as_str()).cloned();
        found.ok_or_else(|| {
            let why = format!("`{}` is not open", uri.as_str());
            Refusal(ErrorCode::InvalidParams, why)
        })
    }

    fn place(
        &self,
        at: &lsp_types::TextDocumentPositionParams,
    ) -> std::result::Result<(Rc<Document>, usize), Refusal> {
        let document = self.document(&at.text_document.uri)?;
        let offset = document.offset(at.position);
        Ok((document, offset))
    }
}

/// The text in the one style, where it is not.
fn formatted(document: &Document) -> Vec<TextEdit> {
    let text = document.text();
    match format::script(text) {
        Some(written) if written != text => {
            let whole = document.range(0, text.len());
            vec![TextEdit::new(whole, written)]
        }
        _ => Vec::new(),
    }
}

fn read<T: serde::de::DeserializeOwned>(params: Value) -> std::result::Result<T, Refusal> {
    serde_json::from_value(params)
        .map_err(|error| Refusal(ErrorCode::InvalidParams, error.to_string()))
}

fn write(answer: impl serde::Serialize) -> Answer {
    serde_json::to_value(answer)
        .map_err(|error| Refusal(ErrorCode::InternalError, error.to_string()))
}

/// What an editor is told of the mistakes of a text.
fn told_mistakes(document: &Document) -> Option<Notification> {
    published(document.uri().clone(), mistakes::of(document))
}

fn published(uri: Uri, diagnostics: Vec<lsp_types::Diagnostic>) -> Option<Notification> {
    let params = PublishDiagnosticsParams::new(uri, diagnostics, None);
    let params = serde_json::to_value(params).ok()?;
    Some(Notification::new(
        PublishDiagnostics::METHOD.to_owned(),
        params,
    ))
}
