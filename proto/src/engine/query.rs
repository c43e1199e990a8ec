//! Options of a lookup.

/// Distribution of a query's work: MyDHT's modes. Their cost and reach are in
/// [docs/routing.md](https://github.com/cheme/mydht/blob/main/docs/routing.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryMode {
    /// The requester does all the work: queried peers answer from their store, or name nearer
    /// nodes, and it asks these itself.
    Asynch,
    /// The requester and the queried peers share the work: each peer asks its nearest neighbours,
    /// which ask theirs, so many hops deep, as far as the
    /// [`RoutingLimits::hops`](crate::RoutingLimits::hops) of each allow.
    AMix(u8),
    /// The neighbours do all the work, in their own names and as deep as
    /// [`RoutingLimits::hops`](crate::RoutingLimits::hops) allow: for a node that can open no
    /// connections. Nobody beyond them learns the requester.
    AProxy,
}

/// Share of the network's work that a query may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueryPriority {
    /// One node at a time, on one path.
    Low,
    /// The limits [`RoutingLimits::parallel`](crate::RoutingLimits::parallel) and
    /// [`RoutingLimits::paths`](crate::RoutingLimits::paths).
    #[default]
    Normal,
    /// Twice as many at once, on twice as many paths.
    High,
}

/// Options of a lookup.
///
/// ```
/// use mydht_proto::Key;
/// use mydht_proto::engine::{Command, Query, QueryMode};
/// let query = Query { mode: Some(QueryMode::Asynch), ..Query::default() };
/// let _ = Command::Query { key: Key::named("greeting"), query };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// Distribution of the work. `None`: `AMix` of
    /// [`RoutingLimits::hops`](crate::RoutingLimits::hops).
    pub mode: Option<QueryMode>,
    /// Priority over other queries.
    pub priority: QueryPriority,
    /// Set to find the record only, and leave its attachment where it is.
    pub record_only: bool,
}
