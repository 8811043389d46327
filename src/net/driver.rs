//! Which kinds of link the kernel has a driver for, as far as that can be told without a change.
//!
//! The kernel is asked for a link with more queues than any may have: where it knows the kind, it refuses that before it makes
//! anything. Where it does not, it may have `modprobe` load a driver first. So it is asked only where there is none to load.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::utsname::uname;
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage};

use crate::net::module;
use crate::net::namespace::Namespace;
use crate::net::rtnl::{Refusal, Rtnl};

/// `PROC_PID_INIT_INO` of `linux/proc_ns.h`: the inode of the first PID namespace, whose first process has the machine's files.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Where the kernel's own settings are.
const KERNEL: &str = "/proc/sys/kernel";

/// The kernel's refusal to make links of the kind, where it is sure to refuse. `None` where it has a driver, or may get one.
pub async fn refusal_of(kind: &InfoKind) -> Option<Refusal> {
    if may_load(&kind.to_string()) {
        return None;
    }
    refusal_to(kind).await
}

/// The same, where a driver may be loaded for the question.
pub async fn refusal_to(kind: &InfoKind) -> Option<Refusal> {
    let here = Namespace::current().ok()?;
    let kernel = Rtnl::of_kernel(&here).ok()?;
    let flags = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
    let asked = kernel.exchange(Message::NewLink(impossible(kind)), flags);
    let refusal = Box::pin(asked).await.err()?;
    let is_unknown = refusal.errno == Errno::EOPNOTSUPP
        && refusal.text.as_deref() == Some("Unknown device type");
    is_unknown.then_some(refusal)
}

/// A link of the kind that no kernel makes.
fn impossible(kind: &InfoKind) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName("ipvsh-plan".to_owned()),
        LinkAttribute::NumTxQueues(u32::MAX),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind.clone())]),
    ];
    message
}

/// Whether to ask for the kind may have a driver loaded; also where that can't be told.
pub fn may_load(kind: &str) -> bool {
    may_load_by("modules.alias", |aliases| lists(aliases, kind))
}

/// Whether what asks for the module finds it there, or has none loaded.
pub fn is_ready(module: &str) -> bool {
    // One that is built in is there, too, where it has something to be set.
    let folder = Path::new("/sys/module").join(module);
    match fs::read_to_string(folder.join("initstate")) {
        // Until it has begun its work, the kernel does not know what it makes.
        Ok(state) => return state.trim() == "live",
        Err(_) if folder.exists() => return true,
        Err(_) => {}
    }
    !may_load_by("modules.dep", |files| module::lists(files, module))
}

/// Whether the kernel is known to load no module at all.
pub fn loads_none() -> bool {
    let kernel = Path::new(KERNEL);
    let setting = |name| fs::read_to_string(kernel.join(name)).unwrap_or_default();
    // A kernel without modules has no such setting, and one that may load none any more says so.
    kernel.join("ostype").exists()
        && (!kernel.join("modprobe").exists() || setting("modules_disabled").trim() == "1")
}

/// The module that has links of the kind.
pub fn module_of(kind: &InfoKind) -> String {
    let kind = kind.to_string();
    let module = match kind.as_str() {
        "bond" => "bonding",
        "vlan" => "8021q",
        "gre" | "gretap" => "ip_gre",
        "ip6gre" | "ip6gretap" => "ip6_gre",
        "ip6tnl" => "ip6_tunnel",
        "xfrm" => "xfrm_interface",
        other => other,
    };
    module.to_owned()
}

/// Whether the kernel may load what a list of its modules `has`; also where that can't be told.
fn may_load_by(list: &str, has: impl FnOnce(&str) -> bool) -> bool {
    if loads_none() {
        return false;
    }
    if !Path::new(KERNEL).join("ostype").exists() {
        return true;
    }
    // The drivers are loaded from the files of the machine, which a container does not see.
    let pids = fs::metadata("/proc/self/ns/pid").map(|file| file.ino());
    let Ok(system) = uname() else {
        return true;
    };
    let folder = Path::new("/proc/1/root/lib/modules").join(system.release());
    match (pids, fs::read_to_string(folder.join(list))) {
        (Ok(FIRST_PID_NAMESPACE), Ok(text)) => has(&text),
        _ => true,
    }
}

/// Whether `modprobe` would find a driver for links of the kind, given its `modules.alias`.
fn lists(aliases: &str, kind: &str) -> bool {
    let asked = format!("rtnl-link-{kind}");
    aliases.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("alias") && words.next() == Some(&asked)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_is_found_by_the_name_that_the_kernel_asks_for() {
        let aliases = "# Aliases extracted from modules themselves.\nalias rtnl-link-bond bonding\nalias rtnl-link-ipvlan ipvlan\n";
        assert!(lists(aliases, "bond") && lists(aliases, "ipvlan"));
        assert!(!lists(aliases, "bonding") && !lists(aliases, "ipvl") && !lists("", "bond"));
    }
}
