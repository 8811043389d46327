//! Turns the commands of a shell script or a Markdown page into a script.

mod checked;
mod observe;
mod place;
mod verify;

use std::path::Path;

use super::line::{Import, Options};
use super::output;
use crate::engine::Failure;
use crate::error::Error;
use crate::import::{Imported, Nothing, Observed, Told, commands, hosts, import_as};
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
        is_run: what.verify,
    };
    let explain = |nothing| Failure::usage(explain(&what.file, what.section.as_deref(), &nothing));
    let imported = if what.observe {
        let commands = commands(&source, what.section.as_deref()).map_err(explain)?;
        let observed = observe::run(what, options, &commands)?;
        if !options.quiet {
            tell_beside(&observed);
        }
        observed.imported
    } else {
        import_as(&source, &told).map_err(explain)?
    };
    let imported = checked::without_mistakes(imported, &source);
    let hosts = hosts(&source, what.section.as_deref());
    if !options.quiet && !hosts.is_empty() {
        let hosts: Vec<String> = hosts
            .iter()
            .map(|(host, lines)| format!("`{host}`{}", in_lines(lines, " ")))
            .collect();
        output::note(&format!(
            "the page has commands of several machines, and the script does all of them on one: {}; --section TEXT takes those under one heading",
            hosts.join(", ")
        ));
    }
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
    let is_short = what.strict && (!imported.left.is_empty() || !hosts.is_empty());
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
        .hint("`ipvsh import --observe` runs it in a throw-away place and writes what it does"),
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
    if !imported.parameters.is_empty() {
        let parameters: Vec<String> = imported
            .parameters
            .iter()
            .map(|name| format!("`--{name}`"))
            .collect();
        output::note(&format!(
            "its arguments are parameters of the script: {}",
            parameters.join(", ")
        ));
    }
    if imported.wants_arguments {
        output::note(&format!(
            "it reads arguments: `ipvsh import {} -- ARG…` says with which it is run; without any it may only say how it is called",
            file.display()
        ));
    }
    let lines: Vec<usize> = imported.left.iter().map(|left| left.line).collect();
    let count = match lines.len() {
        0 => return,
        1 => "1 command".to_owned(),
        count => format!("{count} commands"),
    };
    output::note(&format!(
        "not translated: {count}{}",
        in_lines(&lines, ", ")
    ));
}

/// The lines in words, with `sign` in front; nothing where none is known.
fn in_lines(lines: &[usize], sign: &str) -> String {
    let known = lines.iter().filter(|line| **line > 0);
    let known: Vec<String> = known.map(usize::to_string).collect();
    match known.as_slice() {
        [] => String::new(),
        [line] => format!("{sign}in line {line}"),
        known => format!("{sign}in lines {}", known.join(", ")),
    }
}

/// Says what else was seen.
fn tell_beside(observed: &Observed) {
    if observed.failed > 0 {
        let commands = if observed.failed == 1 {
            "1 command"
        } else {
            &format!("{} commands", observed.failed)
        };
        output::note(&format!(
            "{commands} failed: told in the script as comments"
        ));
    }
    let others: Vec<String> = observed
        .others
        .iter()
        .map(|(program, lines)| format!("`{program}`{}", in_lines(lines, " ")))
        .collect();
    if !others.is_empty() {
        output::note(&format!(
            "no network commands, and no part of the script: {}",
            others.join(", ")
        ));
    }
}
