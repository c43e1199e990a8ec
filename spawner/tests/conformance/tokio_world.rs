//! The world of services that run on tokio.

use mydht_spawner::testing::World;

/// Services on this thread, inside a runtime.
pub struct TokioWorld {
    runtime: tokio::runtime::Runtime,
    set: std::rc::Rc<tokio::task::LocalSet>,
}

impl TokioWorld {
    pub fn new() -> Self {
        TokioWorld {
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            set: std::rc::Rc::default(),
        }
    }

    pub fn spawner(&self) -> mydht_spawner::FutureSpawner<mydht_spawner::Tokio> {
        mydht_spawner::FutureSpawner::new(mydht_spawner::Tokio::new(self.set.clone()))
    }
}

impl World for TokioWorld {
    const REPORTS: bool = true;
    const SETTLES: bool = true;

    fn turn(&mut self) {
        self.runtime.block_on(self.set.run_until(async {
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        }));
    }
}
