//! The picture's input: which of a graph's tensors it is, and its size.

use super::{ImportError, ImportRequest, Report, described};
use crate::{
    edit,
    manifest::{Batch, InputSpec, Layout},
    onnx::{self, DataType, Dim},
    scan::{Checked, Scanned, declared, short},
};

/// Finds the input, gives it a fixed size and lets it be of floats.
pub(super) fn open(
    mut scanned: Scanned,
    request: &ImportRequest,
    report: &mut Report,
) -> Result<(Checked, InputSpec), ImportError> {
    let inputs = scanned.inputs();
    let [input] = inputs else {
        let names: Vec<String> = inputs.iter().map(|i| format!("{:?}", short(&i.name))).collect();
        let text = format!("a classifier of pictures has one, this has {}", names.join(", "));
        return Err(ImportError::Input(if names.is_empty() {
            "there is none".into()
        } else {
            text
        }));
    };
    let name = input.name.clone();
    let (kind, axes) = declared(input)
        .ok_or_else(|| ImportError::Input(format!("{:?} has no declared shape", short(&name))))?;
    let (layout, channels, height, width) = placed(&name, &axes, request)?;
    let spec = InputSpec {
        name: name.clone(),
        width,
        height,
        channels,
        layout,
        batch: Batch::One,
        letterbox: request.letterbox,
        normalisation: request.normalisation.clone(),
    };
    report.note(format!("input {}", described(&spec)));
    let free = axes[0].is_none();
    let sizes = spec.dims(1);
    let dims: Vec<Dim> = sizes
        .iter()
        .enumerate()
        .map(|(i, size)| if i == 0 && free { Dim::Named("batch") } else { Dim::Fixed(*size) })
        .collect();
    // a fixed batch of several is tried as a batch of one; sizes that contradict it show here
    scanned.graph.input = vec![onnx::value_info(&name, kind_of(kind)?, &dims)];
    if kind != DataType::Float as i32 {
        edit::take_floats(&mut scanned.graph, kind);
        report.note("its pixels are cast from floats");
    }
    let checked = scanned.sized(&[(&name, sizes)])?;
    Ok((checked, spec))
}

/// Element types that pixels can be cast to.
fn kind_of(kind: i32) -> Result<DataType, ImportError> {
    use DataType::{Bfloat16, Double, Float, Float16, Int8, Int32, Int64, Uint8};
    DataType::try_from(kind)
        .ok()
        .filter(|k| [Float, Float16, Bfloat16, Double, Uint8, Int8, Int32, Int64].contains(k))
        .ok_or_else(|| ImportError::Input(format!("element type {kind} is not one of numbers")))
}

/// Layout, channels, height and width from the declared axes.
fn placed(
    name: &str,
    axes: &[Option<usize>],
    request: &ImportRequest,
) -> Result<(Layout, u32, u32, u32), ImportError> {
    let refused = |why: &str| {
        let shown: Vec<String> =
            axes.iter().map(|a| a.map_or("?".into(), |a| a.to_string())).collect();
        ImportError::Input(format!("{:?} has the axes {}: {why}", short(name), shown.join(" x ")))
    };
    let is_colour = |axis: Option<usize>| matches!(axis, Some(1 | 3));
    let (layout, channels, sides) = match *axes {
        [_, c, h, w] if is_colour(c) => (Layout::Nchw, c, [h, w]),
        [_, h, w, c] if is_colour(c) => (Layout::Nhwc, c, [h, w]),
        [_, h, w] => (Layout::Nhw, Some(1), [h, w]),
        _ => {
            let why = "a picture has a batch, 1 or 3 channels, height and width";
            return Err(refused(why));
        }
    };
    let side = |found: Option<usize>, asked: Option<u32>| -> Result<u32, ImportError> {
        match (found, asked) {
            (Some(found), Some(asked)) if found != asked as usize => {
                Err(refused("another size was asked for"))
            }
            (Some(found), _) => u32::try_from(found).map_err(|_| refused("a side is too long")),
            (None, Some(asked)) => Ok(asked),
            (None, None) => Err(refused("height or width is open, the size must be given")),
        }
    };
    let height = side(sides[0], request.size.map(|(_, height)| height))?;
    let width = side(sides[1], request.size.map(|(width, _)| width))?;
    if !(1..=4096).contains(&height) || !(1..=4096).contains(&width) {
        return Err(refused("sides of 1 to 4096 pixels are possible"));
    }
    Ok((layout, channels.unwrap_or(1) as u32, height, width))
}
