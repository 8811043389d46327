//! Private namespaces to test in, made by iproute2 and seen by nobody else.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary compiles its own copy and uses a part of it"
)]
#![allow(
    clippy::expect_used,
    reason = "a lab that can't be built is a failed test"
)]

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;
use nix::unistd::{getgid, getuid};

/// `RTMGRP_LINK` of `linux/rtnetlink.h`: tell me when a link changes.
const RTMGRP_LINK: u32 = 1;

/// Whether private namespaces can be made here, entering a user namespace where that takes one.
///
/// To be called while the process has one thread only, as a user namespace is a process's and not a thread's.
#[allow(
    clippy::disallowed_methods,
    reason = "tests make their namespaces themselves, apart from what they test"
)]
pub fn privileged() -> Result<(), String> {
    if !getuid().is_root() {
        become_root()?;
    }
    std::thread::spawn(|| unshare(PRIVATE))
        .join()
        .expect("a system call does not panic")
        .map_err(|errno| format!("needs the right to make namespaces ({errno})"))
}

/// Whether a benchmark is to measure: asked for, and where private namespaces can be made. Says why not.
///
/// `cargo test --benches` runs benchmarks, too, and wants to know only that they can be built.
#[allow(clippy::print_stdout, reason = "a benchmark prints what it finds")]
pub fn is_to_measure() -> bool {
    if !std::env::args().any(|argument| argument == "--bench") {
        return false;
    }
    privileged()
        .map_err(|reason| println!("not measured: {reason}"))
        .is_ok()
}

/// What a lab has of its own.
const PRIVATE: CloneFlags = CloneFlags::CLONE_NEWNS.union(CloneFlags::CLONE_NEWNET);

/// Enters a user namespace in which this user is root.
#[allow(
    clippy::disallowed_methods,
    reason = "tests make their namespaces themselves, apart from what they test"
)]
fn become_root() -> Result<(), String> {
    let (uid, gid) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| {
        format!("needs root, or user namespaces, which are refused here ({errno})")
    })?;
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ] {
        std::fs::write(format!("/proc/self/{file}"), text)
            .map_err(|error| format!("needs a user namespace that can be mapped ({error})"))?;
    }
    Ok(())
}

/// Private mount and network namespaces of this thread, with a list of named namespaces of their own.
///
/// They are gone when the thread is.
pub struct Lab;

#[allow(
    clippy::unused_self,
    reason = "that there is a lab around is what these need of it"
)]
impl Lab {
    /// Takes this thread into them.
    #[allow(
        clippy::disallowed_methods,
        reason = "tests make their namespaces themselves, apart from what they test"
    )]
    pub fn enter() -> Self {
        unshare(PRIVATE).expect("unshare");
        let none = None::<&str>;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(none, "/", none, private, none).expect("make mounts private");
        mount(Some("run"), "/run", Some("tmpfs"), MsFlags::empty(), none).expect("mount /run");
        std::fs::create_dir("/run/netns").expect("create /run/netns");
        Self
    }

    /// Makes the namespace `netns`.
    ///
    /// Loopback is up: without it a host does not get its own "host unreachable" either. Its links don't look for a duplicate of their link-local address first, which takes them two seconds.
    #[track_caller]
    pub fn netns(&self, netns: &str) {
        self.ip(&format!("netns add {netns}"));
        self.sysctl(netns, "net/ipv6/conf/default/accept_dad", "0");
        self.ip_in(netns, "link set dev lo up");
    }

    /// Runs `ip` commands, one a line, in one batch.
    #[track_caller]
    pub fn ip(&self, commands: &str) {
        run_with_input("ip", &["-batch", "-"], commands);
    }

    /// The same in the namespace `netns`.
    #[track_caller]
    pub fn ip_in(&self, netns: &str, commands: &str) {
        run_with_input("ip", &["-n", netns, "-batch", "-"], commands);
    }

    /// Sets a sysctl in the namespace `netns`.
    #[track_caller]
    pub fn sysctl(&self, netns: &str, name: &str, value: &str) {
        let path = format!("/proc/sys/{name}");
        within(netns, || std::fs::write(&path, value)).expect(&path);
    }

    /// Waits until the link `device` of the namespace `netns` can carry packets.
    #[track_caller]
    pub fn wait_up(&self, netns: &str, device: &str) {
        wait_until_up(&within(netns, link_changes), &["-n", netns], device);
    }

    /// The same for a link of the namespace that the lab itself is in.
    #[track_caller]
    pub fn wait_up_here(&self, device: &str) {
        wait_until_up(&link_changes(), &[], device);
    }

    /// Two namespaces `a` (`10.0.1.1`, `fd01::1`) and `b` (`10.0.1.2`, `fd01::2`) joined by a veth pair of their names.
    pub fn pair() -> Self {
        let lab = Self::enter();
        lab.netns("a");
        lab.netns("b");
        lab.ip("link add name a netns a type veth peer name b netns b");
        for (name, host) in [("a", 1), ("b", 2)] {
            lab.ip_in(
                name,
                &format!(
                    "link set dev {name} up\n\
                     addr add 10.0.1.{host}/24 dev {name}\n\
                     addr add fd01::{host}/64 dev {name} nodad"
                ),
            );
        }
        lab.wait_up("a", "a");
        lab.wait_up("b", "b");
        lab
    }

    /// Two namespaces `a` (`10.0.1.2`, `fd01::2`) and `b` (`10.0.2.2`, `fd02::2`) with the router `r` between them.
    #[track_caller]
    pub fn routed() -> Self {
        let lab = Self::enter();
        for name in ["a", "r", "b"] {
            lab.netns(name);
        }
        lab.ip("link add name a netns a type veth peer name ra netns r\n\
             link add name b netns b type veth peer name rb netns r");
        lab.ip_in(
            "r",
            "link set dev ra up\nlink set dev rb up\n\
             addr add 10.0.1.1/24 dev ra\naddr add fd01::1/64 dev ra nodad\n\
             addr add 10.0.2.1/24 dev rb\naddr add fd02::1/64 dev rb nodad",
        );
        lab.sysctl("r", "net/ipv4/ip_forward", "1");
        lab.sysctl("r", "net/ipv6/conf/all/forwarding", "1");
        for (name, net) in [("a", 1), ("b", 2)] {
            lab.ip_in(
                name,
                &format!(
                    "link set dev {name} up\n\
                     addr add 10.0.{net}.2/24 dev {name}\n\
                     addr add fd0{net}::2/64 dev {name} nodad\n\
                     route add default via 10.0.{net}.1\n\
                     route add default via fd0{net}::1"
                ),
            );
            lab.wait_up(name, name);
            lab.wait_up("r", &format!("r{name}"));
        }
        lab
    }
}

/// A socket that hears when a link of this namespace changes.
fn link_changes() -> OwnedFd {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )
    .expect("open a netlink socket");
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, RTMGRP_LINK)).expect("join the group of links");
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(5, 0)).expect("set a timeout");
    socket
}

#[track_caller]
fn wait_until_up(changes: &OwnedFd, place: &[&str], device: &str) {
    let mut arguments = place.to_vec();
    arguments.extend(["-br", "link", "show", "dev", device]);
    while !output("ip", &arguments).contains(" UP ") {
        let mut news = [0; 8192];
        recv(changes.as_raw_fd(), &mut news, MsgFlags::empty())
            .unwrap_or_else(|errno| panic!("`{device}` does not come up: {errno}"));
    }
}

/// Runs `action` with this thread in the namespace `netns`.
#[allow(
    clippy::disallowed_methods,
    reason = "tests enter their namespaces themselves, apart from what they test"
)]
pub fn within<T>(netns: &str, action: impl FnOnce() -> T) -> T {
    let home = File::open("/proc/thread-self/ns/net").expect("open this namespace");
    let there = File::open(format!("/run/netns/{netns}")).expect("open the namespace");
    setns(there, CloneFlags::CLONE_NEWNET).expect("enter the namespace");
    let result = action();
    setns(home, CloneFlags::CLONE_NEWNET).expect("return from the namespace");
    result
}

/// Runs a command that must succeed; returns what it printed.
pub fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program that is to end well, with `input` on its standard input; returns what it printed.
#[track_caller]
pub fn run_with_input(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{input}").expect("write to the pipe");
    drop(stdin);
    let output = child.wait_with_output().expect("wait");
    assert!(
        output.status.success(),
        "{program} {} refused\n{input}\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
