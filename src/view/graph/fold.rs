//! Groups of like namespaces, each drawn once with a count.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Cable, Graph, Link, is_shown};

/// From how many namespaces on a picture is folded.
const MANY: usize = 30;
/// How many alike make a group.
const ALIKE: usize = 4;

/// A name with its numbers taken out: `net-17` and `net-4` are alike.
fn shape(name: &str) -> String {
    let mut shape = String::new();
    for c in name.chars() {
        match c {
            '0'..='9' if shape.ends_with('#') => {}
            '0'..='9' => shape.push('#'),
            c => shape.push(c),
        }
    }
    shape
}

/// The graph with one namespace for each group of those that are alike, where there are many.
pub(super) fn fold(graph: &Graph) -> Graph {
    if graph.namespaces.len() < MANY {
        return graph.clone();
    }
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for number in 0..graph.namespaces.len() {
        groups
            .entry(likeness(graph, number))
            .or_default()
            .push(number);
    }
    let large = groups.values().filter(|members| members.len() >= ALIKE);
    let mut counts = HashMap::new();
    let mut left_out = HashSet::new();
    for members in large {
        counts.insert(members[0], members.len());
        left_out.extend(members[1..].iter().copied());
    }
    without(graph, &left_out, &counts)
}

/// The graph without the namespace `name`, where that has nothing to show and others have.
pub(super) fn without_empty(graph: &Graph, name: &str) -> Graph {
    let is_empty = |namespace: &super::Namespace| {
        namespace.name == name
            && namespace.change.is_none()
            && !namespace.links.iter().any(is_shown)
    };
    let empty: HashSet<usize> = (0..graph.namespaces.len())
        .filter(|number| is_empty(&graph.namespaces[*number]))
        .collect();
    if empty.len() == graph.namespaces.len() {
        return graph.clone();
    }
    without(graph, &empty, &HashMap::new())
}

/// What two namespaces have in common that are drawn as one: the shapes of their names and links, their states, and where they lead.
fn likeness(graph: &Graph, number: usize) -> String {
    let namespace = &graph.namespaces[number];
    let mut parts = vec![shape(&namespace.name), format!("{:?}", namespace.change)];
    for link in &namespace.links {
        parts.push(format!(
            "{} {} {} {:?}",
            shape(&link.name),
            link.kind,
            link.state,
            link.change
        ));
    }
    let mut ways: Vec<String> = Vec::new();
    for cable in &graph.cables {
        let (near, far) = if cable.from.namespace == number {
            (cable.from, cable.to)
        } else if cable.to.namespace == number {
            (cable.to, cable.from)
        } else {
            continue;
        };
        // Slaves of one parent are alike; so are the leaves of one star, whose ends there have names of one shape.
        let there = &graph.namespaces[far.namespace].name;
        ways.push(format!(
            "{} {there} {}",
            near.link,
            shape(&graph.link(far).name)
        ));
    }
    ways.sort();
    parts.extend(ways);
    parts.join("\n")
}

/// The graph without some namespaces, their cables, and the ends of these elsewhere.
fn without(graph: &Graph, left_out: &HashSet<usize>, counts: &HashMap<usize, usize>) -> Graph {
    let is_out = |cable: &&Cable| {
        left_out.contains(&cable.from.namespace) || left_out.contains(&cable.to.namespace)
    };
    let mut lost = HashSet::new();
    for cable in graph.cables.iter().filter(is_out) {
        let is_pair = graph.link(cable.from).kind == graph.link(cable.to).kind;
        // A parent stays: others hang on it.
        if is_pair {
            lost.extend([cable.from, cable.to]);
        }
    }
    let mut places = HashMap::new();
    let mut folded = Graph::default();
    for (number, namespace) in graph.namespaces.iter().enumerate() {
        if left_out.contains(&number) {
            continue;
        }
        let mut kept = namespace.clone();
        kept.count = counts.get(&number).copied().unwrap_or(1);
        kept.links.clear();
        let mut hidden: BTreeMap<String, usize> = BTreeMap::new();
        for (at, link) in namespace.links.iter().enumerate() {
            let end = super::End {
                namespace: number,
                link: at,
            };
            if lost.contains(&end) {
                *hidden
                    .entry(format!("{}\n{}", shape(&link.name), link.kind))
                    .or_default() += 1;
                continue;
            }
            let place = super::End {
                namespace: folded.namespaces.len(),
                link: kept.links.len(),
            };
            places.insert(end, place);
            kept.links.push(link.clone());
        }
        kept.links
            .extend(hidden.iter().map(|(alike, count)| more(alike, *count)));
        folded.namespaces.push(kept);
    }
    let cables = graph.cables.iter().filter(|cable| !is_out(cable));
    folded.cables = cables
        .filter_map(|cable| {
            Some(Cable {
                from: *places.get(&cable.from)?,
                to: *places.get(&cable.to)?,
                kind: cable.kind.clone(),
            })
        })
        .collect();
    folded
}

/// The row that stands for `count` links of one shape.
fn more(alike: &str, count: usize) -> Link {
    let (shape, kind) = alike.split_once('\n').unwrap_or((alike, ""));
    Link {
        name: format!("{count} more {}", shape.replace('#', "…")),
        kind: kind.to_owned(),
        state: "UP".to_owned(),
        ..Link::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::graph::tests::star;

    #[test]
    fn a_small_picture_is_not_folded() {
        assert_eq!(fold(&star(5)), star(5));
    }

    #[test]
    fn the_leaves_of_a_star_are_one_with_a_count() {
        let folded = fold(&star(500));
        let titles: Vec<String> = folded.namespaces.iter().map(super::super::title).collect();
        assert_eq!(titles, ["r", "n-0 and 499 alike"]);
        let rows: Vec<String> = folded.namespaces[0]
            .links
            .iter()
            .map(super::super::row)
            .collect();
        assert_eq!(rows, ["to-0 veth", "499 more to-… veth"]);
        assert_eq!(folded.cables.len(), 1);
    }

    #[test]
    fn one_that_is_down_stands_out() {
        let mut graph = star(40);
        graph.namespaces[7].links[1].state = "DOWN".to_owned();
        let folded = fold(&graph);
        let titles: Vec<String> = folded.namespaces.iter().map(super::super::title).collect();
        assert_eq!(titles, ["r", "n-0 and 38 alike", "n-6"]);
    }
}
