//! The keys of the maps that a script writes, in its order: the parser keeps them by the alphabet.

use super::format::token::{self, Kind, Token};

/// The keys of each map in a text, the innermost first.
pub(crate) fn keys_of_maps(text: &str) -> Vec<Vec<String>> {
    if !text.contains("#{") {
        return Vec::new();
    }
    let mut tokens: Vec<Token<'_>> = token::all(text);
    tokens.retain(|token| !token.is_comment());
    // For each bracket that is open the keys so far, where it is that of a map.
    let mut open: Vec<Option<Vec<String>>> = Vec::new();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => open.push(token.is("#{").then(Vec::new)),
            Kind::Close => found.extend(open.pop().flatten()),
            Kind::Name | Kind::Text | Kind::Keyword => {
                let Some(Some(keys)) = open.last_mut() else {
                    continue;
                };
                let is_key = tokens.get(at + 1).is_some_and(|next| next.is(":"))
                    && at
                        .checked_sub(1)
                        .is_some_and(|before| tokens[before].is("#{") || tokens[before].is(","));
                if is_key {
                    keys.push(token.text.trim_matches('"').to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_their_order() {
        let text = r#"
            let rows = [#{zone: "a", addr: #{v6: 1, "v4": [1, 2]}, /* no: */ mtu: if x { 1 } else { 2 }}];
            #{`${#{p: 1, o: 2}.o}`: 3};   // #{c: 1, b: 2}
            switch x { 1 => a::b, _ => #{} }
        "#;
        let keys: Vec<String> = keys_of_maps(text)
            .iter()
            .map(|keys| keys.join(" "))
            .collect();
        assert_eq!(keys, ["v6 v4", "zone addr mtu", "`${#{p: 1, o: 2}.o}`", ""]);
        assert!(keys_of_maps("#{a: 1, b").is_empty());
    }
}
