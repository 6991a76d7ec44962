//! From files to map: the golden data of the official code, on both engines.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::Device;
use fnac::features::{
    BINS, LogDensity, Spectrogram, SpectrogramPlan, image_input, image_tensor, reference as rules,
    resize_bicubic,
};
use fnac::model::{
    AudioEmbedding, BurnTowers, Checkpoint, ImageEmbedding, RtenTowers, Towers, cosine_map,
};
use fnac::units::RgbPicture;

use crate::reference::reference;

/// Cosine on the CPU, as the golden README suggests for another implementation.
const COSINE: f32 = 1e-5;

/// Shape and values by tensor name.
type Tensors = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// The f32 tensors of a SafeTensors file.
fn tensors(name: &str) -> Option<Tensors> {
    let bytes = std::fs::read(reference(name)?).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let floats = file.iter().filter(|(_, v)| v.dtype() == safetensors::Dtype::F32);
    let entry = |(name, v): (&str, safetensors::tensor::TensorView<'_>)| {
        let data = v.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        (name.to_owned(), (v.shape().to_vec(), data))
    };
    Some(floats.map(entry).collect())
}

fn json(name: &str) -> Option<serde_json::Value> {
    Some(serde_json::from_slice(&std::fs::read(reference(name)?).unwrap()).unwrap())
}

fn picture(path: &Path) -> RgbPicture {
    let p = image::open(path).unwrap().to_rgb8();
    RgbPicture::new(p.width(), p.height(), p.into_raw()).unwrap()
}

/// A WAV file by the reference's 16-bit rules: mono samples and their rate. Written here so
/// that the golden data does not depend on the program's own decoder.
fn wav(path: &Path) -> (Vec<i16>, u32) {
    let bytes = std::fs::read(path).unwrap();
    let u16_at = |b: &[u8], at: usize| u16::from_le_bytes([b[at], b[at + 1]]);
    let u32_at = |b: &[u8], at: usize| u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
    let (mut at, mut fmt, mut data) = (12, Vec::new(), Vec::new());
    while at + 8 <= bytes.len() {
        let len = u32_at(&bytes, at + 4) as usize;
        let body = &bytes[at + 8..(at + 8 + len).min(bytes.len())];
        match &bytes[at..at + 4] {
            b"fmt " => fmt = body.to_vec(),
            b"data" => data = body.to_vec(),
            _ => {}
        }
        at += 8 + len + len % 2;
    }
    let tag = match u16_at(&fmt, 0) {
        0xFFFE => u16_at(&fmt, 24),
        tag => tag,
    };
    let (channels, rate, bits) = (u16_at(&fmt, 2), u32_at(&fmt, 4), u16_at(&fmt, 14));
    let samples: Vec<i16> = match (tag, bits) {
        (3, 32) => {
            let all = data.as_chunks::<4>().0.iter();
            all.map(|b| rules::s16_from_f32(f32::from_le_bytes(*b))).collect()
        }
        (1, 8) => data.iter().map(|b| rules::s16_from_u8(*b)).collect(),
        (1, 16) => data.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect(),
        (1, 24) => {
            let all = data.as_chunks::<3>().0.iter();
            all.map(|b| rules::s16_from_s24(i32::from_le_bytes([0, b[0], b[1], b[2]]) >> 8))
                .collect()
        }
        other => panic!("{other:?}"),
    };
    (rules::mono_s16(&samples, usize::from(channels)), rate)
}

/// The official section of a WAV file: 16-bit samples as read, and the tiled f64 samples.
fn section(path: &Path) -> (Vec<i16>, Vec<f64>, u32) {
    let (mono, rate) = wav(path);
    let (start, len) = rules::middle_section(mono.len() as u64, rate).unwrap();
    let read = mono[start as usize..start as usize + len].to_vec();
    let samples: Vec<f64> = read.iter().map(|v| rules::sample_from_s16(*v)).collect();
    let full = samples.iter().copied().cycle().take(rules::section_len(rate)).collect();
    (read, full, rate)
}

fn spectrogram(path: &Path) -> (Spectrogram, LogDensity) {
    let (_, samples, rate) = section(path);
    let mut plan = SpectrogramPlan::new();
    let f32s: Vec<f32> = samples.iter().map(|v| *v as f32).collect();
    (plan.log_spectrogram(&f32s, rate).unwrap(), plan.log_density(&samples, rate).unwrap())
}

fn gap(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The picture of pair `i` as the network takes it: from the file where decoding is exact, else
/// from the golden resized picture (JPEG decoders differ by a few grey levels).
fn input(i: usize) -> Vec<f32> {
    if [1, 3, 4].contains(&i) {
        image_input(&picture(&reference(&format!("inputs/p{i}.png")).unwrap()))
    } else {
        image_tensor(&picture(&reference(&format!("pipeline/p{i}_resized.png")).unwrap()))
    }
}

#[test]
fn resized_pictures_equal_pillows_in_every_byte() {
    let Some(json) = json("pipeline/pipeline.json") else { return };
    let rows = tensors("pipeline/pipeline.safetensors").unwrap();
    for i in 0..6 {
        let entry = &json["pictures"][format!("p{i}")];
        let file = entry["file"].as_str().unwrap();
        let golden = picture(&reference(&format!("pipeline/p{i}_resized.png")).unwrap());
        let got =
            resize_bicubic(&picture(&reference(&format!("inputs/{file}")).unwrap()), 224, 224);
        if file.ends_with("png") {
            assert!(got == golden, "{file}");
        } else {
            // JPEG decoders differ by a few levels; the resize of their result averages them.
            let far = got.data().iter().zip(golden.data()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(far.unwrap() <= 4, "{file}: {far:?}");
        }
        let tensor = image_tensor(&golden);
        let (_, want) = &rows[&format!("p{i}.picture_rows")];
        let mut at = 0;
        for channel in 0..3 {
            for row in [0, 1, 111, 223] {
                let got = &tensor[(channel * 224 + row) * 224..][..224];
                assert!(gap(got, &want[at..at + 224]) < 1e-6, "{file} row {row}");
                at += 224;
            }
        }
    }
}

#[test]
fn the_training_resize_of_the_shorter_side_is_exact_too() {
    let Some(path) = reference("pipeline/p3_train_resized.png") else { return };
    let golden = picture(&path);
    let source = picture(&reference("inputs/p3.png").unwrap());
    assert_eq!((golden.width(), golden.height()), (246, 246 * 53 / 37));
    assert!(resize_bicubic(&source, golden.width(), golden.height()) == golden);
}

#[test]
fn sounds_and_spectrograms_equal_the_official_loaders() {
    let Some(json) = json("pipeline/pipeline.json") else { return };
    let want = tensors("pipeline/pipeline.safetensors").unwrap();
    for (name, entry) in json["sounds"].as_object().unwrap() {
        let path = reference(&format!("inputs/{}", entry["file"].as_str().unwrap())).unwrap();
        let (read, samples, rate) = section(&path);
        let sum: i64 = read.iter().map(|v| i64::from(*v)).sum();
        let squares: i64 = read.iter().map(|v| i64::from(*v) * i64::from(*v)).sum();
        assert_eq!(read.len() as u64, entry["samples_read"].as_u64().unwrap(), "{name}");
        assert_eq!(Some(sum), entry["s16_sum"].as_i64(), "{name}");
        assert_eq!(Some(squares), entry["s16_square_sum"].as_i64(), "{name}");
        assert_eq!(rate as u64, entry["rate"].as_u64().unwrap());
        assert_eq!(samples.len() as u64, entry["samples_after_tiling"].as_u64().unwrap());

        let (single, double) = spectrogram(&path);
        let frames = entry["shape"][1].as_u64().unwrap() as usize;
        assert_eq!((single.bins, single.frames, double.frames), (BINS, frames, frames), "{name}");
        // f64 against f64: 1e-9.
        for (statistic, got) in [
            ("mean", double.data.iter().sum::<f64>() / double.data.len() as f64),
            ("min", double.data.iter().copied().fold(f64::MAX, f64::min)),
            ("max", double.data.iter().copied().fold(f64::MIN, f64::max)),
        ] {
            let want = entry["log_spectrogram"][statistic].as_f64().unwrap();
            assert!((got - want).abs() < 1e-9, "{name} {statistic}: {got} {want}");
        }
        for (i, first) in entry["log_spectrogram"]["first"].as_array().unwrap().iter().enumerate() {
            assert!((double.data[i] - first.as_f64().unwrap()).abs() < 1e-9, "{name} {i}");
        }
        // f32 samples and f32 results against the golden f32: 1e-5 on values of up to 17.
        let columns = entry["columns"].as_array().unwrap();
        let (_, golden) = &want[&format!("{name}.log_columns")];
        for (k, column) in columns.iter().enumerate() {
            let column = column.as_u64().unwrap() as usize;
            for bin in 0..BINS {
                let want = golden[bin * columns.len() + k];
                let got = 12.0 * single.data[bin * frames + column];
                assert!((got - want).abs() < 1e-5, "{name} bin {bin}: {got} {want}");
            }
        }
        let rows = entry["rows"].as_array().unwrap();
        let (_, golden) = &want[&format!("{name}.log_rows")];
        for (k, bin) in rows.iter().enumerate() {
            let bin = bin.as_u64().unwrap() as usize;
            for column in 0..frames {
                let got = 12.0 * single.data[bin * frames + column];
                assert!((got - golden[k * frames + column]).abs() < 1e-5, "{name} bin {bin}");
            }
        }
    }
}

/// Every pair through both engines, against the official network's embeddings and map.
fn forward_equals(folder: &str, checkpoint: &Checkpoint, pairs: &[usize]) {
    let Some(want) = tensors(&format!("{folder}/forward.safetensors")) else { return };
    let towers: [Box<dyn Towers>; 2] = [
        Box::new(RtenTowers::new(checkpoint, 2).unwrap()),
        Box::new(BurnTowers::new(checkpoint, Device::flex(), "flex").unwrap()),
    ];
    for mut t in towers {
        let name = t.describe();
        for i in pairs {
            let sound = reference(&format!("inputs/p{i}.wav")).unwrap();
            let image = t.embed_images(&[input(*i)]).unwrap().remove(0);
            let audio = t.embed_sound(&spectrogram(&sound).0).unwrap();
            let embedding = gap(&audio.data, &want[&format!("p{i}.aud")].1);
            assert!(embedding < COSINE, "{name} {folder} p{i}: sound {embedding}");
            if let Some((_, golden)) = want.get(&format!("p{i}.img")) {
                let embedding = gap(&image.data, golden);
                assert!(embedding < COSINE, "{name} {folder} p{i}: picture {embedding}");
            }
            let map = cosine_map(&image, &audio);
            let cosine = gap(&map.0, &want[&format!("p{i}.cos")].1);
            assert!(cosine < COSINE, "{name} {folder} p{i}: map {cosine}");
        }
    }
}

#[test]
fn maps_equal_the_official_networks_at_width_64() {
    forward_equals("wide", &Checkpoint::formula(64, 512, ""), &[0, 1, 2, 3, 4, 5]);
}

#[test]
fn maps_equal_the_official_networks_at_width_8_from_its_checkpoint() {
    let Some(path) = reference("checkpoints/narrow_module.pth") else { return };
    forward_equals("narrow", &Checkpoint::read(&path).unwrap(), &[0, 1, 2, 3, 4, 5]);
}

#[test]
fn maps_equal_ez_vsls_from_its_checkpoint() {
    let Some(path) = reference("checkpoints/narrow_ezvsl.pth") else { return };
    forward_equals("ezvsl", &Checkpoint::read(&path).unwrap(), &[0]);
}

/// The map of pair 1 of the narrow network with something done wrong.
fn twin(
    change: impl Fn(&mut Checkpoint),
    image: Vec<f32>,
    sound: Spectrogram,
) -> (ImageEmbedding, AudioEmbedding) {
    let mut c = Checkpoint::formula(8, 64, "");
    change(&mut c);
    let mut t = RtenTowers::new(&c, 1).unwrap();
    (t.embed_images(&[image]).unwrap().remove(0), t.embed_sound(&sound).unwrap())
}

#[test]
fn broken_twins_miss_the_tolerance_that_the_right_path_keeps() {
    let Some(want) = tensors("narrow/forward.safetensors") else { return };
    let golden = &want["p1.cos"].1;
    let path = reference("inputs/p1.png").unwrap();
    let sound = || spectrogram(&reference("inputs/p1.wav").unwrap()).0;
    let distance = |(i, a): (ImageEmbedding, AudioEmbedding)| gap(&cosine_map(&i, &a).0, golden);
    let right = distance(twin(|_| {}, input(1), sound()));
    assert!(right < COSINE, "{right}");
    // A blurrier resize, in two steps.
    let twice = resize_bicubic(&resize_bicubic(&picture(&path), 225, 225), 224, 224);
    assert!(distance(twin(|_| {}, image_tensor(&twice), sound())) > COSINE);
    // Channels in the other order.
    let mut bgr = picture(&path);
    bgr.data_mut().chunks_exact_mut(3).for_each(|p| p.swap(0, 2));
    assert!(distance(twin(|_| {}, image_input(&bgr), sound())) > COSINE);
    // A spectrogram in decibels' cousin: not divided by 12.
    let mut loud = sound();
    loud.data.iter_mut().for_each(|v| *v *= 12.0);
    assert!(distance(twin(|_| {}, input(1), loud)) > COSINE);
    // One window to the right.
    let mut late = sound();
    late.data.rotate_left(1);
    assert!(distance(twin(|_| {}, input(1), late)) > COSINE);
    // Variances without their epsilon, a hundred times over, as a fold that forgets it.
    let eps = |c: &mut Checkpoint| {
        for (name, t) in &mut c.tensors {
            if name.ends_with("running_var") {
                t.data.iter_mut().for_each(|v| *v -= 1e-3);
            }
        }
    };
    assert!(distance(twin(eps, input(1), sound())) > COSINE);
}

#[test]
fn burn_and_the_window_share_one_wgpu() {
    fn same<T>(_: Option<T>, _: Option<T>) {}
    same(None::<burn::tensor::wgpu::wgpu::Device>, None::<eframe::wgpu::Device>);
    same(None::<wgpu::Device>, None::<eframe::wgpu::Device>);
}

/// The smallest network that still has every kind of layer, on a real wgpu adapter (or a
/// software one): the GPU path exists and agrees with the CPU's.
#[test]
fn a_convolution_on_wgpu_equals_the_cpu() {
    use burn::nn::PaddingConfig2d;
    use burn::nn::conv::Conv2dConfig;
    use burn::tensor::activation::sigmoid;
    use burn::tensor::{DeviceKind, Tensor, TensorData};

    let weight: Vec<f32> = (0..4 * 3 * 9).map(|i| (i as f32 * 0.7).sin() * 0.3).collect();
    let input: Vec<f32> = (0..3 * 16 * 16).map(|i| (i as f32 * 0.11).cos()).collect();
    let run = |device: &Device| -> Vec<f32> {
        let mut conv = Conv2dConfig::new([3, 4], [3, 3])
            .with_stride([2, 2])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            .with_bias(false)
            .init(device);
        let w = TensorData::new(weight.clone(), [4, 3, 3, 3]);
        conv.weight = burn::module::Param::from_tensor(Tensor::from_data(w, device));
        let x = Tensor::<4>::from_data(TensorData::new(input.clone(), [1, 3, 16, 16]), device);
        sigmoid(conv.forward(x)).into_data().try_to_vec::<f32>().unwrap()
    };
    let cpu = run(&Device::flex());
    let gpu = std::panic::catch_unwind(|| run(&Device::wgpu(DeviceKind::DefaultDevice)));
    match gpu {
        // f32 on both sides; 1e-3 is what wgpu is held to.
        Ok(gpu) => assert!(gap(&cpu, &gpu) < 1e-3, "{}", gap(&cpu, &gpu)),
        Err(_) => {
            let required = std::env::var_os("FNAC_REQUIRE_GPU").is_some_and(|v| v == "1");
            assert!(!required, "no wgpu adapter ran the convolution");
            eprintln!("skipped: no wgpu adapter here");
        }
    }
}
