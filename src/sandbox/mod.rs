//! Throw-away places to run a script in: private namespaces of this kernel, or a micro-VM with its own.
//!
//! [`ns`] is at once there and needs no root, and has what this kernel has. [`vm`] takes a second or two to start, needs
//! QEMU and a kernel image, and has IPvlan wherever it runs. Neither leaves anything behind on the host but the
//! files that a script writes on purpose.

mod loopback;
pub mod ns;
pub mod vm;

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::error::Error;

/// Where a throw-away run takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Private namespaces of this kernel.
    Ns,
    /// A micro-VM with a kernel of its own.
    Vm,
}

/// Whether this kernel has a driver, given its module and the option that it is built with.
///
/// Nothing is tried out, as that would load the module on the host. A driver counts as there when it is loaded,
/// built in, or lies where the kernel's own `modprobe` finds it: the kernel loads it by itself when the first
/// link is made, also for an unprivileged user in a namespace of their own. In a container that sees none of the
/// host's modules the answer is no, unless the kernel tells how it was built; the micro-VM is the safe choice there.
pub fn kernel_has(module: &str, config: &str) -> bool {
    let Ok(name) = nix::sys::utsname::uname() else {
        return false;
    };
    let release = name.release().to_string_lossy().into_owned();
    has(
        Path::new("/sys/module"),
        &Path::new("/lib/modules").join(&release),
        may_load_modules(),
        module,
    ) || is_built_in(&configuration(&release).unwrap_or_default(), config)
}

/// The same for ipvlan, for which most come.
pub fn kernel_has_ipvlan() -> bool {
    kernel_has("ipvlan", "CONFIG_IPVLAN")
}

/// How the kernel was built, where it tells.
fn configuration(release: &str) -> Option<String> {
    let mut text = String::new();
    if let Ok(packed) = fs::File::open("/proc/config.gz") {
        flate2::read::GzDecoder::new(packed)
            .read_to_string(&mut text)
            .ok()?;
        return Some(text);
    }
    fs::read_to_string(Path::new("/boot").join(format!("config-{release}"))).ok()
}

fn is_built_in(configuration: &str, option: &str) -> bool {
    let wanted = format!("{option}=y");
    configuration.lines().any(|line| line.trim() == wanted)
}

fn may_load_modules() -> bool {
    fs::read_to_string("/proc/sys/kernel/modules_disabled").is_ok_and(|text| text.trim() == "0")
}

fn has(loaded: &Path, modules: &Path, may_load: bool, module: &str) -> bool {
    loaded.join(module).exists()
        || lists(&modules.join("modules.builtin"), module)
        || (may_load && lists(&modules.join("modules.dep"), module))
}

/// Whether one of depmod's lists has the module, compressed or not: its lines start with a path.
fn lists(list: &Path, module: &str) -> bool {
    fs::read_to_string(list).is_ok_and(|text| {
        text.lines()
            .filter_map(|line| line.split(':').next()?.rsplit('/').next())
            .filter_map(|file| file.split(".ko").next())
            .any(|name| name.replace('-', "_") == module)
    })
}

/// A failure of the operating system, without a hint: the advice to try a sandbox is of no use within one.
fn failed(error: impl Into<Error>) -> Error {
    let mut error = error.into();
    error.hint = None;
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(list: &str, text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(list), text).unwrap();
        folder
    }

    #[test]
    fn a_built_in_driver_is_there_even_where_no_module_may_be_loaded() {
        let folder = modules("modules.builtin", "kernel/drivers/net/ipvlan/ipvlan.ko\n");
        assert!(has(Path::new("/nowhere"), folder.path(), false, "ipvlan"));
    }

    #[test]
    fn a_module_on_disk_counts_only_where_it_may_be_loaded() {
        let folder = modules(
            "modules.dep",
            "kernel/net/l.ko:\nkernel/drivers/net/ipvlan/ipvlan.ko.xz: kernel/net/l.ko\n",
        );
        assert!(has(Path::new("/nowhere"), folder.path(), true, "ipvlan"));
        assert!(!has(Path::new("/nowhere"), folder.path(), false, "ipvlan"));
    }

    #[test]
    fn a_module_that_others_only_depend_on_by_a_similar_name_does_not_count() {
        let folder = modules(
            "modules.dep",
            "kernel/drivers/net/ipvlan/ipvtap.ko: kernel/x/ipvlan.ko\n",
        );
        assert!(!has(Path::new("/nowhere"), folder.path(), true, "ipvlan"));
    }

    #[test]
    fn what_the_kernel_says_of_its_making_counts_where_it_is_built_in() {
        let told = "CONFIG_VETH=y\nCONFIG_IPVLAN=m\n# CONFIG_DUMMY is not set\n";
        assert!(is_built_in(told, "CONFIG_VETH"));
        assert!(!is_built_in(told, "CONFIG_IPVLAN") && !is_built_in(told, "CONFIG_DUMMY"));
    }
}
