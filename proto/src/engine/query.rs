//! How a record is looked for.

/// Who does the work of a query: MyDHT's modes. What they cost and reach is in
/// [docs/routing.md](https://github.com/cheme/mydht/blob/main/docs/routing.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryMode {
    /// The asker alone: those that it asks answer from what they keep, or name nearer nodes, and it goes there itself.
    Asynch,
    /// The asker, and each node that it asks: they ask their nearest neighbours, which ask theirs, so many deep, as far as
    /// the [`Limits::hops`](crate::Limits::hops) of each allow.
    AMix(u8),
    /// The neighbours alone, in their own names and as deep as [`Limits::hops`](crate::Limits::hops) allow: for a node that
    /// can open no connections. Nobody beyond them learns who asks.
    AProxy,
}

/// How much of the network's work a query is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueryPriority {
    /// One node is asked at a time, on one path.
    Low,
    /// As [`Limits::parallel`](crate::Limits::parallel) and [`Limits::paths`](crate::Limits::paths) say.
    #[default]
    Normal,
    /// Twice as many at once, on twice as many paths.
    High,
}

/// How a record is looked for, and what of it.
///
/// ```
/// use mydht_proto::Key;
/// use mydht_proto::engine::{Command, Query, QueryMode};
/// let query = Query { mode: Some(QueryMode::Asynch), ..Query::default() };
/// let _ = Command::Query { key: Key::named("greeting"), query };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// Who does the work; `None`: `AMix` of [`Limits::hops`](crate::Limits::hops).
    pub mode: Option<QueryMode>,
    /// What it is worth.
    pub priority: QueryPriority,
    /// Only the record: its attachment stays where it is.
    pub record_only: bool,
}
