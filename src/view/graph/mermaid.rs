//! The picture in the words of Mermaid, which pages of repositories render.

use std::fmt::Write as _;

use super::stacking::Stacking;
use super::{Change, Graph, is_shown, row, title};

/// A text between quotes: Mermaid takes entities there.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for c in text.chars() {
        match c {
            // `#` begins an entity of Mermaid's own.
            '"' | '#' | '<' | '>' | '&' | ';' | '`' | '[' | ']' | '{' | '}' | '|' | '\\' => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "#{};", u32::from(c));
            }
            c if c.is_control() => quoted.push('�'),
            c => quoted.push(c),
        }
    }
    format!("\"{quoted}\"")
}

fn class(change: Option<Change>, is_up: bool) -> &'static str {
    match change {
        Some(Change::Created) => ":::created",
        Some(Change::Changed) => ":::changed",
        Some(Change::Deleted) => ":::deleted",
        None if is_up => "",
        None => ":::down",
    }
}

/// Writes the picture.
pub(super) fn write(graph: &Graph) -> String {
    let mut text = String::from("flowchart LR\n");
    for (number, namespace) in graph.namespaces.iter().enumerate() {
        let _ = writeln!(
            text,
            "    subgraph n{number} [{}]",
            quoted(&title(namespace))
        );
        let links = namespace.links.iter().enumerate();
        let mut is_empty = true;
        for (at, link) in links.filter(|(_, link)| is_shown(link)) {
            is_empty = false;
            let class = class(link.change, link.is_up());
            let _ = writeln!(
                text,
                "        n{number}l{at}[{}]{class}",
                quoted(&row(link))
            );
        }
        if is_empty {
            let _ = writeln!(text, "        n{number}l[\" \"]");
        }
        text.push_str("    end\n");
        let stacking = Stacking::of(&namespace.links);
        for at in 0..namespace.links.len() {
            if let Some(under) = stacking.above(at) {
                let _ = writeln!(text, "    n{number}l{at} --> n{number}l{under}");
            }
        }
        match namespace.change {
            Some(Change::Created) => _ = writeln!(text, "    class n{number} created"),
            Some(Change::Deleted) => _ = writeln!(text, "    class n{number} deleted"),
            _ => {}
        }
    }
    for cable in &graph.cables {
        let (from, to) = (cable.from, cable.to);
        let line = if graph.is_up(cable) { "---" } else { "-.-" };
        let kind = quoted(&cable.kind);
        let _ = writeln!(
            text,
            "    n{}l{} {line}|{kind}| n{}l{}",
            from.namespace, from.link, to.namespace, to.link
        );
    }
    text.push_str("    classDef created stroke:#1a7f37,stroke-width:2px\n");
    text.push_str("    classDef changed stroke:#bf8700,stroke-width:2px\n");
    text.push_str("    classDef deleted stroke:#cf222e,stroke-width:2px,stroke-dasharray:4\n");
    text.push_str("    classDef down stroke:#cf222e,color:#cf222e\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::graph::tests::star;

    #[test]
    fn a_star_is_boxes_and_lines() {
        insta::assert_snapshot!(write(&star(1)), @r#"
        flowchart LR
            subgraph n0 ["r"]
                n0l0["to-0 veth"]
            end
            subgraph n1 ["n-0"]
                n1l1["e0 veth 10.0.0.2/24"]
            end
            n1l1 ---|"veth"| n0l0
            classDef created stroke:#1a7f37,stroke-width:2px
            classDef changed stroke:#bf8700,stroke-width:2px
            classDef deleted stroke:#cf222e,stroke-width:2px,stroke-dasharray:4
            classDef down stroke:#cf222e,color:#cf222e
        "#);
    }
}
