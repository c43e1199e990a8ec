//! Memory and TCP transports whose streams register on a userspace event loop.
