//! Sheets of what the drawn world looks like, for people to judge and for the documents.
//!
//! `cargo test --lib synth::gallery -- --ignored` writes them to `docs/pictures/`, or to
//! `FNAC_GALLERY`.

use std::path::PathBuf;

use rayon::prelude::*;

use super::{Background, Library, Place, Scene, SceneOptions, Split};
use crate::truth::TruthTrack;
use crate::units::RgbPicture;

fn folder() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pictures");
    std::env::var_os("FNAC_GALLERY").map_or_else(|| PathBuf::from(own), PathBuf::from)
}

/// Pictures side by side, with a gap of four pixels.
fn sheet(pictures: &[RgbPicture], columns: usize) -> image::RgbImage {
    let (w, h) = (pictures[0].width() + 4, pictures[0].height() + 4);
    let rows = pictures.len().div_ceil(columns) as u32;
    let mut out =
        image::RgbImage::from_pixel(w * columns as u32 + 4, h * rows + 4, image::Rgb([32; 3]));
    for (i, p) in pictures.iter().enumerate() {
        let (x, y) = (4 + (i % columns) as u32 * w, 4 + (i / columns) as u32 * h);
        let own = image::RgbImage::from_raw(p.width(), p.height(), p.data().to_vec()).unwrap();
        image::imageops::replace(&mut out, &own, i64::from(x), i64::from(y));
    }
    out
}

/// Writes a sheet; fine grain, which no PNG can pack, is rounded away.
fn save(name: &str, mut picture: image::RgbImage) {
    picture.iter_mut().for_each(|v| *v = (*v & 0xf8) | (*v >> 5));
    let file = std::fs::File::create(folder().join(name)).unwrap();
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        std::io::BufWriter::new(file),
        image::codecs::png::CompressionType::Best,
        image::codecs::png::FilterType::Adaptive,
    );
    picture.write_with_encoder(encoder).unwrap();
}

/// The same picture, smaller.
fn shrunk(p: RgbPicture, width: u32, height: u32) -> RgbPicture {
    let own = image::RgbImage::from_raw(p.width(), p.height(), p.into_data()).unwrap();
    let small =
        image::imageops::resize(&own, width, height, image::imageops::FilterType::CatmullRom);
    RgbPicture::new(width, height, small.into_raw()).unwrap()
}

/// Draws boxes: white for what sounds, grey for the rest.
fn outline(picture: &mut RgbPicture, truth: &TruthTrack) {
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    for s in &truth.sources {
        let Some(b) = s.moments.first().and_then(|m| m.bbox) else { continue };
        let c = if s.sounding.is_empty() { [90, 90, 90] } else { [255, 255, 255] };
        let [x0, y0, x1, y1] = [b.x0, b.y0, b.x1 - 1.0, b.y1 - 1.0].map(|v| v as usize);
        for y in y0..=y1.min(h - 1) {
            for x in x0..=x1.min(w - 1) {
                if x == x0 || x == x1 || y == y0 || y == y1 {
                    picture.data_mut()[3 * (y * w + x)..][..3].copy_from_slice(&c);
                }
            }
        }
    }
}

#[test]
#[ignore = "writes pictures"]
fn sheet_of_kinds() {
    let library = Library::drawn().unwrap();
    let mut all = Vec::new();
    for kind in &library.kinds {
        for s in &kind.sprites {
            let mut p =
                RgbPicture::new(96, 96, vec![if s.held_out() { 96 } else { 200 }; 96 * 96 * 3])
                    .unwrap();
            let lens = super::pose::Lens::square(96, 96);
            let ink = super::draw::Ink {
                light: &Default::default(),
                alpha: 1.0,
                shadow: None,
                lift: 0.0,
            };
            let pose = super::Pose { size: 0.9, ..Default::default() };
            super::draw::sprite(&mut p, s, &pose, &lens, ink);
            all.push(p);
        }
    }
    save("world-kinds.png", sheet(&all, 13));
}

#[test]
#[ignore = "writes pictures"]
fn sheet_of_scenes() {
    let library = Library::drawn().unwrap();
    let options = SceneOptions {
        negatives: 0.1,
        sources: 1..=2,
        hidden: 0.3,
        split: Split::Any,
        ..Default::default()
    };
    let seed = std::env::var("FNAC_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(7);
    let drawn = |boxes: bool| -> Vec<RgbPicture> {
        (0..24u64)
            .into_par_iter()
            .map(|i| {
                let scene = Scene::plan(&library, &options, seed, i).unwrap();
                let mut p = scene.picture(&library);
                if boxes {
                    outline(&mut p, scene.truth());
                    return p;
                }
                shrunk(p, 148, 148)
            })
            .collect()
    };
    save("world-scenes.png", sheet(&drawn(false), 6));
    if std::env::var_os("FNAC_GALLERY").is_some() {
        save("world-boxes.png", sheet(&drawn(true), 6));
    }
}

#[test]
#[ignore = "writes pictures"]
fn sheet_of_places() {
    let all: Vec<RgbPicture> = Place::ALL
        .iter()
        .flat_map(|place| (0..3).map(|seed| Background { place: *place, seed }))
        .map(|b| shrunk(b.paint(640, 360, 16.0 / 9.0).unwrap(), 224, 126))
        .collect();
    if std::env::var_os("FNAC_GALLERY").is_some() {
        save("world-places.png", sheet(&all, 6));
    }
}

#[test]
#[ignore = "writes pictures"]
fn sheet_of_a_movie() {
    let library = Library::drawn().unwrap();
    let options = super::MovieOptions::default();
    let seed = std::env::var("FNAC_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(5);
    let mut all = Vec::new();
    for index in 0..5 {
        let movie = super::Movie::plan(&library, &options, seed, index).unwrap();
        let truth = movie.truth(&library, false);
        for i in (10..movie.frames).step_by(48) {
            let mut p = movie.frame(&library, i);
            let mut now = truth.clone();
            for s in &mut now.sources {
                let heard =
                    s.sounding.iter().any(|x| x.start <= movie.time(i) && movie.time(i) < x.end);
                if !heard {
                    s.sounding.clear();
                }
                s.moments = s.moments.get(i as usize).cloned().into_iter().collect();
            }
            outline(&mut p, &now);
            all.push(shrunk(p, 256, 144));
        }
    }
    save("world-movie.png", sheet(&all, 5));
}

#[test]
#[ignore = "measures"]
fn speed() {
    let time = |name: &str, n: u32, mut f: Box<dyn FnMut(u32) + '_>| {
        f(0);
        let start = std::time::Instant::now();
        (0..n).for_each(&mut f);
        println!("{name}: {:.2} ms", start.elapsed().as_secs_f64() * 1000.0 / f64::from(n));
    };
    time(
        "Library::drawn",
        3,
        Box::new(|_| {
            Library::drawn().unwrap();
        }),
    );
    let library = Library::drawn().unwrap();
    let options = SceneOptions::default();
    let scenes: Vec<Scene> =
        (0..100).map(|i| Scene::plan(&library, &options, 1, i).unwrap()).collect();
    time(
        "Scene::plan",
        100,
        Box::new(|i| {
            Scene::plan(&library, &options, 1, u64::from(i)).unwrap();
        }),
    );
    time(
        "Scene::picture",
        100,
        Box::new(|i| {
            scenes[i as usize].picture(&library);
        }),
    );
    for place in Place::ALL {
        time(
            place.name(),
            20,
            Box::new(|i| {
                Background { place, seed: u64::from(i) }.paint(224, 224, 1.0);
            }),
        );
    }
    let options = super::MovieOptions { size: (960, 540), ..Default::default() };
    let movies: Vec<super::Movie> =
        (0..5).map(|i| super::Movie::plan(&library, &options, 1, i).unwrap()).collect();
    time(
        "Movie::frame 960x540",
        200,
        Box::new(|i| {
            movies[i as usize % 5].frame(&library, i);
        }),
    );
    time(
        "Movie::truth 960x540 with masks, 250 frames",
        2,
        Box::new(|i| {
            movies[i as usize].truth(&library, true);
        }),
    );
}
