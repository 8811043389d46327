//! A lab as a picture: one model of namespaces, links and what joins them, written in several forms.

mod dot;
mod fold;
mod html;
mod layout;
mod mermaid;
pub(crate) mod stacking;
mod svg;
mod ways;

/// Texts as XML takes them.
pub(crate) mod xml {
    pub(crate) use super::svg::text;
}

use schemars::JsonSchema;
use serde::Serialize;

pub use html::Shown;

/// What a picture shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Graph {
    /// The namespaces, in the order of their names, the one that ipvsh started in first.
    pub namespaces: Vec<Namespace>,
    /// What joins links of two namespaces, or the two ends of a pair in one.
    pub cables: Vec<Cable>,
}

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// What a plan would do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// Its links, in the kernel's order.
    pub links: Vec<Link>,
    /// Its routes, as `ip route` writes them.
    pub routes: Vec<String>,
    /// Its rules, as `ip rule` writes them.
    pub rules: Vec<String>,
    /// Its lasting neighbours, as `ip neighbour` writes them.
    pub neighbors: Vec<String>,
    /// What listens in it: `tcp 0.0.0.0:80`.
    pub sockets: Vec<String>,
    /// How many namespaces alike it stands for; one where it stands for itself.
    #[serde(skip)]
    pub count: usize,
}

/// A link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Link {
    /// The ifindex; 0 of one that is gone.
    pub index: u32,
    /// The name.
    pub name: String,
    /// The kind; empty for hardware.
    pub kind: String,
    /// `UP`, `DOWN` and so on.
    pub state: String,
    /// Whether it is administratively up.
    pub up: bool,
    /// The MTU in bytes.
    pub mtu: u32,
    /// The hardware address.
    pub mac: String,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<String>,
    /// The ifindex of the link of the same namespace that it stands under: its master, or its parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under: Option<u32>,
    /// Where its parent or far end is, where that is in no namespace of the picture: `eth0 in host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<String>,
    /// What a plan would do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

impl Link {
    /// Whether packets pass, as far as the link knows.
    pub fn is_up(&self) -> bool {
        matches!(self.state.as_str(), "UP" | "UNKNOWN")
    }
}

/// What a plan would do with a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It would be made.
    Created,
    /// It would be changed.
    Changed,
    /// It would be taken away.
    Deleted,
}

/// An end of a cable: a link of a namespace, by their places in the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct End {
    /// The place of the namespace.
    pub namespace: usize,
    /// The place of the link among its links.
    pub link: usize,
}

/// What joins two links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Cable {
    /// One end: of a slave the slave.
    pub from: End,
    /// The other end: of a slave its parent.
    pub to: End,
    /// What it is: `veth`, `ipvlan`.
    pub kind: String,
}

/// The namespace that ipvsh started in: it is always there, and is drawn where it takes part.
const HOST: &str = "host";

/// The forms that a picture can be written in, by the endings of file names.
pub const FORMS: [&str; 5] = ["svg", "html", "mmd", "dot", "json"];

impl Graph {
    /// The link at an end.
    pub fn link(&self, end: End) -> &Link {
        &self.namespaces[end.namespace].links[end.link]
    }

    /// The picture in a form of [`FORMS`]; none where there is no such form.
    pub fn write(&self, form: &str) -> Option<String> {
        let picture = || fold::fold(&fold::without_empty(self, HOST));
        Some(match form {
            "svg" => svg::draw(&picture()),
            "html" => Shown::of(self).page(),
            "mmd" => mermaid::write(&picture()),
            "dot" => dot::write(&picture()),
            "json" => json(self),
            _ => return None,
        })
    }

    /// Whether both ends of a cable pass packets.
    fn is_up(&self, cable: &Cable) -> bool {
        self.link(cable.from).is_up() && self.link(cable.to).is_up()
    }

    /// What a plan would do with a cable: what it would do with the link that it comes with.
    fn change(&self, cable: &Cable) -> Option<Change> {
        let change = self.link(cable.from).change;
        change.filter(|change| *change != Change::Changed)
    }
}

fn json(graph: &Graph) -> String {
    let mut text = serde_json::to_string_pretty(graph).unwrap_or_default();
    text.push('\n');
    text
}

/// The text of a row of a namespace: the link's name, its kind, its addresses.
fn row(link: &Link) -> String {
    /// How many addresses are shown of a link.
    const SHOWN: usize = 2;
    let mut words = vec![link.name.clone()];
    if !link.kind.is_empty() {
        words.push(link.kind.clone());
    }
    // Those that the kernel gives itself say nothing.
    let told = link
        .addresses
        .iter()
        .filter(|one| !one.starts_with("fe80:"));
    words.extend(told.clone().take(SHOWN).cloned());
    if told.clone().count() > SHOWN {
        words.push(format!("+{}", told.count() - SHOWN));
    }
    words.extend(link.elsewhere.iter().map(|at| format!("→ {at}")));
    words.join(" ")
}

/// The title of a namespace: its name, or the first and how many are like it.
fn title(namespace: &Namespace) -> String {
    match namespace.count {
        0 | 1 => namespace.name.clone(),
        count => format!("{} and {} alike", namespace.name, count - 1),
    }
}

/// Whether the picture shows a link: the loopback is everywhere, and says nothing but where somebody gave it an address.
fn is_shown(link: &Link) -> bool {
    let is_loopback = link.name == "lo" && link.kind.is_empty();
    let is_usual = |address: &String| address.starts_with("127.") || address == "::1/128";
    !is_loopback || !link.addresses.iter().all(is_usual)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A link with a name, a kind and an address.
    pub(crate) fn link(index: u32, name: &str, kind: &str, address: &str) -> Link {
        Link {
            index,
            name: name.to_owned(),
            kind: kind.to_owned(),
            state: "UP".to_owned(),
            up: true,
            mtu: 1500,
            mac: "02:00:00:00:00:01".to_owned(),
            addresses: [address]
                .iter()
                .filter(|one| !one.is_empty())
                .map(|one| (*one).to_owned())
                .collect(),
            ..Link::default()
        }
    }

    fn namespace(name: &str, links: Vec<Link>) -> Namespace {
        Namespace {
            name: name.to_owned(),
            links,
            count: 1,
            ..Namespace::default()
        }
    }

    /// A star: `count` namespaces with a cable each to one in the middle.
    pub(super) fn star(count: u32) -> Graph {
        let mut middle = namespace("r", Vec::new());
        let mut graph = Graph::default();
        for number in 0..count {
            middle
                .links
                .push(link(number + 2, &format!("to-{number}"), "veth", ""));
            let address = format!("10.0.{number}.2/24");
            graph.namespaces.push(namespace(
                &format!("n-{number}"),
                vec![
                    link(1, "lo", "", "127.0.0.1/8"),
                    link(2, "e0", "veth", &address),
                ],
            ));
            graph.cables.push(Cable {
                from: End {
                    namespace: number as usize + 1,
                    link: 1,
                },
                to: End {
                    namespace: 0,
                    link: number as usize,
                },
                kind: "veth".to_owned(),
            });
        }
        graph.namespaces.insert(0, middle);
        graph
    }

    #[test]
    fn every_form_is_written_and_the_same_each_time() {
        let graph = star(3);
        for form in FORMS {
            let text = graph.write(form).unwrap();
            assert_eq!(text, graph.write(form).unwrap(), "{form}");
            assert!(text.contains("n-2"), "{form}: {text}");
        }
        assert_eq!(graph.write("png"), None);
    }

    #[test]
    fn what_others_wrote_is_escaped_in_every_form() {
        let mut graph = star(1);
        graph.namespaces[1].name = "a\"]--><script>&\n\u{1b}".to_owned();
        for form in FORMS {
            let text = graph.write(form).unwrap();
            assert!(
                form == "json" || !text.contains("<script>&"),
                "{form}: {text}"
            );
            assert!(!text.contains('\u{1b}'), "{form}: {text}");
        }
    }

    #[test]
    fn a_picture_is_xml_with_each_name_as_it_is() {
        let mut graph = star(3);
        graph.namespaces[1].name = "a\"]--><script>&'".to_owned();
        let drawn = graph.write("svg").unwrap();
        let read = roxmltree::Document::parse(&drawn).unwrap();
        let texts: Vec<&str> = read.descendants().filter_map(|node| node.text()).collect();
        for name in [
            "r",
            "a\"]--><script>&'",
            "n-1",
            "n-2",
            "e0",
            "to-2",
            "10.0.2.2/24",
        ] {
            let is_there = |text: &&str| text.split_whitespace().any(|word| word == name);
            assert!(texts.iter().any(is_there), "{name} is not in {texts:?}");
        }
    }
}
