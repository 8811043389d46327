//! The picture as one page that needs nothing else: it moves, is searched, and shows what is behind each namespace.

use serde_json::{Value, json};

use super::{Graph, fold, svg};

/// The page, with marks where its parts go.
const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// What a page has more that goes on telling.
const LIVE_STYLE: &str = include_str!("live.css");
const LIVE_SCRIPT: &str = include_str!("live.js");

/// What a page shows of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The picture, groups of like namespaces drawn as one.
    folded: String,
    /// All of it; empty where nothing is folded.
    whole: String,
    /// The graph itself.
    lab: Value,
}

impl Shown {
    /// What a page shows of `graph`.
    pub fn of(graph: &Graph) -> Self {
        let graph = &fold::without_empty(graph, super::HOST);
        let folded = fold::fold(graph);
        let is_folded = folded.namespaces.len() < graph.namespaces.len();
        Self {
            folded: svg::draw(&folded),
            whole: if is_folded {
                svg::draw(graph)
            } else {
                String::new()
            },
            lab: serde_json::to_value(graph).unwrap_or_default(),
        }
    }

    /// The same as a live page takes it.
    pub fn to_json(&self) -> Value {
        json!({"folded": self.folded, "whole": self.whole, "lab": self.lab})
    }

    /// The page, which needs nothing else.
    pub(super) fn page(&self) -> String {
        self.filled("", STYLE, SCRIPT)
    }

    /// The page that goes on to ask for `news` beside it. Only scripts with the `nonce`, of letters and digits, are its own.
    pub fn live_page(&self, nonce: &str) -> String {
        let style = [STYLE, LIVE_STYLE].concat();
        let script = [SCRIPT, LIVE_SCRIPT].concat();
        self.filled(nonce, &style, &script)
    }

    fn filled(&self, nonce: &str, style: &str, script: &str) -> String {
        let lab = self.lab.to_string();
        // Nothing in a string may end the element.
        let lab = lab
            .replace('<', "\\u003c")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029");
        let parts = [
            ("<!-- style -->", style),
            ("<!-- folded -->", &self.folded),
            ("<!-- whole -->", &self.whole),
            ("<!-- lab -->", &lab),
            ("<!-- nonce -->", nonce),
            ("<!-- script -->", script),
        ];
        let mut page = String::new();
        let mut rest = PAGE;
        for (mark, part) in parts {
            let (before, behind) = rest.split_once(mark).unwrap_or((rest, ""));
            page.push_str(before);
            page.push_str(part);
            rest = behind;
        }
        page.push_str(rest);
        page
    }
}
