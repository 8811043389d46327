//! Places, privileges, limits and settings of this machine, and what else works on its network.

use std::fs;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{getegid, geteuid};

use super::Finding;
use super::probe::Probed;
use crate::dsl::Session;
use crate::dsl::kinds::kind;
use crate::dsl::session::Settings;
use crate::lab::inventory::Inventory;
use crate::lab::journal;
use crate::net::namespace;
use crate::net::neighbour_table::{Family, Overflows};
use crate::privilege;

fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

fn number(path: &str) -> Option<u64> {
    read(path)?.parse().ok()
}

fn is_one(path: &str) -> bool {
    read(path).as_deref() == Some("1")
}

/// What is said of something that only files in `/proc` tell, where they are not to be seen.
fn unseen(what: &str, path: &str) -> Finding {
    Finding::open(what, format!("not known: {path} is not to be seen here"))
}

/// Whether a program is there to be run.
pub(super) fn program(name: &str) -> bool {
    if name.contains('/') {
        return Path::new(name).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path);
    let mut folders = folders.chain(["/usr/sbin", "/sbin"].map(Into::into));
    folders.any(|folder| folder.join(name).is_file())
}

/// Where labs can be made, and by whom.
pub(super) fn places(probed: &Probed) -> Vec<Finding> {
    let place = match &probed.refused {
        None => Finding::good("--sandbox=ns", "private namespaces can be entered"),
        Some((why, hint)) => {
            let finding = Finding::bad("--sandbox=ns", why.clone());
            match hint {
                Some(hint) => finding.mend(hint.clone()),
                None => finding,
            }
        }
    };
    vec![
        place,
        user_namespaces(),
        privileges(),
        names(),
        raw_sockets(),
    ]
}

fn user_namespaces() -> Finding {
    let what = "user namespaces";
    let most = number("/proc/sys/user/max_user_namespaces");
    if !Path::new("/proc/self/ns").exists() {
        return unseen(what, "/proc/self/ns");
    }
    if !Path::new("/proc/self/ns/user").exists() {
        return Finding::bad(what, "this kernel has none (CONFIG_USER_NS)")
            .mend("run as root, or with --sandbox=vm");
    }
    if most == Some(0) {
        return Finding::bad(what, "none may be made: their limit is 0")
            .mend("`sysctl user.max_user_namespaces=10000`");
    }
    if is_one("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") {
        return Finding::bad(
            what,
            "AppArmor takes their powers away from users that are not root",
        )
        .mend("`sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run as root");
    }
    if read("/proc/sys/kernel/unprivileged_userns_clone").as_deref() == Some("0") {
        return Finding::bad(what, "only root may make them")
            .mend("`sysctl kernel.unprivileged_userns_clone=1`");
    }
    let most = most.map_or_else(String::new, |most| format!(", {most} at most"));
    Finding::good(what, format!("users that are not root may make them{most}"))
}

fn privileges() -> Finding {
    let what = "privileges";
    let missing = privilege::missing();
    if missing.is_empty() {
        let who = if geteuid().is_root() {
            "root"
        } else {
            "a user"
        };
        return Finding::good(what, format!("{who} with all capabilities that labs need"));
    }
    let missing = missing.join(", ");
    if geteuid().is_root() {
        Finding::bad(what, format!("this root lacks {missing}")).mend(privilege::hint())
    } else {
        Finding::open(what, format!("a user without {missing}"))
            .mend("`sudo ipvsh …` for labs on this machine; --sandbox needs none")
    }
}

fn names() -> Finding {
    let what = "/run/netns";
    let path = "/proc/self/mountinfo";
    let Some(mounts) = read(path) else {
        return unseen(what, path);
    };
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(4) == Some(what));
    match mount {
        Some(line) if line.contains(" shared:") => Finding::good(
            what,
            "a shared mount: other programs see the namespaces, too",
        ),
        Some(_) => Finding::open(
            what,
            "not a shared mount: a namespace made here may be held elsewhere",
        )
        .mend("`mount --make-shared /run/netns`"),
        None if Path::new(what).exists() => Finding::good(
            what,
            "there; it is made a shared mount with the first namespace",
        ),
        None => Finding::good(what, "not there yet: it is made with the first namespace"),
    }
}

fn raw_sockets() -> Finding {
    let what = "ping_group_range";
    let path = "/proc/sys/net/ipv4/ping_group_range";
    let Some(range) = read(path).map(|range| range.replace('\t', " ")) else {
        return unseen(what, path);
    };
    let bounds: Vec<u64> = range
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let group = u64::from(getegid().as_raw());
    let is_in = matches!(bounds.as_slice(), [from, to] if (*from..=*to).contains(&group));
    if is_in || geteuid().is_root() {
        Finding::good(
            what,
            format!("{range}; in namespaces ipvsh pings by raw sockets"),
        )
    } else {
        Finding::open(
            what,
            format!("{range}, without your group {group}: other programs can't ping here"),
        )
        .mend("`sysctl net.ipv4.ping_group_range='0 2147483647'`")
    }
}

/// What bounds the size of labs, and what new namespaces inherit.
pub(super) fn limits() -> Vec<Finding> {
    let mut findings = vec![neighbours(), files(), watches()];
    findings.extend(inherited());
    findings
}

fn neighbours() -> Finding {
    let what = "neighbour table";
    let path = |family: Family| format!("/proc/sys/net/{}", family.room().replace('.', "/"));
    let families = [Family::Ipv4, Family::Ipv6];
    let found: Vec<(Family, u64)> = families
        .into_iter()
        .filter_map(|family| Some((family, number(&path(family))?)))
        .collect();
    let Some(least) = found.iter().map(|(_, most)| *most).min() else {
        return unseen(what, &path(Family::Ipv4));
    };
    let is_alike = found.iter().all(|(_, most)| *most == least);
    let sizes = if is_alike {
        format!("{least} neighbours of each family")
    } else {
        let sizes = found
            .iter()
            .map(|(family, most)| format!("{most} of {family}"));
        format!("neighbours: {}", sizes.collect::<Vec<_>>().join(", "))
    };
    let text = match Overflows::read().total() {
        0 => format!("{sizes}, of all namespaces together"),
        times => format!("{sizes}, of all namespaces together; it was too full {times} times"),
    };
    let small = found.iter().filter(|(_, most)| *most < 4096);
    let larger: Vec<String> = small
        .map(|(family, _)| format!("net.{}=65536", family.room()))
        .collect();
    if larger.is_empty() {
        return Finding::good(what, text);
    }
    Finding::open(what, format!("{text}: a mesh of 33 namespaces fills 1024"))
        .mend(format!("`sysctl {}`", larger.join(" ")))
}

fn files() -> Finding {
    let what = "open files";
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
    if most < 4096 {
        Finding::open(
            what,
            format!("{most} at most: namespaces are closed and opened again in large labs"),
        )
        .mend("`ulimit -Hn 65536`, or LimitNOFILE= of the service")
    } else {
        Finding::good(what, format!("{most} at most"))
    }
}

fn watches() -> Finding {
    let what = "inotify";
    let folder = "/proc/sys/fs/inotify";
    let setting = |name: &str| number(&format!("{folder}/max_user_{name}"));
    let (Some(instances), Some(watches)) = (setting("instances"), setting("watches")) else {
        return unseen(what, folder);
    };
    let text = format!("{instances} instances, {watches} watches a user");
    if instances < 64 {
        Finding::open(what, text).mend("`sysctl fs.inotify.max_user_instances=512`")
    } else {
        Finding::good(what, text)
    }
}

/// Settings of this namespace that new ones start with, and one that holds for all.
fn inherited() -> Vec<Finding> {
    let inherits = number("/proc/sys/net/core/devconf_inherit_init_net").unwrap_or(0);
    let from = match inherits {
        2 => "new namespaces start with the kernel's defaults",
        _ => "new namespaces start with it",
    };
    let folder = "/proc/sys/net/ipv4/conf";
    let strictest = ["all", "default"]
        .iter()
        .filter_map(|name| number(&format!("{folder}/{name}/rp_filter")))
        .max();
    let what = "rp_filter";
    let filter = match strictest {
        None => unseen(what, folder),
        Some(1) => Finding::open(
            what,
            format!("strict: packets by another way than the route back are dropped; {from}"),
        )
        .mend("`net.sysctl(\"net.ipv4.conf.all.rp_filter\", 0)` in the namespaces of a script"),
        Some(2) => Finding::good(what, format!("loose; {from}")),
        Some(_) => Finding::good(what, "off"),
    };
    let what = "ip_forward";
    let path = "/proc/sys/net/ipv4/ip_forward";
    let forward = match number(path) {
        None => unseen(what, path),
        Some(1) if inherits != 2 => Finding::open(
            what,
            "on: new namespaces start with it and forward IPv4 without `forward()`",
        ),
        Some(_) => Finding::good(
            what,
            "off in new namespaces: `net.forward()` makes a router of one",
        ),
    };
    vec![filter, forward, bridged()]
}

/// Whether the filters of IP see what bridges carry: Docker switches that on, and its own then drop it.
fn bridged() -> Finding {
    let what = "bridge-nf-call-iptables";
    match number("/proc/sys/net/bridge/bridge-nf-call-iptables") {
        Some(1) => Finding::open(
            what,
            "on: filters of IP on this machine see, and may drop, what its bridges carry",
        )
        .mend("`sysctl net.bridge.bridge-nf-call-iptables=0`"),
        Some(_) => Finding::good(what, "off"),
        None if !Path::new("/proc/sys/net").exists() => unseen(what, "/proc/sys/net"),
        None => Finding::good(what, "not there (module `br_netfilter` is not loaded)"),
    }
}

/// Programs, labs and namespaces that are here.
pub(super) fn others() -> Vec<Finding> {
    let nft = if program("nft") {
        Finding::good("program nft", "installed, for filters")
    } else {
        Finding::bad("program nft", "not installed: no `drop`, `nat`, `nft`")
            .mend("`apt-get install nftables`")
    };
    let mut findings = vec![nft];
    for name in ["docker", "podman"] {
        findings.push(if program(name) {
            Finding::good(
                name,
                format!("installed: `netns(\"{name}:NAME\")` is a container's namespace"),
            )
        } else {
            Finding::open(name, "not installed")
        });
    }
    findings.push(labs());
    findings.push(namespaces());
    findings
}

fn labs() -> Finding {
    let what = "labs";
    let Ok(names) = journal::names() else {
        return Finding::open(what, "their journals can't be read");
    };
    let session = Session::new(Settings::default());
    let mut standing = Vec::new();
    let mut stale = Vec::new();
    for name in names {
        let taken = session
            .wait(Inventory::take(&name, kind::table_of))
            .and_then(|taken| taken);
        match taken {
            Ok(Some(lab)) if lab.is_running || lab.damage.is_none() => standing.push(name),
            Ok(None) => {}
            _ => stale.push(name),
        }
    }
    match (standing.as_slice(), stale.as_slice()) {
        ([], []) if journal::has_hidden() => {
            Finding::open(what, "none of yours stands").mend("`sudo ipvsh ls` lists those of root")
        }
        ([], []) => Finding::good(what, "none stands"),
        (standing, []) => Finding::open(
            what,
            format!("{} stand: {}", standing.len(), standing.join(", ")),
        )
        .mend("`ipvsh ls` shows them, `ipvsh down LAB` takes one down"),
        (_, [first, ..]) => Finding::bad(
            what,
            format!("the journal of {} is damaged", stale.join(", ")),
        )
        .mend(format!(
            "`ipvsh down {first}` undoes what can be read of it"
        )),
    }
}

fn namespaces() -> Finding {
    let what = "namespaces";
    let named = namespace::names().map_or(0, |names| names.len());
    let elsewhere = namespace::mounted_elsewhere().len();
    if named + elsewhere == 0 {
        return Finding::good(what, "none has a name");
    }
    Finding::open(
        what,
        format!("{named} in /run/netns, {elsewhere} of other tools elsewhere"),
    )
    .mend("`ipvsh -e 'namespaces()'` lists them with their processes")
}
