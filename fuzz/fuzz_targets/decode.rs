//! Any bytes -> refused with a reason, or a picture that can be used in every way.
#![no_main]

use hydra_proto::registry::InputShape;
use hydra_vision::{Limits, Workbench, probe, unpack};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

/// Small areas, so that the fuzzer spends its time on structure and not on pixels.
const LIMITS: Limits = Limits {
    size_bytes: 1 << 20,
    side_px: 2048,
    area_px: 1 << 18,
    progressive_area_px: 1 << 16,
    scans: 8,
};
const SHAPE: InputShape = InputShape { width: 33, height: 21, channels: 1, letterbox: true };

thread_local! {
    /// Kept from input to input, as in a worker.
    static BENCH: RefCell<Workbench> = RefCell::new(Workbench::new(LIMITS));
}

fuzz_target!(|bytes: &[u8]| {
    BENCH.with_borrow_mut(|bench| match bench.open(bytes) {
        Ok(mut picture) => {
            let header = probe(bytes, &LIMITS).expect("what decodes was probed");
            assert_eq!((picture.width(), picture.height()), (header.width, header.height));
            assert_eq!(picture.rgb().len() as u32, header.width * header.height * 3);
            assert!(!picture.thumbnail().is_empty());
            let pixels = picture.pixels(&SHAPE);
            assert_eq!(unpack(&pixels).expect("what was packed"), picture.resized(&SHAPE));
        }
        Err(refused) => {
            let text = refused.to_string();
            assert!(!text.contains(char::is_control) && text.len() < 400, "{text:?}");
        }
    });
});
