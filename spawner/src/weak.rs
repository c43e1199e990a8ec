//! The weak handles of spawners that keep a service behind a shared pointer.

/// Strong pointer to a service that was started, as a weak handle uses it.
///
/// Implemented for the pointer and not for its target, because a pool queues a job that owns one.
pub(crate) trait Strong {
    /// Implements [`SpawnUnyield::is_finished`](crate::SpawnUnyield::is_finished).
    fn is_finished(&self) -> bool;

    /// Lets the service go on. Its failure stays in the handle, for the owner.
    fn unyield(&self);

    /// Implements [`SpawnUnyield::wants_unyield`](crate::SpawnUnyield::wants_unyield).
    fn wants_unyield(&self) -> bool {
        false
    }
}

/// Defines a weak handle that holds a `Weak`. Once the owner is gone, the service is finished and
/// unyielding does nothing.
///
/// A macro and not a generic type: the pointer's target is private to the spawner, and would show
/// in the type's name.
macro_rules! weak_handle {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident<$($param:ident $(: $bound:ident)?),+>($weak:ty)
        $(where $($bounds:tt)+)?
    ) => {
        $(#[$attribute])*
        pub struct $name<$($param $(: $bound)?),+> {
            shared: $weak,
        }

        // Not derived: the service need not be `Clone`.
        impl<$($param $(: $bound)?),+> Clone for $name<$($param),+> {
            fn clone(&self) -> Self {
                $name {
                    shared: self.shared.clone(),
                }
            }
        }

        impl<$($param $(: $bound)?),+> $crate::service::SpawnUnyield for $name<$($param),+>
        $(where $($bounds)+)?
        {
            fn is_finished(&mut self) -> bool {
                match self.shared.upgrade() {
                    Some(shared) => $crate::weak::Strong::is_finished(&shared),
                    None => true,
                }
            }

            fn unyield(&mut self) -> $crate::error::Result<()> {
                if let Some(shared) = self.shared.upgrade() {
                    $crate::weak::Strong::unyield(&shared);
                }
                Ok(())
            }

            fn wants_unyield(&mut self) -> bool {
                self.shared
                    .upgrade()
                    .is_some_and(|shared| $crate::weak::Strong::wants_unyield(&shared))
            }
        }

        impl<$($param $(: $bound)?),+> $crate::service::SpawnWeakUnyield for $name<$($param),+>
        $(where $($bounds)+)?
        {
        }

        $crate::debug::opaque_debug!($name<$($param $(: $bound)?),+>);
    };
}

pub(crate) use weak_handle;
