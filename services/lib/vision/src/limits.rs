//! How large an image may be: checked before anything is decoded.

/// Bounds on one image. They keep the peak memory of a decode under 256 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub size_bytes: usize,
    /// Pixels, width and height each.
    pub side_px: u32,
    /// Pixels, width times height. PNG needs 3 bytes of memory for each, GIF 4.
    pub area_px: u64,
    /// Pixels of a progressive JPEG, which needs 9 bytes for each: its coefficients are held
    /// until the last scan.
    pub progressive_area_px: u64,
    /// Scans of a JPEG. Each may walk over the whole image, so a small file of many scans costs
    /// minutes; encoders write about 10.
    pub scans: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size_bytes: 32 << 20,
            side_px: 8192,
            area_px: 40_000_000,
            progressive_area_px: 12_000_000,
            scans: 32,
        }
    }
}
