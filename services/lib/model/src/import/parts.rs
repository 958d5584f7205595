//! The graphs of a model on their way into a bundle.

use super::{ImportError, ImportRequest};
use crate::{
    bundle::{inputs_from, shapes_of},
    edit,
    manifest::Graphs,
    scan::{Checked, Limits, SafeFile, Scanned, declared, scan, short},
};
use hydra_proto::ContentHash;

/// The graphs of a model on their way into a bundle.
pub(super) struct Parts {
    pub body: Checked,
    pub head: Option<Checked>,
}

impl Parts {
    pub fn of(body: Checked, head: Option<Scanned>) -> Result<Self, ImportError> {
        let Some(head) = head else { return Ok(Self { body, head: None }) };
        let outputs = shapes_of(&body);
        let unknown = head.inputs().iter().find(|input| !outputs.contains_key(&input.name));
        if let Some(input) = unknown {
            let name = short(&input.name);
            return Err(ImportError::Input(format!(
                "the trunk has no output {name:?} for the head"
            )));
        }
        let head = head.sized(&inputs_from(&outputs))?;
        if head.opset != body.opset {
            let text =
                format!("trunk and head are of operator sets {} and {}", body.opset, head.opset);
            return Err(ImportError::Input(text));
        }
        Ok(Self { body, head: Some(head) })
    }

    /// The graph that gives the scores.
    pub fn last(&self) -> &Checked {
        self.head.as_ref().unwrap_or(&self.body)
    }

    /// The output that holds one number a label, or one for two labels.
    pub fn scores(&self, request: &ImportRequest) -> Result<String, ImportError> {
        let labels = request.labels.len();
        let shapes = shapes_of(self.last());
        let count = |shape: &Vec<usize>| shape.iter().product::<usize>();
        let fits = |n: usize| n == labels || (n == 1 && labels == 2);
        let others = |name: &String| {
            Some(name) == request.embedding.as_ref()
                || request.map.as_ref().is_some_and(|(map, _)| map == name)
                || request.novelty.as_ref().is_some_and(|n| &n.output == name)
        };
        let listed = || {
            let named = shapes.iter().map(|(n, s)| format!("{:?} {s:?}", short(n)));
            named.collect::<Vec<_>>().join(", ")
        };
        if let Some(name) = &request.scores {
            return match shapes.get(name) {
                Some(shape) if fits(count(shape)) => Ok(name.clone()),
                Some(shape) => Err(ImportError::Output(format!(
                    "{labels} labels for {} scores of {:?}",
                    count(shape),
                    short(name)
                ))),
                None => Err(ImportError::Output(format!(
                    "there is no output {:?}, only {}",
                    short(name),
                    listed()
                ))),
            };
        }
        let mut fitting = shapes.iter().filter(|(n, s)| fits(count(s)) && !others(n));
        match (fitting.next(), fitting.next()) {
            (Some((name, _)), None) => Ok(name.clone()),
            (None, _) => Err(ImportError::Output(format!(
                "{labels} labels, and none of the outputs has as many numbers: {}",
                listed()
            ))),
            (Some(_), Some(_)) => Err(ImportError::Output(format!(
                "several could hold the scores, name one of {}",
                listed()
            ))),
        }
    }

    /// Drops all outputs that nothing asked for; makes the others give floats.
    pub fn keep_outputs(
        &mut self,
        scores: &str,
        request: &ImportRequest,
    ) -> Result<(), ImportError> {
        let mut wanted = vec![scores];
        wanted.extend(request.embedding.as_deref());
        wanted.extend(request.map.as_ref().map(|(map, _)| map.as_str()));
        wanted.extend(request.novelty.as_ref().map(|n| n.output.as_str()));
        let known = |graph: &Checked, name: &str| graph.outputs().any(|o| o == name);
        let missing = wanted.iter().find(|name| {
            !known(&self.body, name) && !self.head.as_ref().is_some_and(|head| known(head, name))
        });
        if let Some(name) = missing {
            return Err(ImportError::Output(format!("there is no output {:?}", short(name))));
        }
        let mut for_body = wanted.clone();
        let inputs: Vec<String> =
            self.head.iter().flat_map(|h| h.inputs().map(str::to_owned)).collect();
        for_body.extend(inputs.iter().map(String::as_str));
        // a trunk keeps all its outputs: it is shared, and others may read them
        if self.head.is_none() {
            edit::prune(&mut self.body.graph, &for_body);
        }
        if let Some(head) = &mut self.head {
            edit::prune(&mut head.graph, &wanted);
        }
        for graph in std::iter::once(&mut self.body).chain(&mut self.head) {
            as_floats(graph)?;
            // as found, not as declared: a fixed batch of several became one
            for output in std::mem::take(&mut graph.graph.output) {
                let shape = graph.shape(&output.name).unwrap_or_default().to_vec();
                edit::expose(&mut graph.graph, &output.name, &shape);
            }
        }
        Ok(())
    }

    /// Body and head as one graph, and what the scores are called in it.
    pub fn whole(&self) -> Result<Checked, ImportError> {
        let Some(head) = &self.head else { return Ok(self.body.clone()) };
        let graph = edit::compose(self.body.graph.clone(), head.graph.clone());
        let bytes = crate::scan::encode(graph, self.body.opset);
        let scanned = scan(&bytes, &Limits::default())?;
        let name = self.body.inputs().next().unwrap_or_default().to_owned();
        let shape = self.body.shape(&name).unwrap_or_default().to_vec();
        Ok(scanned.sized(&[(&name, shape)])?)
    }

    /// What a tensor of the last graph is called in the whole.
    pub fn in_whole(&self, name: &str) -> String {
        if self.head.is_some() { edit::composed_name(name) } else { name.to_owned() }
    }

    pub fn into_files(self) -> (Graphs, Vec<SafeFile>) {
        let body = self.body.into_file();
        let hash = ContentHash::of(body.bytes());
        match self.head.map(Checked::into_file) {
            None => (Graphs::Network(hash), vec![body]),
            Some(head) => {
                let graphs =
                    Graphs::TrunkAndHead { trunk: hash, head: ContentHash::of(head.bytes()) };
                (graphs, vec![body, head])
            }
        }
    }
}

/// Outputs of other number types are cast.
fn as_floats(graph: &mut Checked) -> Result<(), ImportError> {
    use crate::onnx::DataType::{Bfloat16, Double, Float, Float16};
    let outputs: Vec<(String, i32)> = graph
        .graph
        .output
        .iter()
        .map(|o| (o.name.clone(), declared(o).map_or(Float as i32, |(kind, _)| kind)))
        .collect();
    for (name, kind) in outputs {
        match kind {
            k if k == Float as i32 => {}
            k if [Double, Float16, Bfloat16].iter().any(|f| *f as i32 == k) => {
                edit::give_floats(&mut graph.graph, &name);
            }
            other => {
                let name = short(&name);
                return Err(ImportError::Output(format!("{name:?} is of element type {other}")));
            }
        }
    }
    Ok(())
}
