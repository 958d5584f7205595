//! Writes the bad-input corpus to `corpus/decode`, a file each: seeds for the fuzzer.

use hydra_vision::corpus;
use std::{fs, io, path::Path};

/// Larger files teach a fuzzer nothing but patience.
const MAX_BYTES: usize = 64 << 10;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/decode");
    fs::create_dir_all(&folder)?;
    let mut written = 0;
    for case in corpus::all().into_iter().filter(|case| case.bytes.len() <= MAX_BYTES) {
        // Cuts and flips are what a fuzzer finds by itself.
        if case.name.contains("/truncated/") || case.name.contains("/flipped/") {
            continue;
        }
        fs::write(folder.join(case.name.replace(['/', ' ', ':'], "_")), &case.bytes)?;
        written += 1;
    }
    println!("wrote {written} seeds to {}", folder.display());
    Ok(())
}
