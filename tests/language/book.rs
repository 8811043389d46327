//! The chapter of the book that shows the stories: what their heads say, and their pictures.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use ipvsh::engine::stories;

const HEAD: &str = "\
# The stories

This file is generated, as its pictures are: `make pictures`.

`ipvsh demo NAME` runs one of them in a throw-away place, `ipvsh scripts/NAME.rhai` on this machine, and `--help` behind its file lists
its parameters. Each picture is what `ipvsh graph scripts/NAME.rhai` draws before anything stands: green is what the run would make,
a dotted line leads from a slave to its parent, a dashed one has an end that is not up.
";

/// The title of a story in words, and what is told of it.
fn chapter(name: &str, text: &str) -> String {
    let head = text.lines().map_while(|line| line.strip_prefix("//!"));
    let mut lines = head.map(str::trim);
    let title = lines.next().unwrap_or_default();
    let rest: Vec<&str> = lines.collect();
    format!(
        "\n## `{name}`\n\n**{title}**\n{}\n\n![The lab of {name}](pictures/{name}.svg)\n",
        rest.join("\n")
    )
}

#[test]
fn the_stories_are_told_as_their_scripts_tell_them() {
    let mut book = HEAD.to_owned();
    for (name, text) in stories::ALL {
        // Writing to a string cannot fail.
        let _ = write!(book, "{}", chapter(name, text));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("docs/stories.md");
    if env::var_os("IPVSH_BLESS").is_some() {
        fs::write(&file, &book).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == book,
        "docs/stories.md is out of date. Run:\n\n    make pictures\n"
    );
    for (name, _) in stories::ALL {
        let picture = root.join(format!("docs/pictures/{name}.svg"));
        assert!(picture.is_file(), "{name} has no picture");
    }
}
