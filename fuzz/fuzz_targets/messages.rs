//! Any body under any event's name -> unreadable, or an event that survives the wire; any
//! headers -> facts or a refusal.
#![no_main]

use hydra_ingest::{FACT_NAMES, Facts};
use hydra_proto::{Event, event::decode, events::*};
use hydra_vision::unpack;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, body)) = bytes.split_first() else { return };
    match kind % 10 {
        0 => survives::<ImageIngested>(body),
        1 => {
            survives::<ImageResized>(body);
            if let Ok(event) = decode::<ImageResized>(ImageResized::NAME, body.to_vec().into()) {
                for pixels in &event.pixels {
                    // At most 48 MB: the shape is bounded, whatever the packed bytes hold.
                    let _ = unpack(pixels);
                }
            }
        }
        2 => survives::<ImageInferred>(body),
        3 => survives::<HeatmapWanted>(body),
        4 => survives::<HeatmapMade>(body),
        5 => survives::<MessageBuried>(body),
        6 => survives::<AlarmChanged>(body),
        7 => survives::<TrainingWanted>(body),
        _ => headers(body),
    }
});

fn survives<E: Event + std::fmt::Debug>(body: &[u8]) {
    assert!(decode::<E>("hydra.events.v9.Other", body.to_vec().into()).is_err());
    if let Ok(event) = decode::<E>(E::NAME, body.to_vec().into()) {
        let again = decode::<E>(E::NAME, event.encode_to_vec().into());
        // NaN is not equal to itself; its bytes are.
        let same = again.as_ref().is_ok_and(|again| again.encode_to_vec() == event.encode_to_vec());
        assert!(same, "{event:?}");
        let _ = event.image();
    }
}

/// One fact a line, in the order of their names.
fn headers(body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    let lines = FACT_NAMES.iter().zip(text.split('\n'));
    let texts: BTreeMap<String, String> =
        lines.map(|(name, line)| ((*name).to_owned(), line.to_owned())).collect();
    match Facts::read(&texts) {
        Ok(facts) => assert!(facts.conditions_json.len() <= 6 * (8 << 10)),
        Err(refusal) => assert!(refusal.fact().is_some()),
    }
}
