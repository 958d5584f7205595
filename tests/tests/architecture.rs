//! Who may know whom: the dependency rules of docs/ARCHITECTURE.md, proven over `cargo metadata`.
//! The bans and licences are read from deny.toml, so that both checks say the same.

#![allow(clippy::unwrap_used)]

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use std::collections::{BTreeMap, BTreeSet};

fn workspace_root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root")
}

/// What is built for other systems does not count.
const HOST: &str = "x86_64-unknown-linux-gnu";

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(workspace_root().join("Cargo.toml"))
        .other_options(["--offline", "--filter-platform", HOST].map(String::from))
        .exec()
        .expect("cargo metadata")
}

fn deny_file() -> toml::Table {
    std::fs::read_to_string(workspace_root().join("deny.toml")).unwrap().parse().unwrap()
}

/// Our own crates that `package` names, dev-dependencies left out.
fn our_dependencies(package: &Package) -> Vec<&str> {
    package
        .dependencies
        .iter()
        .filter(|d| d.kind != DependencyKind::Development && d.path.is_some())
        .map(|d| d.name.as_str())
        .collect()
}

/// How far up a crate stands: it may name only crates that stand lower.
fn height(name: &str) -> u32 {
    match name {
        "hydra-proto" => 0,
        "hydra-stage" | "hydra-migrations" | "hydra-blobs" | "hydra-vision" => 1,
        "hydra-amqp" | "hydra-store" | "hydra-model" | "hydra-hall" => 2,
        "hydra-boot" | "hydra-normality" => 3,
        "hydra" => 5,
        "e2e" => 6,
        // Every other one is a service, or a tool of the tests.
        _ => 4,
    }
}

const LIBRARIES: [&str; 10] = [
    "hydra-stage",
    "hydra-migrations",
    "hydra-blobs",
    "hydra-vision",
    "hydra-amqp",
    "hydra-store",
    "hydra-model",
    "hydra-hall",
    "hydra-boot",
    "hydra-normality",
];

fn services(metadata: &Metadata) -> Vec<&Package> {
    metadata
        .workspace_packages()
        .into_iter()
        .filter(|p| {
            let path = p.manifest_path.as_str();
            path.contains("/services/") && !path.contains("/lib/") && p.name.as_str() != "hydra"
        })
        .collect()
}

/// Names of all that `root` is built from, dev-dependencies left out.
fn closure(metadata: &Metadata, root: &PackageId) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let edges: BTreeMap<_, _> = resolve.nodes.iter().map(|n| (&n.id, n)).collect();
    let mut seen = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        for dep in &edges[id].deps {
            let only_dev = dep.dep_kinds.iter().all(|k| k.kind == DependencyKind::Development);
            if !only_dev && seen.insert(&dep.pkg) {
                open.push(&dep.pkg);
            }
        }
    }
    seen.iter().map(|id| metadata[id].name.to_string()).collect()
}

#[test]
fn dependencies_go_one_way() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        for dependency in our_dependencies(package) {
            assert!(
                height(dependency) < height(&package.name),
                "{} may not depend on {dependency}",
                package.name
            );
        }
    }
}

#[test]
fn the_heights_name_crates_that_exist() {
    let metadata = metadata();
    let names: BTreeSet<_> =
        metadata.workspace_packages().iter().map(|p| p.name.to_string()).collect();
    for name in LIBRARIES.into_iter().chain(["hydra-proto", "hydra", "e2e", "hydra-testkit"]) {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn services_do_not_know_each_other_and_only_the_binary_composes() {
    let metadata = metadata();
    let services = services(&metadata);
    assert!(services.len() >= 6, "found {} services", services.len());
    let names: BTreeSet<_> = services.iter().map(|p| p.name.as_str()).collect();
    for package in metadata.workspace_packages() {
        if package.name.as_str() == "hydra" {
            continue;
        }
        for dependency in our_dependencies(package) {
            assert!(!names.contains(dependency), "{} names {dependency}", package.name);
        }
    }
}

#[test]
fn no_service_knows_the_broker_and_no_stage_knows_another_ones_tools() {
    let metadata = metadata();
    for service in services(&metadata) {
        let named: BTreeSet<_> = service.dependencies.iter().map(|d| d.name.as_str()).collect();
        for broker in ["hydra-amqp", "lapin"] {
            assert!(!named.contains(broker), "{} names {broker}", service.name);
        }
        for telemetry in ["opentelemetry", "opentelemetry_sdk", "opentelemetry-otlp"] {
            assert!(!named.contains(telemetry), "{} names {telemetry}", service.name);
        }
    }
}

#[test]
fn query_is_built_without_broker_model_or_stage() {
    let metadata = metadata();
    let query = services(&metadata).into_iter().find(|p| p.name.as_str() == "hydra-query");
    let built_from = closure(&metadata, &query.expect("the query service").id);
    assert!(built_from.contains("hydra-store"), "the walk reaches dependencies");
    for absent in ["hydra-amqp", "lapin", "hydra-model", "ort", "hydra-stage", "hydra-train"] {
        assert!(!built_from.contains(absent), "query is built from {absent}");
    }
}

#[test]
fn tools_of_the_tests_stay_in_the_tests() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        // which is nothing but tests
        if package.name.as_str() == "e2e" {
            continue;
        }
        assert!(!our_dependencies(package).contains(&"hydra-testkit"), "{}", package.name);
    }
}

/// S04: what comes in a message is never fetched. `notify` calls the addresses of its own
/// configuration; the rest of what speaks HTTP by itself are tests.
#[test]
fn no_worker_can_fetch_a_url() {
    const CLIENTS: [&str; 6] = ["reqwest", "ureq", "isahc", "surf", "curl", "attohttpc"];
    const MAY: [&str; 3] = ["hydra-testkit", "hydra-notify", "e2e"];
    for package in metadata().workspace_packages() {
        let normal = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
        // of hyper-util the serving half is used
        let client = |d: &&Dependency| {
            CLIENTS.contains(&d.name.as_str()) || d.features.iter().any(|f| f.starts_with("client"))
        };
        let clients: Vec<&str> = normal.filter(client).map(|d| d.name.as_str()).collect();
        assert!(
            clients.is_empty() || MAY.contains(&package.name.as_str()),
            "{}: {clients:?}",
            package.name
        );
    }
}

/// One entry of deny.toml's `bans.deny`.
struct Ban {
    name: String,
    below: Option<String>,
    wrappers: Vec<String>,
}

fn bans() -> Vec<Ban> {
    let file = deny_file();
    let list = file["bans"]["deny"].as_array().expect("a list of bans");
    list.iter()
        .map(|entry| {
            let spec = entry["crate"].as_str().expect("a crate");
            let (name, below) = match spec.split_once(":<") {
                Some((name, version)) => (name, Some(version.to_owned())),
                None => (spec, None),
            };
            let wrappers = entry.get("wrappers").and_then(|w| w.as_array());
            let wrappers = wrappers.into_iter().flatten();
            Ban {
                name: name.to_owned(),
                below,
                wrappers: wrappers.map(|w| w.as_str().expect("a name").to_owned()).collect(),
            }
        })
        .collect()
}

#[test]
fn a_banned_crate_is_named_by_its_wrapper_alone() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let bans = bans();
    for wrapped in ["lapin", "ort", "sea-orm", "burn"] {
        assert!(bans.iter().any(|b| b.name == wrapped && !b.wrappers.is_empty()), "{wrapped}");
    }
    for node in &resolve.nodes {
        let user = &metadata[&node.id];
        for dep in &node.deps {
            let used = &metadata[&dep.pkg];
            for ban in bans.iter().filter(|ban| ban.name == used.name.as_str()) {
                let allowed = match &ban.below {
                    Some(least) => used.version >= least.parse().expect("a version"),
                    None => ban.wrappers.iter().any(|w| w == user.name.as_str()),
                };
                assert!(allowed, "{} uses {} {}", user.name, used.name, used.version);
            }
        }
    }
}

type Tokens = std::iter::Peekable<std::vec::IntoIter<String>>;

/// Whether a licence expression can be met from `allowed`.
fn met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    fn either(tokens: &mut Tokens, a: &BTreeSet<String>) -> bool {
        let mut result = both(tokens, a);
        while tokens.next_if(|t| t == "OR").is_some() {
            result |= both(tokens, a);
        }
        result
    }
    fn both(tokens: &mut Tokens, a: &BTreeSet<String>) -> bool {
        let mut result = one(tokens, a);
        while tokens.next_if(|t| t == "AND").is_some() {
            result &= one(tokens, a);
        }
        result
    }
    fn one(tokens: &mut Tokens, a: &BTreeSet<String>) -> bool {
        if tokens.next_if(|t| t == "(").is_some() {
            let result = either(tokens, a);
            return tokens.next_if(|t| t == ")").is_some() && result;
        }
        let mut licence = tokens.next().unwrap_or_default();
        if tokens.next_if(|t| t == "WITH").is_some() {
            licence = format!("{licence} WITH {}", tokens.next().unwrap_or_default());
        }
        a.contains(&licence)
    }
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<String> = spaced.split_whitespace().map(String::from).collect();
    let mut tokens = tokens.into_iter().peekable();
    either(&mut tokens, allowed) && tokens.next().is_none()
}

#[test]
fn licence_expressions_are_read_as_they_are_meant() {
    let allowed: BTreeSet<String> =
        ["MIT", "Apache-2.0 WITH LLVM-exception"].map(String::from).into();
    for good in ["MIT", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND MIT", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(met(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT OR GPL-3.0) AND X", "(MIT"] {
        assert!(!met(bad, &allowed), "{bad}");
    }
}

#[test]
fn every_licence_is_one_that_we_may_use() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let file = deny_file();
    let allowed: BTreeSet<String> = file["licenses"]["allow"]
        .as_array()
        .expect("a list of licences")
        .iter()
        .map(|l| l.as_str().expect("a licence").to_owned())
        .collect();
    for node in &resolve.nodes {
        let package = &metadata[&node.id];
        // cfg_block 0.1.1 states its licence in its LICENSE file only
        let unstated = if package.name.as_str() == "cfg_block" { "Apache-2.0" } else { "" };
        let licence = package.license.as_deref().unwrap_or(unstated);
        assert!(met(licence, &allowed), "{} is under {licence:?}", package.name);
    }
}

#[test]
fn every_crate_takes_the_lints_and_says_what_it_is_for() {
    for package in metadata().workspace_packages() {
        let text = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(text.contains("[lints]\nworkspace = true"), "{} has no lints", package.name);
        assert!(package.description.is_some(), "{} has no description", package.name);
        let root = package.targets.iter().find(|t| t.is_lib() || t.is_bin()).expect("a target");
        let source = std::fs::read_to_string(&root.src_path).unwrap();
        assert!(source.starts_with("//! "), "{} opens without a word", root.src_path);
    }
}
