use super::*;

pub(crate) fn manifest() -> Manifest {
    Manifest {
        schema: SCHEMA,
        plot_type: Some("CDC_occupancy".parse().unwrap()),
        labels: vec!["Good".parse().unwrap(), "Bad".parse().unwrap()],
        graphs: Graphs::Network(ContentHash::of(b"n")),
        input: InputSpec {
            name: "x".into(),
            width: 299,
            height: 299,
            channels: 3,
            layout: Layout::Nchw,
            batch: Batch::Any,
            letterbox: false,
            normalisation: Normalisation::imagenet(),
        },
        output: OutputSpec { scores: "y".into(), kind: ScoreKind::Logits, embedding: None },
        temperature: 1.0,
        thresholds: BTreeMap::new(),
        explain: Explain::None { reason: "no convolution".into() },
        novelty: None,
        layouts: Vec::new(),
        conditions: Seen::default(),
        training_set: None,
        evaluation: serde_json::Value::Null,
        parent: None,
        architecture: "test".into(),
        created_at: "2026-01-01T00:00:00Z".into(),
    }
}

#[test]
fn a_manifest_survives_its_bytes_and_they_do_not_change() {
    let bytes = manifest().to_bytes().unwrap();
    let read = Manifest::parse(&bytes).unwrap();
    assert_eq!(read, manifest());
    assert_eq!(read.to_bytes().unwrap(), bytes);
}

#[test]
fn contradictions_are_refused_by_field() {
    let refused = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest();
        change(&mut manifest);
        manifest.to_bytes().unwrap_err().to_string()
    };
    let twice = refused(&|m| m.labels[1] = m.labels[0].clone());
    assert!(twice.contains("\"Good\" twice"), "{twice}");
    for (field, change) in [
        ("labels", &(|m: &mut Manifest| m.labels.truncate(1)) as &dyn Fn(&mut Manifest)),
        ("labels", &|m| {
            m.labels.push("Hot".parse().unwrap());
            m.output.kind = ScoreKind::Sigmoid;
        }),
        ("thresholds", &|m| {
            m.thresholds.insert("Hot".parse().unwrap(), 0.5.try_into().unwrap());
        }),
        ("input", &|m| m.input.width = 0),
        ("input", &|m| m.input.channels = 4),
        ("normalisation", &|m| m.input.normalisation.std = vec![0.0]),
        ("normalisation", &|m| m.input.normalisation.mean = vec![0.0, 0.0]),
        ("temperature", &|m| m.temperature = f32::NAN),
    ] {
        let error = refused(change);
        assert!(error.starts_with(&format!("manifest: {field} ")), "{field}: {error}");
    }
}

#[test]
fn later_schemas_and_unknown_fields_are_told_apart() {
    let mut value: serde_json::Value =
        serde_json::from_slice(&manifest().to_bytes().unwrap()).unwrap();
    value["surprise"] = true.into();
    let error = Manifest::parse(value.to_string().as_bytes());
    assert!(matches!(error, Err(ManifestError::Json(_))));
    value["schema"] = 2.into();
    let error = Manifest::parse(value.to_string().as_bytes());
    assert!(matches!(error, Err(ManifestError::Schema { found: 2 })));
}

#[test]
fn normalisation_is_a_line_by_channel() {
    let (slope, offset) = Normalisation::imagenet().line(2);
    let value = 255.0 * slope + offset;
    assert!((value - (1.0 - 0.406) / 0.225).abs() < 1e-5);
    assert_eq!(Normalisation::inside().line(1), (1.0, 0.0));
}
