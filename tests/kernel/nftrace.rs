//! The rule of nftables that stops packets, as `why` has the kernel name it, and that nothing of the asking stays.

use std::time::{Duration, Instant};

use crate::case::cases;
use crate::common;
use crate::lab::Lab;
use crate::why::ROUTED;

cases! {
    ["veth", "nft"] =>
        the_rule_that_takes_the_packets_is_named_at_each_hook
        a_policy_and_a_chain_that_is_jumped_to_are_named
        the_rule_is_named_in_a_sandbox_of_a_user
        nothing_of_the_asking_stays
        nothing_of_the_asking_stays_after_a_kill;
}

/// What `nft` lists.
fn ruleset(lab: &Lab, netns: &str) -> String {
    lab.in_netns(netns, || {
        common::output("nft", &["-s", "-a", "list", "ruleset"])
    })
}

/// Rules of which one takes the packets, at `hook`.
fn rules(hook: &str) -> String {
    format!(
        "table inet f {{ chain c {{ type filter hook {hook} priority 0; ip saddr 192.0.2.1 drop; \
         ip daddr 10.0.2.2 counter drop comment \\\"this\\\"; drop; }}; }}"
    )
}

fn the_rule_that_takes_the_packets_is_named_at_each_hook(lab: &Lab) {
    for (at, hook) in [
        ("a", "output"),
        ("r", "prerouting"),
        ("r", "forward"),
        ("b", "input"),
    ] {
        let rules = rules(hook);
        let output = lab.run(&format!(
            r#"{ROUTED}
            {at}.nft("{rules}");
            let found = why("a", "b", #{{quiet: true}});
            print(found.cause);
            print(found.evidence.contains("meta nftrace: verdict drop"));
            print(found.mend);"#
        ));
        let listed = ruleset(lab, at);
        let rule = listed.lines().find(|line| line.contains("\"this\""));
        let (text, handle) = rule.unwrap().trim().split_once(" # handle ").unwrap();
        assert_eq!(
            output,
            format!(
                "rule `{text}` of chain c in table inet f of {at} stops packets to 10.0.2.2\ntrue\n\
                 netns(\"{at}\").nft(\"delete rule inet f c handle {handle}\")\n"
            ),
            "{hook}"
        );
        lab.ipvsh(&["down", "--all"]);
    }
}

fn a_policy_and_a_chain_that_is_jumped_to_are_named(lab: &Lab) {
    let output = lab.run(&format!(
        r#"{ROUTED}
        b.nft("table ip one {{ chain c {{ type filter hook input priority 0; policy drop; ip saddr 192.0.2.1 drop; }}; }}");
        let found = why("a", "b", #{{quiet: true}});
        print(found.cause);
        eval(found.mend);
        b.nft("table ip6 two {{ map m {{ type ipv6_addr : verdict; elements = {{ fd01::1 : drop }}; }}; \
                 chain d {{ ip6 saddr vmap @m; }}; \
                 chain c {{ type filter hook input priority 0; ip6 saddr 2001:db8::1 drop; jump d; }}; }}");
        print(why("a", "fd02::2", #{{quiet: true}}).cause);"#
    ));
    assert_eq!(
        output,
        "the policy of chain c in table ip one of b drops packets to 10.0.2.2\n\
         rule `ip6 saddr vmap @m` of chain d in table ip6 two of b stops packets to fd02::2\n"
    );
}

fn the_rule_is_named_in_a_sandbox_of_a_user(lab: &Lab) {
    let rules = rules("forward");
    let script = format!(
        r#"{ROUTED}
        r.nft("{rules}");
        print(why("a", "b", #{{quiet: true}}).evidence[0]);"#
    );
    let output = lab.script_with(&["--sandbox=ns", "--quiet"], &script);
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("meta nftrace: verdict drop\n", 0),
        "{}",
        output.stderr
    );
}

fn nothing_of_the_asking_stays(lab: &Lab) {
    let rules = rules("forward");
    lab.run(&format!(r#"{ROUTED} r.nft("{rules}");"#));
    let before = ruleset(lab, "r");
    lab.run(r#"print(why("a", "b", #{quiet: true}).sort);"#);
    assert_eq!(ruleset(lab, "r"), before);
}

fn nothing_of_the_asking_stays_after_a_kill(lab: &Lab) {
    // The third request gets on, to nobody: so the kernel tells of no rule that takes it, and the asking takes its whole time.
    lab.run(&format!(
        r#"{ROUTED}
           r.nft("table inet f {{ chain c {{ type filter hook forward priority 0; \
           numgen inc mod 1000 < 2 drop; ip daddr set 192.0.2.9; }}; }}");"#
    ));
    let before = ruleset(lab, "r");
    let mut asking = lab.start(&["-e", r#"why("a", "b", #{timeout: "2s"})"#]);
    let deadline = Instant::now() + Duration::from_secs(60);
    let wait = |is_there: bool| {
        while ruleset(lab, "r").contains("ipvsh_why") != is_there {
            assert!(
                Instant::now() < deadline,
                "the table is there: {}",
                !is_there
            );
        }
    };
    wait(true);
    asking.kill().unwrap();
    asking.wait().unwrap();
    wait(false);
    assert_eq!(ruleset(lab, "r"), before);
}
