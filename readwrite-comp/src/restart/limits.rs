/// Bounds on the memory and the work of a [`Replay`](super::Replay). Past one of them the error is
/// a [`LimitExceeded`](crate::LimitExceeded) with the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayLimits {
    /// The longest message, in plain bytes, and so the memory for one. Default 16 MiB.
    pub max_message: usize,
    /// Bytes of one message that may be decoded again, over all its attempts. Default 256 MiB.
    ///
    /// Only messages without frames are decoded again; a peer that sends a byte per quiet period
    /// spends this.
    pub max_replayed: u64,
    /// Bytes that are requested from the source at a time when there are no frames. Default 8 KiB.
    pub read_ahead: usize,
    /// The largest buffer that is kept between messages; a larger one is freed. Default 4 MiB,
    /// which messages of 2 MiB grow to: a connection that carries longer ones pays for fresh memory
    /// each time, about half of the decoding.
    pub retain: usize,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self {
            max_message: 16 << 20,
            max_replayed: 256 << 20,
            read_ahead: 8 << 10,
            retain: 4 << 20,
        }
    }
}

/// When a message without frames is decoded again after it was found incomplete.
///
/// Either way never before the bytes are there that the failed read asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryPolicy {
    /// When the bytes received pay for it, or when the source has gone quiet. The default, with 50
    /// percent: at most half as many bytes are decoded again as were received, and once more per
    /// quiet period.
    ///
    /// The source is quiet when it blocks twice with not one byte in between. Because of this a
    /// complete message can wait in the buffer until the next call:
    /// [`Replay::deferred`](super::Replay::deferred) says so, and the caller then calls again when
    /// its loop has nothing else to do.
    Budgeted {
        /// Bytes that may be decoded again per hundred received.
        percent: u32,
    },
    /// Each time the bytes that were asked for are there: nothing is ever deferred, but the cost is
    /// quadratic in the message's length for a peer that sends little at a time (bounded by
    /// [`ReplayLimits::max_replayed`]).
    Always,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::Budgeted { percent: 50 }
    }
}

/// Bounds on the memory and the work of a [`Skip`](super::Skip). Past one of them the error is a
/// [`LimitExceeded`](crate::LimitExceeded) with the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkipLimits {
    /// Most bytes that are held back while the sink blocks. Default 16 MiB; more than 4 GiB are 4
    /// GiB.
    ///
    /// A message that fits is encoded once. The memory is taken as it is needed, and a sink that
    /// does not block is given the bytes every 64 KiB. A longer message is encoded again for each
    /// window that it fills.
    pub window: usize,
    /// The longest message, in bytes. Default 16 MiB.
    pub max_message: u64,
    /// Bytes of one message that may be encoded again, over all its attempts. Default 256 MiB.
    pub max_skipped: u64,
    /// The largest window that is kept between messages; a larger one is freed. Default 4 MiB.
    pub retain: usize,
    /// Check of the bytes of another attempt.
    pub check: PrefixCheck,
}

impl Default for SkipLimits {
    fn default() -> Self {
        Self {
            window: 16 << 20,
            max_message: 16 << 20,
            max_skipped: 256 << 20,
            retain: 4 << 20,
            check: PrefixCheck::default(),
        }
    }
}

impl SkipLimits {
    /// At most `window` bytes held back, with the work that the longest message then needs: length²
    /// / 2 window.
    #[must_use]
    pub fn bounded(window: usize) -> Self {
        let defaults = Self::default();
        let window = window.max(1);
        // An attempt for each window that fills, and a last one.
        let attempts = defaults.max_message / window as u64 + 1;
        Self {
            window,
            // The k-th attempt produces k windows again, which is half of the square in all.
            max_skipped: defaults.max_message.saturating_mul(attempts) / 2,
            retain: defaults.retain.min(window),
            ..defaults
        }
    }
}

/// Check by which a [`Skip`](super::Skip) makes sure that an encoder which runs again produces the
/// bytes that the sink has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrefixCheck {
    /// By a hash of all of them. A change is an error before a wrong byte reaches the sink.
    #[default]
    Bytes,
    /// By their number only, at half the cost: they are not even copied. For messages that cannot
    /// change: the service owns them and changes nothing until they are written. One that does
    /// change reaches the sink in parts of both.
    Length,
}
