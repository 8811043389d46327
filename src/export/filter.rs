//! Rules of nftables, as the ruleset that makes them.

use super::draft::Draft;
use crate::dsl::objects::filter::without_notes;
use crate::net::nft::Table;
use crate::steps::{Act, Call, Value};

impl Draft<'_> {
    /// Says the tables of the namespace.
    pub(super) fn filters(&mut self, place: usize) {
        let tables = match &self.world.places[place].tables {
            Ok(tables) => tables,
            Err(why) => return self.leave(place, "rules of nftables", why),
        };
        let tables: Vec<Table> = tables.iter().filter_map(without_notes).collect();
        let (foreign, own): (Vec<&Table>, Vec<&Table>) =
            tables.iter().partition(|table| is_of_iptables(table));
        for table in foreign {
            let what = format!("table `{} {}`", table.family, table.name);
            self.leave(place, &what, "it was made by iptables");
        }
        let text: String = own
            .iter()
            .filter_map(|table| table.text.as_deref())
            .collect();
        if !text.is_empty() {
            let call = Call::new("nft", [Value::Lines(text)]);
            self.step(place, Act::InNetns(call));
        }
    }
}

/// Whether there are rules in the table of which `nft` lists what it can't read again.
fn is_of_iptables(table: &Table) -> bool {
    let text = table.text.as_deref().unwrap_or_default();
    text.contains(" xt target ") || text.contains(" xt match ")
}
