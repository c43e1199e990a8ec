//! `Debug` for handles and channel ends, whatever their services and commands are.

/// The name, and nothing of what is inside.
macro_rules! opaque_debug {
    ($($name:ident<$($param:ident $(: $bound:ident)?),+>),+ $(,)?) => {
        $(impl<$($param $(: $bound)?),+> std::fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })+
    };
}

pub(crate) use opaque_debug;
