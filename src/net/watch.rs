//! Listening to what happens in a namespace, as the kernel tells it.

use futures::StreamExt;
use futures::channel::mpsc::UnboundedReceiver;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::SocketAddr;
use tokio::task::AbortHandle;

use crate::error::Result;
use crate::net::namespace::{self, Namespace};

/// The changes of a namespace, as they happen.
#[derive(Debug)]
pub struct Watch {
    messages: UnboundedReceiver<(NetlinkMessage<RouteNetlinkMessage>, SocketAddr)>,
    connection: AbortHandle,
}

impl Watch {
    /// Starts to listen in `namespace` to what `groups` tell. To be called within the tokio runtime that drives it.
    pub fn open(namespace: &Namespace, groups: &[MulticastGroup]) -> Result<Self> {
        let open = || rtnetlink::new_multicast_connection(groups);
        let (connection, _, messages) = namespace::within(namespace, open)??;
        let connection = tokio::spawn(connection).abort_handle();
        Ok(Self {
            messages,
            connection,
        })
    }

    /// The next message that `is` makes something of. `None` where the socket is gone.
    pub async fn next<T>(&mut self, is: impl Fn(RouteNetlinkMessage) -> Option<T>) -> Option<T> {
        loop {
            let (message, _) = self.messages.next().await?;
            if let NetlinkPayload::InnerMessage(message) = message.payload
                && let Some(found) = is(message)
            {
                return Some(found);
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
