//! Stands in for the backplane in a command that is built without it: there is none to run.

use std::sync::Arc;

use super::place::Place;

/// A backplane of which there is no value.
pub(super) enum Client {}

impl Client {
    pub(super) async fn run(self, _: Arc<Place>) {
        match self {}
    }
}
