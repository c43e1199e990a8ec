//! A store on disk.

use std::io;
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};

use super::KVStore;

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("mydht");

/// Keeps everything in one file, by redb: a commit is durable, and a crash leaves the last commit.
pub struct RedbKV {
    path: PathBuf,
    database: Database,
    /// What was written since the last commit.
    open: Option<WriteTransaction>,
}

impl std::fmt::Debug for RedbKV {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbKV")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl RedbKV {
    /// Opens or makes the store in the file `path`.
    ///
    /// # Errors
    /// `AlreadyExists` if another process has it open; otherwise what redb says. A file that is no store is left
    /// as it is.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let shown = path.display();
        let database = Database::create(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("the store {shown} is open in another node: give this one its own --store"),
            ),
            other => io::Error::other(format!("cannot open the store {shown}: {other}")),
        })?;
        let mut store = RedbKV {
            path,
            database,
            open: None,
        };
        // Reading needs the table to be there.
        store.write(|_| Ok(()))?;
        store.commit()?;
        Ok(store)
    }

    fn error(&self, error: impl Into<redb::Error>) -> io::Error {
        let error = error.into();
        io::Error::other(format!("the store {}: {error}", self.path.display()))
    }

    fn write(
        &mut self,
        change: impl FnOnce(&mut redb::Table<'_, &[u8], &[u8]>) -> Result<(), redb::Error>,
    ) -> io::Result<()> {
        let transaction = match self.open.take() {
            Some(transaction) => transaction,
            None => self
                .database
                .begin_write()
                .map_err(|error| self.error(error))?,
        };
        let result = transaction
            .open_table(TABLE)
            .map_err(redb::Error::from)
            .and_then(|mut table| change(&mut table));
        self.open = Some(transaction);
        result.map_err(|error| self.error(error))
    }

    fn read<T>(
        &self,
        look: impl FnOnce(&dyn ReadTable) -> Result<T, redb::Error>,
    ) -> io::Result<T> {
        let result = match &self.open {
            Some(transaction) => transaction
                .open_table(TABLE)
                .map_err(redb::Error::from)
                .and_then(|table| look(&table)),
            None => self
                .database
                .begin_read()
                .map_err(redb::Error::from)
                .and_then(|transaction| {
                    let table = transaction.open_table(TABLE)?;
                    look(&table)
                }),
        };
        result.map_err(|error| self.error(error))
    }
}

/// What is read of a table, inside a transaction that writes or one that does not.
trait ReadTable {
    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, redb::Error>;
    fn all_keys(&self) -> Result<Vec<Vec<u8>>, redb::Error>;
}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> ReadTable for T {
    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, redb::Error> {
        Ok(self.get(key)?.map(|value| value.value().to_vec()))
    }

    fn all_keys(&self) -> Result<Vec<Vec<u8>>, redb::Error> {
        self.iter()?
            .map(|entry| Ok(entry?.0.value().to_vec()))
            .collect()
    }
}

impl KVStore for RedbKV {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        self.read(|table| table.value(key))
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.write(|table| Ok(table.insert(key, value).map(drop)?))
    }

    fn remove(&mut self, key: &[u8]) -> io::Result<()> {
        self.write(|table| Ok(table.remove(key).map(drop)?))
    }

    fn keys(&mut self) -> io::Result<Vec<Vec<u8>>> {
        self.read(|table| table.all_keys())
    }

    fn commit(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some(transaction) => transaction.commit().map_err(|error| self.error(error)),
            None => Ok(()),
        }
    }
}
