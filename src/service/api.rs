//! Runs the protocol: requests of the user and messages of peers go in, what to do comes out.

use std::time::Duration;

use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

use super::hosted::Recover;
use crate::engine::{Counts, Engine, Input, Output};

/// Something that happened, and when.
#[derive(Debug)]
pub struct ApiIn {
    /// When.
    pub now: Duration,
    /// What; nothing, to hear only that all before it was done.
    pub input: Option<Input>,
}

/// What is to be done, and when to come back.
#[derive(Debug)]
pub struct ApiOut {
    pub(super) outputs: Vec<Output>,
    pub(super) deadline: Option<Duration>,
    /// See [`Engine::take_counts`].
    pub(super) counts: Counts,
}

/// The [`Engine`] as a service. It never waits, so it never yields inside a command.
pub struct ApiService(Engine);

impl ApiService {
    pub(super) fn new(engine: Engine) -> Self {
        ApiService(engine)
    }

    fn out(&mut self) -> ApiOut {
        ApiOut {
            outputs: std::iter::from_fn(|| self.0.next_output()).collect(),
            deadline: self.0.next_deadline(),
            counts: self.0.take_counts(),
        }
    }
}

impl Service for ApiService {
    type CommandIn = ApiIn;
    type CommandOut = ApiOut;

    fn call<Y: SpawnerYield>(&mut self, command: ApiIn, _: &mut Y) -> Result<ApiOut> {
        tracing::trace!("protocol");
        if let Some(input) = command.input {
            self.0.handle(command.now, input);
        }
        Ok(self.out())
    }
}

impl Recover for ApiService {
    fn recover(&mut self) -> Option<ApiOut> {
        Some(self.out())
    }
}

impl ServiceRestartable for ApiService {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<ApiOut>> {
        Ok(None)
    }
}
