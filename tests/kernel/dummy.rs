//! Dummy links.

use crate::case::cases;
use crate::lab::Lab;

cases! {
    ["dummy"] =>
        a_dummy_is_made_as_iproute2_makes_it
        a_dummy_with_a_name_of_fifteen_bytes;
}

fn a_dummy_is_made_as_iproute2_makes_it(lab: &Lab) {
    lab.ip("netns add b");
    lab.ip_in(
        "b",
        "link add d0 mtu 9000 type dummy\naddr add 10.0.0.1/24 dev d0\nlink set d0 up\nroute add default dev d0",
    );
    lab.run(
        r#"netns("a").dummy("d0", #{mtu: 9000, addr: "10.0.0.1/24", up: true, route: "default"});"#,
    );
    let state = crate::state::meaning(lab);
    crate::state::assert_same(&state["a"], &state["b"]);
}

fn a_dummy_with_a_name_of_fifteen_bytes(lab: &Lab) {
    lab.run(r#"netns("a").dummy("abcdefghijklmno");"#);
    assert_eq!(lab.links("a"), ["abcdefghijklmno"]);
}
