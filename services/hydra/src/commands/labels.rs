//! Label files: CSV, JSON, or a folder for each class.

use super::place::{Place, place};
use anyhow::{Context, anyhow, bail, ensure};
use hydra_proto::{ContentHash, Label, PlotTypeName};
use hydra_store::training::{ImageKey, LabelledImage};
use serde::{Deserialize, Serialize};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// One label of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Which image.
    pub key: ImageKey,
    /// What is said of it; none takes a label away.
    pub label: Option<Label>,
    /// Where it stands, for people.
    pub at: String,
    /// The image itself, where it is at hand.
    pub file: Option<PathBuf>,
    /// Where the image belongs, as far as file or path tell.
    pub place: Place,
}

/// A line of a file: an image by its id, its content, its place in the run or a file, and a label.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Line {
    image: String,
    content: String,
    /// Path of the image, from the folder of the label file.
    #[serde(skip_serializing_if = "String::is_empty")]
    file: String,
    plot_type: String,
    run: Option<u32>,
    chunk: Option<u32>,
    label: String,
}

const COLUMNS: [&str; 7] = ["image", "content", "file", "plot_type", "run", "chunk", "label"];

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
            let at = format!("{}, entry {number}", path.display());
            let below = path.parent().unwrap_or(Path::new(""));
            wanted(line, plot_type, below, at.clone()).with_context(|| at)
        })
        .collect()
}

fn wanted(
    line: Line,
    of: Option<&PlotTypeName>,
    below: &Path,
    at: String,
) -> anyhow::Result<Wanted> {
    let plot_type = match line.plot_type.as_str() {
        "" => of.cloned(),
        name => Some(name.parse()?),
    };
    let label = match line.label.trim() {
        "" => None,
        label => Some(label.parse()?),
    };
    if !line.file.is_empty() {
        let path = Path::new(&line.file);
        let mut wanted = of_file(below, path, plot_type.as_ref(), label)?;
        wanted.place.run = line.run.or(wanted.place.run);
        wanted.place.chunk = line.chunk.or(wanted.place.chunk);
        return Ok(Wanted { at, ..wanted });
    }
    let place = Place { plot_type, run: line.run, chunk: line.chunk, run_period: None };
    let key = match (line.image.as_str(), line.content.as_str(), place.plot_type.clone(), line.run)
    {
        ("", "", Some(plot_type), Some(run)) => {
            ImageKey::Place { plot_type, run, chunk: line.chunk }
        }
        ("", "", ..) => bail!("it names no image: image, content, file, or plot_type and run"),
        ("", content, plot_type, _) => {
            let content = content.parse().map_err(|_| anyhow!("{content:?} is no SHA-256"))?;
            ImageKey::Content { content, plot_type }
        }
        (image, ..) => {
            ImageKey::Id(image.parse().map_err(|_| anyhow!("{image:?} is no id of an image"))?)
        }
    };
    Ok(Wanted { key, label, at, file: None, place })
}

/// An image by the bytes of its file; what it is of is read from its path below `root`.
fn of_file(
    root: &Path,
    below: &Path,
    plot_type: Option<&PlotTypeName>,
    label: Option<Label>,
) -> anyhow::Result<Wanted> {
    let path = root.join(below);
    let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let mut place = place(below);
    place.plot_type = plot_type.cloned().or(place.plot_type);
    let (content, plot_type) = (ContentHash::of(&bytes), plot_type.cloned());
    let key = ImageKey::Content { content, plot_type };
    Ok(Wanted { key, label, at: path.display().to_string(), file: Some(path), place })
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
                "file" => line.file = field,
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

/// `FOLDER/<label>/...<image files>`: images by the hash of their bytes, at any depth.
fn folders(path: &Path, plot_type: Option<&PlotTypeName>) -> anyhow::Result<Vec<Wanted>> {
    let mut list = Vec::new();
    for class in sorted(path)? {
        let name = class.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if !class.is_dir() || name.starts_with('.') {
            continue;
        }
        let label: Label = name.parse().with_context(|| class.display().to_string())?;
        let mut files = Vec::new();
        images(&class, &mut files)?;
        for file in files {
            let below = file.strip_prefix(path).unwrap_or(&file);
            list.push(of_file(path, below, plot_type, Some(label.clone()))?);
        }
    }
    ensure!(
        !list.is_empty(),
        "{} holds no images in folders named by labels, such as Good/ and Bad/",
        path.display()
    );
    Ok(list)
}

/// The images below a folder: what has an image's ending and is not hidden.
fn images(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for path in sorted(folder)? {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let ending = ending.to_ascii_lowercase();
        if name.starts_with('.') {
            continue;
        } else if path.is_dir() {
            images(&path, files)?;
        } else if matches!(ending.as_str(), "png" | "jpg" | "jpeg" | "gif") {
            files.push(path);
        }
    }
    Ok(())
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
        file: String::new(),
    };
    if json {
        let lines: Vec<Line> = rows.iter().map(line).collect();
        return Ok(serde_json::to_string_pretty(&lines)?);
    }
    let mut text = "image,content,plot_type,run,chunk,label\n".to_owned();
    let quoted = |field: &str| match field.contains([',', '"', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    };
    for row in rows {
        let Line { image, content, plot_type, run, chunk, label, file: _ } = line(row);
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
    fn csv_names_files_from_its_own_folder() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("plots")).unwrap();
        fs::write(dir.path().join("plots").join("x_0001.png"), b"abc").unwrap();
        let csv = dir.path().join("labels.csv");
        fs::write(&csv, "file,run,label\nplots/x_0001.png,80001,Bad\n").unwrap();
        let found = read(&csv, Some(&"A".parse().unwrap())).unwrap();
        assert_eq!((found[0].place.run, found[0].place.chunk), (Some(80001), Some(1)));
        assert_eq!(found[0].place.plot_type.as_ref().map(PlotTypeName::as_str), Some("A"));
        fs::write(&csv, "file,label\nplots/gone.png,Bad\n").unwrap();
        assert!(format!("{:#}", read(&csv, None).unwrap_err()).contains("gone.png"));
    }

    #[test]
    fn a_folder_for_each_class_names_images_by_their_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("Bad").join("Run080464");
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join("A_0003.png"), b"abc").unwrap();
        fs::write(run.join("notes.txt"), b"not an image").unwrap();
        fs::create_dir(dir.path().join(".cache")).unwrap();
        let found = read(dir.path(), None).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].place.run, found[0].place.chunk), (Some(80464), Some(3)));
        let key = ImageKey::Content { content: ContentHash::of(b"abc"), plot_type: None };
        assert_eq!(found[0].key, key);
        assert_eq!(found[0].label.as_ref().map(Label::as_str), Some("Bad"));
    }
}
