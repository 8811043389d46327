//! Errors, whole: what a user sees, and what a script catches.

use serde_json::json;

use crate::case::{Case, cases as list};
use crate::lab::Lab;

list! {
    [] =>
        placeholder;
}

fn placeholder(lab: &Lab) {
    let _: (&Lab, Option<Case>) = (lab, None);
    let _ = json!(null);
}
