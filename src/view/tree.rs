//! Namespaces, their links, what is stacked on them, and their addresses, as a tree.

use colored::Colorize;

use crate::view::paint::paint;

/// A namespace with its links.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its links, in the kernel's order.
    pub links: Vec<Branch>,
}

/// A link.
#[derive(Clone, Debug, Default)]
pub struct Branch {
    /// The ifindex.
    pub index: u32,
    /// The name.
    pub name: String,
    /// The kind; empty for hardware.
    pub kind: String,
    /// `UP`, `DOWN` and so on.
    pub state: String,
    /// Further facts: a parent in another namespace, the far end.
    pub notes: Vec<String>,
    /// The ifindex of the link of the same namespace that it stands under.
    pub under: Option<u32>,
    /// Its addresses.
    pub addresses: Vec<String>,
}

/// Draws the tree.
pub fn draw(places: &[Place], color: bool) -> String {
    let mut lines = Vec::new();
    for place in places {
        lines.push(paint(color, &place.name, |text| text.bold().cyan()));
        let known = |index: u32| place.links.iter().any(|link| link.index == index);
        let top: Vec<_> = place
            .links
            .iter()
            .filter(|link| {
                link.under
                    .is_none_or(|under| under == link.index || !known(under))
            })
            .collect();
        branches(place, &top, "", color, &mut lines);
    }
    lines.join("\n")
}

fn branches(place: &Place, links: &[&Branch], indent: &str, color: bool, drawn: &mut Vec<String>) {
    for (number, link) in links.iter().enumerate() {
        let (fork, below) = if number + 1 == links.len() {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        drawn.push(format!("{indent}{fork}{}", line(link, color)));
        let under: Vec<_> = place
            .links
            .iter()
            .filter(|other| other.under == Some(link.index) && other.index != link.index)
            .collect();
        // The kernel allows no cycle of links. The depth is limited anyway.
        if indent.len() < 64 {
            branches(place, &under, &format!("{indent}{below}"), color, drawn);
        }
    }
}

fn line(link: &Branch, color: bool) -> String {
    let mut parts = vec![paint(color, &link.name, Colorize::bold)];
    if !link.kind.is_empty() {
        parts.push(link.kind.clone());
    }
    let style = match link.state.as_str() {
        "UP" | "UNKNOWN" => Colorize::green,
        _ => Colorize::red,
    };
    parts.push(paint(color, &link.state, style));
    parts.extend(
        link.addresses
            .iter()
            .map(|address| paint(color, address, Colorize::blue)),
    );
    parts.extend(
        link.notes
            .iter()
            .map(|note| paint(color, note, Colorize::dimmed)),
    );
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str, kind: &str, under: Option<u32>, addresses: &[&str]) -> Branch {
        Branch {
            index,
            name: name.to_owned(),
            kind: kind.to_owned(),
            state: "UP".to_owned(),
            under,
            addresses: addresses.iter().map(|one| (*one).to_owned()).collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn slaves_stand_under_their_parent_and_addresses_behind_their_link() {
        let mut far = link(2, "v1", "ipvlan", Some(7), &["10.0.0.1/24"]);
        far.notes.push("on eth0 in host".to_owned());
        let places = [
            Place {
                name: "host".to_owned(),
                links: vec![
                    link(7, "eth0", "", None, &["192.0.2.1/24"]),
                    link(8, "eth0.5", "vlan", Some(7), &[]),
                    link(9, "br0", "bridge", None, &[]),
                    link(10, "p1", "veth", Some(9), &[]),
                ],
            },
            Place {
                name: "net-1".to_owned(),
                links: vec![far],
            },
        ];
        insta::assert_snapshot!(draw(&places, false), @"
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
