//! The shape of the house: imports point down only, and nothing lies about that no index names.

#![allow(
    clippy::unwrap_used,
    reason = "a test that can't go on is to stop right there"
)]

#[macro_use]
extern crate pretty_assertions;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, top to bottom; those in one line are beside each other. Behind each module stands what it may import from its
/// own line.
const LAYERS: &[&[(&str, &[&str])]] = &[
    &[("main", &[])],
    &[("cli", &[])],
    &[("command", &[])],
    &[("lsp", &[])],
    &[
        ("repl", &["engine", "import"]),
        ("sandbox", &[]),
        ("engine", &[]),
        ("import", &[]),
        ("export", &["import"]),
    ],
    &[("dsl", &[])],
    &[
        ("lab", &["net", "value", "schema", "steps"]),
        ("view", &["net", "value"]),
        ("schema", &["net", "steps", "value"]),
        ("net", &["value"]),
        ("value", &[]),
        ("steps", &["net", "value"]),
        ("why", &["net", "value"]),
    ],
    &[("error", &["privilege"]), ("privilege", &[])],
];

/// The files with something that a thread knows by itself, where everything else is handed on.
const THREAD_LOCALS: &[&str] = &[
    "dsl/strands.rs",
    "engine/memory.rs",
    "engine/stack.rs",
    "net/ending.rs",
    "net/namespace.rs",
    "net/netns.rs",
    "net/process/growth.rs",
    "net/reopen.rs",
    "net/rtnl.rs",
    "net/seam.rs",
];

fn sources(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut left = vec![root];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn below<'a>(path: &'a Path, folder: &str) -> &'a Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    path.strip_prefix(root).unwrap()
}

/// The layer that a file belongs to.
fn module_of(path: &Path) -> String {
    let first = below(path, "src").iter().next().unwrap();
    let first = first.to_str().unwrap();
    first.strip_suffix(".rs").unwrap_or(first).to_owned()
}

/// The modules of the crate that a source names: `use crate::net::…`, `crate::net::…`, `use crate::{net, view}`.
fn named(text: &str) -> Vec<String> {
    let mut named = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        for (index, _) in line.match_indices("crate::") {
            let rest = &line[index + "crate::".len()..];
            let list = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap().split(',').collect(),
                None => vec![rest],
            };
            named.extend(list.into_iter().map(|one| {
                let one = one.trim();
                let end = one.find(|c: char| !c.is_alphanumeric() && c != '_');
                one[..end.unwrap_or(one.len())].to_owned()
            }));
        }
    }
    named
}

fn layer(module: &str) -> Option<(usize, &'static [&'static str])> {
    LAYERS.iter().enumerate().find_map(|(level, line)| {
        let beside = line.iter().find(|(name, _)| *name == module)?.1;
        Some((level, beside))
    })
}

#[test]
fn imports_point_down() {
    let mut upward = Vec::new();
    for path in sources("src") {
        let module = module_of(&path);
        if module == "lib" || path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let (level, beside) = layer(&module).unwrap_or_else(|| panic!("`{module}` is in no layer"));
        for named in named(&fs::read_to_string(&path).unwrap()) {
            let Some((other, _)) = layer(&named) else {
                panic!("{}: `crate::{named}` is in no layer", path.display());
            };
            let is_down = other > level || named == module || beside.contains(&&*named);
            if !is_down {
                upward.push(format!("{} imports {named}", below(&path, "").display()));
            }
        }
    }
    assert!(upward.is_empty(), "upward:\n{}", upward.join("\n"));
}

#[test]
fn every_topic_of_the_language_is_in_the_index() {
    let index = include_str!("../src/dsl/topics.rs");
    for path in sources("src/dsl") {
        let text = fs::read_to_string(&path).unwrap();
        // The file of a folder is called after it.
        let named = if path.ends_with("mod.rs") {
            path.parent().unwrap()
        } else {
            &path
        };
        let name = named.file_stem().unwrap().to_str().unwrap();
        for part in text.split("\n#[export_module(manifest)]").skip(1) {
            let module = part.split("mod ").nth(1).unwrap();
            let module = module.split_whitespace().next().unwrap();
            assert!(
                index.contains(&format!("{name}::{module}::RHAI_MANIFEST")),
                "{name}::{module} is missing from TOPICS"
            );
        }
    }
}

/// The files of the source, those of tests left out, whose text has one of `words`.
fn with(words: &[&str]) -> Vec<String> {
    let files = sources("src").into_iter();
    files
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            words.iter().any(|word| text.contains(word))
        })
        .map(|path| below(&path, "src").display().to_string())
        .collect()
}

#[test]
fn nothing_in_the_rooms_of_words_asks_the_index_of_topics() {
    assert_eq!(
        with(&["TOPICS"]),
        [
            "dsl/mod.rs",
            "dsl/topics.rs",
            "engine/catalog.rs",
            "engine/words.rs"
        ]
    );
}

#[test]
fn only_a_lab_begins_a_plan_and_only_the_ground_of_net_asks_for_one() {
    let outside: Vec<String> = with(&["model::"])
        .into_iter()
        .filter(|path| !path.starts_with("net/model/"))
        .collect();
    assert_eq!(outside, ["lab/mod.rs"]);
    assert_eq!(
        with(&["seam::plan()"]),
        [
            "net/model/mod.rs",
            "net/namespace.rs",
            "net/nft/mod.rs",
            "net/rtnl.rs",
            "net/sysctl.rs"
        ]
    );
}

#[test]
fn what_a_thread_knows_by_itself_is_kept_in_few_places() {
    assert_eq!(with(&["thread_local!"]), THREAD_LOCALS);
}

#[test]
fn handles_are_told_to_the_engine_in_one_place() {
    assert_eq!(with(&["register_type"]), ["dsl/handles.rs"]);
}

#[test]
fn every_module_of_the_standard_library_is_embedded() {
    let known: Vec<_> = ipvsh::engine::modules::STANDARD
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let found: Vec<_> = sources("stdlib")
        .iter()
        .map(|path| {
            let name = below(path, "stdlib").with_extension("");
            name.to_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(known, found);
}

#[test]
fn every_story_is_embedded() {
    let known = ipvsh::engine::stories::ALL.iter();
    let known: BTreeSet<_> = known.map(|(name, _)| format!("{name}.rhai")).collect();
    let found = sources("scripts");
    let found = found.iter().map(|path| below(path, "scripts"));
    let found = found.filter(|path| path.iter().count() == 1);
    let found: BTreeSet<_> = found.map(|path| path.display().to_string()).collect();
    assert_eq!(known, found);
}

#[test]
fn every_source_is_named_by_the_one_above_it() {
    for path in sources("src") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        if ["lib", "main", "mod"].contains(&name) {
            continue;
        }
        let folder = path.parent().unwrap();
        assert!(
            !path.with_extension("").is_dir(),
            "{}: the file of a folder is its mod.rs",
            below(&path, "").display()
        );
        let index = [folder.join("mod.rs"), folder.join("lib.rs")];
        let text: String = index
            .iter()
            .filter_map(|file| fs::read_to_string(file).ok())
            .collect();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        let named = if is_source {
            format!("mod {name};")
        } else {
            // A text that is built in.
            format!("include_str!(\"{}\")", path.file_name().unwrap().display())
        };
        assert!(
            text.contains(&named),
            "{} is in no index",
            below(&path, "").display()
        );
    }
}
