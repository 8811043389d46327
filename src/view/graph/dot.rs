//! The picture in the words of Graphviz.

use std::fmt::Write as _;

use super::stacking::Stacking;
use super::{Change, Graph, is_shown, row, title};

/// A text as a string of the DOT language.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push('�'),
            // Nobody should take it for markup.
            '<' => quoted.push_str("&lt;"),
            '>' => quoted.push_str("&gt;"),
            '&' => quoted.push_str("&amp;"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn color(change: Option<Change>, is_up: bool) -> &'static str {
    match change {
        Some(Change::Created) => "#1a7f37",
        Some(Change::Changed) => "#bf8700",
        None if is_up => "#57606a",
        Some(Change::Deleted) | None => "#cf222e",
    }
}

/// Writes the picture.
pub(super) fn write(graph: &Graph) -> String {
    let mut text = String::from(
        "graph lab {\n    rankdir=LR;\n    node [shape=box, style=rounded, fontname=\"monospace\"];\n    edge [fontname=\"monospace\", fontsize=10];\n",
    );
    for (number, namespace) in graph.namespaces.iter().enumerate() {
        let frame = color(namespace.change, true);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "    subgraph cluster_{number} {{\n        label={};\n        color=\"{frame}\";",
            quoted(&title(namespace))
        );
        let mut is_empty = true;
        for (at, link) in namespace
            .links
            .iter()
            .enumerate()
            .filter(|(_, link)| is_shown(link))
        {
            is_empty = false;
            let color = color(link.change, link.is_up());
            let label = quoted(&row(link));
            let _ = writeln!(
                text,
                "        n{number}l{at} [label={label}, color=\"{color}\"];"
            );
        }
        if is_empty {
            let _ = writeln!(text, "        n{number} [label=\"\", shape=none];");
        }
        text.push_str("    }\n");
        let stacking = Stacking::of(&namespace.links);
        for at in 0..namespace.links.len() {
            if let Some(under) = stacking.above(at) {
                let _ = writeln!(
                    text,
                    "    n{number}l{at} -- n{number}l{under} [style=dotted];"
                );
            }
        }
    }
    for cable in &graph.cables {
        let (from, to) = (cable.from, cable.to);
        let color = color(graph.change(cable), graph.is_up(cable));
        let _ = writeln!(
            text,
            "    n{}l{} -- n{}l{} [label={}, color=\"{color}\"];",
            from.namespace,
            from.link,
            to.namespace,
            to.link,
            quoted(&cable.kind)
        );
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::graph::tests::star;

    #[test]
    fn a_star_is_clusters_and_edges() {
        insta::assert_snapshot!(write(&star(1)), @r##"
        graph lab {
            rankdir=LR;
            node [shape=box, style=rounded, fontname="monospace"];
            edge [fontname="monospace", fontsize=10];
            subgraph cluster_0 {
                label="r";
                color="#57606a";
                n0l0 [label="to-0 veth", color="#57606a"];
            }
            subgraph cluster_1 {
                label="n-0";
                color="#57606a";
                n1l1 [label="e0 veth 10.0.0.2/24", color="#57606a"];
            }
            n1l1 -- n0l0 [label="veth", color="#57606a"];
        }
        "##);
    }
}
