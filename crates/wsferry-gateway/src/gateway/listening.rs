//! The listeners of a gateway while it runs: which there are, and the tasks that accept on them.

use std::net::SocketAddr;

use tokio::task::JoinSet;

use super::sockets::Listen;
use crate::net::Listener;

/// Which listener a connection came by. The same listener keeps it when rules are swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ListenerId(u64);

/// The listeners of a gateway.
#[derive(Debug, Default)]
pub(super) struct Listening {
    open: Vec<Open>,
    next: u64,
    /// Whether connections are accepted yet.
    is_accepting: bool,
}

/// A listener that is open.
#[derive(Debug)]
struct Open {
    id: ListenerId,
    /// Where it listens, as it was asked for.
    listen: Listen,
    /// What it was bound to.
    addresses: Vec<SocketAddr>,
    /// Its sockets, until they are accepted on.
    sockets: Vec<Listener>,
    /// The tasks that accept; a listener closes when they are dropped.
    accepting: JoinSet<()>,
}

impl Listening {
    /// A listener that was asked for in this way and is none of those that are `used` already.
    pub(super) fn find(
        &self,
        listen: &Listen,
        used: impl Fn(ListenerId) -> bool,
    ) -> Option<ListenerId> {
        let mut open = self.open.iter().filter(|open| !used(open.id));
        open.find(|open| open.listen == *listen).map(|open| open.id)
    }

    /// The number of a listener that is added later.
    pub(super) fn reserve(&mut self) -> ListenerId {
        self.next += 1;
        ListenerId(self.next)
    }

    /// Adds a listener that accepts when [`begin`](Self::begin) is called.
    pub(super) fn insert(&mut self, id: ListenerId, listen: Listen, sockets: Vec<Listener>) {
        let addresses = sockets.iter().filter_map(Listener::address).collect();
        let accepting = JoinSet::new();
        self.open.push(Open { id, listen, addresses, sockets, accepting });
    }

    /// Accepts on all listeners that do not yet, by these tasks.
    pub(super) fn begin<F>(&mut self, accept: impl Fn(Listener, ListenerId) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.is_accepting = true;
        for open in &mut self.open {
            for socket in open.sockets.drain(..) {
                open.accepting.spawn(accept(socket, open.id));
            }
        }
    }

    /// Takes away the listeners that are not among `kept`. They are closed when what this returns
    /// has ended.
    pub(super) fn keep(&mut self, kept: &[ListenerId]) -> Vec<JoinSet<()>> {
        let gone = self.open.extract_if(.., |open| !kept.contains(&open.id));
        gone.map(|open| open.accepting).collect()
    }

    /// Takes away all listeners.
    pub(super) fn take(&mut self) -> Vec<JoinSet<()>> {
        self.is_accepting = false;
        self.keep(&[])
    }

    /// Whether connections are accepted.
    pub(super) const fn is_accepting(&self) -> bool {
        self.is_accepting
    }

    /// Where it listens for TCP.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.open.iter().flat_map(|open| open.addresses.iter().copied()).collect()
    }
}

/// Closes listeners that were taken away.
pub(super) async fn close(gone: Vec<JoinSet<()>>) {
    for mut accepting in gone {
        accepting.shutdown().await;
    }
}
