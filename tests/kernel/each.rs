//! Closures that run side by side: what waits lets the others go on, all else runs as if it were alone.

use crate::case::cases;
use crate::lab::Lab;

cases! {
    [] =>
        each_waits_for_what_the_next_one_does
        what_each_prints_and_gives_comes_in_order
        the_first_error_is_thrown_and_none_is_begun_any_more
        each_has_a_place_and_variables_of_its_own
        a_plan_takes_one_after_the_other;
    ["veth"] =>
        twenty_pings_wait_together
        what_each_makes_is_journalled_whole;
}

/// One after the other, none would ever go on.
fn each_waits_for_what_the_next_one_does(lab: &Lab) {
    let printed = lab.run(
        r#"
        let numbers = (1..=20).to_list();
        print(each(numbers, |number| {
            let is_there = |number| exec(["test", "-e", `/run/turn-${number}`]).code == 0;
            if number < 20 {
                wait_for(|| is_there.call(number + 1), "20s");
            }
            exec(["touch", `/run/turn-${number}`]);
            number * 2
        }).sum());
        "#,
    );
    assert_eq!(printed, "420\n");
}

fn what_each_prints_and_gives_comes_in_order(lab: &Lab) {
    let printed = lab.run(
        r#"
        let given = [3, 1, 2].each(|number| {
            print(`begins ${number}`);
            sleep(`${number * 5}ms`);
            print(`ends ${number}`);
            number
        });
        print(given);
        print([7].each(|one| [[1, 2].each(|two| { sleep("1ms"); one * two })]));
        print([].each(|one| one));
        "#,
    );
    assert_eq!(
        printed,
        "begins 3\nends 3\nbegins 1\nends 1\nbegins 2\nends 2\n[3, 1, 2]\n[[[7, 14]]]\n[]\n"
    );
}

fn the_first_error_is_thrown_and_none_is_begun_any_more(lab: &Lab) {
    let printed = lab.run(
        r#"
        let numbers = (1..=100).to_list();
        try {
            each(numbers, |number| {
                if number == 2 { sleep("10ms"); throw "the second" }
                if number == 3 { throw "the third" }
                sleep("20ms");
                if number < 5 || number > 64 { print(`ends ${number}`); }
            });
        } catch (error) {
            print(error);
        }
        "#,
    );
    assert_eq!(printed, "ends 1\nthe second\n");
}

fn each_has_a_place_and_variables_of_its_own(lab: &Lab) {
    let printed = lab.run(
        r#"
        let seen = [];
        let home = netns("home");
        let names = ["a", "b", "c"];
        print(each(names, |name| {
            within netns(name) {
                sleep("2ms");
                seen.push(name);
                let here = exec(["cat", "/proc/self/mounts"]).code;
                within home { sleep("2ms"); }
                let first = links()[0];
                [first.netns.name, seen.len(), here, home.name]
            }
        }));
        print(seen);
        print(links()[0].netns.name == "a");
        "#,
    );
    assert_eq!(
        printed,
        "[[\"a\", 1, 0, \"home\"], [\"b\", 1, 0, \"home\"], [\"c\", 1, 0, \"home\"]]\n[]\nfalse\n"
    );
}

fn a_plan_takes_one_after_the_other(lab: &Lab) {
    let script = r#"each(["a", "b"], |name| { let net = netns(name); net.ping("127.0.0.1"); });"#;
    std::fs::write(lab.folder().join("each.rhai"), script).unwrap();
    let output = lab.ipvsh(&["plan", "each.rhai"]);
    let plan = output.stdout;
    assert!(
        plan.contains("+ namespace a") && plan.contains("+ namespace b"),
        "{plan}"
    );
}

fn twenty_pings_wait_together(lab: &Lab) {
    // The last one lets the first end: a ping goes on until there is an answer to count.
    let printed = lab.run(
        r#"
        let a = netns("a");
        let b = netns("b");
        a.veth("v0", b, "v1", #{addr: "10.0.0.1/24", up: true});
        let far = b.link("v1").up();
        let numbers = (1..=20).to_list();
        let reports = each(numbers, |number| {
            if number == 20 { far.addr("10.0.0.2/24"); }
            if number < 20 { wait_for(|| a.ping("10.0.0.2", #{timeout: "300ms", quiet: true}).ok, "20s"); }
            a.ping("10.0.0.2", #{count: 2, interval: "300ms", quiet: true}).received
        });
        print(reports.unique());
        "#,
    );
    assert_eq!(printed, "[2]\n");
}

fn what_each_makes_is_journalled_whole(lab: &Lab) {
    lab.run(
        r#"
        each((1..=30).to_list(), |number| {
            let net = netns(`n${number}`);
            sleep("1ms");
            let near = net.veth("v0", "v1", #{addr: `10.0.${number}.1/24`, up: true});
            near.peer.up();
            near.wait_up();
        });
        "#,
    );
    let addresses = lab.addresses("n30", "v0");
    assert_eq!(addresses[0], "10.0.30.1/24");
    // All of it goes with the run.
    let failed = lab.fails(
        r#"each((31..=40).to_list(), |number| { netns(`n${number}`); sleep("1ms"); if number == 35 { throw "no more" } });"#,
    );
    assert!(failed.contains("no more"), "{failed}");
    let left = lab.namespaces();
    assert_eq!(left.len(), 30, "{left:?}");
}
