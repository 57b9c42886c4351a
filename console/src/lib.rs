//! The built web console as bytes.
//!
//! Invariants:
//! 1. The crate compiles without the console: then there are no assets and [`index`] is `None`.
//! 2. A file is `immutable` only if its name changes with its content.
//! 3. The entity tag follows from the uncompressed bytes alone.

#![warn(missing_docs)]

use std::fmt;

/// What to tell a person whose server has no console inside.
pub const MISSING_HINT: &str = "This server was built without its web console. \
Run `make console`, then build the server again. The HTTP API under /v1 works without it.";

/// A file of the console.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Path below the root, without a leading slash, e.g. `assets/index-1a2b.js`.
    pub path: &'static str,
    /// The content.
    pub bytes: &'static [u8],
    /// The content compressed with gzip, where that makes it smaller.
    pub gzip: Option<&'static [u8]>,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// Value of `ETag`, quotes included.
    pub etag: &'static str,
    /// Whether a browser may keep it for ever.
    pub immutable: bool,
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asset({}, {} bytes)", self.path, self.bytes.len())
    }
}

/// Sorted by path.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file at a path; a leading slash does no harm.
pub fn asset(path: &str) -> Option<&'static Asset> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let found = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    ASSETS.get(found)
}

/// The page that starts the console, for every path that is neither a file nor the API's.
pub fn index() -> Option<&'static Asset> {
    asset("index.html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_sorted_so_that_lookups_find_them() {
        assert!(ASSETS.windows(2).all(|pair| pair[0].path < pair[1].path));
        for known in ASSETS {
            assert_eq!(asset(known.path), Some(known));
            assert_eq!(asset(&format!("/{}", known.path)), Some(known));
        }
        assert_eq!(asset("no/such/file"), None);
    }

    #[test]
    fn only_hashed_names_are_kept_for_ever() {
        for asset in ASSETS {
            assert_eq!(
                asset.immutable,
                asset.path.starts_with("assets/"),
                "{}",
                asset.path
            );
            assert!(asset.etag.starts_with('"') && asset.etag.ends_with('"'));
        }
        assert!(index().is_none_or(|page| !page.immutable));
    }

    #[test]
    fn compressed_files_are_smaller_and_are_gzip() {
        for asset in ASSETS {
            let Some(gzip) = asset.gzip else { continue };
            assert!(gzip.len() < asset.bytes.len(), "{}", asset.path);
            assert_eq!(
                gzip.get(..2),
                Some([0x1f, 0x8b].as_slice()),
                "{}",
                asset.path
            );
        }
    }
}
