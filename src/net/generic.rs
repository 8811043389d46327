//! Generic netlink: requests to a part of the kernel that is called by its name, such as `wireguard`.

use std::fmt::Debug;

use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use nix::errno::Errno;
use rtnetlink::packet_core::{
    Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
    ParseableParametrized,
};
use rtnetlink::sys::protocols::NETLINK_GENERIC;
use rtnetlink::sys::{Socket, SocketAddr};

use crate::net::rtnl::{Refusal, explanation};
use crate::net::{fault, namespace};

/// What can be asked of a family, and what it answers.
pub(super) trait Talk:
    GenlFamily + Emitable + ParseableParametrized<[u8], GenlHeader> + Clone + Debug
{
}

impl<T> Talk for T where
    T: GenlFamily + Emitable + ParseableParametrized<[u8], GenlHeader> + Clone + Debug
{
}

/// A socket for one family, in the namespace that it was opened in.
pub(super) struct Generic {
    socket: Socket,
    family: u16,
}

impl Generic {
    /// Opens a socket for the family of `T` in `namespace`. The error is `ENOENT` where the kernel has no such family.
    pub(super) fn open<T: Talk>(namespace: &namespace::Namespace) -> Result<Self, Refusal> {
        let open = || -> std::io::Result<Socket> {
            let mut socket = Socket::new(NETLINK_GENERIC)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            socket.set_ext_ack(true)?;
            Ok(socket)
        };
        let socket = namespace::within(namespace, open)
            .map_err(|error| Refusal::of(error.errno.unwrap_or(Errno::EIO)))?
            .map_err(|error| of_io(&error))?;
        let mut opened = Self { socket, family: 0 };
        let name = GenlCtrlAttrs::FamilyName(T::family_name().to_owned());
        let question = GenlCtrl {
            cmd: GenlCtrlCmd::GetFamily,
            nlas: vec![name],
        };
        let answers = opened.exchange(question, NLM_F_ACK)?;
        let mut attributes = answers.into_iter().flat_map(|answer| answer.nlas);
        let id = attributes.find_map(|attribute| match attribute {
            GenlCtrlAttrs::FamilyId(id) => Some(id),
            _ => None,
        });
        opened.family = id.ok_or(Refusal::of(Errno::ENOENT))?;
        Ok(opened)
    }

    /// Asks for all that the family has to say to `question`.
    pub(super) fn dump<T: Talk>(&self, question: T) -> Result<Vec<T>, Refusal> {
        fault::asking().map_err(Refusal::of)?;
        self.exchange(question, NLM_F_DUMP)
    }

    /// Asks for a change.
    pub(super) fn tell<T: Talk>(&self, request: T) -> Result<(), Refusal> {
        fault::before().map_err(Refusal::of)?;
        let told = self.exchange(request, NLM_F_ACK);
        fault::after();
        told.map(drop)
    }

    /// Sends a request and collects what comes back until the kernel is done: it has answered when `send` returns.
    fn exchange<T: Talk>(&self, payload: T, flags: u16) -> Result<Vec<T>, Refusal> {
        let mut message = GenlMessage::from_payload(payload);
        message.set_resolved_family_id(self.family);
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | flags;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map_err(|error| of_io(&error))?;
        let mut objects = Vec::new();
        loop {
            let (bytes, _) = self
                .socket
                .recv_from_full()
                .map_err(|error| of_io(&error))?;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let answer = NetlinkMessage::<GenlMessage<T>>::deserialize(rest)
                    .map_err(|_| Refusal::of(Errno::EBADMSG))?;
                // Messages begin at multiples of four bytes.
                let length = (answer.header.length as usize).next_multiple_of(4);
                rest = rest.get(length..).unwrap_or_default();
                match answer.payload {
                    NetlinkPayload::InnerMessage(object) => objects.push(object.payload),
                    NetlinkPayload::Done(_) => return Ok(objects),
                    NetlinkPayload::Error(error) => match error.code {
                        None => return Ok(objects),
                        Some(code) => {
                            return Err(Refusal {
                                errno: Errno::from_raw(code.get().abs()),
                                text: explanation(&error.header),
                            });
                        }
                    },
                    _ => {}
                }
            }
        }
    }
}

fn of_io(error: &std::io::Error) -> Refusal {
    Refusal::of(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
}
