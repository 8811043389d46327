//! A case: its name, what it needs of the kernel, and what it does.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};

use crate::common;
use crate::lab::Lab;

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

    /// Runs it in a thread of its own, whose private namespaces end with it. The error says what did not hold, and where.
    pub(crate) fn run(&self) -> Result<(), String> {
        static HOOK: Once = Once::new();
        thread_local! {
            static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
        }
        HOOK.call_once(|| {
            std::panic::set_hook(Box::new(|panic| {
                PANIC.with_borrow_mut(|text| *text = Some(panic.to_string()));
            }));
        });
        let body = Arc::clone(&self.body);
        let thread = std::thread::spawn(move || {
            catch_unwind(AssertUnwindSafe(|| body(&Lab::enter()))).map_err(|_| {
                PANIC
                    .take()
                    .unwrap_or_else(|| "it panicked without a word".to_owned())
            })
        });
        thread
            .join()
            .unwrap_or_else(|_| Err("its thread ended in a panic".to_owned()))
    }
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

/// What this kernel can make: kinds of link, by name, and what not all kernels can do with one.
pub(crate) struct Features(Vec<&'static str>);

/// How iproute2 makes one of each kind, on the end `p0` of a veth pair where it takes a parent. Queues are set with `tc`.
const KINDS: &[(&str, &str)] = &[
    ("veth", "link add k0 type veth peer name k1"),
    ("bridge", "link add k0 type bridge"),
    ("vlan_filtering", "link add k0 type bridge vlan_filtering 1"),
    ("bond", "link add k0 type bond"),
    ("dummy", "link add k0 type dummy"),
    ("vlan", "link add link p0 name k0 type vlan id 7"),
    ("macvlan", "link add link p0 name k0 type macvlan"),
    ("ipvlan", "link add link p0 name k0 type ipvlan"),
    ("ipvtap", "link add link p0 name k0 type ipvtap"),
    ("netem", "tc qdisc replace dev p0 root netem delay 1ms"),
    (
        "tbf",
        "tc qdisc replace dev p0 root tbf rate 1mbit burst 2kb limit 3kb",
    ),
    ("htb", "tc qdisc replace dev p0 root handle 1: htb"),
    (
        "u32",
        "tc filter add dev p0 parent 1: protocol ip u32 match ip dst 10.0.0.0/8 flowid 1:1",
    ),
    (
        "fw",
        "tc filter add dev p0 parent 1: protocol all handle 1 fw flowid 1:1",
    ),
];

impl Features {
    /// Finds them out by making one of each in private namespaces.
    pub(crate) fn probe() -> Self {
        std::thread::spawn(|| {
            let _lab = Lab::enter();
            let accepts = |line: &str| {
                let (program, line) = match line.strip_prefix("tc ") {
                    Some(rest) => ("tc", rest),
                    None => ("ip", line),
                };
                let words = line.split_whitespace();
                let output = std::process::Command::new(program).args(words).output();
                output.is_ok_and(|output| output.status.success())
            };
            accepts("link add p0 type veth peer name p1");
            accepts("link set p0 up");
            let made = KINDS.iter().filter(|(_, line)| {
                let made = accepts(line);
                if made && line.starts_with("link ") {
                    common::output("ip", &["link", "del", "k0"]);
                }
                made
            });
            Self(made.map(|(kind, _)| *kind).collect())
        })
        .join()
        .expect("the probe has its namespaces")
    }

    /// The first of `needs` that this kernel does not have.
    pub(crate) fn lacking<'a>(&self, needs: &[&'a str]) -> Option<&'a str> {
        for need in needs {
            assert!(
                KINDS.iter().any(|(kind, _)| kind == need),
                "a case needs `{need}`, which nothing here probes for"
            );
        }
        needs.iter().find(|need| !self.0.contains(*need)).copied()
    }
}
