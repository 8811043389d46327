//! Namespaces: made, found, listed, deleted.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use serde_json::json;

use crate::case::cases;
use crate::lab::Lab;

cases! {
    [] =>
        a_name_makes_a_namespace_that_iproute2_knows
        a_namespace_that_is_there_is_found_and_not_made_again
        a_namespace_is_found_by_its_path
        a_namespace_is_found_by_a_process_in_it
        the_processes_of_a_namespace_are_those_in_it
        the_host_is_where_ipvsh_was_started
        namespaces_are_listed_by_name
        a_stray_file_is_not_listed
        a_deleted_namespace_has_no_name_any_more
        a_namespace_can_be_deleted_twice
        a_namespace_that_iproute2_made_can_be_deleted
        a_deleted_namespace_is_made_anew_under_its_name;
}

fn inode(path: &str) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

fn a_name_makes_a_namespace_that_iproute2_knows(lab: &Lab) {
    assert_eq!(lab.run(r#"print(netns("net-1").name);"#), "net-1\n");
    assert_eq!(lab.namespaces(), ["net-1"]);
    assert_eq!(lab.json("net-1", "link")[0]["ifname"], "lo");
}

fn a_namespace_that_is_there_is_found_and_not_made_again(lab: &Lab) {
    lab.ip("netns add a");
    let made = inode("/run/netns/a");
    assert_eq!(lab.value(r#"netns("a").inode"#), json!(made));
    assert_eq!(inode("/run/netns/a"), made);
}

fn a_namespace_is_found_by_its_path(lab: &Lab) {
    lab.ip("netns add a");
    let found = lab.value(r#"let n = netns("/run/netns/a"); [n.name, n.path, n.inode]"#);
    let path = "/run/netns/a";
    assert_eq!(found, json!([path, path, inode(path)]));
}

fn a_namespace_is_found_by_a_process_in_it(lab: &Lab) {
    lab.ip("netns add a");
    let mut inside = lab
        .in_netns("a", || Command::new("sleep").arg("100").spawn())
        .unwrap();
    let pid = inside.id();
    let found = lab.value(&format!("let n = netns(\"pid:{pid}\"); [n.name, n.inode]"));
    inside.kill().unwrap();
    inside.wait().unwrap();
    assert_eq!(found, json!([format!("pid:{pid}"), inode("/run/netns/a")]));
}

fn the_processes_of_a_namespace_are_those_in_it(lab: &Lab) {
    lab.ip("netns add a");
    let mut inside = lab
        .in_netns("a", || Command::new("sleep").arg("100").spawn())
        .unwrap();
    let found = lab.value(r#"netns("a").processes"#);
    inside.kill().unwrap();
    inside.wait().unwrap();
    assert_eq!(found, json!([inside.id()]));
}

fn the_host_is_where_ipvsh_was_started(lab: &Lab) {
    let here = inode("/proc/thread-self/ns/net");
    assert_eq!(
        lab.value("[host().name, host().inode, here().inode]"),
        json!(["host", here, here])
    );
}

fn namespaces_are_listed_by_name(lab: &Lab) {
    lab.ip("netns add b\nnetns add a");
    assert_eq!(
        lab.value("namespaces().map(|net| net.name)"),
        json!(["a", "b"])
    );
}

fn a_stray_file_is_not_listed(lab: &Lab) {
    lab.ip("netns add a");
    std::fs::write("/run/netns/stray", "").unwrap();
    assert_eq!(lab.value("namespaces().map(|net| net.name)"), json!(["a"]));
}

fn a_deleted_namespace_has_no_name_any_more(lab: &Lab) {
    lab.run(r#"netns("a"); netns("b").delete();"#);
    assert_eq!(lab.namespaces(), ["a"]);
}

fn a_namespace_can_be_deleted_twice(lab: &Lab) {
    let text = r#"let net = netns("a"); net.delete(); net.delete();"#;
    let output = lab.script_with(&["--summary"], text);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            0,
            "+ namespace a\n- namespace a\n= namespace a\ncreated 1, changed 0, unchanged 1, deleted 1\n"
        )
    );
    assert!(lab.namespaces().is_empty());
}

fn a_namespace_that_iproute2_made_can_be_deleted(lab: &Lab) {
    lab.ip("netns add a");
    lab.run(r#"netns("a").delete();"#);
    assert!(lab.namespaces().is_empty());
}

fn a_deleted_namespace_is_made_anew_under_its_name(lab: &Lab) {
    lab.run(r#"netns("a").veth("v0", "v1"); netns("a").delete(); netns("a").veth("w0", "w1");"#);
    assert_eq!(lab.links("a"), ["w1", "w0"]);
}
