//! S20: what runs models can do little else.

use e2e::{Hall, Place, STAGES};

/// The values of a field of proc(5) in all threads of a process.
fn of_threads(pid: u32, field: &str) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = threads.flatten().map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_default().trim().to_owned()
    });
    status.filter(|value| !value.is_empty()).collect()
}

/// Every thread of `infer` and `gradcam` is bound, and the hall works all the same. What is out of
/// reach then is tried in `hydra-boot` (`s20_programs_files_and_ports_outside_are_out_of_reach`).
#[tokio::test(flavor = "multi_thread")]
async fn s20_what_runs_models_runs_in_a_sandbox() {
    let mut hall = Hall::open(Place::Shared, Place::Shared).await;
    hall.start_each(&STAGES).await;
    hall.producer.publish(20).await;
    hall.settle(std::time::Duration::from_secs(60), 0).await;
    for role in ["infer", "gradcam"] {
        let pid = hall.process(role).pid();
        for (field, wanted) in [("Seccomp", "2"), ("NoNewPrivs", "1")] {
            let found = of_threads(pid, field);
            assert!(!found.is_empty() && found.iter().all(|v| v == wanted), "{role}: {found:?}");
        }
        let output = hall.process(role).output();
        assert!(output.contains("in a sandbox: files, ports and programs are bounded"), "{output}");
    }
    let pid = hall.process("keep").pid();
    assert!(of_threads(pid, "NoNewPrivs").iter().all(|value| value == "0"));

    // it can be turned off
    hall.terminate("infer", std::time::Duration::from_secs(20)).await;
    hall.variables.push(("HYDRA_WORK__SANDBOX".into(), "false".into()));
    hall.start_each(&["infer"]).await;
    let pid = hall.process("infer").pid();
    assert!(of_threads(pid, "NoNewPrivs").iter().all(|value| value == "0"));
}
