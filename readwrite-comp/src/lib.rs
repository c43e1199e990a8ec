//! Composable readers and writers that can be stopped at any byte and restarted.
pub mod ext;
pub use ext::{ExtRead, ExtWrite};
