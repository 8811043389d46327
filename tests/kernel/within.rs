//! `within PLACE { … }`.

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["veth"] =>
        bare_words_act_in_the_namespace_of_the_block
        blocks_nest
        a_throw_leaves_the_block
        a_return_leaves_the_block
        a_block_has_a_value
        a_function_called_in_a_block_acts_there;
    [] =>
        a_namespace_that_is_not_there_is_not_made
        what_is_shown_as_host_is_no_name;
}

fn bare_words_act_in_the_namespace_of_the_block(lab: &Lab) {
    lab.run(
        r#"netns("a");
           within "a" { veth("v0", "v1"); addr("v0", "10.0.0.1/24"); up("v0"); route("default", "v0"); }
           veth("w0", "w1");"#,
    );
    assert_eq!(lab.links("a"), ["v1", "v0"]);
    assert_eq!(lab.addresses("a", "v0"), ["10.0.0.1/24"]);
    assert_eq!(lab.routes("a", "default")[0]["dev"], "v0");
    assert_eq!(lab.links(HOST), ["w1", "w0"]);
}

fn blocks_nest(lab: &Lab) {
    let printed = lab.run(
        r#"let a = netns("a"); let b = netns("b");
           within a {
               print(here().name);
               within b { print(here().name); within host() { print(here().name); } print(here().name); }
               print(here().name);
           }
           print(here().name);"#,
    );
    assert_eq!(printed, "a\nb\nhost\nb\na\nhost\n");
}

fn a_throw_leaves_the_block(lab: &Lab) {
    let printed = lab.run(
        r#"netns("a"); netns("b");
           try { within "a" { within "b" { throw "no"; } } } catch (e) { print(`${e} in ${here().name}`); }
           try { within "a" { link("none"); } } catch (e) { print(`${e.netns} in ${here().name}`); }
           veth("v0", "v1");"#,
    );
    assert_eq!(printed, "no in host\na in host\n");
    assert_eq!(lab.links(HOST), ["v1", "v0"]);
}

fn a_return_leaves_the_block(lab: &Lab) {
    let printed = lab.run(
        r#"fn inside() { within "a" { return here().name; } }
           netns("a");
           print(inside());
           print(here().name);"#,
    );
    assert_eq!(printed, "a\nhost\n");
}

fn a_block_has_a_value(lab: &Lab) {
    assert_eq!(
        lab.run(r#"netns("a"); let name = within "a" { here().name }; print(name);"#),
        "a\n"
    );
}

fn a_function_called_in_a_block_acts_there(lab: &Lab) {
    lab.run(r#"fn pair() { veth("v0", "v1"); } netns("a"); within "a" { pair(); }"#);
    assert_eq!(lab.links("a"), ["v1", "v0"]);
}

fn a_namespace_that_is_not_there_is_not_made(lab: &Lab) {
    lab.ip("netns add net-1");
    assert_eq!(
        lab.fails("within \"net-2\" { here() }"),
        "error: cannot enter namespace `net-2`: there is no namespace `net-2`\n \
          --> lab.rhai:1:8\n  \
           |\n\
         1 | within \"net-2\" { here() }\n  \
           |        ^^^^^^^\n  \
           = errno: ENOENT\n\
         hint: did you mean `net-1`?\n"
    );
    assert_eq!(lab.namespaces(), ["net-1"]);
}

fn what_is_shown_as_host_is_no_name(lab: &Lab) {
    let refused = |script: &str, position: &str, mark: &str| {
        format!(
            "error: cannot enter namespace `host`: there is no namespace `host`\n \
              --> lab.rhai:{position}\n  \
               |\n\
             1 | {script}\n  \
               | {mark}\n  \
               = errno: ENOENT\n\
             hint: `host()` is the namespace that ipvsh was started in\n"
        )
    };
    let block = r#"within "host" { here() }"#;
    assert_eq!(lab.fails(block), refused(block, "1:8", "       ^^^^^^"));
    let entered = r#"enter("host")"#;
    assert_eq!(lab.fails(entered), refused(entered, "1:1", "^^^^^"));
}
