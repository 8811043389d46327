//! The guest's `modprobe`: the kernel runs it when something asks for what no loaded module has, and so do scripts.

use std::collections::HashSet;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};

use super::modules;

/// Plays `modprobe`, called as `-q -- NAME` by the kernel, and by scripts as it is on any machine. What it can't do
/// it says.
pub(super) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let words: Vec<String> = arguments
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let asked = Asked::of(&words);
    let mut failures = asked.refused;
    for name in asked.names {
        if !run(&name, &asked.parameters) && !is_built_in(&name) {
            failures.push(format!("this micro-VM has no module `{name}`"));
        }
    }
    if !asked.is_quiet {
        for failure in &failures {
            // There is nobody else to tell.
            let _ = writeln!(io::stderr(), "modprobe: {failure}");
        }
    }
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is asked of `modprobe`.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// The modules to load.
    names: Vec<String>,
    /// What the module is given: `NAME=VALUE` each.
    parameters: Vec<String>,
    /// What it can't do, in words.
    refused: Vec<String>,
    is_quiet: bool,
}

impl Asked {
    fn of(words: &[String]) -> Self {
        let mut asked = Self {
            names: Vec::new(),
            parameters: Vec::new(),
            refused: Vec::new(),
            is_quiet: false,
        };
        let (mut takes_all, mut is_behind) = (false, false);
        for word in words {
            match word.as_str() {
                "--" if !is_behind => is_behind = true,
                "-q" | "--quiet" | "-s" | "--syslog" if !is_behind => {
                    asked.is_quiet |= word.contains('q');
                }
                "-a" | "--all" if !is_behind => takes_all = true,
                "-b" | "--use-blacklist" | "-v" | "--verbose" | "-i" | "--ignore-install"
                    if !is_behind => {}
                option if option.starts_with('-') && !is_behind => {
                    asked
                        .refused
                        .push(format!("`{option}` is not known in a micro-VM"));
                }
                _ if takes_all || asked.names.is_empty() => asked.names.push(word.clone()),
                _ => asked.parameters.push(word.clone()),
            }
        }
        asked
    }
}

/// Whether what goes by this name is in the kernel itself, or loaded.
fn is_built_in(name: &str) -> bool {
    let name = modules::plain(name);
    !name.contains('/') && Path::new("/sys/module").join(name).exists()
}

/// Loads the modules that go by this name, with these parameters behind their own. Whether any was.
fn run(name: &str, parameters: &[String]) -> bool {
    let name = modules::plain(name);
    let needs = modules::list(modules::NEEDS).unwrap_or_default();
    let aliases = modules::list(modules::ALIASES).unwrap_or_default();
    meant(&name, &aliases)
        .into_iter()
        .map(|module| {
            let mut order = Vec::new();
            in_order(module, &needs, &mut HashSet::new(), &mut order);
            let Some(wanted) = order.pop() else {
                return false;
            };
            order.into_iter().all(load) && load_with(wanted, parameters)
        })
        .fold(false, |any, loaded| any | loaded)
}

/// The drivers of links that can be loaded, as `modules.alias` of `depmod` lists them.
pub(super) fn drivers() -> io::Result<String> {
    let aliases = modules::list(modules::ALIASES)?;
    let drivers = aliases.lines().filter_map(|line| {
        let (kind, module) = line.strip_prefix("rtnl_link_")?.split_once(' ')?;
        Some(format!("alias rtnl-link-{kind} {module}\n"))
    });
    Ok(drivers.collect())
}

/// Loads one module, whose needs are there. One that is there already is no failure.
pub(super) fn load(name: &str) -> bool {
    load_with(name, &[])
}

fn load_with(name: &str, parameters: &[String]) -> bool {
    let own = modules::parameters(name).to_string_lossy();
    let all: Vec<&str> = std::iter::once(&*own)
        .chain(parameters.iter().map(String::as_str))
        .collect();
    let Ok(all) = CString::new(all.join(" ")) else {
        return false;
    };
    File::open(Path::new(modules::FOLDER).join(format!("{name}.ko"))).is_ok_and(|file| {
        matches!(
            finit_module(&file, &all, ModuleInitFlags::empty()),
            Ok(()) | Err(Errno::EEXIST)
        )
    })
}

/// The modules that a name stands for: those with such an alias, else the one of that name.
fn meant<'a>(name: &'a str, aliases: &'a str) -> Vec<&'a str> {
    let mut meant: Vec<&str> = aliases
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(alias, _)| *alias == name)
        .map(|(_, module)| module)
        .collect();
    if meant.is_empty() {
        meant.push(name);
    }
    meant
}

/// A module behind all that it needs; nothing for one that is not listed, as what is built in.
fn in_order<'a>(name: &str, needs: &'a str, seen: &mut HashSet<&'a str>, order: &mut Vec<&'a str>) {
    let Some((module, its)) = needs
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(module, _)| *module == name)
    else {
        return;
    };
    if seen.insert(module) {
        for need in its.split_whitespace() {
            in_order(need, needs, seen, order);
        }
        order.push(module);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_can_mean_several_modules_and_a_name_means_itself() {
        let aliases = "net_pf_10 ipv6\nnet_pf_17 af_packet\nx one\nx two\n";
        assert_eq!(meant("x", aliases), ["one", "two"]);
        assert_eq!(meant("bridge", aliases), ["bridge"]);
    }

    #[test]
    fn it_is_called_by_the_kernel_and_by_scripts() {
        let of = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let asked = Asked::of(&words);
            let parts = [asked.names, asked.parameters, asked.refused];
            (parts.map(|part| part.join(" ")), asked.is_quiet)
        };
        let told = |parts: [&str; 3], is_quiet| (parts.map(str::to_owned), is_quiet);
        assert_eq!(of("-q -- net-pf-10"), told(["net-pf-10", "", ""], true));
        assert_eq!(of("-a vrf dummy"), told(["vrf dummy", "", ""], false));
        let with = told(["dummy", "numdummies=2", ""], false);
        assert_eq!(of("-v dummy numdummies=2"), with);
        let refused = "`-r` is not known in a micro-VM";
        assert_eq!(of("-r dummy"), told(["dummy", "", refused], false));
    }

    #[test]
    fn what_a_module_needs_comes_first_and_once() {
        let needs = "bridge stp llc\nstp llc\nllc \n";
        let mut order = Vec::new();
        in_order("bridge", needs, &mut HashSet::new(), &mut order);
        assert_eq!(order, ["llc", "stp", "bridge"]);
        let mut none = Vec::new();
        in_order("built_in", needs, &mut HashSet::new(), &mut none);
        assert!(none.is_empty());
    }
}
