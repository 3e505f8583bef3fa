//! Locks of other crates, in the newest versions, for `spinlock compare` to measure against.
//!
//! They need a newer compiler than the rest of the workspace promises to build with. That is why
//! they are dependencies of this crate and not of `spinlock`: its library, and with it the claims,
//! is built without them, and the compiler that these demand is stated in this crate's manifest.
//!
//! ```
//! let counter = contenders::parking_lot::Mutex::new(0);
//! *counter.lock() += 1;
//! println!("counted with {}", contenders::PARKING_LOT);
//! ```

pub use parking_lot;
pub use spin;
pub use spinning_top;
pub use usync;

use std::fmt;

/// A package that this crate was built with. It displays as `parking_lot 0.13.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name at crates.io.
    pub name: &'static str,
    /// Its version, which the build script read in Cargo.lock.
    pub version: &'static str,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// The package of [`parking_lot`].
pub const PARKING_LOT: Package = Package {
    name: "parking_lot",
    version: env!("PARKING_LOT_VERSION"),
};

/// The package of [`spin`].
pub const SPIN: Package = Package {
    name: "spin",
    version: env!("SPIN_VERSION"),
};

/// The package of [`spinning_top`].
pub const SPINNING_TOP: Package = Package {
    name: "spinning_top",
    version: env!("SPINNING_TOP_VERSION"),
};

/// The package of [`usync`].
pub const USYNC: Package = Package {
    name: "usync",
    version: env!("USYNC_VERSION"),
};
