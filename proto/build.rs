//! Compiles the protobuf contract without protoc.
use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=hydra");
    let mut files = Vec::new();
    for dir in ["hydra/events/v1", "hydra/query/v1"] {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "proto") {
                files.push(path);
            }
        }
    }
    files.sort();
    let descriptors = protox::compile(&files, ["."])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".hydra.events.v1")
        .bytes(".hydra.query.v1.GetPictureResponse")
        .compile_fds(descriptors)?;
    Ok(())
}
