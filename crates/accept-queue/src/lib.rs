//! accept-queue
