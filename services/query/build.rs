//! Tells cargo to embed the pages again when they were built again. Where they were not built,
//! the service says on its first page how to do that.

fn main() {
    let built = "../web/dist/index.html";
    let watched = if std::path::Path::new(built).exists() { built } else { "../web" };
    println!("cargo:rerun-if-changed={watched}");
}
