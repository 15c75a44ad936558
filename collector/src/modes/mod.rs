//! (being written) One file per verb.
