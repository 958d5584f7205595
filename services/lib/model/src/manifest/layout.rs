//! How the plots looked that a model was made from: canvas, panels, axes. A plot that is laid out
//! otherwise is none that the model can judge, and people are told what changed.

use hydra_proto::events;
use serde::{Deserialize, Serialize};

/// Edges of panels may differ by this share of the canvas.
const NEAR: f64 = 0.01;
/// A layout that is rarer among the plots than this was an accident.
const RARE: f64 = 0.02;
/// From so few plots nothing is known of what never changes.
const FEW: usize = 20;

/// One way in which plots are laid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Of the canvas, pixels.
    pub width: u32,
    /// Of the canvas, pixels.
    pub height: u32,
    /// In the order of reading; absent where their number was not the same in all plots, so that
    /// nothing can be said of it.
    #[serde(default)]
    pub panels: Option<Vec<Panel>>,
}

/// A frame in which data are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Left edge, pixels.
    pub x: u32,
    /// Upper edge, pixels.
    pub y: u32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Checksum of the horizontal axis, unless it changes from plot to plot.
    #[serde(default)]
    pub across: Option<u32>,
    /// Checksum of the vertical axis, unless it changes from plot to plot.
    #[serde(default)]
    pub up: Option<u32>,
}

impl Layout {
    /// Of one plot of `width` by `height` pixels.
    pub fn seen(width: u32, height: u32, sight: &events::Sight) -> Self {
        let panel = |p: &events::Panel| Panel {
            x: p.x,
            y: p.y,
            width: p.width,
            height: p.height,
            across: Some(p.across),
            up: Some(p.up),
        };
        Self { width, height, panels: Some(sight.panels.iter().map(panel).collect()) }
    }

    /// What these plots have in common: a layout for each canvas that is not rare among them.
    pub fn common(plots: &[Self]) -> Vec<Self> {
        let mut sizes: Vec<(u32, u32)> = plots.iter().map(|p| (p.width, p.height)).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let of_size = |size: &(u32, u32)| -> Vec<&Self> {
            plots.iter().filter(|p| (p.width, p.height) == *size).collect()
        };
        let usual = |some: &[&Self]| some.len() as f64 >= RARE * plots.len() as f64;
        sizes
            .iter()
            .map(of_size)
            .filter(|some| usual(some))
            .flat_map(|some| shared(&some))
            .collect()
    }

    /// What is otherwise in this plot than in each of the layouts that are known, in words;
    /// nothing where it is laid out like one of them, or none is known.
    pub fn change(known: &[Self], seen: &Self) -> Option<String> {
        let changes: Option<Vec<String>> = known.iter().map(|one| one.difference(seen)).collect();
        // the fewest words come from the layout that is most like it
        changes?.into_iter().min_by_key(String::len)
    }

    fn same_places(&self, other: &Self) -> bool {
        let (Some(mine), Some(theirs)) = (&self.panels, &other.panels) else { return true };
        let near = |a: u32, b: u32, of: u32| f64::from(a.abs_diff(b)) <= NEAR * f64::from(of);
        let same = |(a, b): (&Panel, &Panel)| {
            near(a.x, b.x, self.width)
                && near(a.width, b.width, self.width)
                && near(a.y, b.y, self.height)
                && near(a.height, b.height, self.height)
        };
        mine.len() == theirs.len() && mine.iter().zip(theirs).all(same)
    }

    fn difference(&self, seen: &Self) -> Option<String> {
        let mut told = Vec::new();
        if (self.width, self.height) != (seen.width, seen.height) {
            let Self { width, height, .. } = self;
            told.push(format!("canvas {width}x{height} -> {}x{}", seen.width, seen.height));
        }
        if let (Some(mine), Some(theirs)) = (&self.panels, &seen.panels) {
            if mine.len() != theirs.len() {
                told.push(format!("panels {} -> {}", mine.len(), theirs.len()));
            } else if told.is_empty() && !self.same_places(seen) {
                told.push("panels stand elsewhere".to_owned());
            } else if told.is_empty() {
                let axis = |name: &str, of: fn(&Panel) -> Option<u32>| {
                    let numbers: Vec<String> = mine
                        .iter()
                        .zip(theirs)
                        .zip(1..)
                        .filter(|((a, b), _)| of(a).is_some() && of(a) != of(b))
                        .map(|(_, number)| number.to_string())
                        .collect();
                    (!numbers.is_empty())
                        .then(|| format!("{name} axis of panel {}", numbers.join(", ")))
                };
                told.extend(axis("horizontal", |p| p.across));
                told.extend(axis("vertical", |p| p.up));
            }
        }
        (!told.is_empty()).then(|| format!("layout changed: {}", told.join("; ")))
    }
}

/// The layouts of plots of one canvas: one where all agree on their panels, and one for each way
/// that is not rare where they do not. Panels that come and go say nothing.
fn shared(plots: &[&Layout]) -> Vec<Layout> {
    let mut ways: Vec<Vec<&Layout>> = Vec::new();
    for plot in plots {
        match ways.iter_mut().find(|way| way[0].same_places(plot)) {
            Some(way) => way.push(plot),
            None => ways.push(vec![plot]),
        }
    }
    let rare = |way: &Vec<&Layout>| (way.len() as f64) < RARE * plots.len() as f64;
    let odd: usize = ways.iter().filter(|way| rare(way)).map(Vec::len).sum();
    ways.retain(|way| !rare(way));
    let Layout { width, height, .. } = *plots[0];
    if ways.len() > 3 || odd * 100 > plots.len() {
        return vec![Layout { width, height, panels: None }];
    }
    let layout = |way: &Vec<&Layout>| {
        let lists: Vec<&Vec<Panel>> = way.iter().filter_map(|one| one.panels.as_ref()).collect();
        let panel = |index: usize| {
            let constant = |of: fn(&Panel) -> Option<u32>| {
                let first = of(&lists[0][index]);
                let same = lists.iter().all(|list| of(&list[index]) == first);
                (same && lists.len() >= FEW).then_some(first).flatten()
            };
            let across = constant(|p| p.across);
            Panel { across, up: constant(|p| p.up), ..lists[0][index] }
        };
        let panels = lists.first().map(|list| (0..list.len()).map(panel).collect());
        Layout { width, height, panels }
    };
    ways.iter().map(layout).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(x: u32, across: u32, up: u32) -> Panel {
        Panel { x, y: 40, width: 300, height: 200, across: Some(across), up: Some(up) }
    }

    fn plot(width: u32, panels: Vec<Panel>) -> Layout {
        Layout { width, height: 600, panels: Some(panels) }
    }

    /// Two panels; the vertical axis of the second one follows its data.
    fn usual(n: u32) -> Layout {
        plot(1380, vec![panel(50, 1, 2), panel(450, 3, 100 + n)])
    }

    fn known() -> Vec<Layout> {
        Layout::common(&(0..50).map(usual).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_like_training_is_no_change_and_axes_that_follow_data_are_free() {
        let known = known();
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].panels.as_ref().unwrap()[1].up, None);
        assert_eq!(Layout::change(&known, &usual(777)), None);
        assert_eq!(Layout::change(&[], &plot(9, vec![])), None);
    }

    #[test]
    fn each_change_has_its_name() {
        let known = known();
        let told = |seen: Layout| Layout::change(&known, &seen).unwrap();
        let canvas = plot(1200, vec![panel(40, 1, 2), panel(400, 3, 100)]);
        assert_eq!(told(canvas), "layout changed: canvas 1380x600 -> 1200x600");
        assert_eq!(told(plot(1380, vec![panel(50, 1, 2)])), "layout changed: panels 2 -> 1");
        let moved = plot(1380, vec![panel(50, 1, 2), panel(650, 3, 100)]);
        assert_eq!(told(moved), "layout changed: panels stand elsewhere");
        let axes = plot(1380, vec![panel(50, 9, 8), panel(450, 9, 100)]);
        let said = "layout changed: horizontal axis of panel 1, 2; vertical axis of panel 1";
        assert_eq!(told(axes), said);
    }

    #[test]
    fn a_few_odd_plots_make_no_layout_and_two_usual_ones_are_two() {
        let mut plots: Vec<Layout> = (0..60).map(usual).collect();
        plots.extend((0..40).map(|n| plot(1200, vec![panel(10, n, n)])));
        plots.push(plot(400, vec![]));
        let known = Layout::common(&plots);
        assert_eq!(known.len(), 2);
        assert!(Layout::change(&known, &plot(400, vec![])).is_some());
        assert_eq!(Layout::change(&known, &plot(1200, vec![panel(10, 7, 7)])), None);
    }

    #[test]
    fn panels_that_come_and_go_say_nothing() {
        let count = |n: u32| (0..1 + n % 7).map(|i| panel(50 + 150 * i, i, i)).collect();
        let known = Layout::common(&(0..70).map(|n| plot(1380, count(n))).collect::<Vec<_>>());
        assert_eq!(known[0].panels, None);
        assert_eq!(Layout::change(&known, &plot(1380, vec![])), None);
        assert!(Layout::change(&known, &plot(1000, vec![])).unwrap().contains("canvas"));
    }
}
