//! Configurations that mean nothing: said in one line, before anything is touched.

use hydra_testkit::hydra_binary;
use std::{path::Path, process::Output};
use tokio::{net::TcpListener, process::Command};

/// A mistake, and what the line about it must name.
enum Case {
    /// In a variable: its name, its value, the field.
    Variable(&'static str, &'static str, &'static str),
    /// In the file: its text, the field or the place.
    File(&'static str, &'static str),
}

use Case::{File, Variable};

const CASES: &[Case] = &[
    Variable("HYDRA_BROKER__URL", "", "broker"),
    Variable("HYDRA_BROKER__URL", "http://localhost", "broker"),
    Variable("HYDRA_BROKER__URL", "amqp://host:port/x", "broker"),
    Variable("HYDRA_BROKER__HEARTBEAT_S", "soon", "broker.heartbeat_s"),
    Variable("HYDRA_BROKER__HEARTBEAT_S", "1", "broker"),
    Variable("HYDRA_BROKER__HEARTBEAT_S", "-1", "broker.heartbeat_s"),
    Variable("HYDRA_BROKER__HEARTBEAT_S", "70000", "broker.heartbeat_s"),
    Variable("HYDRA_BROKER__CONNECT_TIMEOUT_S", "0", "broker"),
    Variable("HYDRA_BROKER__CONFIRM_TIMEOUT_S", "601", "broker"),
    Variable("HYDRA_BROKER__DECLARE", "perhaps", "broker.declare"),
    Variable("HYDRA_BROKER__CA_FILE", "/nowhere/ca.pem", "broker.ca_file"),
    Variable("HYDRA_BROKER__HARTBEAT_S", "5", "broker.hartbeat_s"),
    Variable("HYDRA_BROKER_URL", "amqp://localhost", "broker.url"),
    Variable("HYDRA_DATABASE__URL", "", "database.url"),
    Variable("HYDRA_DATABASE__URL", "oracle://db/hydra", "database.url"),
    Variable("HYDRA_DATABASE__URL", "mysql://u:canary@db:port/x", "database.url"),
    Variable("HYDRA_DATABASE__MAX_CONNECTIONS", "0", "database.max_connections"),
    Variable("HYDRA_DATABASE__MAX_CONNECTIONS", "many", "database.max_connections"),
    Variable("HYDRA_DATABASE__ACQUIRE_TIMEOUT_S", "60", "database.acquire_timeout_s"),
    Variable("HYDRA_DATABASE__WORK_TIMEOUT_S", "0", "database.work_timeout_s"),
    Variable("HYDRA_DATABASE__READ_ONLY", "2", "database.read_only"),
    Variable("HYDRA_BLOBS__URL", "", "blobs.url"),
    Variable("HYDRA_BLOBS__URL", "http://169.254.169.254/", "blobs.url"),
    Variable("HYDRA_BLOBS__URL", "file:///", "blobs.url"),
    Variable("HYDRA_BLOBS__URL", "/srv/blobs", "blobs.url"),
    Variable("HYDRA_ONNX__LIBRARY", "/nowhere/libonnxruntime.so", "onnx.library"),
    Variable("HYDRA_WORK__THREADS", "-2", "work.threads"),
    Variable("HYDRA_WORK__THREADS", "5000", "work.threads"),
    Variable("HYDRA_WORK__MODELS_MEMORY_MB", "0", "work.models_memory_mb"),
    Variable("HYDRA_INGEST__ADDRESS", "everywhere", "ingest.address"),
    Variable("HYDRA_INGEST__ADDRESS", "127.0.0.1:99999", "ingest.address"),
    Variable("HYDRA_QUERY__ADDRESS", "localhost:8080", "query.address"),
    Variable("HYDRA_HEALTH__ADDRESS", "127.0.0.1", "health.address"),
    Variable("HYDRA_TELEMETRY__LOG", "info,hydra=loud", "telemetry.log"),
    Variable("HYDRA_TELEMETRY__LOG_FORMAT", "xml", "telemetry.log_format"),
    Variable("HYDRA_TELEMETRY__OTLP_ENDPOINT", "collector:4317", "telemetry.otlp_endpoint"),
    Variable("HYDRA_TELEMETRY__TRACE_FRACTION", "1.5", "telemetry.trace_fraction"),
    Variable("HYDRA_SHUTDOWN__GRACE_S", "0", "shutdown.grace_s"),
    Variable("HYDRA_HALL__NAME", " ", "hall.name"),
    Variable("HYDRA_WORK__NOTHING", "1", "work.nothing"),
    File("[broker\n", "hydra.toml"),
    File("[broker]\nheartbeat_s = 'soon'\n", "broker.heartbeat_s"),
    File("[broker]\nhartbeat_s = 5\n", "broker.hartbeat_s"),
    File("[brokers]\nurl = 'amqp://localhost'\n", "brokers"),
    File("[database]\nurl = 'oracle://db'\n", "database.url"),
    File("[telemetry]\ntrace_fraction = -0.1\n", "telemetry.trace_fraction"),
    File("[blobs]\nurl = 3\n", "blobs.url"),
    File("[[ingest.folders]]\ngrammar = 'rsai'\n", "ingest.folders"),
    File("[[ingest.folders]]\npath = ''\ngrammar = 'rsai'\n", "ingest.folders"),
    File("[[ingest.folders]]\npath = '/a'\ngrammar = 'root'\n", "ingest.folders"),
    File("[[ingest.folders]]\npath = '/a'\ngrammar = 'rsai'\nrescan_s = 0\n", "ingest.folders"),
];

async fn run(case: &Case, broker: &str, folder: &Path) -> Output {
    let mut command = Command::new(hydra_binary());
    command.args(["run", "keep"]).current_dir(folder);
    command.env("HYDRA_BROKER__URL", broker);
    match case {
        Variable(name, value, _) => {
            command.env(name, value);
        }
        File(text, _) => {
            let path = folder.join("hydra.toml");
            std::fs::write(&path, text).unwrap();
            command.arg("--config").arg(path);
        }
    }
    command.output().await.unwrap()
}

/// F38: fifty bad configurations. Each ends with status 64 and one line that names the field, and
/// the file or the variable; nobody has connected to the broker.
#[tokio::test]
async fn f38_config_bad() {
    assert!(CASES.len() >= 40);
    let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://guest:guest@{}/%2f", broker.local_addr().unwrap());
    for case in CASES {
        let folder = tempfile::tempdir().unwrap();
        let output = run(case, &url, folder.path()).await;
        let text = String::from_utf8_lossy(&output.stderr);
        let (what, field, place) = match case {
            Variable(name, value, field) => (format!("{name}={value:?}"), field, *name),
            File(text, field) => (format!("{text:?}"), field, "hydra.toml"),
        };
        assert_eq!(output.status.code(), Some(64), "{what}: {text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{what}: {text}");
        assert!(text.contains(field), "{what} names no {field}: {text}");
        assert!(text.contains(place), "{what} names no {place}: {text}");
        assert!(!text.contains("canary"), "{what} tells a password: {text}");
        assert!(output.stdout.is_empty(), "{what} printed something");
    }
    let nobody = tokio::time::timeout(std::time::Duration::from_millis(50), broker.accept()).await;
    assert!(nobody.is_err(), "somebody connected");
}
