//! What follows from a verdict: whether it is trouble, and whether the original is kept.

use hydra_proto::{
    ImageId, Label,
    events::{ModelRole, Prediction, VerdictState},
};
use hydra_store::{
    Kind,
    catalog::{Hall, Spec},
};

/// The beam reading among an image's conditions, where the hall says which number it is.
pub(crate) fn beam(conditions: Option<&serde_json::Value>, hall: &Hall) -> Option<f64> {
    conditions?.get(&hall.beam.as_ref()?.condition)?.as_f64()
}

/// Whether Bad says something of the detector. Without a limit or a reading it does: for want
/// of a reading no trouble is passed over.
pub(crate) fn has_beam(spec: &Spec, hall: &Hall, beam: Option<f64>) -> bool {
    let limit = spec.gate.beam_min.or(hall.beam.as_ref().map(|beam| beam.min));
    match (limit, beam) {
        (Some(limit), Some(beam)) if !spec.gate.off => beam >= limit,
        _ => true,
    }
}

/// What a verdict says to the log; one in the shadow says nothing.
pub(crate) fn kind(
    prediction: &Prediction,
    label: &Label,
    spec: &Spec,
    hall: &Hall,
    beam: Option<f64>,
) -> Kind {
    if prediction.role() == ModelRole::Candidate {
        return Kind::Neutral;
    }
    match prediction.state() {
        VerdictState::Novel => Kind::Novel,
        VerdictState::Unconfirmed => Kind::Unconfirmed,
        VerdictState::Confirmed if !spec.bad_labels.contains(label) => Kind::Fine,
        VerdictState::Confirmed if has_beam(spec, hall, beam) => Kind::Bad,
        VerdictState::Confirmed => Kind::Neutral,
    }
}

/// Whether the original stays: always where the verdict that counts is not sure, or Bad (with
/// beam or without); of all others the collect fraction. The image's own hash decides, so that a
/// repetition decides the same.
pub(crate) fn kept(id: &ImageId, verdict: Option<(&Prediction, &Label)>, spec: &Spec) -> bool {
    let never_lost = verdict.is_some_and(|(prediction, label)| {
        prediction.state() != VerdictState::Confirmed || spec.bad_labels.contains(label)
    });
    never_lost || collected(id, spec.collect_fraction.get())
}

fn collected(id: &ImageId, fraction: f64) -> bool {
    let mut hash = [0; 8];
    hash.copy_from_slice(&id.as_bytes()[8..16]);
    // 53 bits, all that a double holds; in [0, 1), so that 1 collects all and 0 none
    let place = (u64::from_be_bytes(hash) >> 11) as f64 / (1_u64 << 53) as f64;
    place < fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_proto::ContentHash;
    use hydra_store::catalog::{Beam, Gate};

    fn hall() -> Hall {
        Hall { beam: Some(Beam { condition: "beam_current_na".into(), min: 5.0 }) }
    }

    fn said(state: VerdictState) -> Prediction {
        Prediction { state: state.into(), ..Default::default() }
    }

    fn bad() -> Label {
        "Bad".parse().unwrap()
    }

    #[test]
    fn bad_without_beam_says_nothing_and_for_want_of_a_reading_it_counts() {
        let (spec, confirmed) = (Spec::default(), said(VerdictState::Confirmed));
        let at = |spec: &Spec, beam| kind(&confirmed, &bad(), spec, &hall(), beam);
        assert_eq!(at(&spec, Some(4.9)), Kind::Neutral);
        assert_eq!(at(&spec, Some(5.0)), Kind::Bad);
        assert_eq!(at(&spec, None), Kind::Bad);
        let off = Spec { gate: Gate { off: true, beam_min: None }, ..Spec::default() };
        assert_eq!(at(&off, Some(0.0)), Kind::Bad);
        let own = Spec { gate: Gate { off: false, beam_min: Some(20.0) }, ..Spec::default() };
        assert_eq!(at(&own, Some(10.0)), Kind::Neutral);
    }

    #[test]
    fn what_is_not_sure_is_trouble_with_or_without_beam_but_not_in_the_shadow() {
        let unsure = said(VerdictState::Unconfirmed);
        let at = |p: &Prediction| kind(p, &bad(), &Spec::default(), &hall(), Some(0.0));
        assert_eq!(at(&unsure), Kind::Unconfirmed);
        assert_eq!(at(&said(VerdictState::Novel)), Kind::Novel);
        let shadow = Prediction { role: ModelRole::Candidate.into(), ..unsure };
        assert_eq!(at(&shadow), Kind::Neutral);
    }

    #[test]
    fn the_fraction_holds_repeats_itself_and_never_loses_trouble() {
        let ids = (0..4_000_u32).map(|n| {
            let content = ContentHash::of(&n.to_be_bytes());
            ImageId::of(&"CDC".parse().unwrap(), 7, Some(n), &content)
        });
        let ids: Vec<ImageId> = ids.collect();
        let spec = Spec { collect_fraction: 0.25.try_into().unwrap(), ..Spec::default() };
        let good: Label = "Good".parse().unwrap();
        let count = |p: &Prediction, label: &Label| {
            ids.iter().filter(|id| kept(id, Some((p, label)), &spec)).count()
        };
        let fine = count(&said(VerdictState::Confirmed), &good);
        assert!((850..1_150).contains(&fine), "{fine} of 4000, a quarter wanted");
        assert_eq!(fine, count(&said(VerdictState::Confirmed), &good));
        assert_eq!(count(&said(VerdictState::Confirmed), &bad()), 4_000);
        assert_eq!(count(&said(VerdictState::Novel), &good), 4_000);
        assert_eq!(count(&said(VerdictState::Unconfirmed), &good), 4_000);
        let none = Spec { collect_fraction: 0.0.try_into().unwrap(), ..Spec::default() };
        assert!(!ids.iter().any(|id| kept(id, None, &none)));
        assert!(ids.iter().all(|id| kept(id, None, &Spec::default())));
    }
}
