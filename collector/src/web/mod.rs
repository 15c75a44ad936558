//! (being written) The pages.
