//! What maps have in common, for networks whose gradient is not known here.

/// Eigen-CAM (Muhammad and Yeasin, IJCNN 2020): the maps' projection on their first principal
/// direction. `maps` is channels x places, row-major; gives a weight for each place, signed so
/// that most of the weight is positive.
pub fn eigen_cam(maps: &[f32], channels: usize) -> Vec<f32> {
    let places = maps.len() / channels.max(1);
    let row = |channel: usize| &maps[channel * places..(channel + 1) * places];
    // Power iteration on the places x places matrix M^T M, without writing it down: begins with
    // the mean map, which is close to the first direction of maps that are positive.
    let mut direction = vec![0.0_f64; places];
    for channel in 0..channels {
        row(channel).iter().zip(&mut direction).for_each(|(v, d)| *d += f64::from(*v));
    }
    let mut scale = normalise(&mut direction);
    for _ in 0..MAX_STEPS {
        let mut next = vec![0.0_f64; places];
        for channel in 0..channels {
            let map = row(channel);
            let along: f64 = map.iter().zip(&direction).map(|(v, d)| f64::from(*v) * d).sum();
            map.iter().zip(&mut next).for_each(|(v, n)| *n += along * f64::from(*v));
        }
        scale = normalise(&mut next).sqrt();
        let moved: f64 = next.iter().zip(&direction).map(|(a, b)| (a - b).abs()).sum();
        direction = next;
        if moved < 1e-9 {
            break;
        }
    }
    let sign = if direction.iter().sum::<f64>() < 0.0 { -scale } else { scale };
    direction.iter().map(|d| (d * sign) as f32).collect()
}

/// Enough for a first direction that stands out by a few per cent.
const MAX_STEPS: usize = 200;

/// Scales to length 1 and gives the length that it had.
fn normalise(vector: &mut [f64]) -> f64 {
    let length = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|v| *v /= length);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_one_pattern_give_that_pattern() {
        let pattern = [0.0, 1.0, 3.0, 0.5];
        let maps: Vec<f32> =
            [1.0, -2.0, 0.5].iter().flat_map(|w| pattern.map(|p| (w * p) as f32)).collect();
        let cam = eigen_cam(&maps, 3);
        let ratio = cam[2] / pattern[2] as f32;
        assert!(ratio > 0.0);
        for (found, wanted) in cam.iter().zip(pattern) {
            assert!((found - wanted as f32 * ratio).abs() < 1e-5, "{cam:?}");
        }
    }

    #[test]
    fn the_stronger_of_two_patterns_wins_and_nothing_gives_nothing() {
        let maps = [10.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let cam = eigen_cam(&maps, 2);
        assert!(cam[0] > 100.0 * cam[2].abs(), "{cam:?}");
        assert_eq!(eigen_cam(&[0.0; 6], 2), [0.0; 3]);
    }
}
