use super::*;
use crate::{
    Bundle, Runtime, RuntimeConfig, SigningKey, Stopper, Tensor, TrustedKeys,
    import::{ImportRequest, Source, import},
    onnx::{ModelProto, encode},
    samples::{Head, Sample, classifier, head_of, trunk},
};
use hydra_blobs::{Blobs, BlobsConfig};
use hydra_proto::Label;

fn runtime() -> Runtime {
    Runtime::load(&RuntimeConfig::default()).unwrap()
}

fn request(labels: usize) -> ImportRequest {
    let labels: Vec<Label> = (0..labels).map(|i| format!("L{i}").parse().unwrap()).collect();
    ImportRequest::new(labels, "2026-01-01T00:00:00Z")
}

fn bundle(model: &ModelProto) -> Bundle {
    import(Source::Network(&encode(model)), &request(3), &runtime()).unwrap().bundle
}

fn headed(seed: u64) -> Bundle {
    let sample = Sample::default();
    let (trunk, head) = (encode(&trunk(&sample)), encode(&head_of(sample.maps, 3, seed)));
    let source = Source::TrunkAndHead { trunk: &trunk, head: &head };
    import(source, &request(3), &runtime()).unwrap().bundle
}

fn models(blobs: &Blobs, purpose: Purpose, budget_bytes: u64) -> Models {
    let library = Library::new(blobs.clone());
    let retry_after = Duration::from_secs(3600);
    Models::new(
        library,
        runtime(),
        ModelsConfig { purpose, sessions: 2, budget_bytes, retry_after },
    )
}

async fn stored(bundles: &[&Bundle]) -> Blobs {
    let blobs = Blobs::in_memory();
    for bundle in bundles {
        Library::new(blobs.clone()).add(bundle).await.unwrap();
    }
    blobs
}

#[tokio::test]
async fn where_keys_are_trusted_a_model_is_loaded_once_it_is_signed_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| {
        let mut command = std::process::Command::new("openssl");
        let done = command.args(arguments.split(' ')).current_dir(dir.path()).output().unwrap();
        assert!(done.status.success());
    };
    for name in ["alice", "mallory"] {
        openssl(&format!("genpkey -algorithm ed25519 -out {name}"));
        openssl(&format!("pkey -in {name} -pubout -out {name}.pub"));
    }
    let key = |name: &str| SigningKey::read(&dir.path().join(name)).unwrap();
    let bundle = bundle(&classifier(&Sample::default()));
    let blobs = stored(&[&bundle]).await;
    let trusted = TrustedKeys::read(&[dir.path().join("alice.pub")]).unwrap();
    let library = Library::new(blobs.clone()).trusting(trusted);
    let settings = ModelsConfig {
        purpose: Purpose::Judge,
        sessions: 1,
        budget_bytes: u64::MAX,
        retry_after: Duration::ZERO,
    };
    let models = Models::new(library.clone(), runtime(), settings);
    let refused = async |why: &str| {
        let told = models.get(&bundle.digest).await.err().map(|error| error.why);
        assert!(told.is_some_and(|told| told.contains("not signed")), "{why}");
    };
    refused("nobody has signed").await;
    library.sign(&bundle.digest, &key("mallory")).await.unwrap();
    refused("nobody that is trusted has signed").await;
    library.sign(&bundle.digest, &key("alice")).await.unwrap();
    models.get(&bundle.digest).await.unwrap();
    let strange = ModelDigest::from_bytes([1; 32]);
    assert!(library.sign(&strange, &key("alice")).await.is_err(), "only what is there is signed");
}

#[tokio::test]
async fn models_on_one_trunk_share_it() {
    let (one, two) = (headed(1), headed(2));
    let models = models(&stored(&[&one, &two]).await, Purpose::Judge, u64::MAX);
    let first = models.get(&one.digest).await.unwrap();
    let second = models.get(&two.digest).await.unwrap();
    assert!(Arc::ptr_eq(&first.body, &second.body));
    let heads = [&first, &second].map(|m| m.head.as_ref().unwrap().slot.clone());
    assert!(!Arc::ptr_eq(&heads[0], &heads[1]));
    assert_eq!(models.memory_bytes(), first.body.bytes() + heads[0].bytes() + heads[1].bytes());
    let held = models.held();
    assert_eq!(held.len(), 2);
    for (model, head) in [(&first, &heads[0]), (&second, &heads[1])] {
        let told = held.iter().find(|one| one.model == model.digest).unwrap();
        assert_eq!(told.shared_bytes, first.body.bytes(), "the trunk is shared");
        assert_eq!(told.bytes, first.body.bytes() + head.bytes());
        assert!(told.since.elapsed().unwrap() < Duration::from_secs(600));
    }
}

#[tokio::test]
async fn each_purpose_opens_what_it_needs() {
    let bundle = headed(1);
    let blobs = stored(&[&bundle]).await;
    let judge = models(&blobs, Purpose::Judge, u64::MAX).get(&bundle.digest).await.unwrap();
    assert!(judge.head.is_some() && judge.tail.is_none());
    let explain = models(&blobs, Purpose::Explain, u64::MAX).get(&bundle.digest).await.unwrap();
    assert!(explain.head.is_none() && explain.tail.is_some());
    let values = vec![0.5; 3 * 20 * 24];
    let image = Tensor { name: "image", shape: &[1, 3, 20, 24], values: &values };
    let stopper = Stopper::new(&runtime()).unwrap();
    assert!(explain.body.run(&[image], &["maps"], &stopper).is_ok());
    // what is not needed was pruned
    assert!(explain.body.run(&[image], &["features"], &stopper).is_err());
}

#[tokio::test]
async fn the_budget_is_kept_by_letting_the_least_recently_used_go() {
    let bundles: Vec<Bundle> =
        (1..=4).map(|seed| bundle(&classifier(&Sample { seed, ..Sample::default() }))).collect();
    let blobs = stored(&bundles.iter().collect::<Vec<_>>()).await;
    let one = models(&blobs, Purpose::Judge, u64::MAX);
    one.get(&bundles[0].digest).await.unwrap();
    let each = one.memory_bytes();
    let models = models(&blobs, Purpose::Judge, each * 5 / 2);
    for bundle in &bundles[..2] {
        models.get(&bundle.digest).await.unwrap();
    }
    assert!(models.loaded(&bundles[0].digest).is_some(), "a use");
    models.get(&bundles[2].digest).await.unwrap();
    let there = |i: usize| models.loaded(&bundles[i].digest).is_some();
    assert_eq!([0, 1, 2].map(there), [true, false, true]);
    models.get(&bundles[3].digest).await.unwrap();
    assert_eq!(models.count(), 2);
    assert!(models.memory_bytes() <= each * 5 / 2);
}

#[tokio::test]
async fn many_callers_wait_for_one_load() {
    let bundle = bundle(&classifier(&Sample::default()));
    let models = Arc::new(models(&stored(&[&bundle]).await, Purpose::Judge, u64::MAX));
    let calls = (0..8).map(|_| {
        let (models, digest) = (models.clone(), bundle.digest);
        tokio::spawn(async move { models.get(&digest).await.unwrap() })
    });
    let all = futures::future::try_join_all(calls).await.unwrap();
    assert!(all.iter().all(|model| Arc::ptr_eq(model, &all[0])));
}

#[tokio::test]
async fn a_missing_a_torn_and_a_false_model_are_told_apart_and_remembered() {
    let bundle = bundle(&classifier(&Sample::default()));
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let blobs = Blobs::open(&BlobsConfig { url }).await.unwrap();
    let models = models(&blobs, Purpose::Judge, u64::MAX);
    let missing = models.get(&bundle.digest).await.err().unwrap();
    assert!(!missing.transient && missing.why.contains("not in the store"), "{missing}");

    Library::new(blobs.clone()).add(&bundle).await.unwrap();
    // remembered: a store that has it by now is not asked again before its time
    assert_eq!(models.get(&bundle.digest).await.err().unwrap(), missing);
    assert_eq!(models.failures(), [missing]);

    let graph = bundle.manifest.graphs.body().to_string();
    let path = folder.path().join("blobs").join(&graph[..2]).join(&graph[2..4]).join(&graph);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let fresh = self::models(&blobs, Purpose::Judge, u64::MAX);
    let torn = fresh.get(&bundle.digest).await.err().unwrap();
    assert!(!torn.transient && torn.why.contains("damaged"), "{torn}");

    // a manifest whose promise its graph does not keep
    let mut false_manifest = bundle.manifest.clone();
    false_manifest.labels.push("L3".parse().unwrap());
    let manifest = false_manifest.to_bytes().unwrap();
    let digest = ModelDigest::of(&manifest);
    blobs.put(manifest.into()).await.unwrap();
    let whole = &bundle.files[&bundle.manifest.graphs.body()];
    blobs.put(whole.clone().into()).await.unwrap();
    let refused = fresh.get(&digest).await.err().unwrap();
    assert!(refused.why.contains("4 labels"), "{refused}");
}

#[tokio::test]
async fn a_store_that_is_away_is_a_reason_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/blobs", folder.path().display());
    let blobs = Blobs::open(&BlobsConfig { url }).await.unwrap();
    let bundle = bundle(&classifier(&Sample::default()));
    Library::new(blobs.clone()).add(&bundle).await.unwrap();
    let (here, away) = (folder.path().join("blobs"), folder.path().join("away"));
    std::fs::rename(&here, &away).unwrap();
    let models = models(&blobs, Purpose::Judge, u64::MAX);
    let reason = models.get(&bundle.digest).await.err().unwrap();
    assert!(reason.transient, "{reason}");
    std::fs::rename(&away, &here).unwrap();
    assert!(models.get(&bundle.digest).await.is_ok());
}

#[tokio::test]
async fn a_forgotten_model_is_loaded_anew_with_its_graphs() {
    let (one, two) = (headed(1), headed(2));
    let models = models(&stored(&[&one, &two]).await, Purpose::Judge, u64::MAX);
    let before = models.get(&one.digest).await.unwrap();
    models.get(&two.digest).await.unwrap();
    models.forget(&one.digest);
    assert_eq!(models.count(), 0, "the other used the same trunk");
    let after = models.get(&one.digest).await.unwrap();
    assert!(!Arc::ptr_eq(&before.body, &after.body));
}

#[tokio::test]
async fn every_kind_of_explanation_loads() {
    for head in [Head::Pooled, Head::MaxPooled, Head::Unknown, Head::Flat] {
        let bundle = bundle(&classifier(&Sample { head, ..Sample::default() }));
        let models = models(&stored(&[&bundle]).await, Purpose::Explain, u64::MAX);
        let model = models.get(&bundle.digest).await.unwrap();
        let gradient = matches!(head, Head::Pooled | Head::MaxPooled);
        assert_eq!(model.tail.is_some(), gradient, "{head:?}");
    }
}
