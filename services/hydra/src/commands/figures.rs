//! Evaluations as people read them.

use hydra_store::model::Model;
use hydra_train::{
    eval::{intervals::Figure, report::Evaluation},
    job::Change,
    recipe::Figures,
};

/// `0.970 (0.950 to 0.983)`.
fn figure(figure: Option<Figure>) -> String {
    figure.map_or_else(
        || "-".to_owned(),
        |f| format!("{:.3} ({:.3} to {:.3})", f.value, f.low, f.high),
    )
}

/// What training found, where the model was trained here.
pub fn of(model: &Model) -> Option<Figures> {
    serde_json::from_str(model.model.evaluation.as_deref()?).ok()
}

/// What 8 bits changed, where the model is one of 8 bits.
pub fn eight_bits(model: &Model) -> Option<String> {
    let all: serde_json::Value = serde_json::from_str(model.model.evaluation.as_deref()?).ok()?;
    let change: Change = serde_json::from_value(all.get("eight_bits")?.clone()).ok()?;
    Some(format!(
        "in 8 bits     accuracy {:.4} instead of {:.4} on {} images, {} of them trained on; {:.1} times \
         faster",
        change.accuracy[1], change.accuracy[0], change.images, change.trained, change.faster
    ))
}

/// The evaluation in lines.
pub fn lines(figures: &Figures) -> Vec<String> {
    let counts = |counts: &hydra_train::recipe::Counts| {
        let labels: Vec<String> = counts.labels.iter().map(|(l, n)| format!("{n} {l}")).collect();
        format!("{} images of {} runs: {}", counts.images, counts.runs, labels.join(", "))
    };
    let mut lines = vec![
        format!("trained on    {}", counts(&figures.training)),
        format!("validated on  {}", counts(&figures.validation)),
    ];
    if figures.training.synthetic > 0 {
        lines.push(format!("synthetic     {} Bad, trained on alone", figures.training.synthetic));
    }
    lines.extend(figures.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(judged(&figures.test, &figures.thresholds.rule));
    lines.push(format!(
        "temperature   {:.3}; calibration error {:.3} before (validation), {:.3} after (test)",
        figures.temperature, figures.calibration_error_unscaled, figures.test.calibration_error
    ));
    if let Some(best) = figures
        .epochs
        .iter()
        .enumerate()
        .min_by(|a, b| a.1.validation_loss.total_cmp(&b.1.validation_loss))
    {
        let (at, epoch) = best;
        lines.push(format!(
            "epochs        {}, the best is {} with validation loss {:.4}",
            figures.epochs.len(),
            at + 1,
            epoch.validation_loss
        ));
    }
    lines
}

/// A judgement in lines.
pub fn judged(test: &Evaluation, rule: &str) -> Vec<String> {
    let mut lines = vec![
        format!("tested on     {} images of {} runs, 95 % intervals", test.images, test.runs),
        format!("accuracy      {}", figure(test.accuracy)),
        format!("macro F1      {}", figure(test.macro_f1)),
        format!("AUROC of not Good against Good  {}", figure(test.bad_against_good)),
        format!("at thresholds by {rule}:"),
        format!("  not Good and confirmed so     {}", figure(test.bad_recall)),
        format!("  false alarms on Good          {}", figure(test.false_alarms)),
        format!("  unconfirmed                   {}", figure(test.unconfirmed)),
        "expert \\ model (images)".to_owned(),
    ];
    let header: Vec<String> = test.labels.iter().map(|l| format!("{:>10}", l.as_str())).collect();
    lines.push(format!("  {:12}{}   threshold  precision / recall", "", header.concat()));
    for (row, label) in test.labels.iter().enumerate() {
        let cells: Vec<String> = (0..test.labels.len())
            .map(|said| format!("{:>10}", test.confusion.count(row, said)))
            .collect();
        let class = &test.classes[row];
        lines.push(format!(
            "  {:12}{}   {:9.2}  {} / {}",
            label.as_str(),
            cells.concat(),
            test.thresholds.get(row).copied().unwrap_or(0.5),
            figure(class.precision),
            figure(class.recall)
        ));
    }
    for (name, condition) in test.conditions.iter().filter(|(name, _)| !name.is_empty()) {
        lines.push(format!(
            "under {name}: {} images, recall {}, false alarms {}",
            condition.images,
            figure(condition.bad_recall),
            figure(condition.false_alarms)
        ));
    }
    lines
}
