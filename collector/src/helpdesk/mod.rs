//! (being written) The human side: service levels.
