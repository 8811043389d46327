//! Random labs: made, made again, and taken down, after which all is as it was before.
//!
//! `IPVSH_LABS` says how many, `IPVSH_SEED` with which one to begin.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::case::cases;
use crate::lab::{HOST, Lab};
use crate::state;

cases! {
    ["veth", "bridge", "macvlan"] =>
        random_labs_run_twice_and_leave_nothing;
}

/// How many labs are made where nobody says otherwise: as many as take some seconds.
const LABS: u64 = 25;

/// Numbers from a seed, the same each time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % sides
    }
}

/// The places that links are made in; the first two are there before.
const PLACES: [&str; 4] = [HOST, "old", "n1", "n2"];

/// Writes a script of random words. It knows what is there, so that no word fails for want of its object.
fn script(dice: &mut Dice) -> String {
    let mut text = String::new();
    let mut there: BTreeSet<(usize, String)> = BTreeSet::new();
    let place = |place: usize| match place {
        0 => "host()".to_owned(),
        other => format!("netns(\"{}\")", PLACES[other]),
    };
    for _ in 0..5 + dice.roll(20) {
        let at = dice.roll(PLACES.len());
        let here = place(at);
        // A name says its kind and place, so that the second run finds of each name what it asks for.
        let number = dice.roll(2);
        let known: Vec<_> = there.iter().cloned().collect();
        let chosen = (!known.is_empty()).then(|| known[dice.roll(known.len())].clone());
        let line = match (dice.roll(12), chosen) {
            (0 | 1, _) => {
                let (near, far) = (format!("v{at}{number}"), format!("w{at}{number}"));
                there.extend([(at, near.clone()), (at, far.clone())]);
                format!("{here}.veth(\"{near}\", \"{far}\");")
            }
            (2, _) => {
                let name = format!("m{at}{number}");
                there.insert((at, name.clone()));
                format!("{here}.macvlan(host().link(\"p0\"), \"{name}\", #{{up: true}});")
            }
            (3, _) => {
                let name = format!("b{at}{number}");
                there.insert((at, name.clone()));
                format!("{here}.bridge(\"{name}\");")
            }
            (4, Some((at, name))) => format!("{}.link(\"{name}\").up();", place(at)),
            // A slave's can't be larger than its parent's.
            (5, Some((at, name))) if !name.starts_with('m') => {
                let mtu = 1300 + dice.roll(3) * 50;
                format!("{}.link(\"{name}\").mtu({mtu});", place(at))
            }
            (6, Some((at, name))) => {
                let address = format!("10.{at}.{}.1/24", dice.roll(200));
                format!("{}.link(\"{name}\").addr(\"{address}\");", place(at))
            }
            (7, Some((at, name))) => {
                let near = name.replace('w', "v");
                let far = near.replace('v', "w");
                there.remove(&(at, near));
                there.remove(&(at, far));
                format!("{}.link(\"{name}\").delete();", place(at))
            }
            (8, _) => format!("link(\"p0\").mtu({});", 1300 + dice.roll(3) * 50),
            (9, _) => format!("link(\"p0\").addr(\"10.9.{}.1/24\");", dice.roll(9)),
            (10, _) => "link(\"p0\").del_addr(\"10.8.0.1\");".to_owned(),
            (11, _) if at > 1 => {
                there.retain(|(place, _)| *place != at);
                format!("{here}.delete();")
            }
            _ => format!("netns(\"old\").link(\"o0\").alias(\"{number}\");"),
        };
        writeln!(text, "{line}").unwrap();
    }
    text
}

fn random_labs_run_twice_and_leave_nothing(lab: &Lab) {
    let number = |name: &str, or: u64| {
        let given = std::env::var(name).ok();
        given.map_or(or, |text| text.parse().unwrap())
    };
    lab.ip(
        "link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up\naddr add 10.8.0.1/24 dev p0\n\
         netns add old\nlink add o0 netns old type veth peer name o1 netns old",
    );
    lab.wait_up("p0");
    let before = state::whole(lab);
    let first = number("IPVSH_SEED", 1);
    for seed in first..first + number("IPVSH_LABS", LABS) {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let text = script(&mut dice);
        let again = |what: &str| {
            let output = lab.script(&text);
            let said = (output.code, output.stderr.as_str());
            assert_eq!(said, (0, ""), "seed {seed}, {what}\n{text}");
        };
        again("run");
        again("run again");
        let output = lab.ipvsh(&["down", "lab"]);
        let said = (output.code, output.stderr.as_str());
        assert!(
            [(0, "")].contains(&said) || output.stderr.contains("no lab of that name"),
            "seed {seed}: {said:?}\n{text}"
        );
        let deadline = Instant::now() + Duration::from_secs(20);
        while state::whole(lab) != before {
            if Instant::now() > deadline {
                let _ = writeln!(std::io::stderr().lock(), "seed {seed}\n{text}");
                state::assert_same(&state::whole(lab), &before);
            }
        }
    }
}
