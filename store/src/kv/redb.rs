//! A store in one file, by redb.

use std::io;
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition, TableError,
};

use super::{Backend, Changes, Entry, Kv, Listed, Stay};

/// Table of entries: expiry ([`Stay::bits`]) and value.
type Value = (u64, &'static [u8]);

const TABLE: TableDefinition<&[u8], Value> = TableDefinition::new("entries");

/// Table of the form before entries could expire.
const SCHEMA_1: TableDefinition<&[u8], &[u8]> = TableDefinition::new("mydht");

/// The number of the file's form.
const META: TableDefinition<&str, u32> = TableDefinition::new("meta");
const SCHEMA: u32 = 2;

/// Keeps everything in one file, by redb.
pub type RedbKV = Kv<Redb>;

/// A redb database: a commit is durable, and a crash leaves the last commit.
pub struct Redb {
    path: PathBuf,
    open: Box<dyn Fn() -> Result<Database, DatabaseError> + Send>,
    /// `None` after a failure: redb does nothing more then until it is opened again.
    database: Option<Database>,
    /// As of the last commit; opened when it is first read.
    table: Option<ReadOnlyTable<&'static [u8], Value>>,
}

impl std::fmt::Debug for Redb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redb")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl RedbKV {
    /// Opens or makes the store in the file `path`.
    ///
    /// # Errors
    /// `AlreadyExists` if another process has it open; `InvalidData` if a later version made it;
    /// otherwise what redb says. A file that is no store is left as it is.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Redb::open(path).map(Kv::new)
    }
}

impl Redb {
    /// Opens or makes the database in the file `path`.
    ///
    /// # Errors
    /// As [`RedbKV::open`].
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let file = path.clone();
        Redb::over(path, move || Database::create(&file))
    }

    /// Opens a database over something other than a file. `open` returns the database, and is
    /// called again after a failure; errors name it `path`.
    ///
    /// # Errors
    /// As [`open`](Redb::open).
    pub fn over(
        path: impl Into<PathBuf>,
        open: impl Fn() -> Result<Database, DatabaseError> + Send + 'static,
    ) -> io::Result<Self> {
        let mut store = Redb {
            path: path.into(),
            open: Box::new(open),
            database: None,
            table: None,
        };
        store.database()?;
        Ok(store)
    }

    /// Returns the database, opened if necessary.
    fn database(&mut self) -> io::Result<&Database> {
        if self.database.is_none() {
            let shown = self.path.display();
            let database = (self.open)().map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!(
                        "the store {shown} is open in another node: give this one its own --store"
                    ),
                ),
                other => {
                    let error = io_error(other.into());
                    let why = format!("cannot open the store {shown}: {error}");
                    io::Error::new(error.kind(), why)
                }
            })?;
            let schema = schema_of(&database).map_err(|error| self.error(error))?;
            if let Some(later) = schema.filter(|schema| *schema > SCHEMA) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!(
                        "the store {shown} was made by a later mydht (form {later}, this one knows {SCHEMA}): use that \
                         one, or another --store"
                    ),
                ));
            }
            if schema != Some(SCHEMA) {
                upgrade(&database).map_err(|error| self.error(error))?;
            }
            self.database = Some(database);
        }
        self.database
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn error(&self, error: redb::Error) -> io::Error {
        let error = io_error(error);
        io::Error::new(
            error.kind(),
            format!("the store {}: {error}", self.path.display()),
        )
    }

    /// Drops a database that failed, so that the next operation opens it again.
    fn failed(&mut self, error: redb::Error) -> io::Error {
        self.table = None;
        self.database = None;
        self.error(error)
    }

    fn read<T>(
        &mut self,
        look: impl FnOnce(&ReadOnlyTable<&'static [u8], Value>) -> Result<T, redb::Error>,
    ) -> io::Result<T> {
        if self.table.is_none() {
            let opened = open_table(self.database()?);
            self.table = Some(opened.map_err(|error| self.failed(error))?);
        }
        match self.table.as_ref().map(look) {
            Some(result) => result.map_err(|error| self.failed(error)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn open_table(database: &Database) -> Result<ReadOnlyTable<&'static [u8], Value>, redb::Error> {
    Ok(database.begin_read()?.open_table(TABLE)?)
}

fn schema_of(database: &Database) -> Result<Option<u32>, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => Ok(meta.get("schema")?.map(|schema| schema.value())),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Brings a new or an older database to the present form.
fn upgrade(database: &Database) -> Result<(), redb::Error> {
    // A single transaction, so that a crash leaves either the old form or the present one.
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(TABLE)?;
        let old = transaction.open_table(SCHEMA_1)?;
        for entry in old.iter()? {
            let (key, value) = entry?;
            table.insert(key.value(), (0, value.value()))?;
        }
        let entries = old.len()?;
        if entries > 0 {
            tracing::info!(entries, "upgraded the store to the present form");
        }
    }
    transaction.delete_table(SCHEMA_1)?;
    transaction.open_table(META)?.insert("schema", SCHEMA)?;
    Ok(transaction.commit()?)
}

fn write(database: &Database, changes: &Changes) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(TABLE)?;
        for (key, change) in changes {
            match change {
                Some(Entry { value, stay }) => {
                    table.insert(&key[..], (stay.bits(), &value[..]))?;
                }
                None => drop(table.remove(&key[..])?),
            }
        }
    }
    Ok(transaction.commit()?)
}

/// The system's error where it is one: its kind says whether the disk is full or the folder
/// read-only.
fn io_error(error: redb::Error) -> io::Error {
    match error {
        redb::Error::Io(error) => error,
        redb::Error::Corrupted(why) => io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the database is damaged ({why}): restore it, or start with another --store"),
        ),
        other => io::Error::other(other.to_string()),
    }
}

impl Backend for Redb {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Entry>> {
        self.read(|table| {
            Ok(table.get(key)?.map(|found| {
                let (stay, value) = found.value();
                Entry {
                    value: value.to_vec(),
                    stay: Stay::from_bits(stay),
                }
            }))
        })
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.read(|table| {
            let entries = table.range::<&[u8]>((from, Bound::Unbounded))?;
            entries
                .take(most)
                .map(|entry| {
                    let (key, found) = entry?;
                    let (stay, value) = found.value();
                    Ok(Listed {
                        key: key.value().to_vec(),
                        len: value.len() as u64,
                        stay: Stay::from_bits(stay),
                    })
                })
                .collect()
        })
    }

    fn commit(&mut self, changes: &Changes) -> io::Result<()> {
        // Closed first: an open read transaction shows the previous commit, and keeps redb from
        // reusing its pages.
        self.table = None;
        write(self.database()?, changes).map_err(|error| self.failed(error))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::KVStore;
    use super::*;

    #[test]
    fn a_store_in_use_or_damaged_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        let _open = RedbKV::open(&path).unwrap();
        let error = RedbKV::open(&path).unwrap_err();
        assert!(error.to_string().contains("another"), "{error}");
        let damaged = dir.path().join("b.redb");
        fs::write(&damaged, b"this is no database").unwrap();
        let error = RedbKV::open(&damaged).unwrap_err();
        assert!(error.to_string().contains("b.redb"), "{error}");
        assert_eq!(fs::read(&damaged).unwrap(), b"this is no database");
    }

    #[test]
    fn an_older_form_is_brought_to_the_present_one_and_a_later_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut table = transaction.open_table(SCHEMA_1).unwrap();
        table.insert(&b"a"[..], &b"1"[..]).unwrap();
        table.insert(&b"b"[..], &b""[..]).unwrap();
        drop(table);
        transaction.commit().unwrap();
        drop(database);
        for _ in 0..2 {
            let mut store = RedbKV::open(&path).unwrap();
            assert_eq!(store.get(b"a").unwrap().unwrap(), b"1");
            assert_eq!(store.usage().unwrap().entries, 2);
            assert_eq!(store.page(None, 9).unwrap()[1].stay, Stay::default());
        }
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert("schema", SCHEMA + 1).unwrap();
        drop(meta);
        transaction.commit().unwrap();
        drop(database);
        let error = RedbKV::open(&path).unwrap_err();
        assert!(error.to_string().contains("later mydht"), "{error}");
    }
}
