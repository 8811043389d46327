//! The picture as SVG.

use std::fmt::Write as _;

use super::layout::{Frame, INDENT, Layout, PADDING, ROW, TITLE, place};
use super::ways::ways;
use super::{Cable, Change, End, Graph, is_shown, row, title};

/// What is the same on light ground and on dark.
const STYLE: &str = "\
text { font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre }
rect { fill-opacity: .92 } .ground { fill-opacity: 1 } .title { font-weight: bold } .cable { fill: none; stroke-width: 1.5 }
.slave { stroke-dasharray: 1 4; stroke-linecap: round; stroke-width: 2 } .down { stroke-dasharray: 5 4 }
.created rect, .changed rect { stroke-width: 2 } .deleted rect { stroke-dasharray: 5 4 } text.deleted { text-decoration: line-through }
";

/// The colours, as names in braces.
const COLORED: &str = "\
text { fill: {text} } .ground { fill: {ground} } rect { fill: {box}; stroke: {line} } .kind { fill: {dim} } .address { fill: {wire} } .cable { stroke: {wire} }
text.down, text.deleted { fill: {bad} } text.created { fill: {new} } text.changed { fill: {other} }
.changed rect { stroke: {other} } .deleted rect, .cable.down, .cable.deleted { stroke: {bad} } .created rect, .cable.created { stroke: {new} } .ground { stroke: none }
";

/// The names of colours, with those on light ground and on dark.
const COLORS: [(&str, &str, &str); 9] = [
    ("{ground}", "#ffffff", "#0d1117"),
    ("{box}", "#f6f8fa", "#161b22"),
    ("{line}", "#8c959f", "#6e7681"),
    ("{text}", "#1f2328", "#e6edf3"),
    ("{dim}", "#57606a", "#9198a1"),
    ("{wire}", "#0969da", "#58a6ff"),
    ("{bad}", "#cf222e", "#ff7b72"),
    ("{new}", "#1a7f37", "#3fb950"),
    ("{other}", "#9a6700", "#d29922"),
];

/// The style: plain colours, as not every reader of SVG knows variables.
fn style() -> String {
    let (mut light, mut dark) = (COLORED.to_owned(), COLORED.to_owned());
    for (name, on_light, on_dark) in COLORS {
        light = light.replace(name, on_light);
        dark = dark.replace(name, on_dark);
    }
    format!("{STYLE}{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n")
}

/// A text as XML takes it: what it can't carry is shown as a mark.
pub(crate) fn text(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('�'),
            c => safe.push(c),
        }
    }
    safe
}

fn class(change: Option<Change>) -> &'static str {
    match change {
        Some(Change::Created) => " created",
        Some(Change::Changed) => " changed",
        Some(Change::Deleted) => " deleted",
        None => "",
    }
}

/// Draws the picture.
pub(super) fn draw(graph: &Graph) -> String {
    let layout = place(graph);
    let Layout { width, height, .. } = layout;
    let mut drawn = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>{} namespaces, {} cables</title>\n<style>{}</style>\n\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n",
        graph.namespaces.len(),
        graph.cables.len(),
        style(),
    );
    let ways = ways(graph, &layout);
    for (cable, way) in graph.cables.iter().zip(&ways) {
        wire(graph, cable, way, &mut drawn);
    }
    for (number, frame) in layout.frames.iter().enumerate() {
        boxed(graph, number, frame, &mut drawn);
    }
    drawn.push_str("</svg>\n");
    drawn
}

/// A cable.
fn wire(graph: &Graph, cable: &Cable, way: &str, drawn: &mut String) {
    let is_pair = graph.link(cable.from).kind == graph.link(cable.to).kind;
    let slave = if is_pair { "" } else { " slave" };
    let down = if graph.is_up(cable) { "" } else { " down" };
    let change = class(graph.change(cable));
    let name = |end: End| {
        let namespace = &graph.namespaces[end.namespace];
        format!("{}:{}", namespace.name, graph.link(end).name)
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        drawn,
        "<path class=\"cable{slave}{down}{change}\" data-from=\"{}\" data-to=\"{}\" d=\"{}\"><title>{}</title></path>",
        text(&name(cable.from)),
        text(&name(cable.to)),
        way,
        text(&format!(
            "{} {} {}",
            name(cable.from),
            cable.kind,
            name(cable.to)
        )),
    );
}

/// A namespace with its links.
fn boxed(graph: &Graph, number: usize, frame: &Frame, drawn: &mut String) {
    let namespace = &graph.namespaces[number];
    let Frame {
        x,
        y,
        width,
        height,
        ..
    } = frame;
    let stack = if namespace.count > 1 { " stack" } else { "" };
    let _ = writeln!(
        drawn,
        "<g class=\"ns{stack}{}\" data-ns=\"{}\" tabindex=\"0\">",
        class(namespace.change),
        text(&namespace.name)
    );
    if namespace.count > 1 {
        for back in [8, 4] {
            let _ = writeln!(
                drawn,
                "<rect class=\"back\" x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>",
                x + back,
                y + back
            );
        }
    }
    let _ = writeln!(
        drawn,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n<text class=\"title\" x=\"{}\" y=\"{}\">{}</text>",
        x + PADDING,
        y + TITLE - 9,
        text(&title(namespace))
    );
    for (at, (link, depth)) in frame.rows.iter().enumerate() {
        let link = &namespace.links[*link];
        if !is_shown(link) {
            continue;
        }
        let down = if link.is_up() { "" } else { " down" };
        let _ = writeln!(
            drawn,
            "<text xml:space=\"preserve\" class=\"link{down}{}\" x=\"{}\" y=\"{}\">{}<title>{}</title></text>",
            class(link.change),
            x + PADDING + depth * INDENT,
            y + TITLE + at * ROW + ROW - 5,
            spans(link),
            text(&format!(
                "{} {} mtu {} {}",
                row(link),
                link.state,
                link.mtu,
                link.mac
            )),
        );
    }
    drawn.push_str("</g>\n");
}

/// The row of a link, each part in its colour.
fn spans(link: &super::Link) -> String {
    let whole = row(link);
    let rest = whole.strip_prefix(&link.name).unwrap_or(&whole);
    let (kind, addresses) = match rest.strip_prefix(&format!(" {}", link.kind)) {
        Some(addresses) if !link.kind.is_empty() => (format!(" {}", link.kind), addresses),
        _ => (String::new(), rest),
    };
    let part = |class: &str, part: &str| match part {
        "" => String::new(),
        part => format!("<tspan class=\"{class}\">{}</tspan>", text(part)),
    };
    let name = text(&link.name);
    format!(
        "{name}{}{}",
        part("kind", &kind),
        part("address", addresses)
    )
}
