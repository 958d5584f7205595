//! Any bytes as a model file -> a reason why not, or a graph that is written anew and passes again.
#![no_main]

use hydra_model::scan::{Limits, scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        file_bytes: 1 << 20,
        decoded_extra_bytes: 16 << 20,
        nodes: 1000,
        tensor_elements: 1 << 16,
        total_elements: 1 << 18,
        products: 1 << 24,
    };
    if let Err(error) = scan(bytes, &limits) {
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
});
