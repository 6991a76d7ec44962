//! How long do the inputs take? The log spectrogram of 3 s and the resize to 224x224.
//!
//! `cargo bench --profile dev --bench features` prints a table; `benches/features.py` measures
//! scipy and Pillow beside it, in turn, through `--serve`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

use fnac::features::{SpectrogramPlan, image_tensor, resize_bicubic};
use fnac::units::RgbPicture;

fn picture(width: u32, height: u32) -> RgbPicture {
    let data = (0..3 * width as usize * height as usize).map(|i| (i * 7 % 251) as u8).collect();
    RgbPicture::new(width, height, data).unwrap()
}

fn sound(rate: u32) -> Vec<f32> {
    (0..3 * rate).map(|i| (i as f32 * 0.17).sin() * 0.4).collect()
}

/// Milliseconds of `runs` runs of `resize WxH`, `normalise` or `spectrogram RATE`.
fn times(what: &str, size: &str, runs: usize) -> Vec<f64> {
    let time = |work: &mut dyn FnMut()| {
        work();
        let run = |_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        };
        (0..runs).map(run).collect()
    };
    match what {
        "spectrogram" => {
            let rate = size.parse().unwrap();
            let (x, mut plan) = (sound(rate), SpectrogramPlan::new());
            time(&mut || {
                black_box(plan.log_spectrogram(black_box(&x), rate));
            })
        }
        "normalise" => {
            let p = picture(224, 224);
            time(&mut || {
                black_box(image_tensor(black_box(&p)));
            })
        }
        _ => {
            let (w, h) = size.split_once('x').unwrap();
            let p = picture(w.parse().unwrap(), h.parse().unwrap());
            time(&mut || {
                black_box(resize_bicubic(black_box(&p), 224, 224));
            })
        }
    }
}

fn main() {
    if std::env::args().any(|a| a == "--serve") {
        for line in std::io::stdin().lock().lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            let [what, size, runs] = words[..] else { continue };
            let list: Vec<String> =
                times(what, size, runs.parse().unwrap()).iter().map(f64::to_string).collect();
            println!("{}", list.join(" "));
            std::io::stdout().flush().unwrap();
        }
        return;
    }
    println!("milliseconds, minimum / median of 30");
    for (what, size) in [
        ("resize", "1920x1080"),
        ("resize", "1280x720"),
        ("resize", "640x360"),
        ("normalise", "224x224"),
        ("spectrogram", "16000"),
        ("spectrogram", "48000"),
    ] {
        let mut t = times(what, size, 30);
        t.sort_by(f64::total_cmp);
        println!("{what:12} {size:10} {:7.3} / {:7.3}", t[0], t[15]);
    }
}
