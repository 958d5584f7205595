//! An expert's way: folders of labelled plots -> labels, a model, its figures, its release, and a
//! verdict on the next plot; all by the command line, as a user types it.

use hydra_hall::{Hall, Mix, Painter, PlotType, Sample};
use hydra_store::{Database, DatabaseConfig, orm::EntityTrait};
use hydra_testkit::{eventually, hydra_binary};
use std::{
    fs,
    path::Path,
    process::{Child, Command, Output},
};

const TYPE: &str = "FCAL_occupancy";

/// A folder in which a user works.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("incoming")).unwrap();
        let config = "[ingest]\naddress = \"127.0.0.1:0\"\n\
            [[ingest.folders]]\npath = \"incoming\"\ngrammar = \"rsai\"\nsettle_ms = 200\n\
            [query]\naddress = \"127.0.0.1:0\"\n[health]\naddress = \"127.0.0.1:0\"\n";
        fs::write(folder.path().join("hydra.toml"), config).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(hydra_binary());
        command.current_dir(self.path()).args(arguments);
        if std::env::var_os("ORT_DYLIB_PATH").is_none() {
            let library =
                concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/onnxruntime/libonnxruntime.so");
            command.env("ORT_DYLIB_PATH", library);
        }
        command
    }

    fn tried(&self, arguments: &[&str]) -> (bool, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let said = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (status.success(), said.concat())
    }

    /// Runs a command that must succeed, and gives what it said.
    fn run(&self, arguments: &[&str]) -> String {
        let (well, said) = self.tried(arguments);
        assert!(well, "hydra {}: {said}", arguments.join(" "));
        said
    }

    /// Draws samples into a folder for each label and run, named as the hall's program does.
    fn draw(&self, hall: &Hall, plot_type: &PlotType, samples: &[Sample], below: &str) {
        let mut painter = Painter::new();
        for sample in samples {
            let fault = sample.fault.as_ref();
            let drawn = hall.draw_with(&mut painter, plot_type, sample.at, fault).unwrap();
            let label = if drawn.truth.label == "Good" { "Good" } else { "Bad" };
            let run = format!("Run{:06}", sample.at.run);
            let folder = self.path().join(below).join(label).join(run);
            fs::create_dir_all(&folder).unwrap();
            let name = format!("{TYPE}_{:04}.png", sample.at.chunk);
            fs::write(folder.join(name), drawn.png).unwrap();
        }
    }

    fn model(&self, more: &[&str]) -> String {
        let mut arguments = vec!["model", "train", "--plot-type", TYPE, "--input", "96x80"];
        arguments.extend(["--architecture", "compact", "--epochs", "12"]);
        arguments.extend(more);
        let said = self.run(&arguments);
        for wanted in ["trained on", "validated on", "macro F1", "calibration error", "threshold"] {
            assert!(said.contains(wanted), "no {wanted:?} in {said}");
        }
        let digest = said.split("model ").nth(1).and_then(|rest| rest.split_whitespace().next());
        digest.unwrap_or_else(|| panic!("no model in {said}")).to_owned()
    }
}

/// A process that ends with the test.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _already_ended = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_of_an_expert_become_a_model_that_judges_the_next_plot() {
    let (hall, desk) = (Hall::new(7), Desk::new());
    let plot_type = hall.plot_types().iter().find(|t| t.name.as_str() == TYPE).unwrap().clone();
    let first = hall.first_run();
    let mix = Mix { bad_share: 0.4, ..Mix::default() };
    let samples = hall.samples(&plot_type, 110, first..first + 30, &mix, 1);
    let (labelled, later) = samples.split_at(100);
    desk.draw(&hall, &plot_type, labelled, "labelled");

    let said = desk.run(&["label", "import", "labelled", "--plot-type", TYPE]);
    assert!(said.contains("100 images labelled") && said.contains("100 of them"), "{said}");
    let again = desk.run(&["label", "import", "labelled", "--plot-type", TYPE]);
    assert!(again.contains("100 images labelled") && !again.contains("of them"), "{again}");
    desk.run(&["label", "export", TYPE, "labels.csv"]);
    let labels = fs::read_to_string(desk.path().join("labels.csv")).unwrap();
    assert_eq!(labels.lines().count(), 101);
    desk.run(&["label", "import", "labels.csv"]);
    // one mistake, and nothing changes
    fs::write(desk.path().join("wrong.csv"), "plot_type,run,label\nFCAL_occupancy,1,Bad\n")
        .unwrap();
    let (well, said) = desk.tried(&["label", "import", "wrong.csv"]);
    assert!(!well && said.contains("not known here"), "{said}");

    let one = desk.model(&[]);
    let said = desk.run(&["model", "evaluate", &one[..12]]);
    assert!(said.contains("expert \\ model") && said.contains("precision / recall"), "{said}");
    // synthetic faults train and nothing else, and a plot type can be trained twice
    let two = desk.model(&["--seed", "2", "--synthetic", "40"]);
    assert_ne!(one, two);
    let shown = desk.run(&["model", "show", &two]);
    assert!(shown.contains("synthetic     40 Bad"), "{shown}");
    desk.run(&["model", "activate", &one, "--why", "the first"]);
    desk.run(&["model", "candidate", &two, "--why", "to be watched"]);
    let said = desk.run(&["model", "compare", &one, &two]);
    assert!(said.contains("verdicts differ") && said.contains("right:"), "{said}");
    let said = desk.run(&["model", "backtest", &two, "--images", "50"]);
    assert!(said.contains("of 50 verdicts differ"), "{said}");
    let eight = desk.run(&["model", "quantise", &one, "--limit", "0.05"]);
    assert!(eight.contains("times faster"), "{eight}");
    let said = desk.run(&["model", "list", "--plot-type", TYPE]);
    assert!(said.contains("3 models") && said.contains("active of") && said.contains("candidate"));

    let up = Up(desk.command(&["up"]).spawn().unwrap());
    desk.draw(&hall, &plot_type, later, "next");
    for label in ["Good", "Bad"] {
        let Ok(runs) = fs::read_dir(desk.path().join("next").join(label)) else { continue };
        for run in runs.map(Result::unwrap) {
            let to = desk.path().join("incoming").join(run.file_name());
            fs::create_dir_all(&to).unwrap();
            for file in fs::read_dir(run.path()).unwrap().map(Result::unwrap) {
                fs::rename(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    }
    let url = format!("sqlite:{}", desk.path().join(".hydra/hydra.db").display());
    let database = Database::connect(&DatabaseConfig::at(&url)).await.unwrap();
    eventually("both models judge the ten new plots", async || {
        let pool = database.clone();
        let rows = pool.run(|pool| async move {
            let all = hydra_store::entity::prediction::Entity::find().all(&pool).await?;
            Ok::<_, hydra_store::StoreError>(all.len())
        });
        rows.await.unwrap_or(0) == 20
    })
    .await;
    drop(up);
    desk.run(&["model", "activate", &two, "--why", "it is better"]);
    desk.run(&["model", "rollback", TYPE, "--why", "it is not"]);
    let said = desk.run(&["model", "list", "--plot-type", TYPE]);
    let line = said.lines().find(|line| line.starts_with(&one[..12])).unwrap();
    assert!(line.contains("active of"), "{said}");
}
