//! The picture as one page that needs nothing else: it moves, is searched, and shows what is behind each namespace.

use super::{Graph, fold, json, svg};

const HEAD: &str = include_str!("head.html");
const TAIL: &str = include_str!("tail.html");

/// The page.
pub(super) fn page(graph: &Graph) -> String {
    let graph = &fold::without_empty(graph, super::HOST);
    let folded = fold::fold(graph);
    let mut page = HEAD.to_owned();
    page.push_str("<div class=\"view\" id=\"folded\">");
    page.push_str(&svg::draw(&folded));
    page.push_str("</div>\n");
    if folded.namespaces.len() < graph.namespaces.len() {
        page.push_str("<div class=\"view\" id=\"whole\" hidden>");
        page.push_str(&svg::draw(graph));
        page.push_str("</div>\n");
    }
    page.push_str("<script type=\"application/json\" id=\"lab\">");
    // Nothing in a string may end the element.
    page.push_str(
        &json(graph)
            .replace('<', "\\u003c")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029"),
    );
    page.push_str("</script>\n");
    page.push_str(TAIL);
    page
}
