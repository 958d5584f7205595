use super::*;
use crate::look::Look;
use hydra_hall::{Hall, Mix, Painter};

/// Counts of a plot, by panel and bin.
type Counts = Vec<Vec<u32>>;

/// Goods of a plot type of the simulated hall, with the counts that they draw.
fn goods(name: &str, count: usize) -> (Vec<Vec<u8>>, Vec<Counts>, InputShape) {
    let hall = Hall::new(1);
    let plot_type = hall.plot_type(name).unwrap();
    let mix = Mix { bad_share: 0.0, ..Mix::default() };
    let runs = hall.first_run()..hall.first_run() + 30;
    let mut painter = Painter::new();
    let (mut images, mut counts) = (Vec::new(), Vec::new());
    for sample in hall.samples(plot_type, count, runs, &mix, 1) {
        counts.push(hall.paint(&mut painter, plot_type, sample.at, None).unwrap().1);
        let mut image = Vec::new();
        painter.rgb(&mut image);
        images.push(image);
    }
    let (width, height) = (plot_type.width, plot_type.height);
    (images, counts, InputShape { width, height, channels: 3, letterbox: false })
}

fn look(images: &[Vec<u8>], input: InputShape) -> Look {
    let views: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    Look::of_cells(&views, input, 1).unwrap()
}

/// Correlation of a panel's cells with its counts, in the order in which both are drawn.
fn correlation(values: &[f32], counts: &[f32]) -> f32 {
    let mean = |all: &[f32]| all.iter().sum::<f32>() / all.len() as f32;
    let (a, b) = (mean(values), mean(counts));
    let pairs = || values.iter().zip(counts).map(|(v, c)| (v - a, c - b));
    let sum = |of: &dyn Fn((f32, f32)) -> f32| pairs().map(of).sum::<f32>();
    sum(&|(v, c)| v * c) / (sum(&|(v, _)| v * v) * sum(&|(_, c)| c * c)).sqrt()
}

#[test]
fn a_map_is_read_cell_by_cell() {
    let (images, counts, input) = goods("DC_occupancy", 24);
    let look = look(&images, input);
    let cells = look.cells.as_ref().unwrap();
    assert_eq!(cells.panels.len(), 6);
    let panel = &cells.panels[0];
    assert_eq!(panel.pixels.len(), 112 * 36);
    let values = panel.values(&images[3], input, look.levels.as_deref());
    // rows of the picture go down, those of the counts up
    let drawn: Vec<f32> = (0..36)
        .rev()
        .flat_map(|row| counts[3][0][row * 112..(row + 1) * 112].iter().map(|c| *c as f32))
        .collect();
    let alike = correlation(&values, &drawn);
    assert!(alike > 0.99, "{alike}");
}

#[test]
fn bins_of_a_histogram_are_read_as_heights() {
    for (name, bins, panels, across) in [("ECAL_pi0", 60, 6, 3), ("HTCC_occupancy", 48, 1, 1)] {
        let (images, counts, input) = goods(name, 24);
        let look = look(&images, input);
        let cells = look.cells.as_ref().unwrap();
        assert_eq!(cells.panels.len(), panels, "{name}");
        let panel = &cells.panels[0];
        let values = panel.values(&images[5], input, None);
        // the frame stands so far from the edges of the first panel
        let (left, right) = (58.0, 16.0);
        let width = (f64::from(input.width / across) - left - right) / f64::from(bins);
        // a bin in which a tick stands has two columns, and edges have some of their own
        let of_bin = |n: u32| {
            let middle = left + (f64::from(n) + 0.5) * width;
            let near = |at: &usize| (f64::from(panel.pixels[*at].1) - middle).abs() < 0.4 * width;
            let found: Vec<f32> = (0..values.len()).filter(near).map(|at| values[at]).collect();
            (!found.is_empty()).then(|| found.iter().sum::<f32>() / found.len() as f32)
        };
        let pairs = (0..bins).filter_map(|n| Some((of_bin(n)?, counts[5][0][n as usize] as f32)));
        let (read, drawn): (Vec<f32>, Vec<f32>) = pairs.unzip();
        // ticks of the other axis hide the first of them
        assert!(read.len() >= bins as usize - 2, "{name}: {} bins", read.len());
        let alike = correlation(&read, &drawn);
        assert!(alike > 0.98, "{name}: {alike}");
    }
}

#[test]
fn round_cells_stand_ring_by_ring() {
    let (images, _, input) = goods("CDC_occupancy", 40);
    let look = look(&images, input);
    let cells = look.cells.as_ref().unwrap();
    let found = cells.panels[0].pixels.len();
    assert!((3_450..=3_522).contains(&found), "{found} of 3,522 straws");
    assert_eq!(cells.tallest(), 28, "rings");
    let widest = cells.panels[0].places.iter().map(|place| place.1).max().unwrap();
    assert!((205..209).contains(&widest), "{widest}");
}

#[test]
fn a_picture_without_frames_has_no_cells() {
    let input = InputShape { width: 100, height: 80, channels: 3, letterbox: false };
    let image = vec![255u8; input.size_bytes()];
    assert!(Look::of_cells(&[&image, &image], input, 1).is_none());
}

#[test]
fn a_map_of_cells_lies_where_they_are_drawn() {
    let (images, _, input) = goods("DC_occupancy", 24);
    let cells = look(&images, input).cells.unwrap();
    let spots = cells.spots(input, 4);
    let columns = input.width as usize / 4;
    for panel in &cells.panels {
        let at = panel.pixels.len() / 2 + 50;
        let ((y, x), (row, column)) = (panel.pixels[at], panel.places[at]);
        let found = spots[y as usize / 4 * columns + x as usize / 4].unwrap();
        let (found_row, found_column) = (found / cells.grid.columns, found % cells.grid.columns);
        assert!(
            found_row.abs_diff(row as usize) <= 1 && found_column.abs_diff(column as usize) <= 2
        );
    }
    assert!(spots[0].is_none(), "the header has no cells");
}
