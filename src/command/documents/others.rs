//! The documents of the commands that look, test and prepare.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::view::error::Told;

/// What `ipvsh --json doctor` found of one thing.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::command) struct Finding {
    /// The heading under which it stands.
    pub(in crate::command) section: String,
    /// What was looked at.
    pub(in crate::command) what: String,
    /// Whether it is as it is to be.
    pub(in crate::command) state: Health,
    /// What was found.
    pub(in crate::command) text: String,
    /// What to type, or to do, about it.
    pub(in crate::command) hint: Option<String>,
}

/// Whether something is as it is to be.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::command) enum Health {
    /// It is.
    Good,
    /// It is missing, or in the way.
    Bad,
    /// It is worth knowing, or can't be told from here.
    Open,
}

/// A kernel of `ipvsh --json vm list`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the field is the document's key")]
pub(in crate::command) struct Kernel {
    /// Its release, as `uname -r` says it.
    pub(in crate::command) kernel: String,
    /// The version of its package.
    pub(in crate::command) package: Option<String>,
    /// Where it can be had.
    pub(in crate::command) from: Option<String>,
    /// The size of its package, in bytes.
    pub(in crate::command) size: Option<u64>,
    /// Whether it is installed.
    pub(in crate::command) installed: bool,
    /// Its file.
    pub(in crate::command) image: Option<String>,
    /// Whether it is taken where none is named.
    pub(in crate::command) default: bool,
}

/// What `ipvsh --json confirm LAB` did.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::command) struct Confirmed {
    /// The lab.
    pub(in crate::command) lab: String,
    /// Always true.
    pub(in crate::command) confirmed: bool,
}

/// A lab that waits to be confirmed, as `ipvsh --json confirm` lists it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::command) struct Waiting {
    /// Its name.
    pub(in crate::command) lab: String,
    /// Until when, in seconds since 1970.
    pub(in crate::command) until: u64,
}

/// A line of `ipvsh --json test`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(in crate::command) enum TestLine {
    /// A test is done.
    Test(Box<Test>),
    /// All are.
    End(TestEnd),
}

/// A test that is done.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::command) struct Test {
    /// Which test.
    #[serde(flatten)]
    pub(in crate::command) listed: Listed,
    /// Which of several runs of it, from 1.
    pub(in crate::command) run: usize,
    /// The kernel that it ran on, where one was named.
    pub(in crate::command) kernel: Option<String>,
    /// How long it took.
    pub(in crate::command) duration_ms: f64,
    /// What it printed.
    pub(in crate::command) output: String,
    /// What it came to.
    #[serde(flatten)]
    pub(in crate::command) outcome: TestOutcome,
}

/// What a test came to.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub(in crate::command) enum TestOutcome {
    /// It holds.
    Passed,
    /// It has left itself out.
    Skipped {
        /// Why.
        reason: String,
    },
    /// This machine lacks something for it.
    Lacks {
        /// What.
        reason: String,
    },
    /// It does not hold.
    Failed {
        /// Why it failed.
        error: Box<TestError>,
        /// Why the pair that it asked for is not reached.
        why: String,
        /// The lab as it stood.
        tree: String,
    },
}

/// Why a test failed.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::command) struct TestError {
    /// The error.
    #[serde(flatten)]
    pub(in crate::command) told: Told,
    /// The line of the script.
    pub(in crate::command) source: Option<String>,
}

/// How a run of tests ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::command) struct TestEnd {
    /// How many hold.
    pub(in crate::command) passed: usize,
    /// How many do not.
    pub(in crate::command) failed: usize,
    /// How many were left out.
    pub(in crate::command) skipped: usize,
    /// How many were not begun.
    pub(in crate::command) not_run: usize,
    /// How long all took.
    pub(in crate::command) duration_ms: f64,
    /// The kernels, where some were named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::command) kernels: Option<Vec<String>>,
    /// The tests that came to something else on one of them than on another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::command) differs: Option<Vec<Differing>>,
}

/// A test that came to something else on one kernel than on another.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::command) struct Differing {
    /// Which test.
    pub(in crate::command) test: String,
    /// Which of several runs of it.
    pub(in crate::command) run: usize,
    /// What it came to on each kernel.
    pub(in crate::command) results: BTreeMap<String, OnKernel>,
}

/// What a test came to on a kernel.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::command) struct OnKernel {
    /// `passed`, `skipped`, `lacks` or `failed`; none where it did not run.
    pub(in crate::command) outcome: Option<String>,
    /// What it said.
    pub(in crate::command) said: Option<String>,
}

/// A test, as `ipvsh --json test --list` lists it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::command) struct Listed {
    /// Its file, its function and its row.
    pub(in crate::command) test: String,
    /// What it is about.
    pub(in crate::command) title: String,
    /// Its file.
    pub(in crate::command) file: String,
    /// The line on which it begins.
    pub(in crate::command) line: usize,
}

/// What the kernel reported: a line of `ipvsh --json watch`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::command) struct Event {
    /// The namespace.
    pub(in crate::command) netns: String,
    /// What kind of thing: `link`, `address`, `route`, `neighbor`, `rule`.
    pub(in crate::command) kind: String,
    /// What became of it: `new`, `deleted`.
    pub(in crate::command) change: String,
    /// The link that it is about.
    pub(in crate::command) link: Option<String>,
    /// It, as `ip monitor` would print it.
    pub(in crate::command) text: String,
}

/// A packet: a line of `ipvsh --json capture`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::command) struct Packet {
    /// When it was seen, in UTC.
    pub(in crate::command) time: String,
    /// The same in nanoseconds since 1970.
    pub(in crate::command) time_ns: u64,
    /// Where: `NAMESPACE:LINK`.
    pub(in crate::command) link: String,
    /// `out` or `in`.
    pub(in crate::command) direction: &'static str,
    /// How long it is, in bytes.
    pub(in crate::command) len: u32,
    /// Its protocol: `icmp`, `tcp`, `arp`.
    pub(in crate::command) proto: String,
    /// Where it comes from.
    pub(in crate::command) src: Option<String>,
    /// Where it goes.
    pub(in crate::command) dst: Option<String>,
    /// The port that it comes from.
    pub(in crate::command) sport: Option<u16>,
    /// The port that it goes to.
    pub(in crate::command) dport: Option<u16>,
    /// The hardware address that it comes from.
    pub(in crate::command) src_mac: Option<String>,
    /// The one that it goes to.
    pub(in crate::command) dst_mac: Option<String>,
    /// The outermost VLAN that it is tagged with.
    pub(in crate::command) vlan: Option<u16>,
    /// How many hops are left to it.
    pub(in crate::command) ttl: Option<u8>,
    /// What it says.
    pub(in crate::command) info: String,
}

/// A file that `ipvsh --json fmt` looked at.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::command) struct Formatted {
    /// It.
    pub(in crate::command) file: String,
    /// Whether it is, or would be, another one.
    pub(in crate::command) changed: bool,
}

/// A story or a template, as `--list` of `demo` and `new` lists it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::command) struct Titled {
    /// Its name.
    pub(in crate::command) name: String,
    /// What it is about.
    pub(in crate::command) title: String,
}

/// What came of one host of `ipvsh --json --on HOSTS`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the field is the document's key")]
pub(in crate::command) struct Host {
    /// The destination of ssh.
    pub(in crate::command) host: String,
    /// The exit code there; none where it was not reached, or was lost.
    pub(in crate::command) exit_code: Option<u8>,
    /// Why it was not reached.
    pub(in crate::command) not_reached: Option<String>,
    /// The document that the command printed there.
    pub(in crate::command) output: serde_json::Value,
    /// What was said on standard error there.
    pub(in crate::command) notes: Vec<String>,
}

/// What `ipvsh --json import --verify` found.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::command) struct Verified {
    /// Whether both lead to the same.
    pub(in crate::command) equal: bool,
    /// How many namespaces were compared.
    pub(in crate::command) namespaces: usize,
    /// How many things are the same.
    pub(in crate::command) same: usize,
    /// What is not.
    pub(in crate::command) differences: Vec<Unlike>,
}

/// A thing that is not the same behind a set-up and behind the script that was made of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::command) struct Unlike {
    /// Where.
    pub(in crate::command) namespace: String,
    /// What.
    pub(in crate::command) difference: String,
    /// The line of the set-up that it comes from.
    pub(in crate::command) line: Option<usize>,
    /// What stands there.
    pub(in crate::command) text: Option<String>,
}
