//! What the threads of a stream count, and others read meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

use super::order::Order;

/// The counts of one stream. Bytes are those of data, without headers.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Bytes that came.
    pub(super) bytes: Count,
    /// Datagrams that were sent.
    pub(super) sent: Count,
    /// Datagrams that came, each once.
    pub(super) received: Count,
    /// Datagrams before the highest that came which are missing.
    pub(super) missing: Count,
    /// Datagrams that came behind later ones.
    pub(super) late: Count,
    /// Datagrams that came once more.
    pub(super) twice: Count,
    /// In nanoseconds.
    pub(super) jitter: Count,
}

impl Tally {
    /// Shows what is known of the datagrams.
    pub(super) fn show(&self, order: &Order) {
        self.received.set(order.received());
        self.missing.set(order.missing());
        self.late.set(order.late());
        self.twice.set(order.twice());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a mean of absolute values"
        )]
        self.jitter.set(order.jitter() as u64);
    }
}

/// A number that one thread writes.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn add(&self, more: usize) {
        self.set(self.get().saturating_add(more as u64));
    }
}
