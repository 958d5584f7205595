//! What experts said against what the model says.

use super::Scored;
use super::intervals::{Figure, by_runs, wilson};
use super::rank::auroc;
use serde::{Deserialize, Serialize};

/// Bins of confidence in [0, 1].
pub const CONFIDENCE_BINS: usize = 20;
const RESAMPLES: usize = 400;

/// One cell of the matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Images.
    pub count: usize,
    /// Of these by the confidence of the verdict, from 0 to 1.
    pub confidence: Vec<usize>,
}

/// Rows: the expert's label. Columns: the model's. Labels in the model's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confusion(pub Vec<Vec<Cell>>);

/// The matrix of arg-max verdicts.
pub fn confusion(scored: &[Scored], labels: usize) -> Confusion {
    let empty = Cell { count: 0, confidence: vec![0; CONFIDENCE_BINS] };
    let mut cells = vec![vec![empty; labels]; labels];
    for one in scored {
        let (said, confidence) = one.top();
        let cell = &mut cells[one.truth][said];
        cell.count += 1;
        let bin = (f64::from(confidence) * CONFIDENCE_BINS as f64) as usize;
        cell.confidence[bin.min(CONFIDENCE_BINS - 1)] += 1;
    }
    Confusion(cells)
}

impl Confusion {
    /// Images of this truth and verdict.
    pub fn count(&self, truth: usize, said: usize) -> usize {
        self.0[truth][said].count
    }

    fn truths(&self, label: usize) -> usize {
        (0..self.0.len()).map(|said| self.count(label, said)).sum()
    }

    fn verdicts(&self, label: usize) -> usize {
        (0..self.0.len()).map(|truth| self.count(truth, label)).sum()
    }
}

/// Figures of one label against all others; `None` where there is nothing to count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassFigures {
    /// Images of this label.
    pub count: usize,
    /// Of the verdicts of this label, the share that is right; Wilson interval.
    pub precision: Option<Figure>,
    /// Of the images of this label, the share that was found; Wilson interval.
    pub recall: Option<Figure>,
    /// Harmonic mean of the two; bootstrap over runs.
    pub f1: Option<Figure>,
    /// Area under the receiver operating characteristic; bootstrap over runs.
    pub auroc: Option<Figure>,
}

/// The figures of every label.
pub fn class_figures(scored: &[Scored], labels: usize, seed: u64) -> Vec<ClassFigures> {
    let matrix = confusion(scored, labels);
    let of_label = |label: usize| ClassFigures {
        count: matrix.truths(label),
        precision: wilson(matrix.count(label, label), matrix.verdicts(label)),
        recall: wilson(matrix.count(label, label), matrix.truths(label)),
        f1: by_runs(scored, RESAMPLES, seed, |sample| f1(sample, label)),
        auroc: by_runs(scored, RESAMPLES, seed, |sample| {
            auroc(sample.iter().map(|s| (s.probabilities[label], s.truth == label)))
        }),
    };
    (0..labels).map(of_label).collect()
}

/// F1 of a label's arg-max verdicts; `None` where the label never occurs.
pub fn f1(scored: &[&Scored], label: usize) -> Option<f64> {
    let (mut hits, mut truths, mut verdicts) = (0usize, 0usize, 0usize);
    for one in scored {
        let said = one.top().0 == label;
        truths += usize::from(one.truth == label);
        verdicts += usize::from(said);
        hits += usize::from(said && one.truth == label);
    }
    (truths > 0).then(|| 2.0 * hits as f64 / (truths + verdicts) as f64)
}

/// Mean F1 over the labels that occur.
pub fn macro_f1(scored: &[Scored], labels: usize) -> Option<f64> {
    let all: Vec<&Scored> = scored.iter().collect();
    let each: Vec<f64> = (0..labels).filter_map(|label| f1(&all, label)).collect();
    (!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use hydra_proto::ImageId;

    pub(crate) fn scored(run: u32, truth: usize, probabilities: &[f32]) -> Scored {
        Scored {
            image: ImageId::from_bytes([run as u8; 24]),
            run,
            condition: String::new(),
            truth,
            probabilities: probabilities.to_vec(),
        }
    }

    #[test]
    fn the_matrix_counts_verdicts_and_their_confidence() {
        let all = [
            scored(1, 0, &[0.9, 0.1]),
            scored(2, 0, &[0.4, 0.6]),
            scored(3, 1, &[0.0, 1.0]),
            scored(4, 1, &[0.2, 0.8]),
        ];
        let matrix = confusion(&all, 2);
        let counts: Vec<usize> = [(0, 0), (0, 1), (1, 0), (1, 1)]
            .iter()
            .map(|(truth, said)| matrix.count(*truth, *said))
            .collect();
        assert_eq!(counts, [1, 1, 0, 2]);
        assert_eq!(matrix.0[1][1].confidence[CONFIDENCE_BINS - 1], 1);
        assert_eq!(matrix.0[1][1].confidence[16], 1);
    }

    #[test]
    fn figures_are_those_of_the_definition() {
        let all = [
            scored(1, 0, &[0.9, 0.1]),
            scored(2, 0, &[0.4, 0.6]),
            scored(3, 1, &[0.0, 1.0]),
            scored(4, 1, &[0.2, 0.8]),
        ];
        let bad = &class_figures(&all, 2, 1)[1];
        assert!((bad.precision.unwrap().value - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(bad.recall.unwrap().value, 1.0);
        assert!((bad.f1.unwrap().value - 0.8).abs() < 1e-9);
        assert_eq!(bad.auroc.unwrap().value, 1.0);
        assert!((macro_f1(&all, 2).unwrap() - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_label_that_never_occurs_has_no_recall() {
        let all = [scored(1, 0, &[0.9, 0.1, 0.0])];
        let absent = &class_figures(&all, 3, 1)[2];
        assert_eq!((absent.recall, absent.f1, absent.auroc), (None, None, None));
    }
}
