//! One closure for each item of a list, side by side where it waits.

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, FnPtr};

use crate::dsl::{Answer, Session, answer, strands};

/// The closure with what it has captured for itself: two that run side by side would share it otherwise.
fn own(closure: &FnPtr) -> FnPtr {
    let mut own = closure.clone();
    for captured in own.iter_curry_mut() {
        *captured = captured.flatten_clone();
    }
    own
}

fn each(context: &NativeCallContext, list: &Array, closure: &FnPtr) -> Answer<Array> {
    let session = answer(context, |session| Ok(session.clone()))?;
    let call = |number: usize| {
        let item = list[number].flatten_clone();
        own(closure).call_within_context::<Dynamic>(context, (item,))
    };
    let done = strands::run(&session, list.len(), call);
    let done = answer(context, |_: &std::rc::Rc<Session>| done)?;
    done.into_iter().flatten().collect()
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "Rhai decides how arguments are passed"
)]
pub mod words {
    /// Calls the closure for each item of the list, side by side where it waits, and returns what it gives, in order.
    ///
    /// While one waits for a ping, a program, a connection, an event or a time, the others go on, up to 64 of them. All else runs
    /// as a whole and one after the other, as if it were alone: what changes something, too. What each prints comes in the order of
    /// the list. Where one fails no further ones are begun, those under way go on to their end, and the first error is thrown.
    /// What a closure changes of the variables around it stays with that item; give it back instead. A plan takes one
    /// after the other.
    ///
    /// ```rhai
    /// let slow = [30, 20, 10].each(|time| { sleep(`${time}ms`); time });
    /// slow    // => [30, 20, 10]
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn each(context: NativeCallContext, list: Array, closure: FnPtr) -> Answer<Array> {
        super::each(&context, &list, &closure)
    }
}
