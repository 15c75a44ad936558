//! (being written) The embedded store.
