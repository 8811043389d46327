//! Turns the commands of a shell script or a Markdown page into a script.

mod verify;

use std::path::Path;

use super::line::{Import, Options};
use super::output;
use crate::engine::Failure;
use crate::error::Error;
use crate::import::{Imported, Nothing, Told, import_as};
use crate::net::file;
use crate::view::error::Report;

/// Imports what the command line names, and returns the exit code.
pub(super) fn run(what: &Import, options: &Options) -> Result<u8, Failure> {
    let name = what.file.display();
    let source = read(&what.file)
        .map_err(|why| Failure::usage(Report::new(format!("cannot read `{name}`: {why}"))))?;
    let told = Told {
        section: what.section.as_deref(),
        arguments: &what.arguments,
        path: (what.file != Path::new("-")).then_some(&*what.file),
    };
    let imported = import_as(&source, &told).map_err(|nothing| {
        Failure::usage(explain(&what.file, what.section.as_deref(), &nothing))
    })?;
    let mut code = 0;
    if what.output.is_some() || !what.verify {
        code = output::write_to(what.output.as_deref(), &imported.script)?;
    }
    if !options.quiet {
        tell(&imported, &what.file);
    }
    if what.verify {
        code = verify::run(what, options, &source, &imported.script)?;
    }
    let is_short = what.strict && !imported.left.is_empty();
    Ok(if is_short { 1 } else { code })
}

fn read(path: &Path) -> Result<String, Error> {
    let bytes = if path == Path::new("-") {
        file::read_from(&mut std::io::stdin().lock())
    } else {
        file::read(path)
    }?;
    // An editor of another system may have written it.
    String::from_utf8(bytes)
        .map(|text| text.replace("\r\n", "\n"))
        .map_err(|_| Error::invalid("it is no text in UTF-8"))
}

fn explain(file: &Path, section: Option<&str>, nothing: &Nothing) -> Report {
    let name = file.display();
    match nothing {
        Nothing::NotShell(interpreter) => Report::new(format!(
            "`{name}` is a script for `{interpreter}`, and none for a shell"
        ))
        .hint("what it runs can be seen by `ipvsh export`, when it has run"),
        Nothing::NoBlocks => Report::new(format!("`{name}` has no blocks of shell commands"))
            .hint("they begin with ```sh, ```bash, ```shell or ```console"),
        Nothing::NoSection(known) if known.is_empty() => {
            Report::new(format!("`{name}` is no page, and has no sections"))
                .hint("leave out --section")
        }
        Nothing::NoSection(known) => {
            let section = section.unwrap_or_default();
            let known: Vec<String> = known.iter().map(|heading| format!("`{heading}`")).collect();
            Report::new(format!(
                "`{name}` has no section `{section}` with shell commands"
            ))
            .note(format!("sections: {}", known.join(", ")))
        }
    }
}

/// Says on standard error what is in the script only as a comment, and what to look at.
fn tell(imported: &Imported, file: &Path) {
    if let [_, _, ..] = imported.sections.as_slice() {
        let sections: Vec<String> = imported
            .sections
            .iter()
            .map(|heading| format!("`{heading}`"))
            .collect();
        output::note(&format!(
            "one script from the sections {}; --section TEXT takes those under one heading",
            sections.join(", ")
        ));
    }
    if imported.wants_arguments {
        output::note(&format!(
            "it reads arguments: `ipvsh import {} -- ARG…` says with which it is run; without any it may only say how it is called",
            file.display()
        ));
    }
    let lines: Vec<String> = imported
        .left
        .iter()
        .map(|left| left.line.to_string())
        .collect();
    match lines.as_slice() {
        [] => {}
        [line] => output::note(&format!("not translated: 1 command, in line {line}")),
        lines => output::note(&format!(
            "not translated: {} commands, in lines {}",
            lines.len(),
            lines.join(", ")
        )),
    }
}
