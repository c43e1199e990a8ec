//! Runs the protocol: requests of the user and messages of peers go in, what to do comes out.

use std::time::Duration;

use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

use super::MainCommand;
use crate::engine::{Engine, Input, Output};
use crate::limits::Limits;

/// Something that happened, and when.
pub struct ApiIn {
    /// When.
    pub now: Duration,
    /// What.
    pub input: Input,
}

/// What is to be done, and when to come back.
pub struct ApiOut {
    outputs: Vec<Output>,
    deadline: Option<Duration>,
}

impl From<ApiOut> for MainCommand {
    fn from(out: ApiOut) -> Self {
        MainCommand::Api(out.outputs, out.deadline)
    }
}

/// The [`Engine`] as a service. It never waits, so it never yields inside a command.
pub struct ApiService(Engine);

impl ApiService {
    pub(super) fn new(limits: Limits) -> Self {
        ApiService(Engine::new(limits))
    }
}

impl Service for ApiService {
    type CommandIn = ApiIn;
    type CommandOut = ApiOut;

    fn call<Y: SpawnerYield>(&mut self, command: ApiIn, _: &mut Y) -> Result<ApiOut> {
        self.0.handle(command.now, command.input);
        Ok(ApiOut {
            outputs: std::iter::from_fn(|| self.0.next_output()).collect(),
            deadline: self.0.next_deadline(),
        })
    }
}

impl ServiceRestartable for ApiService {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<ApiOut>> {
        Ok(None)
    }
}
