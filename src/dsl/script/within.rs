//! `within PLACE { … }`: the bare words act in another namespace for a block.

use std::rc::Rc;

use rhai::{Dynamic, Engine, EvalContext, Expression, ParseError};

use crate::dsl::Answer;
use crate::dsl::handle::Netns;
use crate::dsl::objects::netns;
use crate::dsl::session::{Session, exception};
use crate::error::{Error, Result};
use crate::value::options;

/// What the manual says of it; custom syntax has no doc comment of its own that a program could read.
pub const DOC: &str = r#"Makes `place` the current namespace for a block, and returns the block's value.

`place` is a namespace or its name. The blocks nest; however one is left (its end, `return`, an error), the namespace before is current again.

```rhai
netns("net-1");
within "net-1" { here().name }    // => "net-1"
```"#;

/// Teaches the engine the statement.
pub(crate) fn register(engine: &mut Engine) -> Result<(), ParseError> {
    engine
        .register_custom_syntax(["within", "$expr$", "$block$"], false, evaluate)
        .map(drop)
}

fn evaluate(context: &mut EvalContext, inputs: &[Expression]) -> Answer<Dynamic> {
    let [place, block] = inputs else {
        return Err(Error::invalid("`within` takes a namespace and a block").into());
    };
    let position = place.position();
    let place = context.eval_expression_tree(place)?;
    let guard = enter(context, place).map_err(|error| exception(&error, position))?;
    let result = context.eval_expression_tree(block);
    drop(guard);
    result
}

fn enter(context: &EvalContext, place: Dynamic) -> Result<crate::dsl::session::Entered> {
    let session = context
        .tag()
        .clone()
        .try_cast::<Rc<Session>>()
        .ok_or_else(|| Error::invalid("`within` works in a running script only"))?;
    let netns = if place.is_string() {
        let name = place.into_string().unwrap_or_default();
        netns::find(&name).map_err(|error| error.doing("enter namespace", &name))?
    } else {
        let given = options::type_in_words(place.type_name());
        let netns = place.try_cast::<Netns>().map(|netns| netns.0);
        let netns = netns.ok_or_else(|| {
            Error::invalid(format!(
                "`within` takes a namespace or its name, not {given}"
            ))
            .hint("write `within net { … }` or `within \"net-1\" { … }`")
        })?;
        // Better here than at the first word of the block.
        netns.check()?;
        netns
    };
    Ok(session.enter(netns))
}
