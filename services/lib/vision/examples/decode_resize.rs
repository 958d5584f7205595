//! Files -> milliseconds of core for decoding and resizing each to 299x299 RGB, and for what a
//! page needs beside (thumbnail, packed pixels).
//!
//! `cargo run --release -p hydra-vision --example decode_resize -- ROUNDS FILE...` prints one line
//! of JSON. `benches/against.py` runs it in turns with Pillow and OpenCV.

use hydra_proto::registry::InputShape;
use hydra_vision::{Picture, Workbench};
use std::{env, error::Error, fs, process::ExitCode};

const SHAPE: InputShape = InputShape { width: 299, height: 299, channels: 3, letterbox: false };

fn main() -> ExitCode {
    match measure() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}\nusage: decode_resize ROUNDS FILE...");
            ExitCode::from(64)
        }
    }
}

fn measure() -> Result<String, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let rounds: u32 = arguments.next().unwrap_or_default().parse()?;
    let files = arguments.map(fs::read).collect::<Result<Vec<_>, _>>()?;
    if rounds == 0 || files.is_empty() {
        return Err("nothing to measure".into());
    }
    let decode = mean_ms(rounds, &files, |_| ())?;
    let resize = mean_ms(rounds, &files, |picture| {
        picture.resized(&SHAPE);
    })?;
    let pack = mean_ms(rounds, &files, |picture| {
        picture.pixels(&SHAPE);
    })?;
    let thumbnail = mean_ms(rounds, &files, |picture| {
        picture.thumbnail();
    })?;
    Ok(format!(
        r#"{{"decode_ms":{decode:.3},"decode_resize_ms":{resize:.3},"decode_resize_pack_ms":{pack:.3},"decode_thumbnail_ms":{thumbnail:.3}}}"#
    ))
}

/// The mean over all files and rounds, in milliseconds of core. The kernel counts a core's time
/// in ticks of some milliseconds, so single images cannot be timed.
fn mean_ms(
    rounds: u32,
    files: &[Vec<u8>],
    mut work: impl FnMut(&mut Picture<'_>),
) -> Result<f64, Box<dyn Error>> {
    let mut bench = Workbench::default();
    let begun_ns = core_ns()?;
    for _ in 0..rounds {
        for file in files {
            work(&mut bench.open(file)?);
        }
    }
    Ok((core_ns()? - begun_ns) as f64 / 1e6 / f64::from(rounds) / files.len() as f64)
}

/// Time that this thread had a core, in nanoseconds: other work on the machine does not count.
fn core_ns() -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().unwrap_or_default().parse()?)
}
