//! Throw-away places to run a script in: private namespaces of this kernel, or a micro-VM with its own.
//!
//! [`ns`] is at once there and needs no root, and has what this kernel has. [`vm`] takes a second or two to start, needs
//! QEMU and a kernel image, and has IPvlan wherever it runs. Neither leaves anything behind on the host but the
//! files that a script writes on purpose.

mod loopback;
pub mod ns;
pub mod vm;

use std::fs;
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

/// The place that `--sandbox` without a value means: private namespaces where this kernel has IPvlan, else the micro-VM.
pub fn choose() -> Place {
    if kernel_has_ipvlan() {
        Place::Ns
    } else {
        Place::Vm
    }
}

/// Whether an `ipvlan` made here would find its driver.
///
/// Nothing is tried out, as that would load the module on the host. The driver counts as there when it is loaded,
/// built in, or lies where the kernel's own `modprobe` finds it: the kernel loads it by itself when the first
/// slave is made, also for an unprivileged user in a namespace of their own. In a container that sees none of the
/// host's modules the answer is no, and the micro-VM is the safe choice.
pub fn kernel_has_ipvlan() -> bool {
    let Ok(name) = nix::sys::utsname::uname() else {
        return false;
    };
    has_ipvlan(
        Path::new("/sys/module"),
        &Path::new("/lib/modules").join(name.release()),
        may_load_modules(),
    )
}

fn may_load_modules() -> bool {
    fs::read_to_string("/proc/sys/kernel/modules_disabled").is_ok_and(|text| text.trim() == "0")
}

fn has_ipvlan(loaded: &Path, modules: &Path, may_load: bool) -> bool {
    loaded.join("ipvlan").exists()
        || lists_ipvlan(&modules.join("modules.builtin"))
        || (may_load && lists_ipvlan(&modules.join("modules.dep")))
}

/// Whether one of depmod's lists has the module, compressed or not: its lines start with a path.
fn lists_ipvlan(list: &Path) -> bool {
    fs::read_to_string(list).is_ok_and(|text| {
        text.lines()
            .filter_map(|line| line.split(':').next()?.rsplit('/').next())
            .any(|file| file.split(".ko").next() == Some("ipvlan"))
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
        assert!(has_ipvlan(Path::new("/nowhere"), folder.path(), false));
    }

    #[test]
    fn a_module_on_disk_counts_only_where_it_may_be_loaded() {
        let folder = modules(
            "modules.dep",
            "kernel/net/l.ko:\nkernel/drivers/net/ipvlan/ipvlan.ko.xz: kernel/net/l.ko\n",
        );
        assert!(has_ipvlan(Path::new("/nowhere"), folder.path(), true));
        assert!(!has_ipvlan(Path::new("/nowhere"), folder.path(), false));
    }

    #[test]
    fn a_module_that_others_only_depend_on_by_a_similar_name_does_not_count() {
        let folder = modules(
            "modules.dep",
            "kernel/drivers/net/ipvlan/ipvtap.ko: kernel/x/ipvlan.ko\n",
        );
        assert!(!has_ipvlan(Path::new("/nowhere"), folder.path(), true));
    }
}
