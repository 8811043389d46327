//! Namespaces, their links, what is stacked on them, and their addresses, as a tree.

use std::collections::HashMap;

use colored::Colorize;

use crate::net::link::is_pair;
use crate::value::escape::on_one_line;
use crate::view::graph::stacking::Stacking;
use crate::view::graph::{End, Graph, Link};
use crate::view::paint::paint;

/// Draws the tree.
pub fn draw(graph: &Graph, color: bool) -> String {
    let mut lines = Vec::new();
    let far = far_ends(graph);
    for (number, namespace) in graph.namespaces.iter().enumerate() {
        lines.push(paint(color, &on_one_line(&namespace.name), |text| {
            text.bold().cyan()
        }));
        let stacking = Stacking::of(&namespace.links);
        let top = stacking.tops();
        branches(
            graph,
            (&far, &stacking),
            number,
            &top,
            ("", color),
            &mut lines,
        );
    }
    lines.join("\n")
}

/// Where the far ends and parents are that do not stand beside their links.
fn far_ends(graph: &Graph) -> HashMap<End, End> {
    let cables = graph.cables.iter();
    cables
        .flat_map(|cable| {
            let back = is_pair(&cable.kind).then_some((cable.to, cable.from));
            std::iter::once((cable.from, cable.to)).chain(back)
        })
        .collect()
}

fn branches(
    graph: &Graph,
    (far, stacking): (&HashMap<End, End>, &Stacking),
    number: usize,
    links: &[usize],
    (indent, color): (&str, bool),
    drawn: &mut Vec<String>,
) {
    let all = &graph.namespaces[number].links;
    for (position, at) in links.iter().enumerate() {
        let (fork, below) = if position + 1 == links.len() {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let link = &all[*at];
        let near = End {
            namespace: number,
            link: *at,
        };
        let note = note(graph, near, far.get(&near));
        drawn.push(format!("{indent}{fork}{}", line(link, note, color)));
        let indent = format!("{indent}{below}");
        let on = stacking.on(*at);
        branches(graph, (far, stacking), number, on, (&indent, color), drawn);
    }
}

/// Where the parent or the far end of a link is, if it does not stand above it.
fn note(graph: &Graph, near: End, far: Option<&End>) -> Option<String> {
    let here = graph.link(near);
    let sign = if is_pair(&here.kind) { "⇄" } else { "on" };
    if let Some(at) = &here.elsewhere {
        return Some(format!("{sign} {at}"));
    }
    let far = far?;
    let name = &graph.link(*far).name;
    Some(if far.namespace == near.namespace {
        format!("{sign} {name}")
    } else {
        let namespace = &graph.namespaces[far.namespace].name;
        format!("{sign} {name} in {namespace}")
    })
}

fn line(link: &Link, note: Option<String>, color: bool) -> String {
    let mut parts = vec![paint(color, &on_one_line(&link.name), Colorize::bold)];
    if !link.kind.is_empty() {
        parts.push(link.kind.clone());
    }
    let style = if link.is_up() {
        Colorize::green
    } else {
        Colorize::red
    };
    parts.push(paint(color, &link.state, style));
    parts.extend(
        link.addresses
            .iter()
            .map(|address| paint(color, address, Colorize::blue)),
    );
    parts.extend(note.map(|note| paint(color, &on_one_line(&note), Colorize::dimmed)));
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::graph::tests::link;
    use crate::view::graph::{Cable, Namespace};

    #[test]
    fn slaves_stand_under_their_parent_and_addresses_behind_their_link() {
        let on = |under: u32, link: Link| Link {
            under: Some(under),
            ..link
        };
        let named = |name: &str, links: Vec<Link>| Namespace {
            name: name.to_owned(),
            links,
            ..Namespace::default()
        };
        let host = vec![
            link(7, "eth0", "", "192.0.2.1/24"),
            on(7, link(8, "eth0.5", "vlan", "")),
            link(9, "br0", "bridge", ""),
            on(9, link(10, "p1", "veth", "")),
        ];
        let graph = Graph {
            namespaces: vec![
                named("host", host),
                named("net-1", vec![link(2, "v1", "ipvlan", "10.0.0.1/24")]),
            ],
            cables: vec![Cable {
                from: End {
                    namespace: 1,
                    link: 0,
                },
                to: End {
                    namespace: 0,
                    link: 0,
                },
                kind: "ipvlan".to_owned(),
            }],
        };
        insta::assert_snapshot!(draw(&graph, false), @"
        host
        ├─ eth0 UP 192.0.2.1/24
        │  └─ eth0.5 vlan UP
        └─ br0 bridge UP
           └─ p1 veth UP
        net-1
        └─ v1 ipvlan UP 10.0.0.1/24 on eth0 in host
        ");
    }
}
