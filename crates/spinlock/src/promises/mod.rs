//! What newer kernels promise to locks: claims beside the tour, one a file.

mod robust_futex;
mod robust_unlock;
mod slice_lets_the_holder_finish;
mod slice_lock;

pub use robust_unlock::CLAIM as ROBUST_UNLOCK;
pub use slice_lets_the_holder_finish::CLAIM as SLICE_LETS_THE_HOLDER_FINISH;
