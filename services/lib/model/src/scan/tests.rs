use super::*;
use crate::onnx::{
    DataLocation, DataType, Dim, SparseTensorProto, StringStringEntryProto, attr_tensor, encode,
    model, node, tensor_f32, tensor_i64, value_info,
};

fn small() -> ModelProto {
    let graph = GraphProto {
        name: "g".into(),
        node: vec![node("MatMul", "m", &["x", "w"], &["y"])],
        initializer: vec![tensor_f32("w", &[2, 3], &[0.0; 6])],
        input: vec![
            value_info("x", DataType::Float, &[Dim::Named("n"), Dim::Fixed(2)]),
            value_info("w", DataType::Float, &[Dim::Fixed(2), Dim::Fixed(3)]),
        ],
        output: vec![value_info("y", DataType::Float, &[Dim::Named("n"), Dim::Fixed(3)])],
        ..Default::default()
    };
    model(graph, &[("key", "value")])
}

fn graph(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().unwrap()
}

fn refusal(model: &ModelProto) -> ScanError {
    scan(&encode(model), &Limits::default()).unwrap_err()
}

#[test]
fn a_plain_network_passes_and_is_written_anew() {
    let scanned = scan(&encode(&small()), &Limits::default()).unwrap();
    // the weight that old files list among the inputs is no input
    assert_eq!(scanned.inputs().len(), 1);
    let checked = scanned.sized(&[("x", vec![1, 2])]).unwrap();
    assert_eq!(checked.shape("y"), Some(&[1, 3][..]));
    let again = onnx::decode(checked.into_file().bytes()).unwrap();
    assert!(again.metadata_props.is_empty());
}

#[test]
fn what_is_no_onnx_file_is_refused() {
    let limits = Limits::default();
    assert!(matches!(scan(b"", &limits), Err(ScanError::Empty)));
    for junk in [&b"#!/bin/sh\nrm -rf /"[..], &[0; 64], b"PK\x03\x04zip", &[0xff; 100]] {
        assert!(scan(junk, &limits).is_err());
    }
    let file = encode(&small());
    for end in 0..file.len() {
        // cut at a field's end it may still read as a smaller model; it must not panic
        let _ = scan(&file[..end], &limits);
    }
    let tight = Limits { file_bytes: 10, ..limits };
    assert!(matches!(scan(&file, &tight), Err(ScanError::TooLarge { .. })));
}

#[test]
fn a_flipped_bit_gives_an_answer_or_a_refusal() {
    let file = encode(&small());
    for at in 0..file.len() * 8 {
        let mut bytes = file.clone();
        bytes[at / 8] ^= 1 << (at % 8);
        if let Ok(scanned) = scan(&bytes, &Limits::default()) {
            let _ = scanned.sized(&[("x", vec![1, 2])]);
        }
    }
}

#[test]
fn every_form_of_external_data_is_refused() {
    let entry =
        |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
    for location in ["../weights.bin", "/etc/passwd", "weights.bin", ""] {
        let mut external = tensor_f32("w", &[2, 3], &[0.0; 6]);
        external.external_data = vec![entry("location", location), entry("offset", "1000000")];
        let mut only_marked = tensor_f32("w", &[2, 3], &[0.0; 6]);
        only_marked.data_location = DataLocation::External as i32;
        for tensor in [external, only_marked] {
            let mut as_weight = small();
            graph(&mut as_weight).initializer = vec![tensor.clone()];
            let mut as_constant = small();
            let constant = node("Constant", "k", &[], &["k"]).with(attr_tensor("value", tensor));
            graph(&mut as_constant).node.push(constant);
            for model in [as_weight, as_constant] {
                let error = refusal(&model);
                assert!(matches!(&error, ScanError::ExternalData { tensor } if tensor == "w"));
            }
        }
    }
}

#[test]
fn sparse_tensors_are_refused_wherever_they_are() {
    let sparse = SparseTensorProto {
        values: Some(tensor_f32("s", &[1], &[1.0])),
        indices: Some(tensor_i64("i", &[1], &[0])),
        dims: vec![1 << 40],
    };
    let mut as_weight = small();
    graph(&mut as_weight).sparse_initializer.push(sparse.clone());
    let mut as_constant = small();
    let attribute = AttributeProto {
        name: "sparse_value".into(),
        sparse_tensor: Some(sparse),
        ..Default::default()
    };
    graph(&mut as_constant).node.push(node("Constant", "k", &[], &["k"]).with(attribute));
    for model in [as_weight, as_constant] {
        assert!(matches!(refusal(&model), ScanError::Sparse { .. }));
    }
}

#[test]
fn foreign_operators_loops_and_functions_are_refused_by_name() {
    let with = |change: &dyn Fn(&mut ModelProto)| {
        let mut model = small();
        change(&mut model);
        refusal(&model).to_string()
    };
    let domain = with(&|m| graph(m).node[0].domain = "com.evil".into());
    assert!(domain.contains("\"m\"") && domain.contains("com.evil"), "{domain}");
    let unknown = with(&|m| graph(m).node[0].op_type = "FooBar".into());
    assert!(unknown.contains("FooBar"), "{unknown}");
    let looping = with(&|m| {
        let body = AttributeProto {
            name: "body".into(),
            g: Some(GraphProto::default()),
            ..Default::default()
        };
        graph(m).node.push(node("Loop", "l", &["x"], &["z"]).with(body));
    });
    assert!(looping.contains("Loop") && looping.contains("body"), "{looping}");
    let function = with(&|m| m.functions.push(onnx::FunctionProto::default()));
    assert!(function.contains("operators of its own"), "{function}");
    let training = with(&|m| m.training_info.push(proto::TrainingInfoProto::default()));
    assert!(training.contains("training"), "{training}");
}

/// Found by fuzzing: the names are the file's own, and the reason goes to logs and terminals.
#[test]
fn a_reason_is_one_line_whatever_the_file_calls_its_operators() {
    let named = |op: &str| {
        let mut model = small();
        graph(&mut model).node[0].op_type = op.into();
        refusal(&model).to_string()
    };
    let text = named("Fla\0\u{1b}[31m\nERROR all is well");
    assert!(text.contains("operator Fla??[31m?ERROR all is well"), "{text}");
    assert!(!text.contains(char::is_control), "{text}");
}

#[test]
fn other_operator_sets_are_refused_with_what_is_taken() {
    for version in [0, 1, 6, MAX_OPSET + 1, i64::MAX] {
        let mut model = small();
        model.opset_import[0].version = version;
        assert!(matches!(refusal(&model), ScanError::Opset { .. }), "{version}");
    }
    let mut none = small();
    none.opset_import.clear();
    assert!(matches!(refusal(&none), ScanError::Opset { found: 0, .. }));
}

#[test]
fn tensors_that_lie_about_their_size_are_refused() {
    let mut short = tensor_f32("w", &[2, 3], &[0.0; 6]);
    short.raw_data.truncate(20);
    let mut odd = tensor_f32("w", &[2, 3], &[0.0; 6]);
    odd.raw_data.push(0);
    let mut huge = tensor_f32("w", &[2, 3], &[0.0; 6]);
    huge.dims = vec![1 << 40, 1 << 40];
    let mut negative = tensor_f32("w", &[2, 3], &[0.0; 6]);
    negative.dims = vec![-2, -3];
    let mut text = tensor_f32("w", &[2, 3], &[0.0; 6]);
    text.data_type = DataType::String as i32;
    let mut alien = tensor_f32("w", &[2, 3], &[0.0; 6]);
    alien.data_type = 99;
    for tensor in [short, odd, huge, negative, text, alien] {
        let mut model = small();
        graph(&mut model).initializer = vec![tensor];
        assert!(matches!(refusal(&model), ScanError::Tensor { .. }));
    }
}

#[test]
fn cycles_doubles_and_missing_outputs_are_refused() {
    let sized = |model: &ModelProto| {
        let scanned = scan(&encode(model), &Limits::default()).unwrap();
        scanned.sized(&[("x", vec![1, 2])]).unwrap_err()
    };
    let mut cyclic = small();
    graph(&mut cyclic).node =
        vec![node("Add", "a", &["x", "z"], &["y"]), node("Relu", "r", &["y"], &["z"])];
    assert!(matches!(sized(&cyclic), ScanError::Missing { .. }));
    let mut twice = small();
    graph(&mut twice).node.push(node("Relu", "r", &["x"], &["y"]));
    assert!(matches!(sized(&twice), ScanError::Twice { .. }));
    let mut nothing = small();
    graph(&mut nothing).output[0].name = "nowhere".into();
    assert!(matches!(sized(&nothing), ScanError::NoOutput { .. }));
    let mut weights = small();
    graph(&mut weights).initializer.push(tensor_f32("w", &[1], &[0.0]));
    assert!(matches!(refusal(&weights), ScanError::Twice { .. }));
}

#[test]
fn too_many_nodes_and_too_much_work_are_refused() {
    let mut many = small();
    graph(&mut many).node = vec![node("Relu", "r", &["x"], &["y"]); 101];
    let limits = Limits { nodes: 100, ..Limits::default() };
    let found = scan(&encode(&many), &limits);
    assert!(matches!(found, Err(ScanError::TooMany { count: 101, max: 100, .. })));

    let limits = Limits { products: 5, ..Limits::default() };
    let scanned = scan(&encode(&small()), &limits).unwrap();
    let found = scanned.sized(&[("x", vec![1, 2])]);
    assert!(matches!(found, Err(ScanError::TooBig { found: 6, max: 5, .. })));
}

#[test]
fn a_file_that_swells_is_refused_before_it_is_decoded() {
    let mut many = small();
    graph(&mut many).node = vec![NodeProto::default(); 50_000];
    let limits = Limits { decoded_extra_bytes: 10 << 20, ..Limits::default() };
    let found = scan(&encode(&many), &limits);
    assert!(matches!(found, Err(ScanError::Swells { .. })));
}

#[test]
fn fields_that_are_not_known_do_not_survive() {
    // field 999 of the model, a string: nobody here knows what a runtime would do with it
    let mut bytes = encode(&small());
    bytes.extend([0xba, 0x3e, 0x04]);
    bytes.extend(b"evil");
    let checked = scan(&bytes, &Limits::default()).unwrap().sized(&[("x", vec![1, 2])]).unwrap();
    let clean = checked.into_file().into_bytes();
    assert!(!clean.windows(4).any(|w| w == b"evil"));
}
