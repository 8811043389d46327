//! Words against a kernel: each case in private namespaces of its own, its end state read by iproute2.
//!
//! A case runs on this machine's kernel where that has the kinds of link that it needs, else in a micro-VM: one for each
//! processor, with this very program inside, for all of them. What can run in neither place is ignored with the reason, and fails
//! where `IPVSH_REQUIRE=all`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a case that can't go on has failed; without libtest's attribute clippy does not see that these are tests"
)]

#[macro_use]
extern crate pretty_assertions;

mod again;
mod browser;
mod case;
#[path = "../common/mod.rs"]
mod common;
mod guest;
mod import;
mod interrupt;
mod lab;
mod seeds;
mod spare;
mod state;
mod stuck;

mod addr;
mod bond;
mod bounds;
mod bridge;
mod capture;
mod confirm;
mod container;
mod counts;
mod deleting;
mod doctor;
mod documents;
mod drift;
mod dummy;
mod each;
mod enable;
mod ending;
mod ensure;
mod errors;
mod events;
mod examples;
mod exec;
mod export;
mod faults;
mod fdb;
mod filter;
mod foreign;
mod geneve;
mod graph;
mod held;
mod identity;
mod ifb;
mod ip_tunnel;
mod ipvlan;
mod ipvtap;
mod journal;
mod latency;
mod link;
mod macvlan;
mod mesh;
mod neighbor;
mod netkit;
mod netns;
mod nexthop;
mod nftrace;
mod on;
mod options;
mod owners;
mod path;
mod ping;
mod plan;
mod port;
mod process;
mod prune;
mod queue;
mod random;
mod reach;
mod readme;
mod reasons;
mod recognise;
mod refusals;
mod rollback;
mod route;
mod rule;
mod services;
mod session;
mod settings;
mod stdlib;
mod stories;
mod sysctl;
mod testing;
mod throughput;
mod truth;
mod tun;
mod veth;
mod view;
mod vlan;
mod vrf;
mod vxlan;
mod wait;
mod why;
mod wireguard;
mod wireshark;
mod within;
mod wrong_type;
mod xfrm;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use ipvsh::dsl::kinds::kind;
use ipvsh::sandbox::vm;
use libtest_mimic::{Arguments, Failed, Trial};

use case::{Case, Features};
use guest::Verdicts;

/// What is said of a case that runs in the micro-VM.
const IN_GUEST: &str = "micro-VM";

fn main() -> ExitCode {
    // Where this program stands in for ipvsh, it does so in all that ipvsh is.
    if let Some(done) = ipvsh::net::process::take_over_if_helper() {
        return done;
    }
    match std::env::args().nth(1).as_deref() {
        Some(guest::BOOT) => return guest::boot(),
        Some(guest::INSIDE) => return guest::run_inside(&all()),
        _ => {}
    }
    // Before there are threads: a user namespace is a process's.
    let place = common::privileged();
    let features = place.as_ref().map(|()| Features::new());
    let vm = ipvsh::sandbox::vm::means(None);
    let verdicts = Arc::new(Verdicts::default());
    let required = std::env::var_os("IPVSH_REQUIRE").is_some_and(|value| value == "all");

    let mut in_guest = Vec::new();
    let mut trials = Vec::new();
    for case in all() {
        let name = case.name.clone();
        let need = features
            .as_ref()
            .map(|features| features.lacking(case.needs));
        // Such a case has nothing to show where the kernel lacks nothing, and is not missed there.
        let is_of_lack = matches!(need, Ok(Some(need)) if need.starts_with('!'));
        let lacking = match need {
            Ok(need) => need.map(|need| match need.strip_prefix('!') {
                Some(kind) => format!("is about kernels without {kind}, and this one has it"),
                None => format!("needs {need}, which this kernel does not have"),
            }),
            Err(reason) => Some((*reason).clone()),
        };
        let missing_vm = match (&lacking, &vm) {
            (None, _) => None,
            (Some(_), Ok(vm)) => {
                lacking_in(vm, case.needs).map(|need| match need.strip_prefix('!') {
                    Some(kind) => format!("so has the kernel of the micro-VM {kind}"),
                    None => format!("nor has the kernel of the micro-VM {need}"),
                })
            }
            (Some(_), Err(error)) => Some(error.to_string()),
        };
        let trial = match (lacking, missing_vm) {
            (None, _) => Trial::test(name, move || {
                let start = Instant::now();
                let end = again::run(&case);
                case::note_time(&case.name, start.elapsed().as_secs_f64());
                again::note(&case.name, &end);
                end.result.map_err(Failed::from)
            }),
            (Some(_), None) => {
                let verdicts = Arc::clone(&verdicts);
                in_guest.push(name.clone());
                let trial = name.clone();
                Trial::test(name, move || verdicts.of(&trial).map_err(Failed::from))
                    .with_kind(IN_GUEST)
            }
            (Some(reason), Some(missing)) => {
                let reason = format!("{reason}; {missing}");
                if required && !is_of_lack {
                    Trial::test(name, move || Err(Failed::from(reason)))
                } else {
                    Trial::test(name, || Ok(()))
                        .with_kind(reason)
                        .with_ignored_flag(true)
                }
            }
        };
        trials.push(trial);
    }
    let arguments = Arguments::from_args();
    let wanted = |name: &String| {
        let trial = trials.iter().find(|trial| trial.name() == name);
        trial.is_some_and(|trial| !arguments.is_filtered_out(trial))
    };
    in_guest.retain(wanted);
    // These wait for the micro-VM, and would keep the others from running meanwhile.
    trials.sort_by_key(|trial| trial.kind() == IN_GUEST);
    if !arguments.list && !in_guest.is_empty() {
        // At once and beside the others: it takes a processor's time to boot, and the others have waits of their own.
        Verdicts::collect(&verdicts, in_guest);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let _ = std::io::stderr().write_all(again::told().as_bytes());
    conclusion.exit_code()
}

/// The first of `needs` that the kernel of the micro-VM does not have.
fn lacking_in<'a>(vm: &vm::Means, needs: &[&'a str]) -> Option<&'a str> {
    let has = |need: &str| {
        let (is_wanted, kind) = match need.strip_prefix('!') {
            Some(kind) => (false, kind),
            None => (true, need),
        };
        kind::named(kind).is_none_or(|kind| vm.has_module(kind.module) == is_wanted)
    };
    needs.iter().find(|need| !has(need)).copied()
}

/// Every case, whatever it needs.
fn all() -> Vec<Case> {
    [
        netns::cases(),
        confirm::cases(),
        container::cases(),
        latency::cases(),
        link::cases(),
        settings::cases(),
        addr::cases(),
        route::cases(),
        nexthop::cases(),
        owners::cases(),
        path::cases(),
        veth::cases(),
        netkit::cases(),
        on::cases(),
        options::cases(),
        bridge::cases(),
        capture::cases(),
        view::cases(),
        port::cases(),
        bond::cases(),
        vlan::cases(),
        vxlan::cases(),
        fdb::cases(),
        geneve::cases(),
        graph::cases(),
        held::cases(),
        ip_tunnel::cases(),
        wrong_type::cases(),
        xfrm::cases(),
        why::cases(),
        why::standing::cases(),
        why::translation::cases(),
        nftrace::cases(),
        wireguard::cases(),
        wireshark::cases(),
        vrf::cases(),
        doctor::cases(),
        documents::cases(),
        enable::cases(),
        events::cases(),
        deleting::cases(),
        drift::cases(),
        each::cases(),
        dummy::cases(),
        ending::cases(),
        identity::cases(),
        ifb::cases(),
        throughput::cases(),
        tun::cases(),
        macvlan::cases(),
        ipvlan::cases(),
        ipvtap::cases(),
        rule::cases(),
        neighbor::cases(),
        sysctl::cases(),
        queue::cases(),
        filter::cases(),
        ping::cases(),
        mesh::cases(),
        plan::cases(),
        reach::cases(),
        exec::cases(),
        process::cases(),
        prune::cases(),
        testing::cases(),
        wait::cases(),
        within::cases(),
        ensure::cases(),
        foreign::cases(),
        rollback::cases(),
        faults::cases(),
        journal::cases(),
        recognise::cases(),
        random::cases(),
        reasons::cases(),
        services::cases(),
        session::cases(),
        bounds::cases(),
        interrupt::cases(),
        counts::cases(),
        truth::cases(),
        errors::cases(),
        refusals::cases(),
        examples::cases(),
        stdlib::cases(),
        import::cases(),
        export::cases(),
        stories::cases(),
        stories::of_each(),
        readme::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
