//! The kernel modules that the guest can load, with what they need, as one archive.
//!
//! Packages of distributions come without `modules.dep`, which depmod writes at installation. What it would say stands
//! in the modules themselves, in their `.modinfo`.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use goblin::elf::Elf;

use super::initramfs::Archive;
use super::unpack::unpack;
use crate::dsl::kinds::kind;
use crate::error::Result;
use crate::sandbox::failed;

/// Where the guest finds its modules and the lists below.
pub(super) const FOLDER: &str = "/ipvsh/modules";
/// The modules to load before anything else, in order, a name a line.
pub(super) const START: &str = "/ipvsh/modules/start";
/// A module and those that it needs, a line each.
pub(super) const NEEDS: &str = "/ipvsh/modules/needs";
/// What the kernel asks for and the module that is meant, a line each.
pub(super) const ALIASES: &str = "/ipvsh/modules/aliases";

/// Without these the host cannot talk to the guest.
const CHANNEL: [&str; 2] = ["virtio_pci", "virtio_console"];

/// The parts of the network beside kinds of link that a script may ask for, and kinds that no word makes.
const BESIDE_KINDS: &[&str] = &[
    "br_netfilter",
    "gre",
    "ip_vti",
    "tap",
    "team",
    "team_mode_roundrobin",
    "team_mode_activebackup",
    "team_mode_loadbalance",
    "team_mode_broadcast",
    "nlmon",
    "netkit",
    "macsec",
    "ipv6",
    "af_packet",
    "unix",
    "unix_diag",
    "inet_diag",
    "tcp_diag",
    "udp_diag",
    "raw_diag",
    "af_packet_diag",
    "netlink_diag",
    "nf_tables",
    "nft_chain_nat",
    "nft_compat",
    "nft_counter",
    "nft_ct",
    "nft_fib",
    "nft_fib_inet",
    "nft_fib_ipv4",
    "nft_fib_ipv6",
    "nft_limit",
    "nft_log",
    "nft_masq",
    "nft_nat",
    "nft_redir",
    "nft_reject",
    "nft_reject_inet",
    "nft_reject_ipv4",
    "nft_reject_ipv6",
    "nf_conntrack",
    "nf_conntrack_netlink",
    "nf_nat",
    "nf_log_syslog",
    "nf_reject_ipv4",
    "nf_reject_ipv6",
    "sch_netem",
    "sch_tbf",
    "sch_htb",
    "sch_ingress",
    "sch_fq_codel",
    "sch_fq",
    "sch_prio",
    "sch_sfq",
    "cls_u32",
    "cls_fw",
    "cls_flower",
    "cls_matchall",
    "cls_basic",
    "cls_bpf",
    "act_mirred",
    "act_gact",
    "act_police",
    "act_skbedit",
    "libcrc32c",
    "crc32c_generic",
    "crc32c_intel",
    "chacha20poly1305",
    "curve25519_x86_64",
];

/// What the kernel loads when it is asked for.
fn on_demand() -> impl Iterator<Item = &'static str> {
    let of_kinds = kind::all().map(|kind| kind.module);
    of_kinds.chain(BESIDE_KINDS.iter().copied())
}

/// A number that is another one for another list of modules: what was packed of the former is of no use then.
pub(super) fn list_key() -> u32 {
    let mut hasher = DefaultHasher::new();
    CHANNEL.hash(&mut hasher);
    on_demand().for_each(|name| name.hash(&mut hasher));
    (hasher.finish() >> 32) as u32
}

/// The file of each module below a folder, by the name that the kernel uses.
pub(super) struct Index(BTreeMap<String, PathBuf>);

impl Index {
    /// Looks through `/lib/modules/RELEASE` or a copy of it.
    pub(super) fn of(folder: &Path) -> Self {
        let mut index = BTreeMap::new();
        let mut folders = vec![folder.join("kernel")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(_) => {
                        if let Some(name) = entry.file_name().to_str().and_then(module_name) {
                            index.insert(name, entry.path());
                        }
                    }
                    Err(_) => {}
                }
            }
        }
        Self(index)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// The first of the modules that the guest cannot do without and that this kernel has neither as a module nor built in.
pub(super) fn lacking(folder: &Path) -> Option<&'static str> {
    let index = Index::of(folder);
    let builtin = builtin(folder);
    CHANNEL
        .into_iter()
        .chain(["ipvlan"])
        .find(|name| !index.has(name) && !builtin.contains(*name))
}

/// The modules that a kernel has, built in or not.
pub(super) fn names(folder: &Path) -> HashSet<String> {
    let mut names = builtin(folder);
    names.extend(Index::of(folder).0.into_keys());
    names
}

/// The modules that are built into a kernel.
fn builtin(folder: &Path) -> HashSet<String> {
    fs::read_to_string(folder.join("modules.builtin"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| module_name(line.rsplit('/').next()?))
        .collect()
}

/// Packs the modules of a kernel, those that it lacks left out.
pub(super) fn archive(folder: &Path) -> Result<Vec<u8>> {
    let index = Index::of(folder);
    let mut closure = Closure::default();
    for name in CHANNEL {
        closure.add(name, &index)?;
    }
    let start = closure.order.join("\n");
    for name in on_demand() {
        closure.add(name, &index)?;
    }
    let mut archive = Archive::default();
    for (name, content) in closure.order.iter().zip(&closure.contents) {
        archive.file(
            &Path::new(FOLDER).join(format!("{name}.ko")),
            0o644,
            content,
        );
    }
    archive.file(Path::new(START), 0o644, start.as_bytes());
    archive.file(Path::new(NEEDS), 0o644, closure.needs.as_bytes());
    archive.file(Path::new(ALIASES), 0o644, closure.aliases.as_bytes());
    Ok(archive.finish())
}

/// Modules in the order in which they can be loaded.
#[derive(Default)]
struct Closure {
    seen: HashSet<String>,
    order: Vec<String>,
    contents: Vec<Vec<u8>>,
    needs: String,
    aliases: String,
}

impl Closure {
    /// Adds a module behind those that it needs. One that is built in or not there is left out.
    fn add(&mut self, name: &str, index: &Index) -> Result<()> {
        if !self.seen.insert(name.to_owned()) {
            return Ok(());
        }
        let Some(path) = index.0.get(name) else {
            return Ok(());
        };
        let content = fs::read(path)
            .and_then(|packed| unpack(&packed))
            .map_err(|error| {
                failed(error).doing("read the kernel module", &path.display().to_string())
            })?;
        let info = modinfo(&content).unwrap_or_default();
        for need in &info.needs {
            self.add(need, index)?;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(self.needs, "{name} {}", info.needs.join(" "));
        for alias in info.aliases {
            let _ = writeln!(self.aliases, "{alias} {name}");
        }
        self.order.push(name.to_owned());
        self.contents.push(content);
        Ok(())
    }
}

/// What a module says about itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct ModInfo {
    needs: Vec<String>,
    aliases: Vec<String>,
}

fn modinfo(module: &[u8]) -> Option<ModInfo> {
    let elf = Elf::parse(module).ok()?;
    let section = elf
        .section_headers
        .iter()
        .find(|section| elf.shdr_strtab.get_at(section.sh_name) == Some(".modinfo"))?;
    Some(parse_modinfo(module.get(section.file_range()?)?))
}

/// Reads `key=value` strings, each ended by zero bytes.
fn parse_modinfo(section: &[u8]) -> ModInfo {
    let mut info = ModInfo::default();
    for string in section.split(|byte| *byte == 0) {
        let Some((key, value)) = std::str::from_utf8(string)
            .ok()
            .and_then(|text| text.split_once('='))
        else {
            continue;
        };
        match key {
            "depends" => info
                .needs
                .extend(value.split(',').filter(|name| !name.is_empty()).map(plain)),
            // Patterns are for devices, which the guest has none of.
            "alias" if !value.contains(['*', ' ']) => info.aliases.push(plain(value)),
            _ => {}
        }
    }
    info
}

/// `x_y` for `x-y.ko.xz`.
fn module_name(file: &str) -> Option<String> {
    let (name, packing) = file.split_once(".ko")?;
    matches!(packing, "" | ".xz" | ".zst" | ".gz").then(|| plain(name))
}

/// Module names and aliases are compared with dashes and underscores alike.
pub(super) fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// The parameters a module is loaded with. Without them some make links that nobody asked for.
pub(super) fn parameters(name: &str) -> &'static std::ffi::CStr {
    match name {
        "dummy" => c"numdummies=0",
        "bonding" => c"max_bonds=0",
        "ifb" => c"numifbs=0",
        _ => c"",
    }
}

/// Reads a list of the guest's, which is empty where it is not there.
pub(super) fn list(path: &str) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_file_is_known_by_the_name_that_the_kernel_uses() {
        assert_eq!(
            module_name("nf-log-syslog.ko.xz").as_deref(),
            Some("nf_log_syslog")
        );
        assert_eq!(module_name("ipvlan.ko").as_deref(), Some("ipvlan"));
        assert_eq!(module_name("modules.dep"), None);
        assert_eq!(module_name("x.ko.sig"), None);
    }

    #[test]
    fn a_module_says_what_it_needs_and_what_it_is_asked_for_by() {
        let section =
            b"license=GPL\0\0\0alias=rtnl-link-vxlan\0alias=pci:v01*\0depends=udp_tunnel,ip6-udp\0";
        assert_eq!(
            parse_modinfo(section),
            ModInfo {
                needs: vec!["udp_tunnel".to_owned(), "ip6_udp".to_owned()],
                aliases: vec!["rtnl_link_vxlan".to_owned()],
            }
        );
        assert_eq!(parse_modinfo(b"depends=\0"), ModInfo::default());
    }

    #[test]
    fn a_kernel_without_ipvlan_is_found_out_whether_modular_or_built_in() {
        let folder = tempfile::tempdir().unwrap();
        let modules = folder.path().join("kernel/net");
        fs::create_dir_all(&modules).unwrap();
        fs::write(modules.join("virtio_console.ko.zst"), "").unwrap();
        fs::write(
            folder.path().join("modules.builtin"),
            "kernel/drivers/virtio/virtio_pci.ko\n",
        )
        .unwrap();
        assert_eq!(lacking(folder.path()), Some("ipvlan"));
        fs::write(modules.join("ipvlan.ko"), "").unwrap();
        assert_eq!(lacking(folder.path()), None);
    }
}
