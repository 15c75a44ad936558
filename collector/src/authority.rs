//! (being written) The authority of machine certificates.
