//! Namespaces: made, found, listed, deleted.

use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount};
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
        namespaces_without_a_name_are_listed_by_what_keeps_them
        a_namespace_with_two_names_is_listed_once
        namespaces_print_as_a_table_with_their_processes
        a_deleted_namespace_has_no_name_any_more
        a_namespace_can_be_deleted_twice
        a_namespace_that_iproute2_made_can_be_deleted
        a_deleted_namespace_is_made_anew_under_its_name;
}

/// A line that lists the names of namespaces: on a machine there are others, which have none.
const NAMED: &str =
    r#"namespaces().filter(|net| net.path.starts_with("/run/netns/")).map(|net| net.name)"#;

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
    assert_eq!(lab.value(NAMED), json!(["a", "b"]));
}

fn a_stray_file_is_not_listed(lab: &Lab) {
    lab.ip("netns add a");
    std::fs::write("/run/netns/stray", "").unwrap();
    assert_eq!(lab.value(NAMED), json!(["a"]));
}

fn namespaces_without_a_name_are_listed_by_what_keeps_them(lab: &Lab) {
    lab.ip("netns add a\nnetns add b\nnetns add c");
    let file = lab.folder().join("a namespace");
    std::fs::write(&file, "").unwrap();
    let (bind, none) = (MsFlags::MS_BIND, None::<&str>);
    mount(Some("/run/netns/b"), &file, none, bind, none).unwrap();
    let mut inside = ["b", "c"].map(|name| {
        let sleep = || Command::new("sleep").arg("100").spawn();
        lab.in_netns(name, sleep).unwrap()
    });
    let inodes = ["a", "b", "c"].map(|name| inode(&format!("/run/netns/{name}")));
    lab.ip("netns del b\nnetns del c");
    let found = lab.value(&format!(
        "namespaces().filter(|net| {inodes:?}.contains(net.inode)).map(|net| [net.name, net.inode, net.processes, net.links.len()])"
    ));
    let first = lab.value("namespaces()[0].inode == host().inode");
    let pids = inside.each_mut().map(|process| {
        process.kill().unwrap();
        process.wait().unwrap();
        process.id()
    });
    assert_eq!(
        found,
        json!([
            ["a", inodes[0], [], 1],
            [file, inodes[1], [pids[0]], 1],
            [format!("pid:{}", pids[1]), inodes[2], [pids[1]], 1],
        ])
    );
    assert_eq!(first, json!(true));
}

fn a_namespace_with_two_names_is_listed_once(lab: &Lab) {
    lab.ip("netns add a");
    std::fs::write("/run/netns/c", "").unwrap();
    let (bind, none) = (MsFlags::MS_BIND, None::<&str>);
    mount(Some("/run/netns/a"), "/run/netns/c", none, bind, none).unwrap();
    let inode = inode("/run/netns/a");
    let count = format!("namespaces().filter(|net| net.inode == {inode}).map(|net| net.name)");
    assert_eq!(lab.value(&count), json!(["a"]));
}

fn namespaces_print_as_a_table_with_their_processes(lab: &Lab) {
    lab.ip("netns add a\nnetns add long-name");
    let mut inside = ["sleep", "cat", "sleep", "cat", "sleep"].map(|program| {
        let mut command = Command::new(program);
        command.args((program == "sleep").then_some("100"));
        command.stdin(Stdio::piped());
        lab.in_netns("a", || command.spawn()).unwrap()
    });
    let list = r#"[netns("a"), netns("long-name")]"#;
    let printed = lab.run(&format!("print({list}); print(netns(\"a\"));"));
    let fields = lab.value(list);
    let pids = inside.each_mut().map(|process| {
        process.kill().unwrap();
        process.wait().unwrap();
        process.id()
    });
    let inodes = ["a", "long-name"].map(|name| inode(&format!("/run/netns/{name}")));
    let [first, second, third, ..] = pids;
    assert_eq!(
        printed,
        format!(
            "NAME       INODE       PROCESSES\n\
             a          {}  {first} sleep, {second} cat, {third} sleep, 2 more\n\
             long-name  {}\n\
             a\n",
            inodes[0], inodes[1]
        )
    );
    assert_eq!(
        fields[0],
        json!({"name": "a", "path": "/run/netns/a", "inode": inodes[0], "processes": pids})
    );
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
