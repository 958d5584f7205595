//! Training as a database user with the rights of its role, by the real command.
#![allow(clippy::unwrap_used)]

use hydra_hall::{Hall, Mix, Painter};
use hydra_testkit::{Database, Engine, hydra_binary};
use std::{fs, path::Path, process::Command};

const TYPE: &str = "FCAL_occupancy";

/// Runs the binary in `folder` on the database at `url`; whether it went well, and what it said.
fn hydra(folder: &Path, url: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(hydra_binary());
    command.current_dir(folder).args(arguments).env("HYDRA_DATABASE__URL", url);
    if std::env::var_os("ORT_DYLIB_PATH").is_none() {
        let library =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/onnxruntime/libonnxruntime.so");
        command.env("ORT_DYLIB_PATH", library);
    }
    let output = command.output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.success(), said.concat())
}

/// The statements that give `user` the rights of `role`, as `hydra migrate` prints them.
fn grants(folder: &Path, database: &Database, role: &str, user: &str) -> Vec<String> {
    let asked = ["migrate", "--grants", role, "--user", user];
    let (well, said) = hydra(folder, &database.url, &asked);
    assert!(well, "{said}");
    let lines = said.lines().filter(|line| line.starts_with("grant "));
    let statements: Vec<String> = lines.map(|line| line.trim_end_matches(';').to_owned()).collect();
    assert!(!statements.is_empty(), "{said}");
    statements
}

/// What is normal is learnt, and its model made a candidate, as the user of `train`; the user of
/// the other workers cannot.
#[test]
fn training_needs_the_rights_of_its_role_and_no_more() {
    let hall = Hall::new(7);
    let plot_type = hall.plot_types().iter().find(|t| t.name.as_str() == TYPE).unwrap();
    let first = hall.first_run();
    let mix = Mix { bad_share: 0.0, ..Mix::default() };
    let mut painter = Painter::new();
    let goods = hall.samples(plot_type, 30, first..first + 10, &mix, 1);
    for engine in [Engine::MariaDb, Engine::Postgres] {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::create(engine);
        let (well, said) = hydra(folder.path(), &database.url, &["migrate"]);
        assert!(well, "{said}");
        for sample in &goods {
            let drawn = hall.draw_with(&mut painter, plot_type, sample.at, None).unwrap();
            let run = folder.path().join(format!("labelled/Good/Run{:06}", sample.at.run));
            fs::create_dir_all(&run).unwrap();
            fs::write(run.join(format!("{TYPE}_{:04}.png", sample.at.chunk)), drawn.png).unwrap();
        }
        let import = ["label", "import", "labelled", "--plot-type", TYPE];
        let (well, said) = hydra(folder.path(), &database.url, &import);
        assert!(well, "{said}");
        let learn = ["model", "normal", "--plot-type", TYPE, "--candidate", "--why", "rights"];
        let aliases = "select count(*) from alias where alias = 'candidate'";

        let worker = database.user(|user| grants(folder.path(), &database, "worker", user));
        let (well, said) = hydra(folder.path(), &worker.url, &learn);
        assert!(!well && said.contains("refuses our user"), "{engine:?}: {said}");
        assert_eq!(database.sql(aliases).unwrap(), "0");

        let train = database.user(|user| grants(folder.path(), &database, "train", user));
        let (well, said) = hydra(folder.path(), &train.url, &learn);
        assert!(well, "{engine:?}: {said}");
        assert_eq!(database.sql(aliases).unwrap(), "1");
        // labels, plots and the active model are none of its business
        let import = ["label", "import", "labelled", "--plot-type", TYPE];
        let (well, said) = hydra(folder.path(), &train.url, &import);
        assert!(!well && said.contains("refuses our user"), "{engine:?}: {said}");
    }
}
