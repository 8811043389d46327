//! The micro-VM's kernels: which there are, and getting them.

use super::documents;
use super::line::{Options, VmCommand};
use super::output;
use super::sandbox::{failure, lacking_of};
use crate::engine::{Failure, makes};
use crate::sandbox::vm::{self, Listed};
use crate::view::table;

/// Does about the micro-VM what the command line says.
pub(super) fn run(command: &VmCommand, options: &Options) -> Result<u8, Failure> {
    match command {
        VmCommand::List { all } => list(*all, options),
        VmCommand::Install {
            versions,
            if_needed,
        } => install(versions, *if_needed),
    }
}

fn install(versions: &[String], if_needed: bool) -> Result<u8, Failure> {
    let mut say = |line: &str| {
        output::note(line);
    };
    let ipvlan: Vec<_> = makes::driver("ipvlan").into_iter().collect();
    if if_needed && lacking_of(&ipvlan).is_empty() {
        say("this kernel has ipvlan: no micro-VM is needed");
        return Ok(0);
    }
    vm::install(versions, &mut say)
        .map(|()| 0)
        .map_err(|error| failure(&error))
}

fn list(all: bool, options: &Options) -> Result<u8, Failure> {
    let mut note = |line: &str| {
        if !options.quiet && !options.is_json() {
            output::note(&format!("note: {line}"));
        }
    };
    let (listed, left_out) = vm::list(all, &mut note).map_err(|error| failure(&error))?;
    if options.is_json() {
        let listed: Vec<documents::Kernel> = listed.iter().map(document).collect();
        return Ok(output::say_json(&documents::value(&listed)));
    }
    if left_out > 0 {
        let them = if left_out == 1 { "version" } else { "versions" };
        note(&format!(
            "{left_out} older {them} can be had, too: `ipvsh vm list --all`"
        ));
    }
    if listed.is_empty() {
        return Ok(output::say("no kernel for a micro-VM"));
    }
    let rows: Vec<Vec<String>> = listed.iter().map(row).collect();
    let headings = ["kernel", "package", "from", "size", "state"];
    Ok(output::say(&table::draw(&headings, &rows)))
}

fn row(kernel: &Listed) -> Vec<String> {
    let dash = || "–".to_owned();
    let image = kernel
        .image
        .as_ref()
        .map(|image| image.display().to_string());
    let state = match (&kernel.image, kernel.is_default) {
        (Some(_), true) => "installed, the default",
        (Some(_), false) => "installed",
        (None, true) => "can be had, the default",
        (None, false) => "can be had",
    };
    vec![
        kernel.release.clone(),
        kernel.version.clone().unwrap_or_else(dash),
        kernel.from.clone().or(image).unwrap_or_else(dash),
        kernel.size.map_or_else(dash, megabytes),
        state.to_owned(),
    ]
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

fn document(kernel: &Listed) -> documents::Kernel {
    let image = kernel.image.as_ref();
    documents::Kernel {
        kernel: kernel.release.clone(),
        package: kernel.version.clone(),
        from: kernel.from.clone(),
        size: kernel.size,
        installed: image.is_some(),
        image: image.map(|image| image.display().to_string()),
        default: kernel.is_default,
    }
}
