//! Pictures: what they show is what iproute2 sees, and of a plan what its run makes.

use std::collections::HashMap;

use serde_json::Value;

use crate::browser::Browser;
use crate::case::cases;
use crate::common;
use crate::lab::{HOST, Lab};

cases! {
    [] =>
        a_picture_shows_what_stands
        a_picture_of_a_script_shows_what_it_would_make_and_makes_nothing
        far_ends_outside_of_a_picture_are_named
        every_form_is_written_to_a_file
        what_can_not_be_drawn_is_said;
    ["graphviz"] =>
        graphviz_reads_what_is_drawn;
    ["browser", "mermaid"] =>
        mermaid_reads_what_is_drawn;
}

const SCRIPT: &str = r#"
let r = netns("r");
for i in 1..=3 {
    let cable = r.veth(`to-${i}`, netns(`n-${i}`), "e0", #{up: true});
    cable.peer.addr(`10.0.${i}.2/24`).up();
}
let up = r.veth("u0", "u1").up();
netns("n-1").macvlan(up, "m0");
r.macvlan(r.link("to-2"), "m1");
"#;

fn script(lab: &Lab) {
    std::fs::write(lab.folder().join("star.rhai"), SCRIPT).unwrap();
}

fn picture(lab: &Lab, arguments: &[&str]) -> Value {
    let run = lab.ipvsh(&[&["graph", "--form", "json"], arguments].concat());
    assert_eq!(run.end(), "exit code 0\n");
    serde_json::from_str(&run.stdout).unwrap()
}

/// The cables, each as `NETNS:LINK KIND NETNS:LINK`, sorted.
fn cables(picture: &Value) -> Vec<String> {
    let end = |end: &Value| {
        let number = |key: &str| usize::try_from(end[key].as_u64().unwrap()).unwrap();
        let namespace = &picture["namespaces"][number("namespace")];
        let link = &namespace["links"][number("link")];
        format!("{}:{}", text(&namespace["name"]), text(&link["name"]))
    };
    let cables = picture["cables"].as_array().unwrap().iter();
    let mut cables: Vec<String> = cables
        .map(|cable| {
            format!(
                "{} {} {}",
                end(&cable["from"]),
                text(&cable["kind"]),
                end(&cable["to"])
            )
        })
        .collect();
    cables.sort();
    cables
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The same as `ip -d link` tells it: by the ids under which namespaces know each other.
fn cables_by_ip(lab: &Lab, places: &[&str]) -> Vec<String> {
    let mut links: HashMap<(String, u64), String> = HashMap::new();
    let mut told = Vec::new();
    for place in places {
        let ids = lab.json(place, "netns list-id");
        let name_of = |id: &Value| -> String {
            let known = ids
                .as_array()
                .unwrap()
                .iter()
                .find(|known| known["nsid"] == *id);
            known.map_or(HOST.to_owned(), |known| {
                known["name"].as_str().unwrap_or(HOST).to_owned()
            })
        };
        for link in lab.json(place, "-d link show").as_array().unwrap() {
            let index = link["ifindex"].as_u64().unwrap();
            links.insert(
                ((*place).to_owned(), index),
                text(&link["ifname"]).to_owned(),
            );
            let far = match (&link["link_index"], &link["link_netnsid"], &link["link"]) {
                (Value::Number(far), id @ Value::Number(_), _) => {
                    Some((name_of(id), far.as_u64().unwrap()))
                }
                _ => None,
            };
            let beside = link["link"].as_str().map(str::to_owned);
            let kind = link["linkinfo"]["info_kind"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            told.push((
                (*place).to_owned(),
                text(&link["ifname"]).to_owned(),
                kind,
                far,
                beside,
            ));
        }
    }
    let mut cables: Vec<String> = Vec::new();
    for (place, name, kind, far, beside) in told {
        let far = match (far, beside) {
            (Some((there, index)), _) => match links.get(&(there.clone(), index)) {
                Some(far) => format!("{there}:{far}"),
                None => continue,
            },
            // What stands on a link beside it is no cable, but a pair is.
            (None, Some(far)) if kind == "veth" => format!("{place}:{far}"),
            _ => continue,
        };
        let near = format!("{place}:{name}");
        // A pair is told by both ends.
        if kind != "veth" || !cables.contains(&format!("{far} {kind} {near}")) {
            cables.push(format!("{near} {kind} {far}"));
        }
    }
    cables.sort();
    cables
}

fn a_picture_shows_what_stands(lab: &Lab) {
    script(lab);
    assert_eq!(lab.ipvsh(&["star.rhai"]).end(), "exit code 0\n");
    let places = ["n-1", "n-2", "n-3", "r"];
    let shown = picture(lab, &["star"]);
    let names: Vec<&str> = shown["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text(&one["name"]))
        .collect();
    assert_eq!(names, places);
    // Which end of a pair is told first is of no account.
    let sorted = |cables: Vec<String>| -> Vec<String> {
        let mut sorted: Vec<String> = cables
            .into_iter()
            .map(|cable| {
                let mut words: Vec<&str> = cable.split(' ').collect();
                words.sort_unstable();
                words.join(" ")
            })
            .collect();
        sorted.sort();
        sorted
    };
    assert_eq!(sorted(cables(&shown)), sorted(cables_by_ip(lab, &places)));
    assert_eq!(cables(&shown), cables(&picture(lab, &places)));
    let link = &shown["namespaces"][0]["links"][1];
    let told = |addresses: Vec<String>| -> Vec<String> {
        // What the kernel gives a link itself comes late.
        let told = addresses.into_iter();
        told.filter(|one| !one.starts_with("fe80:")).collect()
    };
    let addresses = link["addresses"].as_array().unwrap().iter();
    let addresses = addresses.map(|one| text(one).to_owned()).collect();
    assert_eq!(told(addresses), told(lab.addresses("n-1", "e0")));
}

fn a_picture_of_a_script_shows_what_it_would_make_and_makes_nothing(lab: &Lab) {
    script(lab);
    let planned = picture(lab, &["star.rhai"]);
    assert_eq!(lab.namespaces(), Vec::<String>::new());
    lab.ipvsh(&["star.rhai"]);
    let stands = picture(lab, &["star"]);
    assert_eq!(cables(&planned), cables(&stands));
    let made = planned["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .all(|one| one["change"] == "created");
    assert!(made, "{planned:#}");
    // What stands already is no change.
    let again = picture(lab, &["star.rhai"]);
    assert_eq!(cables(&again), cables(&stands));
    assert!(!again.to_string().contains("\"change\""), "{again:#}");
    lab.ipvsh(&["down", "star"]);
}

fn far_ends_outside_of_a_picture_are_named(lab: &Lab) {
    script(lab);
    lab.ipvsh(&["star.rhai"]);
    let shown = picture(lab, &["n-2"]);
    assert_eq!(shown["namespaces"][0]["links"][1]["elsewhere"], "to-2 in r");
    assert_eq!(
        lab.run(r#"existing("n-1").tree()"#)
            .lines()
            .skip(2)
            .map(|line| line
                .split(" on ")
                .last()
                .unwrap()
                .split(" ⇄ ")
                .last()
                .unwrap()
                .to_owned())
            .collect::<Vec<_>>(),
        ["to-1 in r", "u0 in r"]
    );
}

fn every_form_is_written_to_a_file(lab: &Lab) {
    script(lab);
    for form in ["svg", "html", "mmd", "dot", "json"] {
        let file = format!("star.{form}");
        // Behind the script as before it.
        let run = lab.ipvsh(&["graph", "star.rhai", "-o", &file]);
        assert_eq!(run.end(), "exit code 0\n");
        let text = std::fs::read_to_string(lab.folder().join(&file)).unwrap();
        assert!(text.contains("n-3"), "{form}: {text}");
        let run = lab.ipvsh(&["graph", "--form", form, "star.rhai"]);
        assert_eq!(run.stdout, text, "{form}");
    }
}

fn what_can_not_be_drawn_is_said(lab: &Lab) {
    lab.ip("netns add n-1");
    let said = [
        ["graph", "n-2"].as_slice(),
        &["graph", "nothing-like-it"],
        &["graph", "n-1", "-o", "n-1.png"],
        &["graph", "n-1", "missing.rhai"],
        &["graph", "missing.rhai"],
    ]
    .map(|arguments| lab.ipvsh(arguments).end())
    .concat();
    insta::assert_snapshot!(said, @"
    exit code 1
    error: there is no lab and no namespace `n-2`
    hint: did you mean `n-1`?
    exit code 1
    error: there is no lab and no namespace `nothing-like-it`
    hint: `ipvsh ls` lists the labs, `ip netns` the namespaces
    exit code 2
    error: `n-1.png` does not say by its ending in which form to draw
    hint: end its name with one of .svg .html .mmd .dot .json, or say it with --form
    exit code 1
    error: there is no lab and no namespace `missing.rhai`
    hint: `ipvsh ls` lists the labs, `ip netns` the namespaces
    exit code 2
    error: there is no script `missing.rhai`
    ");
}

/// Its own parser finds the namespaces, the links and the cables of the same picture in JSON.
fn graphviz_reads_what_is_drawn(lab: &Lab) {
    script(lab);
    let drawn = lab.ipvsh(&["graph", "star.rhai", "-o", "star.dot"]);
    assert_eq!(drawn.end(), "exit code 0\n");
    let read = common::output(
        "dot",
        &[
            "-Tdot_json",
            &lab.folder().join("star.dot").display().to_string(),
        ],
    );
    let read: Value = serde_json::from_str(&read).unwrap();
    let objects = read["objects"].as_array().unwrap();
    let name_of = |index: &Value| {
        let node = objects.iter().find(|object| object["_gvid"] == *index);
        let node = node.unwrap();
        let cluster = objects.iter().find(|object| {
            let nodes = object["nodes"].as_array();
            nodes.is_some_and(|nodes| nodes.contains(index))
        });
        let link = text(&node["label"]).split(' ').next().unwrap();
        format!("{}:{link}", text(&cluster.unwrap()["label"]))
    };
    let edges = read["edges"].as_array().unwrap().iter();
    let edges = edges.filter(|edge| edge["style"] != "dotted").map(|edge| {
        format!(
            "{} {} {}",
            name_of(&edge["tail"]),
            text(&edge["label"]),
            name_of(&edge["head"])
        )
    });
    let mut edges: Vec<String> = edges.collect();
    edges.sort();
    assert_eq!(edges, cables(&picture(lab, &["star.rhai"])));
    assert!(edges.len() >= 4, "{edges:?}");
}

/// What Mermaid's own parser reads of a text: the boxes, each with its name and what lies in it, and the lines.
const PARSE: &str = r#"
async text => {
    await mermaid.parse(text);
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
    const plain = text => new DOMParser().parseFromString(
        text.replaceAll(/ﬂ°°(\d+)¶ß/g, "&#$1;"), "text/html").documentElement.textContent;
    return {
        boxes: db.getSubGraphs().map(box => ({ title: plain(box.title), nodes: box.nodes })),
        nodes: [...db.getVertices().values()].map(node => ({ id: node.id, text: plain(node.text) })),
        lines: db.getEdges().filter(line => line.text).map(line => [line.start, plain(line.text), line.end]),
    };
}
"#;

/// Names that are words and signs of Mermaid, of HTML and of neither.
const NAMES: [&str; 8] = [
    "end", "a\"]-->b", "%%c", "#quot;", "<b>&amp;", "x:::y", "subgraph", "é`{|}",
];

/// The same for Mermaid, whose parser is in the browser of who looks at a repository.
fn mermaid_reads_what_is_drawn(lab: &Lab) {
    let mut labs = vec![SCRIPT.to_owned()];
    labs.push(
        NAMES
            .map(|name| format!("netns({name:?}).veth(\"e0\", \"e1\", #{{up: true}}).peer.up();\n"))
            .concat(),
    );
    labs.push(std::fs::read_to_string("scripts/leaf-spine.rhai").unwrap());
    let parser = std::path::absolute("target/tools/mermaid/mermaid.min.js").unwrap();
    let page = lab.folder().join("page.html");
    let html = format!(
        "<meta charset=utf-8><script src=\"file://{}\"></script>",
        parser.display()
    );
    std::fs::write(&page, html).unwrap();
    let mut browser = Browser::start(lab.folder());
    browser.open(&format!("file://{}", page.display()));
    browser.wait("document.readyState === 'complete' && window.mermaid");
    for script in labs {
        std::fs::write(lab.folder().join("one.rhai"), &script).unwrap();
        let drawn = lab.ipvsh(&["graph", "one.rhai", "--form", "mmd"]);
        assert_eq!(drawn.end(), "exit code 0\n");
        let read = browser.value(&format!(
            "({PARSE})({})",
            Value::from(drawn.stdout.as_str())
        ));
        let shown = picture(lab, &["one.rhai"]);
        let boxes = read["boxes"].as_array().unwrap();
        let titles: Vec<&str> = boxes.iter().map(|one| text(&one["title"])).collect();
        let names = shown["namespaces"].as_array().unwrap().iter();
        // Where a script only starts from is not drawn.
        let names = names.map(|one| text(&one["name"]));
        let names: Vec<&str> = names.filter(|name| *name != HOST).collect();
        assert_eq!(titles, names);
        let name_of = |id: &Value| {
            let inside = boxes
                .iter()
                .find(|one| one["nodes"].as_array().unwrap().contains(id));
            let node = read["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .find(|node| node["id"] == *id);
            let link = text(&node.unwrap()["text"]).split(' ').next().unwrap();
            format!("{}:{link}", text(&inside.unwrap()["title"]))
        };
        let lines = read["lines"].as_array().unwrap().iter();
        let mut lines: Vec<String> = lines
            .map(|line| {
                format!(
                    "{} {} {}",
                    name_of(&line[0]),
                    text(&line[1]),
                    name_of(&line[2])
                )
            })
            .collect();
        lines.sort();
        assert_eq!(lines, cables(&shown));
        assert!(!lines.is_empty(), "{script}");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
