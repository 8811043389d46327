//! What is known of the kernel's modules from files alone: nothing is loaded to find it out.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use nix::sys::utsname::uname;

/// The modules of this kernel, as far as its files can be seen from here.
#[derive(Debug, Default)]
pub struct Modules {
    /// Where the kernel shows those that it has.
    sysfs: PathBuf,
    /// `modules.builtin` and `modules.dep`; empty where they are not to be seen, as in a container.
    built_in: String,
    loadable: String,
    /// How the kernel was built, where it tells.
    configuration: String,
    /// Whether it loads any more.
    may_load: bool,
}

impl Modules {
    /// Reads what there is of this kernel.
    pub fn look() -> Self {
        let release = uname().map(|name| name.release().to_string_lossy().into_owned());
        let release = release.unwrap_or_default();
        let folder = Path::new("/lib/modules").join(&release);
        let read = |name| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let disabled = fs::read_to_string("/proc/sys/kernel/modules_disabled");
        Self {
            sysfs: PathBuf::from("/sys/module"),
            built_in: read("modules.builtin"),
            loadable: read("modules.dep"),
            configuration: configuration(&release).unwrap_or_default(),
            may_load: disabled.is_ok_and(|text| text.trim() == "0"),
        }
    }

    /// Whether it is loaded, or built in: the kernel's option for it is `config`.
    pub fn has(&self, module: &str, config: &str) -> bool {
        self.sysfs.join(module).exists()
            || lists(&self.built_in, module)
            || is_built_in(&self.configuration, config)
    }

    /// Whether the kernel's own `modprobe` finds it: it is loaded when the first link is made, also for an unprivileged user in a
    /// namespace of their own.
    pub fn can_load(&self, module: &str) -> bool {
        self.may_load && lists(&self.loadable, module)
    }
}

fn configuration(release: &str) -> Option<String> {
    let mut text = String::new();
    if let Ok(packed) = fs::File::open("/proc/config.gz") {
        GzDecoder::new(packed).read_to_string(&mut text).ok()?;
        return Some(text);
    }
    fs::read_to_string(Path::new("/boot").join(format!("config-{release}"))).ok()
}

fn is_built_in(configuration: &str, option: &str) -> bool {
    let wanted = format!("{option}=y");
    configuration.lines().any(|line| line.trim() == wanted)
}

/// Whether one of depmod's lists has the module, compressed or not: its lines begin with the path of one each.
pub(super) fn lists(list: &str, module: &str) -> bool {
    list.lines()
        .filter_map(|line| line.split(':').next()?.rsplit('/').next())
        .filter_map(|file| file.split(".ko").next())
        .any(|name| name.replace('-', "_") == module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_there_even_where_no_module_may_be_loaded() {
        let modules = Modules {
            built_in: "kernel/drivers/net/ipvlan/ipvlan.ko\n".to_owned(),
            configuration: "CONFIG_VETH=y\nCONFIG_IPVTAP=m\n# CONFIG_DUMMY is not set\n".to_owned(),
            ..Modules::default()
        };
        assert!(modules.has("ipvlan", "CONFIG_IPVLAN") && modules.has("veth", "CONFIG_VETH"));
        assert!(!modules.has("ipvtap", "CONFIG_IPVTAP") && !modules.has("dummy", "CONFIG_DUMMY"));
    }

    #[test]
    fn a_module_on_disk_counts_only_where_it_may_be_loaded() {
        let mut modules = Modules {
            loadable:
                "kernel/net/l.ko:\nkernel/net/ipv4/ip-gre.ko.xz: kernel/net/l.ko kernel/net/gre.ko\n"
                    .to_owned(),
            may_load: true,
            ..Modules::default()
        };
        assert!(modules.can_load("ip_gre") && modules.can_load("l"));
        // One that others only depend on, or are called after.
        assert!(!modules.can_load("gre") && !modules.can_load("ip"));
        modules.may_load = false;
        assert!(!modules.can_load("ip_gre"));
    }
}
