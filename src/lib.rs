//! MyDHT.
