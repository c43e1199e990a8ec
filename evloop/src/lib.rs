//! epoll in userspace behind mio 0.6's API, natively, in the browser and on a virtual clock.
pub mod traits;
