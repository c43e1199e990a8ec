//! The choice between fixed and kept quirks.

/// Which of mio 0.6's measured quirks a loop keeps.
///
/// The default is `Fixed`, or `Mio06` with the feature `strict-compat` (which the drop-in package
/// `mio` sets).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compat {
    /// Oneshot disarms a user source whether it is edge- or level-triggered; a wait lasts until
    /// something is ready or the timeout has passed; a poll that does not wait finds what is ready
    /// although another thread polls too.
    Fixed,
    /// As mio 0.6.23: oneshot disarms a user source only together with edge; a wait comes back
    /// empty at once if a user source was queued and has nothing to report (it was set and cleared
    /// since the last poll, or its registration was dropped); a poll that does not wait comes back
    /// empty while another thread waits.
    Mio06,
}

impl Default for Compat {
    fn default() -> Self {
        if cfg!(feature = "strict-compat") {
            Compat::Mio06
        } else {
            Compat::Fixed
        }
    }
}
