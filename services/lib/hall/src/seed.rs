//! A stream of random numbers for every purpose, each independent of all others: what is drawn
//! for one plot never depends on what was drawn before it, nor on which thread.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The stream for `purpose` and these numbers under `seed`.
pub(crate) fn stream(seed: u64, purpose: &str, numbers: &[u64]) -> ChaCha8Rng {
    let mut state = mix(seed ^ text(purpose));
    for &number in numbers {
        state = mix(state ^ number);
    }
    let mut key = [0; 32];
    for part in key.chunks_exact_mut(8) {
        state = mix(state);
        part.copy_from_slice(&state.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// FNV-1a, 64 bits.
pub(crate) fn text(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// SplitMix64 (Steele, Lea, Flood 2014): one step and its finaliser.
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_repeat_and_differ_by_seed_purpose_and_number() {
        let first = |seed, purpose, n| stream(seed, purpose, &[n]).next_u64();
        assert_eq!(first(1, "counts", 2), first(1, "counts", 2));
        assert_ne!(first(1, "counts", 2), first(2, "counts", 2));
        assert_ne!(first(1, "counts", 2), first(1, "fault", 2));
        assert_ne!(first(1, "counts", 2), first(1, "counts", 3));
    }
}
