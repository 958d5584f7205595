//! The API keeps its own contract: schemathesis makes requests, right and wrong ones, out of the
//! OpenAPI document, and looks whether every answer is one that the document allows.

use crate::hall::Served;
use hydra_testkit::Engine;
use std::path::Path;
use tokio::process::Command;

/// Examples of each sort for each route.
const EXAMPLES: &str = "25";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,\
    unsupported_method,allow_header_conformance";

#[tokio::test]
async fn schemathesis_finds_no_answer_that_the_document_does_not_allow() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let packages = root.join(".cache/schemathesis");
    assert!(packages.is_dir(), "schemathesis is missing: scripts/setup.sh test");
    let served = Served::start(Engine::Sqlite).await;
    let output = Command::new("python3")
        .env("PYTHONPATH", &packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-m", "schemathesis.cli", "run", "--no-color", "--warnings", "off"])
        .args(["--phases", "examples,coverage,fuzzing", "-n", EXAMPLES, "-c", CHECKS])
        // the stream has no end; its form is tested beside
        .args(["--exclude-path", "/api/v1/live"])
        .args(["--seed", "1", "--generation-database", "none", "--request-timeout", "20"])
        .arg(format!("{}/api/v1/openapi.json", served.url))
        .current_dir(served.folder.path())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{trouble}");
    assert!(told.contains("passed"), "nothing was tried: {told}");
    served.stop().await;
}
