//! (being written) One file per check.
