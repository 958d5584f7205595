use crate::{Workbench, write_rgb_png};
use hydra_proto::events::Sight;

/// A white sheet with a header line of which `header` tells the text.
struct Drawing {
    rgb: Vec<u8>,
}

const WIDE: usize = 800;
const HIGH: usize = 500;

impl Drawing {
    fn new(header: usize) -> Self {
        let mut drawing = Self { rgb: vec![255; WIDE * HIGH * 3] };
        (0..12).for_each(|i| {
            let height = 4 + (header * 7 + i * 3) % 9;
            drawing.fill((600 + i * 12, 4), (6, height), [0; 3]);
        });
        drawing
    }

    fn fill(&mut self, (x, y): (usize, usize), (w, h): (usize, usize), colour: [u8; 3]) {
        for row in y..(y + h).min(HIGH) {
            for column in x..(x + w).min(WIDE) {
                let at = (row * WIDE + column) * 3;
                self.rgb[at..at + 3].copy_from_slice(&colour);
            }
        }
    }

    fn frame(&mut self, (x, y): (usize, usize), (w, h): (usize, usize)) {
        self.fill((x, y), (w, 1), [0; 3]);
        self.fill((x, y + h - 1), (w, 1), [0; 3]);
        self.fill((x, y), (1, h), [0; 3]);
        self.fill((x + w - 1, y), (1, h), [0; 3]);
    }

    /// A frame with ticks and, for each of the heights, a bin.
    fn panel(&mut self, at: (usize, usize), bins: &[usize]) {
        let (w, h) = (300, 180);
        for (bin, height) in bins.iter().enumerate() {
            let x = at.0 + bin * w / bins.len();
            self.fill((x, at.1 + h - 1 - height), (w / bins.len(), *height), [88, 100, 200]);
        }
        self.frame(at, (w, h));
        for tick in 0..6 {
            self.fill((at.0 + tick * 50, at.1 + h - 6), (1, 6), [0; 3]);
            // a number below
            self.fill((at.0 + tick * 50, at.1 + h + 4), (3 + tick % 3, 6), [0; 3]);
        }
    }

    fn sight(&self) -> Sight {
        let png = write_rgb_png(WIDE as u32, HIGH as u32, &self.rgb);
        Workbench::default().open(&png).unwrap().sight()
    }
}

fn bins(seed: usize) -> Vec<usize> {
    (0..30).map(|bin| 20 + (bin * 37 + seed * 11) % 60).collect()
}

fn places(sight: &Sight) -> Vec<(u32, u32, u32, u32)> {
    sight.panels.iter().map(|p| (p.x, p.y, p.width, p.height)).collect()
}

fn two(header: usize, seed: usize) -> Drawing {
    let mut drawing = Drawing::new(header);
    drawing.panel((60, 40), &bins(seed));
    drawing.panel((440, 40), &bins(seed + 1));
    drawing.panel((60, 280), &bins(seed + 2));
    drawing
}

#[test]
fn panels_are_found_in_the_order_of_reading() {
    let sight = two(1, 1).sight();
    assert_eq!(places(&sight), [(60, 40, 300, 180), (440, 40, 300, 180), (60, 280, 300, 180)]);
}

#[test]
fn the_same_data_under_another_header_have_the_same_fingerprint() {
    let (first, moved, fresh) = (two(1, 1).sight(), two(2, 1).sight(), two(1, 2).sight());
    assert_eq!(first.data.len(), 8);
    assert_eq!(first.data, moved.data);
    assert_ne!(first.data, fresh.data);
    // the axes are the same all the time
    assert_eq!(first.panels, fresh.panels);
}

#[test]
fn a_panel_without_data_has_no_fingerprint_though_it_has_a_grid_and_text() {
    let mut empty = Drawing::new(1);
    empty.panel((60, 40), &[0; 30]);
    // a dashed grid within the frame, a line of reference and a box with statistics
    for y in [80, 120, 160] {
        (62..358).step_by(4).for_each(|x| empty.fill((x, y), (2, 1), [200, 200, 200]));
    }
    empty.fill((60, 130), (300, 1), [255, 0, 0]);
    empty.fill((240, 46), (114, 50), [255; 3]);
    empty.frame((240, 46), (114, 50));
    (0..8).for_each(|i| empty.fill((250 + i * 11, 56 + i % 3 * 12), (6, 8), [0; 3]));
    let sight = empty.sight();
    assert_eq!(places(&sight), [(60, 40, 300, 180)]);
    assert!(sight.data.is_empty());
}

#[test]
fn a_box_of_text_counts_for_nothing_and_a_dark_map_stays_data() {
    let boxed = |text: usize| {
        let mut drawing = two(1, 1);
        drawing.fill((240, 46), (114, 50), [255; 3]);
        drawing.frame((240, 46), (114, 50));
        drawing.fill((250, 56), (10 + text, 8), [0; 3]);
        drawing.sight()
    };
    assert_eq!(boxed(3).data, boxed(9).data);
    let map = |extra: usize| {
        let mut drawing = Drawing::new(1);
        drawing.fill((60, 40), (300, 180), [20, 20, 60]);
        drawing.fill((100, 80), (150 + extra, 60), [40, 40, 90]);
        drawing.frame((60, 40), (300, 180));
        drawing.sight()
    };
    assert_eq!(places(&map(0)), [(60, 40, 300, 180)]);
    assert_ne!(map(0).data, map(2).data);
}

#[test]
fn a_border_round_panels_is_none_of_them() {
    let mut drawing = two(1, 1);
    drawing.frame((4, 24), (790, 470));
    assert_eq!(places(&drawing.sight()).len(), 3);
}

#[test]
fn another_axis_is_told_from_the_same() {
    let plain = two(1, 1).sight();
    let mut other = two(1, 1);
    other.fill((110, 40 + 180 + 4), (9, 6), [0; 3]);
    let other = other.sight();
    assert_ne!(plain.panels[0].across, other.panels[0].across);
    assert_eq!(plain.panels[1..], other.panels[1..]);
}

#[test]
fn without_frames_the_whole_picture_counts() {
    let scattered = |at: usize| {
        let mut drawing = Drawing::new(1);
        (0..40).for_each(|i| drawing.fill((90 + i * 13, at + i * 7), (5, 5), [9, 9, 9]));
        drawing.sight()
    };
    assert!(scattered(100).panels.is_empty());
    assert_eq!(scattered(100).data, scattered(100).data);
    assert_ne!(scattered(100).data, scattered(101).data);
    assert!(Drawing { rgb: vec![255; WIDE * HIGH * 3] }.sight().data.is_empty());
}

#[test]
fn pictures_of_any_size_are_survived() {
    for (width, height) in [(1, 1), (3, 200), (200, 3), (40, 40), (25, 21)] {
        for value in [0, 255] {
            let rgb = vec![value; width * height * 3];
            let png = write_rgb_png(width as u32, height as u32, &rgb);
            let sight = Workbench::default().open(&png).unwrap().sight();
            assert!(sight.panels.len() <= 1);
        }
    }
}
