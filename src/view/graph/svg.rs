//! The picture as SVG.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::layout::{Frame, INDENT, Layout, PADDING, ROW, TITLE, place};
use super::{Cable, Change, Graph, is_shown, row, title};

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
.created rect, .cable.created { stroke: {new} } .changed rect { stroke: {other} } .deleted rect, .cable.down, .cable.deleted { stroke: {bad} } .ground { stroke: none }
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
    let order = from_above(graph, &layout.frames);
    for cable in &graph.cables {
        wire(graph, cable, &layout.frames, &order, &mut drawn);
    }
    for (number, frame) in layout.frames.iter().enumerate() {
        boxed(graph, number, frame, &mut drawn);
    }
    drawn.push_str("</svg>\n");
    drawn
}

/// Where a cable meets a box, and which way it leaves it.
#[derive(Clone, Copy)]
struct Socket {
    x: i64,
    y: i64,
    out: (i64, i64),
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The side of a row that is nearer to `x`.
fn beside(frame: &Frame, link: usize, x: usize) -> Socket {
    let is_left = x < frame.x + frame.width / 2;
    Socket {
        x: signed(if is_left {
            frame.x
        } else {
            frame.x + frame.width
        }),
        y: signed(frame.middle_of(link)),
        out: (if is_left { -1 } else { 1 }, 0),
    }
}

/// Which of a box's cables from above each is, from left to right, and how many there are.
fn from_above(graph: &Graph, frames: &[Frame]) -> HashMap<super::End, (usize, usize)> {
    let mut above: HashMap<usize, Vec<(usize, super::End)>> = HashMap::new();
    for cable in &graph.cables {
        for (near, far) in [(cable.from, cable.to), (cable.to, cable.from)] {
            let (here, there) = (&frames[near.namespace], &frames[far.namespace]);
            if there.y + there.height <= here.y {
                let ends = above.entry(near.namespace).or_default();
                ends.push((there.x + there.width / 2, near));
            }
        }
    }
    let mut order = HashMap::new();
    for ends in above.values_mut() {
        ends.sort_unstable();
        let count = ends.len();
        order.extend(
            ends.iter()
                .enumerate()
                .map(|(at, (_, end))| (*end, (at, count))),
        );
    }
    order
}

/// A cable: from the side of a row down to the top of the other box, or from side to side of boxes that stand beside each other.
fn wire(
    graph: &Graph,
    cable: &Cable,
    frames: &[Frame],
    order: &HashMap<super::End, (usize, usize)>,
    drawn: &mut String,
) {
    let socket = |near: super::End, far: super::End| {
        let (here, there) = (&frames[near.namespace], &frames[far.namespace]);
        match order.get(&near) {
            Some((at, count)) if there.y + there.height <= here.y => Socket {
                x: signed(here.x + here.width * (at + 1) / (count + 1)),
                y: signed(here.y),
                out: (0, -1),
            },
            _ => beside(here, near.link, there.x + there.width / 2),
        }
    };
    let (one, other) = (socket(cable.from, cable.to), socket(cable.to, cable.from));
    let away = (one.x.abs_diff(other.x) / 2).max(one.y.abs_diff(other.y) / 2);
    let reach = i64::try_from(away.clamp(24, 120)).unwrap_or(24);
    let bend = |socket: &Socket| {
        (
            socket.x + socket.out.0 * reach,
            socket.y + socket.out.1 * reach,
        )
    };
    let is_pair = graph.link(cable.from).kind == graph.link(cable.to).kind;
    let slave = if is_pair { "" } else { " slave" };
    let down = if graph.is_up(cable) { "" } else { " down" };
    let change = class(graph.change(cable));
    let name = |end: super::End| {
        let namespace = &graph.namespaces[end.namespace];
        format!("{}:{}", namespace.name, graph.link(end).name)
    };
    let ((x1, y1), (x2, y2)) = (bend(&one), bend(&other));
    // Writing to a string cannot fail.
    let _ = writeln!(
        drawn,
        "<path class=\"cable{slave}{down}{change}\" data-from=\"{}\" data-to=\"{}\" d=\"M{} {} C{x1} {y1} {x2} {y2} {} {}\"><title>{}</title></path>",
        text(&name(cable.from)),
        text(&name(cable.to)),
        one.x,
        one.y,
        other.x,
        other.y,
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
