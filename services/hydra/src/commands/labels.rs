//! Label files: CSV, JSON, or a folder for each class.

use anyhow::{Context, anyhow, bail, ensure};
use hydra_proto::{ContentHash, Label, PlotTypeName};
use hydra_store::training::{ImageKey, LabelledImage};
use serde::{Deserialize, Serialize};
use std::{fmt::Write as _, fs, path::Path};

/// One label of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Which image.
    pub key: ImageKey,
    /// What is said of it; none takes a label away.
    pub label: Option<Label>,
    /// Where it stands, for people.
    pub place: String,
}

/// A line of a file: an image by its id, its content or its place in the run, and a label.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Line {
    image: String,
    content: String,
    plot_type: String,
    run: Option<u32>,
    chunk: Option<u32>,
    label: String,
}

const COLUMNS: [&str; 6] = ["image", "content", "plot_type", "run", "chunk", "label"];

/// Reads a file (`.json`: a list; else CSV with a line of column names) or a folder in which
/// every folder is a class and holds its images.
///
/// # Errors
/// The first mistake, with its place.
pub fn read(path: &Path, plot_type: Option<&PlotTypeName>) -> anyhow::Result<Vec<Wanted>> {
    if path.is_dir() {
        return folders(path, plot_type);
    }
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let lines: Vec<(usize, Line)> = match path.extension().is_some_and(|e| e == "json") {
        true => {
            let list: Vec<Line> = serde_json::from_str(&text)
                .with_context(|| format!("{} is no list of labels", path.display()))?;
            list.into_iter().enumerate().map(|(i, line)| (i + 1, line)).collect()
        }
        false => csv(&text).with_context(|| path.display().to_string())?,
    };
    lines
        .into_iter()
        .map(|(number, line)| {
            let place = format!("{}, entry {number}", path.display());
            wanted(line, plot_type, place.clone()).with_context(|| place)
        })
        .collect()
}

fn wanted(line: Line, of: Option<&PlotTypeName>, place: String) -> anyhow::Result<Wanted> {
    let plot_type = match line.plot_type.as_str() {
        "" => of.cloned(),
        name => Some(name.parse()?),
    };
    let key = match (line.image.as_str(), line.content.as_str(), plot_type, line.run) {
        ("", "", Some(plot_type), Some(run)) => {
            ImageKey::Place { plot_type, run, chunk: line.chunk }
        }
        ("", "", ..) => bail!("it names no image: image, content, or plot_type and run"),
        ("", content, plot_type, _) => {
            let content = content.parse().map_err(|_| anyhow!("{content:?} is no SHA-256"))?;
            ImageKey::Content { content, plot_type }
        }
        (image, ..) => {
            ImageKey::Id(image.parse().map_err(|_| anyhow!("{image:?} is no id of an image"))?)
        }
    };
    let label = match line.label.trim() {
        "" => None,
        label => Some(label.parse()?),
    };
    Ok(Wanted { key, label, place })
}

/// Comma-separated values with the column names in the first line (RFC 4180).
fn csv(text: &str) -> anyhow::Result<Vec<(usize, Line)>> {
    let mut rows = records(text)?.into_iter();
    let (_, names) = rows.next().ok_or_else(|| anyhow!("it is empty"))?;
    if let Some(unknown) = names.iter().find(|n| !COLUMNS.contains(&n.trim())) {
        bail!("column {unknown:?} is not known; known are {}", COLUMNS.join(", "));
    }
    ensure!(names.iter().any(|n| n.trim() == "label"), "there is no column \"label\"");
    rows.map(|(number, fields)| {
        ensure!(
            fields.len() == names.len(),
            "line {number} has {} fields, the first line names {}",
            fields.len(),
            names.len()
        );
        let mut line = Line::default();
        for (name, field) in names.iter().zip(fields) {
            let field = field.trim().to_owned();
            let as_number = |field: &str| match field {
                "" => Ok(None),
                text => text.parse().map(Some).map_err(|_| anyhow!("line {number}: {text:?}")),
            };
            match name.trim() {
                "image" => line.image = field,
                "content" => line.content = field,
                "plot_type" => line.plot_type = field,
                "run" => line.run = as_number(&field)?,
                "chunk" => line.chunk = as_number(&field)?,
                _ => line.label = field,
            }
        }
        Ok((number, line))
    })
    .collect()
}

/// Records with the line that each begins in; quotes as in RFC 4180.
fn records(text: &str) -> anyhow::Result<Vec<(usize, Vec<String>)>> {
    let mut records = Vec::new();
    let (mut record, mut field) = (Vec::new(), String::new());
    let (mut quoted, mut line, mut start) = (false, 1, 1);
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match (quoted, c) {
            (true, '"') if chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            (true, '"') => quoted = false,
            (true, c) => field.push(c),
            (false, '"') if field.is_empty() => quoted = true,
            (false, ',') => record.push(std::mem::take(&mut field)),
            (false, '\r') => {}
            (false, '\n') => {
                record.push(std::mem::take(&mut field));
                let whole = std::mem::take(&mut record);
                if whole.iter().any(|f| !f.trim().is_empty()) {
                    records.push((start, whole));
                }
                start = line;
            }
            (false, c) => field.push(c),
        }
    }
    ensure!(!quoted, "a quote that begins near line {start} does not end");
    record.push(field);
    if record.iter().any(|f| !f.trim().is_empty()) {
        records.push((start, record));
    }
    Ok(records)
}

/// `FOLDER/<label>/<image files>`: images by the hash of their bytes.
fn folders(path: &Path, plot_type: Option<&PlotTypeName>) -> anyhow::Result<Vec<Wanted>> {
    let mut list = Vec::new();
    for class in sorted(path)? {
        if !class.is_dir() {
            continue;
        }
        let name = class.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let label: Label = name.parse().with_context(|| class.display().to_string())?;
        for file in sorted(&class)? {
            let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            let content = ContentHash::of(&bytes);
            list.push(Wanted {
                key: ImageKey::Content { content, plot_type: plot_type.cloned() },
                label: Some(label.clone()),
                place: file.display().to_string(),
            });
        }
    }
    Ok(list)
}

fn sorted(folder: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut paths = entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// Labels as CSV or JSON, in the form that `read` takes.
///
/// # Errors
/// None that can be seen; JSON is written from plain values.
pub fn write(rows: &[LabelledImage], json: bool) -> anyhow::Result<String> {
    let line = |row: &LabelledImage| Line {
        image: row.image.to_string(),
        content: row.content.to_string(),
        plot_type: row.plot_type.to_string(),
        run: Some(row.run),
        chunk: row.chunk,
        label: row.label.to_string(),
    };
    if json {
        let lines: Vec<Line> = rows.iter().map(line).collect();
        return Ok(serde_json::to_string_pretty(&lines)?);
    }
    let mut text = COLUMNS.join(",") + "\n";
    let quoted = |field: &str| match field.contains([',', '"', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    };
    for row in rows {
        let Line { image, content, plot_type, run, chunk, label } = line(row);
        let number = |n: Option<u32>| n.map_or_else(String::new, |n| n.to_string());
        let fields = [image, content, plot_type, number(run), number(chunk), label];
        let fields: Vec<String> = fields.iter().map(|f| quoted(f)).collect();
        writeln!(text, "{}", fields.join(","))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, text: &str) -> anyhow::Result<Vec<Wanted>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        read(&path, Some(&"CDC_occupancy".parse().unwrap()))
    }

    #[test]
    fn csv_and_json_name_images_by_place() {
        let csv = written("x.csv", "run,chunk,label\r\n80001,3,Bad\n80001,,\"Good\"\n\n").unwrap();
        let json =
            r#"[{"run": 80001, "chunk": 3, "label": "Bad"}, {"run": 80001, "label": "Good"}]"#;
        let json = written("x.json", json).unwrap();
        assert_eq!(csv.len(), 2);
        for (a, b) in csv.iter().zip(&json) {
            assert_eq!((&a.key, &a.label), (&b.key, &b.label));
        }
        let place = ImageKey::Place {
            plot_type: "CDC_occupancy".parse().unwrap(),
            run: 80001,
            chunk: Some(3),
        };
        assert_eq!(csv[0].key, place);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let text = |name, text| format!("{:#}", written(name, text).unwrap_err());
        assert!(text("x.csv", "run,quality\n1,Bad").contains("\"quality\" is not known"));
        assert!(text("x.csv", "run,label\n1").contains("line 2 has 1 fields"));
        assert!(text("x.csv", "run,label\none,Bad").contains("\"one\""));
        assert!(text("x.csv", "run,label\n1,<b>").contains("entry"));
        assert!(text("x.csv", "run,label\n1,\"Bad").contains("does not end"));
        assert!(text("x.csv", "chunk,label\n1,Bad").contains("names no image"));
        assert!(text("x.json", "{}").contains("no list of labels"));
    }

    #[test]
    fn a_folder_for_each_class_names_images_by_their_bytes() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("Bad")).unwrap();
        fs::write(dir.path().join("Bad").join("a.png"), b"abc").unwrap();
        let found = read(dir.path(), None).unwrap();
        let key = ImageKey::Content { content: ContentHash::of(b"abc"), plot_type: None };
        assert_eq!(found[0].key, key);
        assert_eq!(found[0].label.as_ref().map(Label::as_str), Some("Bad"));
    }
}
