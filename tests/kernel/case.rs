//! A case: its name, what it needs of the kernel, and what it does.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Once};
use std::time::Duration;

use ipvsh::net::namespace::Namespace;
use ipvsh::net::rtnl::Rtnl;
use rtnetlink::packet_route::link::InfoKind;
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use crate::lab::Lab;
use crate::stuck;

/// A test with private namespaces of its own.
pub(crate) struct Case {
    /// Its topic and the fact that it states: `netns::a_name_makes_a_namespace`.
    pub(crate) name: String,
    /// The kinds of link that it makes.
    pub(crate) needs: &'static [&'static str],
    body: Arc<dyn Fn(&Lab) + Send + Sync>,
}

impl Case {
    /// The case `fact` of the module `topic`, which is as `module_path!` says it.
    pub(crate) fn new(
        topic: &str,
        fact: &str,
        needs: &'static [&'static str],
        body: impl Fn(&Lab) + Send + Sync + 'static,
    ) -> Self {
        let topic = topic.rsplit("::").next().unwrap_or(topic);
        Self {
            name: format!("{topic}::{fact}"),
            needs,
            body: Arc::new(body),
        }
    }

    /// Runs it in a lab of its own. The error says what did not hold, and where.
    pub(crate) fn run(&self) -> Result<(), String> {
        let body = Arc::clone(&self.body);
        in_a_lab(stuck::longest(), move |lab| {
            body(lab);
            Ok(())
        })
    }
}

/// Notes how long a case took in the file that `IPVSH_TIMES` names, if it does: a line each, the seconds first.
pub(crate) fn note_time(name: &str, seconds: f64) {
    if let Some(file) = std::env::var_os("IPVSH_TIMES") {
        let file = File::options().append(true).create(true).open(file);
        let _ = file.and_then(|mut file| writeln!(file, "{seconds:8.2} {name}"));
    }
}

/// Does `body` in a thread of its own, whose private namespaces end with it. A panic is an error that says where it came from, and
/// so is that it takes longer than `longest`.
pub(crate) fn in_a_lab(
    longest: Duration,
    body: impl FnOnce(&Lab) -> Result<(), String> + Send + 'static,
) -> Result<(), String> {
    static HOOK: Once = Once::new();
    thread_local! {
        static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    }
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            PANIC.with_borrow_mut(|text| *text = Some(panic.to_string()));
        }));
    });
    let (starts, started) = channel();
    let (ends, ended) = channel();
    let thread = std::thread::spawn(move || {
        let _ = starts.send(nix::unistd::gettid());
        let end = catch_unwind(AssertUnwindSafe(|| body(&Lab::enter()))).unwrap_or_else(|_| {
            let said = PANIC.take();
            Err(said.unwrap_or_else(|| "it panicked without a word".to_owned()))
        });
        let _ = ends.send(end);
    });
    let Ok(id) = started.recv() else {
        return Err("its thread did not start".to_owned());
    };
    let end = match ended.recv_timeout(longest) {
        Err(RecvTimeoutError::Timeout) => return Err(stuck::end(id, longest, &ended)),
        Err(RecvTimeoutError::Disconnected) => Err("its thread ended in a panic".to_owned()),
        Ok(end) => end,
    };
    // With it go its namespaces.
    let _ = thread.join();
    end
}

/// Lists the cases of a module, in groups by the kinds of link that they need.
macro_rules! cases {
    ($([$($need:literal),*] => $($name:ident)*;)*) => {
        /// The cases of this topic.
        pub(crate) fn cases() -> Vec<$crate::case::Case> {
            let mut cases = Vec::new();
            $(
                let needs: &'static [&'static str] = &[$($need),*];
                let group: &[(&str, fn(&$crate::lab::Lab))] = &[$((stringify!($name), $name)),*];
                cases.extend(group.iter().map(|(name, body)| {
                    $crate::case::Case::new(module_path!(), name, needs, *body)
                }));
            )*
            cases
        }
    };
}
pub(crate) use cases;

/// What this kernel can make: kinds of link, by name, and what not all kernels can do with one. A kind is asked for when the
/// first case needs it.
pub(crate) struct Features(RefCell<HashMap<String, bool>>);

/// What else not all kernels and machines can do, and the commands that find out: all of them are accepted where it can.
const BEYOND_KINDS: &[(&str, &[&str])] = &[
    (
        "vlan_filtering",
        &["ip link add k0 type bridge vlan_filtering 1"],
    ),
    (
        "nft",
        &[
            "nft add table inet t",
            "nft add chain inet t c { type nat hook prerouting priority 0 ; }",
        ],
    ),
    (
        // It changes to other users, which takes more than a user namespace of one's own.
        "sshd",
        &[
            "ssh -V",
            "test -x /usr/sbin/sshd",
            "setpriv --clear-groups true",
        ],
    ),
    ("graphviz", &["dot -V"]),
    ("jsonschema", &["/usr/bin/python3 -m jsonschema --version"]),
    ("tcpdump", &["tcpdump --version"]),
    ("tshark", &["tshark --version"]),
    ("browser", &["chromium-headless-shell --version"]),
    ("mermaid", &["test -s target/tools/mermaid/mermaid.min.js"]),
    ("netem", &["tc qdisc add dev lo root netem delay 1ms"]),
    (
        "tbf",
        &["tc qdisc add dev lo root tbf rate 1mbit burst 2kb limit 3kb"],
    ),
    ("htb", &["tc qdisc add dev lo root handle 1: htb"]),
    (
        "u32",
        &[
            "tc qdisc add dev lo root handle 1: htb",
            "tc filter add dev lo parent 1: protocol ip u32 match ip dst 10.0.0.0/8 flowid 1:1",
        ],
    ),
    (
        "fw",
        &[
            "tc qdisc add dev lo root handle 1: htb",
            "tc filter add dev lo parent 1: protocol all handle 1 fw flowid 1:1",
        ],
    ),
];

impl Features {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self(RefCell::default())
    }

    /// The first of `needs` that this kernel does not have. A need `!KIND` is that it has no such kind.
    pub(crate) fn lacking<'a>(&self, needs: &[&'a str]) -> Option<&'a str> {
        let has = |need: &str| match need.strip_prefix('!') {
            Some(kind) => !self.has(kind),
            None => self.has(need),
        };
        needs.iter().find(|need| !has(need)).copied()
    }

    fn has(&self, what: &str) -> bool {
        if let Some(known) = self.0.borrow().get(what) {
            return *known;
        }
        let beyond = BEYOND_KINDS.iter().find(|(name, _)| *name == what);
        let has = match beyond {
            Some((_, lines)) => in_private(|| lines.iter().all(|line| accepts(line))),
            None => in_private(|| knows_kind(what)),
        };
        self.0.borrow_mut().insert(what.to_owned(), has);
        has
    }
}

fn in_private(probe: impl FnOnce() -> bool + Send) -> bool {
    std::thread::scope(|threads| {
        let thread = threads.spawn(|| {
            let _lab = Lab::enter();
            probe()
        });
        thread.join().expect("the probe has its namespaces")
    })
}

fn accepts(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let program = words.next().expect("a program");
    let output = Command::new(program).args(words).output();
    output.is_ok_and(|output| output.status.success())
}

/// Whether the kernel has a driver for the kind. Asked for a link of it without a word more, it may well refuse, but not
/// because it does not know what that is.
fn knows_kind(kind: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::from(kind))
        .name("k0".to_owned())
        .build();
    runtime.block_on(async {
        let here = Namespace::current().expect("the namespace of this thread");
        let rtnl = Rtnl::open(&here).expect("a socket");
        let made = ipvsh::net::link::create(&rtnl, None, message).await;
        made.err()
            .and_then(|refusal| refusal.text)
            .is_none_or(|text| !text.contains("device type"))
    })
}
