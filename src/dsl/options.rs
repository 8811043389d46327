//! The options of each word, as rows.

use crate::dsl::kinds::ipvlan_port::OF_MODE;
use crate::dsl::kinds::kind;
use crate::dsl::kinds::make::COMMON;
use crate::schema::Opt;

/// What `word` takes by itself, arguments included, in the order of its table.
pub fn own(word: &str) -> &'static [Opt] {
    match word {
        "mode" => OF_MODE,
        word => kind::of_word(word).map_or(&[], |kind| kind.table),
    }
}

/// What `word` takes beside that, as every word that makes a link does.
pub fn shared(word: &str) -> Vec<&'static Opt> {
    if kind::of_word(word).is_none() {
        return Vec::new();
    }
    let own = own(word);
    let is_free = |row: &&Opt| own.iter().all(|own| own.key != row.key);
    COMMON.iter().filter(is_free).collect()
}

/// All rows of `word`.
pub fn of(word: &str) -> Vec<&'static Opt> {
    own(word).iter().chain(shared(word)).collect()
}

/// The row of that key.
pub fn row(word: &str, key: &str) -> Option<&'static Opt> {
    of(word).into_iter().find(|row| row.key == key)
}
