//! Turns an expression into a program of classic BPF, whose jumps lead forward only.

use ipnet::IpNet;

use super::run::{AND, Instruction, JA, JEQ, JSET, LD, LDB, LDH, LDH_X, LDX_IP_HEADER, RET};
use super::{Expression, Family, Side, Test};
use crate::error::{Error, Result};
use crate::net::capture::LinkType;

const IPV4: u32 = 0x0800;
const ARP: u32 = 0x0806;
const RARP: u32 = 0x8035;
const IPV6: u32 = 0x86dd;
/// What a VLAN tag begins with: 802.1Q, 802.1ad, and the one before it.
const TAGS: [u32; 3] = [0x8100, 0x88a8, 0x9100];

/// `SKF_AD_OFF` of `linux/filter.h`, below which stands what the kernel knows of a packet.
const BESIDE: u32 = (-0x1000_i32).cast_unsigned();
/// `SKF_AD_VLAN_TAG`
const TAG: u32 = BESIDE + 44;
/// `SKF_AD_VLAN_TAG_PRESENT`
const TAG_PRESENT: u32 = BESIDE + 48;

/// The number of a VLAN in its tag.
const VLAN_ID: u32 = 0x0fff;
/// Where the fragment stands in the packet, in the IPv4 header.
const FRAGMENT: u32 = 0x1fff;
/// The header of a fragment of IPv6.
const FRAGMENT_HEADER: u32 = 44;

/// `BPF_MAXINSNS` of `linux/bpf_common.h`
const LONGEST: usize = 4096;

/// How many VLAN tags in each other are looked into.
const MOST_TAGS: u32 = 8;

/// The program for `wanted`.
pub(super) fn compile(
    wanted: Option<&Expression>,
    link: LinkType,
    is_live: bool,
    snaplen: u32,
) -> Result<Vec<Instruction>> {
    let mut draft = Draft::default();
    let (yes, no) = (draft.label(), draft.label());
    if let Some(wanted) = wanted {
        if is_live && link == LinkType::Ethernet {
            let (beside, within) = (draft.label(), draft.label());
            draft.load(LD, TAG_PRESENT);
            draft.jump(JEQ, 1, beside, within);
            draft.place(beside);
            draft.expression(wanted, Frame::new(link, true), yes, no)?;
            draft.place(within);
        }
        draft.expression(wanted, Frame::new(link, false), yes, no)?;
    }
    draft.place(yes);
    draft.load(RET, snaplen);
    draft.place(no);
    draft.load(RET, 0);
    draft.assemble()
}

/// Where in a frame one looks.
#[derive(Clone, Copy)]
struct Frame {
    link: LinkType,
    /// Whether the kernel keeps the outermost tag beside the packet.
    has_tag_beside: bool,
    /// How many tags are passed.
    tags: u32,
}

impl Frame {
    fn new(link: LinkType, has_tag_beside: bool) -> Self {
        Self {
            link,
            has_tag_beside,
            tags: 0,
        }
    }

    /// Where the type stands of what is carried here; none where that is beside the packet.
    fn ethertype(self) -> Option<u32> {
        let within = self.tags.checked_sub(u32::from(self.has_tag_beside))?;
        Some(12 + 4 * within)
    }

    /// Where what is carried begins.
    fn payload(self) -> u32 {
        match self.link {
            LinkType::Raw => 0,
            LinkType::Ethernet => self.ethertype().map_or(14, |at| at + 2),
        }
    }
}

/// A word of an address, and the bits of it that count.
type Word = (u32, u32);

/// Where a family has the addresses of source and destination.
type Addresses = (Family, u32, u32);

/// A place in the program.
#[derive(Clone, Copy)]
struct Label(usize);

enum Line {
    Do(u16, u32),
    Jump(u16, u32, Label, Label),
    Go(Label),
    Place(Label),
}

#[derive(Default)]
struct Draft {
    lines: Vec<Line>,
    labels: usize,
}

impl Draft {
    fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    fn place(&mut self, label: Label) {
        self.lines.push(Line::Place(label));
    }

    fn load(&mut self, code: u16, k: u32) {
        self.lines.push(Line::Do(code, k));
    }

    fn jump(&mut self, code: u16, k: u32, yes: Label, no: Label) {
        self.lines.push(Line::Jump(code, k, yes, no));
    }

    fn go(&mut self, to: Label) {
        self.lines.push(Line::Go(to));
    }

    /// Writes the tests, which end at `yes` or `no`, and tells where what follows by `and` looks.
    fn expression(
        &mut self,
        wanted: &Expression,
        frame: Frame,
        yes: Label,
        no: Label,
    ) -> Result<Frame> {
        match wanted {
            Expression::And(left, right) => {
                let between = self.label();
                let within = self.expression(left, frame, between, no)?;
                self.place(between);
                self.expression(right, within, yes, no)
            }
            Expression::Or(left, right) => {
                let between = self.label();
                self.expression(left, frame, yes, between)?;
                self.place(between);
                self.expression(right, frame, yes, no)?;
                Ok(frame)
            }
            Expression::Not(inner) => {
                self.expression(inner, frame, no, yes)?;
                Ok(frame)
            }
            Expression::Is(Test::Vlan(id)) => {
                self.vlan(*id, frame, yes, no);
                let tags = frame.tags + 1;
                if tags > MOST_TAGS {
                    return Err(Error::invalid(
                        "the filter asks for more VLAN tags than a packet has",
                    ));
                }
                Ok(Frame { tags, ..frame })
            }
            Expression::Is(test) => {
                self.test(test, frame, yes, no);
                Ok(frame)
            }
        }
    }

    fn test(&mut self, test: &Test, frame: Frame, yes: Label, no: Label) {
        match test {
            Test::Family(family) => self.family(frame, *family, yes, no),
            Test::Vlan(id) => self.vlan(*id, frame, yes, no),
            Test::Protocol(family, number) => {
                let (at, number) = (frame.payload(), u32::from(*number));
                self.each_ip(*family, frame, yes, no, |draft, of, yes, no| {
                    draft.protocol(of, at, number, yes, no);
                });
            }
            Test::Port(protocols, side, port) => {
                let (at, port) = (frame.payload(), u32::from(*port));
                self.each_ip(None, frame, yes, no, |draft, of, yes, no| {
                    draft.port(of, at, protocols, (*side, port), yes, no);
                });
            }
            Test::Net(family, side, net) => self.net(*family, *side, *net, frame, yes, no),
        }
    }

    /// Looks at the type of what is carried.
    fn ethertype(&mut self, frame: Frame, wanted: &[u32], yes: Label, no: Label) {
        let Some(at) = frame.ethertype() else {
            self.go(no);
            return;
        };
        self.load(LDH, at);
        for number in wanted {
            let other = self.label();
            self.jump(JEQ, *number, yes, other);
            self.place(other);
        }
        self.go(no);
    }

    fn family(&mut self, frame: Frame, family: Family, yes: Label, no: Label) {
        match (frame.link, family) {
            (LinkType::Ethernet, Family::Ip) => self.ethertype(frame, &[IPV4], yes, no),
            (LinkType::Ethernet, Family::Ip6) => self.ethertype(frame, &[IPV6], yes, no),
            (LinkType::Ethernet, Family::Arp) => self.ethertype(frame, &[ARP], yes, no),
            (LinkType::Raw, Family::Arp) => self.go(no),
            (LinkType::Raw, _) => {
                let version = if family == Family::Ip { 0x40 } else { 0x60 };
                self.load(LDB, 0);
                self.load(AND, 0xf0);
                self.jump(JEQ, version, yes, no);
            }
        }
    }

    fn vlan(&mut self, id: Option<u16>, frame: Frame, yes: Label, no: Label) {
        let is_tag = self.label();
        let at = match (frame.link, frame.ethertype()) {
            (LinkType::Raw, _) => return self.go(no),
            (_, Some(at)) => {
                self.ethertype(frame, &TAGS, is_tag, no);
                at
            }
            (_, None) => 0,
        };
        self.place(is_tag);
        let Some(id) = id else {
            return self.go(yes);
        };
        match frame.ethertype() {
            Some(_) => self.load(LDH, at + 2),
            None => self.load(LD, TAG),
        }
        self.load(AND, VLAN_ID);
        self.jump(JEQ, id.into(), yes, no);
    }

    /// A test of IPv4, of IPv6, or of each where nothing is said.
    fn each_ip(
        &mut self,
        family: Option<Family>,
        frame: Frame,
        yes: Label,
        no: Label,
        test: impl Fn(&mut Self, Family, Label, Label),
    ) {
        let all = [Family::Ip, Family::Ip6];
        for one in all
            .into_iter()
            .filter(|one| family.is_none_or(|family| family == *one))
        {
            let (is_it, other) = (self.label(), self.label());
            self.family(frame, one, is_it, other);
            self.place(is_it);
            test(self, one, yes, no);
            self.place(other);
        }
        self.go(no);
    }

    fn protocol(&mut self, of: Family, at: u32, number: u32, yes: Label, no: Label) {
        if of == Family::Ip {
            self.load(LDB, at + 9);
            return self.jump(JEQ, number, yes, no);
        }
        let (other, fragment) = (self.label(), self.label());
        self.load(LDB, at + 6);
        self.jump(JEQ, number, yes, other);
        self.place(other);
        self.jump(JEQ, FRAGMENT_HEADER, fragment, no);
        self.place(fragment);
        self.load(LDB, at + 40);
        self.jump(JEQ, number, yes, no);
    }

    fn port(
        &mut self,
        of: Family,
        at: u32,
        protocols: &[u8],
        (side, port): (Side, u32),
        yes: Label,
        no: Label,
    ) {
        let has_ports = self.label();
        self.load(LDB, if of == Family::Ip { at + 9 } else { at + 6 });
        for number in protocols {
            let other = self.label();
            self.jump(JEQ, u32::from(*number), has_ports, other);
            self.place(other);
        }
        self.go(no);
        self.place(has_ports);
        if of == Family::Ip {
            // A later fragment has none.
            let first = self.label();
            self.load(LDH, at + 6);
            self.jump(JSET, FRAGMENT, no, first);
            self.place(first);
            self.load(LDX_IP_HEADER, at);
        }
        self.sides(side, yes, no, |draft, is_source, yes, no| {
            let behind = if is_source { 0 } else { 2 };
            match of {
                Family::Ip => draft.load(LDH_X, at + behind),
                _ => draft.load(LDH, at + 40 + behind),
            }
            draft.jump(JEQ, port, yes, no);
        });
    }

    fn net(
        &mut self,
        family: Option<Family>,
        side: Side,
        net: IpNet,
        frame: Frame,
        yes: Label,
        no: Label,
    ) {
        let at = frame.payload();
        // Of each family: where the addresses of source and destination stand.
        let (words, places): (Vec<Word>, Vec<Addresses>) = match net {
            IpNet::V4(net) => (
                vec![(u32::from(net.network()), u32::from(net.netmask()))],
                vec![
                    (Family::Ip, at + 12, at + 16),
                    (Family::Arp, at + 14, at + 24),
                ],
            ),
            IpNet::V6(net) => {
                let (ip, mask) = (net.network().octets(), net.netmask().octets());
                let word = |bytes: &[u8]| {
                    bytes
                        .iter()
                        .fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
                };
                let words = ip.chunks(4).zip(mask.chunks(4));
                let words = words.map(|(ip, mask)| (word(ip), word(mask))).collect();
                (words, vec![(Family::Ip6, at + 8, at + 24)])
            }
        };
        let is_wanted = |one: Family| family.is_none_or(|family| family == one);
        for (one, source, destination) in places.into_iter().filter(|(one, ..)| is_wanted(*one)) {
            let (is_it, other) = (self.label(), self.label());
            // Reverse ARP has its addresses in the same places.
            match (one, family, frame.link) {
                (Family::Arp, None, LinkType::Ethernet) => {
                    self.ethertype(frame, &[ARP, RARP], is_it, other);
                }
                _ => self.family(frame, one, is_it, other),
            }
            self.place(is_it);
            self.sides(side, yes, no, |draft, is_source, yes, no| {
                let mut at = if is_source { source } else { destination };
                for (word, mask) in &words {
                    // Also where no bit counts: what is cut off within an address is in no net.
                    let rest = draft.label();
                    draft.load(LD, at);
                    if *mask != u32::MAX {
                        draft.load(AND, *mask);
                    }
                    draft.jump(JEQ, *word, rest, no);
                    draft.place(rest);
                    at += 4;
                }
                draft.go(yes);
            });
            self.place(other);
        }
        self.go(no);
    }

    /// A test of the source, of the destination, of either or of both.
    fn sides(
        &mut self,
        side: Side,
        yes: Label,
        no: Label,
        test: impl Fn(&mut Self, bool, Label, Label),
    ) {
        match side {
            Side::Source => test(self, true, yes, no),
            Side::Destination => test(self, false, yes, no),
            Side::Either | Side::Both => {
                let other = self.label();
                if side == Side::Either {
                    test(self, true, yes, other);
                } else {
                    test(self, true, other, no);
                }
                self.place(other);
                test(self, false, yes, no);
            }
        }
    }

    /// Works out how far each jump leads. One that leads far takes three instructions.
    fn assemble(&self) -> Result<Vec<Instruction>> {
        let mut is_long = vec![false; self.lines.len()];
        loop {
            let mut places = vec![0; self.labels];
            let mut at = 0;
            for (line, is_long) in self.lines.iter().zip(&is_long) {
                match line {
                    Line::Place(label) => places[label.0] = at,
                    Line::Jump(..) if *is_long => at += 3,
                    _ => at += 1,
                }
            }
            if at > LONGEST {
                return Err(Error::invalid("the filter is too long for the kernel")
                    .hint("capture more, and choose with packets(file, filter)"));
            }
            match self.write(&places, &is_long) {
                Ok(program) => return Ok(program),
                Err(line) => is_long[line] = true,
            }
        }
    }

    /// The program; or the number of a line whose jump leads too far for one instruction.
    fn write(&self, places: &[usize], is_long: &[bool]) -> Result<Vec<Instruction>, usize> {
        let mut program = Vec::new();
        let instruction = |code, yes, no, k| Instruction { code, yes, no, k };
        for (number, line) in self.lines.iter().enumerate() {
            let from = program.len();
            let far = |label: &Label, from: usize| {
                let by = places[label.0].saturating_sub(from + 1);
                u32::try_from(by).unwrap_or(u32::MAX)
            };
            match line {
                Line::Place(_) => {}
                Line::Do(code, k) => program.push(instruction(*code, 0, 0, *k)),
                Line::Go(to) => program.push(instruction(JA, 0, 0, far(to, from))),
                Line::Jump(code, k, yes, no) if is_long[number] => {
                    program.push(instruction(*code, 0, 1, *k));
                    program.push(instruction(JA, 0, 0, far(yes, from + 1)));
                    program.push(instruction(JA, 0, 0, far(no, from + 2)));
                }
                Line::Jump(code, k, yes, no) => {
                    let near = |label| u8::try_from(far(label, from)).map_err(|_| number);
                    program.push(instruction(*code, near(yes)?, near(no)?, *k));
                }
            }
        }
        Ok(program)
    }
}
