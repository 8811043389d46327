//! The scripts in README.md are scripts.

use std::path::PathBuf;

use crate::case::Case;
use crate::lab::{Lab, in_repository};

/// The file, where there is one.
pub(crate) fn file() -> Option<PathBuf> {
    Some(in_repository("README.md")).filter(|file| file.is_file())
}

/// A case for each block, by the number of its first line.
pub(crate) fn cases() -> Vec<Case> {
    let text = file().and_then(|file| std::fs::read_to_string(file).ok());
    let blocks = blocks(&text.unwrap_or_default());
    blocks
        .into_iter()
        .map(|(line, block)| {
            let fact = format!("the_script_at_line_{line}_has_no_mistakes");
            Case::new("readme", &fact, &[], move |lab| check(lab, &block))
        })
        .collect()
}

fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim_end() == "```rhai" {
            let block: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| !line.starts_with("```"))
                .collect();
            blocks.push((number + 2, block.join("\n")));
        }
    }
    blocks
}

fn check(lab: &Lab, block: &str) {
    std::fs::write(lab.folder().join("readme.rhai"), block).unwrap();
    let output = lab.ipvsh(&["check", "readme.rhai"]);
    assert_eq!(
        (output.stderr.as_str(), output.stdout.as_str()),
        ("", "readme.rhai: no mistakes found\n"),
        "{block}"
    );
}
