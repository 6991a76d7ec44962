//! A world for tests that a network of a few lines understands: coloured squares and tones.

use std::path::Path;

use crate::data::{Dataset, Item, Moment, PictureRef, SoundRef, TruthRef};
use crate::features::{BINS, Spectrogram};
use crate::model::{AudioEmbedding, ImageEmbedding, ModelError, Towers};

const SIDE: usize = 224;
const RATE: u32 = 16_000;
/// Spectrogram rows of the three tones.
const ROWS: [usize; 3] = [16, 64, 160];

/// Writes `n` pictures of a red, green or blue square on grey with the low, middle or high tone
/// that belongs to it, boxes known.
pub fn flags(dir: &Path, n: usize) -> Dataset {
    let mut set =
        Dataset { root: dir.into(), format: "test".into(), listed: n, ..Dataset::default() };
    for i in 0..n {
        let (kind, id) = (i % 3, format!("flag-{i:03}"));
        // Squares of 96 pixels at places that no pattern links with the kind.
        let [x0, y0] = [(i * 53 + 7) % 128, (i * 29 + 31) % 128];
        let mut pixels = vec![90u8; 3 * SIDE * SIDE];
        for y in y0..y0 + 96 {
            for x in x0..x0 + 96 {
                let at = 3 * (y * SIDE + x);
                pixels[at..at + 3].copy_from_slice(&[0; 3]);
                pixels[at + kind] = 255;
            }
        }
        let picture = dir.join(format!("{id}.png"));
        image::save_buffer(
            &picture,
            &pixels,
            SIDE as u32,
            SIDE as u32,
            image::ExtendedColorType::Rgb8,
        )
        .unwrap();
        let sound = dir.join(format!("{id}.wav"));
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(&sound, spec).unwrap();
        let step = std::f64::consts::TAU * ROWS[kind] as f64 / 512.0;
        for t in 0..3 * RATE {
            wav.write_sample((6000.0 * (f64::from(t) * step).sin()) as i16).unwrap();
        }
        wav.finalize().unwrap();
        let edges = [x0, y0, x0 + 96, y0 + 96].map(|v| v as f64 / SIDE as f64);
        let names = vec![["red", "green", "blue"][kind].to_owned()];
        let sound = SoundRef { path: sound, moment: Moment::Middle };
        set.items.push(Item {
            sounding: names.clone(),
            seen: names,
            truth: Some(TruthRef::Boxes(vec![edges])),
            ..Item::new(id, PictureRef::File(picture), sound)
        });
    }
    set
}

/// Understands [`flags`]: cosine 1 where the colour of a tone is, at most 0 for anything else.
pub struct Seer;

/// Whose embeddings are all the same.
pub struct Blind;

/// How strongly each colour is there around (x, y).
fn colours(input: &[f32], x: usize, y: usize) -> [f32; 3] {
    let mut sums = [0.0; 3];
    for v in y.saturating_sub(16)..(y + 16).min(SIDE) {
        for u in x.saturating_sub(16)..(x + 16).min(SIDE) {
            let pixel = [0, 1, 2].map(|c| input[c * SIDE * SIDE + v * SIDE + u]);
            for (c, sum) in sums.iter_mut().enumerate() {
                let others = pixel[(c + 1) % 3].max(pixel[(c + 2) % 3]);
                *sum += (pixel[c] - others - 1.0).max(0.0) / 1024.0;
            }
        }
    }
    sums
}

fn unit(v: [f32; 4]) -> [f32; 4] {
    let length = v.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
    v.map(|x| x / length)
}

impl Towers for Seer {
    fn embed_images(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<ImageEmbedding>, ModelError> {
        let one = |input: &Vec<f32>| {
            let mut data = vec![0.0; 4 * 49];
            for cell in 0..49 {
                let [r, g, b] = colours(input, 32 * (cell % 7) + 4, 32 * (cell / 7) + 4);
                for (d, v) in unit([r, g, b, 1.0]).into_iter().enumerate() {
                    data[d * 49 + cell] = v;
                }
            }
            ImageEmbedding { dim: 4, data }
        };
        Ok(inputs.iter().map(one).collect())
    }

    fn embed_sound(&mut self, s: &Spectrogram) -> Result<AudioEmbedding, ModelError> {
        let row = |r: usize| s.data[r * s.frames..(r + 1) * s.frames].iter().sum::<f32>();
        let all = (0..BINS).map(row).sum::<f32>() / BINS as f32;
        let tones = ROWS.map(|r| row(r) / s.frames as f32 - all / s.frames as f32);
        // A tone stands out by more than any noise does.
        let heard = tones.map(|t| if t > 0.5 { 1.0 } else { 0.0 });
        let nothing = if heard == [0.0; 3] { -1.0 } else { 0.0 };
        let data = unit([heard[0], heard[1], heard[2], nothing]).to_vec();
        Ok(AudioEmbedding { data })
    }

    fn describe(&self) -> String {
        "a seer".into()
    }
}

impl Towers for Blind {
    fn embed_images(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<ImageEmbedding>, ModelError> {
        Ok(inputs.iter().map(|_| ImageEmbedding { dim: 4, data: vec![0.5; 4 * 49] }).collect())
    }

    fn embed_sound(&mut self, _: &Spectrogram) -> Result<AudioEmbedding, ModelError> {
        Ok(AudioEmbedding { data: vec![0.5; 4] })
    }

    fn describe(&self) -> String {
        "blind".into()
    }
}
