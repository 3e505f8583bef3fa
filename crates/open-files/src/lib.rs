//! open-files
