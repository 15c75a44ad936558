//! (being written) Pure arithmetic of facts: cursors of streams, true times, wanted sections.
