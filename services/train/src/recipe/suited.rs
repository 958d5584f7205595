//! What labels there are -> settings that suit them, where nobody says otherwise.

use super::{Kind, Recipe};
use crate::align::{FEWEST_GOODS, Shown};
use hydra_proto::registry::InputShape;

/// What there is to train on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Material {
    /// Width and height of most of the plots.
    pub canvas: (u32, u32),
    /// Labelled images of all the plot types, without `Ignore`.
    pub labels: usize,
    /// Good ones of the plot type that has fewest.
    pub goods: usize,
}

impl Material {
    /// Labels that are not Good, of the plot type that is alone; of several at least so many.
    pub fn others(&self) -> usize {
        self.labels.saturating_sub(self.goods)
    }
}

/// Pixels that the network sees at most: enough for a dead channel on a canvas of nine panels to
/// leave a mark, few enough for a processor to train on in minutes.
const AREA_PX: f64 = 90_000.0;
/// Pixels of a canvas that is compared as it is; a larger one is made smaller.
const CANVAS_PX: f64 = 1.6e6;
/// Averaged pixels that are compared, about.
const COMPARED_PX: f64 = 55_000.0;
/// Sides are a multiple of this, so that strides leave nothing over.
const STEP_PX: u32 = 16;
/// Images that training sees at least, so that norms and momentum settle.
const SEEN: usize = 4_000;
/// Of so few images a network learns where each had its fault: they are moved further about, and
/// weights are pulled harder to zero.
const FEW: usize = 1_000;
const FEW_SHIFT: f32 = 0.04;
const FEW_DECAY: f64 = 0.05;
/// Epochs at least and at most.
const EPOCHS: (usize, usize) = (20, 80);

/// The canvas, made smaller where it is large; its aspect is kept to a few per cent.
pub fn input_for((width, height): (u32, u32)) -> InputShape {
    let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let scale = (AREA_PX / (width * height)).sqrt().min(1.0);
    let side = |px: f64| {
        let steps = (px * scale / f64::from(STEP_PX)).round() as u32;
        (steps * STEP_PX).clamp(2 * STEP_PX, 1024)
    };
    InputShape { width: side(width), height: side(height), channels: 3, letterbox: false }
}

/// The canvas itself, and how many of its pixels across and down become one once colours are read
/// as levels: made smaller before, colours of neighbouring cells would mix to others that mean
/// something else.
pub fn compared_for((width, height): (u32, u32)) -> (InputShape, usize) {
    let (wide, high) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let scale = (CANVAS_PX / (wide * high)).sqrt().min(1.0);
    let side = |px: f64| ((px * scale).round() as u32).clamp(1, 4096);
    let input = InputShape { width: side(wide), height: side(high), channels: 3, letterbox: false };
    let area = f64::from(input.width) * f64::from(input.height);
    (input, (area / COMPARED_PX).sqrt().round().max(1.0) as usize)
}

/// Goods from which deviations are read, at least; with fewer a network does no worse.
const READ_GOODS: usize = 50;
/// With more labels a network knows more than is to be read from deviations.
const MANY: usize = 5_000;

impl Kind {
    /// The kind for one plot type where nobody says which.
    pub fn suited(material: &Material) -> Self {
        let enough = material.goods >= READ_GOODS && material.labels > material.goods;
        if enough && material.labels <= MANY { Self::Deviations } else { Self::Full }
    }
}

impl Recipe {
    /// A recipe for what there is.
    pub fn suited(kind: Kind, material: &Material, synthetic: usize) -> Self {
        let mut recipe = Self::new(kind);
        recipe.input = input_for(material.canvas);
        recipe.synthetic = synthetic;
        let train = 1.0 - recipe.split.validation - recipe.split.test;
        let images = (material.labels as f64 * train) as usize + synthetic;
        if kind == Kind::Deviations {
            (recipe.input, recipe.normal.detail) = compared_for(material.canvas);
            return recipe;
        }
        let goods = material.goods as f64 * train;
        recipe.shown = match goods >= 2.0 * FEWEST_GOODS as f64 {
            true if kind == Kind::Trunk => Shown::Deviations,
            true => Shown::Both,
            false => Shown::Pixels,
        };
        recipe.fit.batch = match images {
            ..=100 => 8,
            101..=400 => 16,
            _ => 32,
        };
        if images <= FEW {
            recipe.fit.augment.shift = FEW_SHIFT;
            recipe.fit.weight_decay = FEW_DECAY;
        }
        recipe.fit.epochs = (SEEN / images.max(1)).clamp(EPOCHS.0, EPOCHS.1);
        recipe.fit.patience = (recipe.fit.epochs / 3).max(6);
        recipe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_follow_the_canvas() {
        for (canvas, wanted) in [
            ((1380, 640), (448, 208)),
            ((1600, 1200), (352, 256)),
            ((200, 150), (208, 144)),
            ((20, 4000), (32, 1024)),
        ] {
            let shape = input_for(canvas);
            assert_eq!((shape.width, shape.height), wanted, "{canvas:?}");
            assert!(f64::from(shape.width * shape.height) < 1.1 * AREA_PX);
        }
    }

    #[test]
    fn a_canvas_is_compared_as_it_is_unless_it_is_huge() {
        for (canvas, wanted, detail) in [
            ((1380, 640), (1380, 640), 4),
            ((800, 600), (800, 600), 3),
            ((200, 150), (200, 150), 1),
            ((3200, 2000), (1600, 1000), 5),
        ] {
            let (shape, found) = compared_for(canvas);
            assert_eq!(((shape.width, shape.height), found), (wanted, detail), "{canvas:?}");
        }
        let material = Material { canvas: (1380, 640), labels: 300, goods: 150 };
        let recipe = Recipe::suited(Kind::Deviations, &material, 0);
        assert_eq!((recipe.shown, recipe.normal.detail), (Shown::Pixels, 4));
    }

    #[test]
    fn deviations_are_read_where_goods_are_many_and_labels_few() {
        let of = |labels, goods| Kind::suited(&Material { canvas: (800, 600), labels, goods });
        assert_eq!(of(300, 150), Kind::Deviations);
        assert_eq!(of(60, 40), Kind::Full, "too few Goods");
        assert_eq!(of(150, 150), Kind::Full, "which then says that one class is not enough");
        assert_eq!(of(40_000, 30_000), Kind::Full);
    }

    #[test]
    fn few_labels_are_seen_more_often_and_few_goods_are_no_reference() {
        let of = |labels, goods| {
            Recipe::suited(Kind::Full, &Material { canvas: (1380, 640), labels, goods }, 0)
        };
        let (few, many) = (of(30, 20), of(3_000, 2_000));
        assert_eq!((few.shown, many.shown), (Shown::Pixels, Shown::Both));
        assert!(few.fit.epochs > many.fit.epochs && few.fit.batch < many.fit.batch);
        few.fit.check().unwrap();
    }
}
