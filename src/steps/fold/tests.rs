use super::*;

#[test]
fn like_steps_are_a_loop_and_what_is_used_behind_is_found_again() {
    let script = "\
// What a run did.

bridge(\"br0\");
let h1 = netns(\"h1\");
h1.link(\"lo\").up();
veth(\"v1\", h1, \"eth0\", #{mtu: 1410})
    .master(\"br0\")
    .up();

let h2 = netns(\"h2\");
h2.link(\"lo\").up();
veth(\"v2\", h2, \"eth0\", #{mtu: 1420})
    .master(\"br0\")
    .up();

let h3 = netns(\"h3\");
h3.link(\"lo\").up();
veth(\"v3\", h3, \"eth0\", #{mtu: 1430})
    .master(\"br0\")
    .up();
h2.route(\"default\", #{via: \"10.0.0.254\"});
h1.link(\"eth0\").addr(\"10.0.1.1/24\");
h1.link(\"eth0\").mtu(1400);
h2.link(\"eth0\").addr(\"10.0.2.1/24\");
h2.link(\"eth0\").mtu(1400);
h3.link(\"eth0\").addr(\"10.0.3.1/24\");
h3.link(\"eth0\").mtu(1400);
h1.link(\"eth0\").addr(\"10.0.1.2/24\");
";
    let wanted = "\
// What a run did.

bridge(\"br0\");
for i in 1..=3 {
    let h = netns(`h${i}`);
    h.link(\"lo\").up();
    veth(`v${i}`, h, \"eth0\", #{mtu: 10 * i + 1400})
        .master(\"br0\")
        .up();
}
let h2 = netns(\"h2\");
h2.route(\"default\", #{via: \"10.0.0.254\"});
for i in 1..=3 {
    let h = netns(`h${i}`);
    h.link(\"eth0\").addr(`10.0.${i}.1/24`);
    h.link(\"eth0\").mtu(1400);
}
let h1 = netns(\"h1\");
h1.link(\"eth0\").addr(\"10.0.1.2/24\");
";
    assert_eq!(fold(script), wanted);
}

#[test]
fn what_does_not_go_on_evenly_is_left_as_it_is() {
    for script in [
        "link(\"a1\").up();\nlink(\"a2\").up();\nlink(\"a4\").up();\nlink(\"a5\").up();\n",
        "sleep(1);\nsleep(1);\nsleep(1);\nsleep(1);\n",
        "netns(\"n00\");\nnetns(\"n01\");\nnetns(\"n02\");\nnetns(\"n03\");\n",
        "exec([\"sh\", \"-c\", \"echo \\\"1\"]);\nexec([\"sh\", \"-c\", \"echo \\\"2\"]);\nexec([\"sh\", \"-c\", \"echo \\\"3\"]);\n",
        "exec(\"a\", #{input: `\n1`});\nexec(\"a\", #{input: `\n2`});\nexec(\"a\", #{input: `\n3`});\nexec(\"a\", #{input: `\n4`});\n",
        "link(\"a1\").set(#{x: -1});\nlink(\"a1\").set(#{x: -2});\nlink(\"a1\").set(#{x: -3});\nlink(\"a1\").set(#{x: -4});\n",
    ] {
        assert_eq!(fold(script), script);
    }
}

#[test]
fn numbers_count_from_where_they_begin() {
    let script = "link(\"a9\").mtu(100);\nlink(\"a8\").mtu(110);\nlink(\"a7\").mtu(120);\nlink(\"a6\").mtu(130);\n";
    assert_eq!(
        fold(script),
        "for i in 1..=4 {\n    link(`a${10 - i}`).mtu(10 * i + 90);\n}\n"
    );
}
