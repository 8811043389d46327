//! The guest's `modprobe`: the kernel runs it when something asks for what no loaded module has.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};

use super::modules;

/// Loads the modules that go by this name. Whether any was.
pub(super) fn run(name: &OsStr) -> bool {
    let Some(name) = name.to_str().map(modules::plain) else {
        return false;
    };
    let needs = modules::list(modules::NEEDS).unwrap_or_default();
    let aliases = modules::list(modules::ALIASES).unwrap_or_default();
    meant(&name, &aliases)
        .into_iter()
        .map(|module| {
            let mut order = Vec::new();
            in_order(module, &needs, &mut HashSet::new(), &mut order);
            !order.is_empty() && order.into_iter().all(load)
        })
        .fold(false, |any, loaded| any | loaded)
}

/// Loads one module, whose needs are there. One that is there already is no failure.
pub(super) fn load(name: &str) -> bool {
    File::open(Path::new(modules::FOLDER).join(format!("{name}.ko"))).is_ok_and(|file| {
        matches!(
            finit_module(&file, modules::parameters(name), ModuleInitFlags::empty()),
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
