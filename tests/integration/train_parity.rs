//! Training against PyTorch: losses, gradients, running statistics, trajectories.
//!
//! The first tests need nothing beside the repository: `tests/golden/train.py` made their data.
//! The others hold against the official code's own numbers where the golden data lies beside it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use fnac::features::image_tensor;
use fnac::model::{Checkpoint, Fnac, ParamVisitor, RawTensor};
use fnac::train::loss::{LOSS_TERMS, Losses, Parts, PartsOptions, PerTerm, Pooling, TERMS};
use fnac::train::{Augment, Batch, Grads, Learner, Schedule, TrainConfig};
use fnac::units::RgbPicture;
use serde_json::Value;

use crate::reference::reference;

/// Terms from equal features, relative.
const TERM: f64 = 1e-5;
/// Terms and gradients from pictures and sounds, relative, in single precision.
const WHOLE: f64 = 1e-3;
/// The same in double precision, where rounding decides nothing: the golden numbers are f64. burn
/// divides by tau in single precision on the way back, which is 8e-8.
const EXACT: f64 = 1e-6;

type Tensors = HashMap<String, (Vec<usize>, Vec<f32>)>;

fn tensors(name: &str) -> Option<Tensors> {
    let bytes = std::fs::read(reference(name)?).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let entry = |(name, v): (&str, safetensors::tensor::TensorView<'_>)| {
        let data = v.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        (name.to_owned(), (v.shape().to_vec(), data))
    };
    Some(file.iter().map(entry).collect())
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn tensor<const D: usize>(data: &[f32], shape: &[usize]) -> Tensor<D> {
    let shape: [usize; D] = shape.try_into().unwrap();
    Tensor::from_data(TensorData::new(data.to_vec(), shape), &device())
}

fn floats<const D: usize>(t: Tensor<D>) -> Vec<f32> {
    t.into_data().convert::<f32>().try_to_vec::<f32>().unwrap()
}

/// All numbers of a network in double precision.
struct Double;

impl ModuleMapper for Double {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|t| t.cast(DType::F64).detach().require_grad())
    }
}

/// The network of a formula checkpoint, in one of the two precisions.
fn formula(width: usize, dim: usize, dtype: DType) -> Fnac {
    let model = Fnac::from_checkpoint(&Checkpoint::formula(width, dim, ""), &device()).unwrap();
    if dtype == DType::F64 { model.map(&mut Double) } else { model }
}

fn length(v: &[f32]) -> f64 {
    v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

/// Length of the difference.
fn apart(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

#[track_caller]
fn relative(what: &str, got: f64, want: f64, tolerance: f64) {
    let gap = (got - want).abs();
    assert!(gap <= tolerance * want.abs(), "{what}: {got} instead of {want}");
}

/// The golden formula: SplitMix64 from the key's FNV-1a hash, in [0, 1).
fn uniforms(key: &str, n: usize) -> impl Iterator<Item = f64> {
    let seed = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    (1..=n as u64).map(move |i| {
        let mut z = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f64 / 16_777_216.0
    })
}

/// Loss terms and gradients of a batch from scratch, without an update.
fn backward(
    model: &mut Fnac,
    batch: &Batch,
    options: PartsOptions,
    weights: PerTerm,
) -> (PerTerm, Grads) {
    let pictures = tensor::<4>(&batch.pictures, &[batch.size, 3, 224, 224]).cast(model.dtype());
    let n = batch.size + batch.no_source;
    let sounds = tensor::<4>(&batch.sounds, &[n, 1, 257, batch.frames]).cast(model.dtype());
    let parts =
        Parts::new(model.embed_images(pictures), model.embed_sounds(sounds), options).unwrap();
    let losses = Losses::of(&parts);
    let grads = Grads::take(losses.total(weights).unwrap().backward(), model);
    (losses.read(weights).unwrap().terms, grads)
}

/// A configuration that does what the golden trajectories do.
fn plain(weights: PerTerm, rate: f64, options: PartsOptions) -> TrainConfig {
    let mut c = TrainConfig::default();
    [c.loss.contrastive, c.loss.fns_audio, c.loss.tne, c.loss.fns_image] = weights;
    (c.loss.tau, c.loss.foreground, c.loss.pooling) =
        (options.tau, options.foreground, options.pooling);
    c.schedule.warmup_epochs = 0;
    c.optim.learning_rate = rate;
    c.dropout.image = 0.0;
    c.validate().unwrap();
    c
}

/// Lengths of the parameters, or their values.
#[derive(Default)]
struct Values(BTreeMap<String, Vec<f32>>);

impl ParamVisitor for Values {
    fn param<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>) {
        self.0.insert(name.to_owned(), floats(param.val()));
    }
}

fn values(model: &Fnac) -> BTreeMap<String, Vec<f32>> {
    let mut v = Values::default();
    model.clone().each_param(&mut v);
    v.0
}

fn own_golden() -> Value {
    json(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/train.json")))
}

fn own_batch(golden: &Value, extra: usize) -> Batch {
    let count = |key: &str| golden[key].as_u64().unwrap() as usize;
    let (size, frames) = (count("pairs"), count("frames"));
    let pictures = uniforms("pictures", size * 3 * 224 * 224).map(|u| (4.0 * u - 2.0) as f32);
    let sounds = uniforms("sounds", (size + extra) * 257 * frames).map(|u| (u - 1.3) as f32);
    Batch { pictures: pictures.collect(), sounds: sounds.collect(), size, no_source: extra, frames }
}

#[test]
fn five_steps_of_a_tiny_network_equal_pytorchs() {
    let golden = own_golden();
    for run in golden["runs"].as_array().unwrap() {
        let soft = run["soft"].as_bool().unwrap();
        let pooling = if soft { Pooling::LogSumExp } else { Pooling::Max };
        let options = PartsOptions { pooling, ..PartsOptions::default() };
        let weights: PerTerm = numbers(&run["weights"]).try_into().unwrap();
        let batch = own_batch(&golden, run["extra"].as_u64().unwrap() as usize);
        // Single precision is held to its first step alone: one weight's gradient is so near 0
        // (2e-7 of its tensor's) that rounding turns its sign, and Adam's first step is the sign.
        for (dtype, steps, tolerance) in [(DType::F32, 1, WHOLE), (DType::F64, 5, EXACT)] {
            let mut model = formula(2, 16, dtype);
            let (terms, grads) = backward(&mut model, &batch, options, weights);
            let first = &run["steps"][0];
            for (got, want) in terms.iter().zip(numbers(&first["terms"])) {
                relative("term", *got, want, tolerance);
            }
            for (name, want) in run["gradients"].as_object().unwrap() {
                let got = length(&floats(grads.get(name).unwrap()));
                relative(name, got, want.as_f64().unwrap(), tolerance);
            }
            let state = model.state().unwrap();
            for (name, want) in run["running"].as_object().unwrap() {
                relative(name, length(&state[name].data), want.as_f64().unwrap(), 1e-5);
            }
            let config = plain(weights, run["learning_rate"].as_f64().unwrap(), options);
            let schedule = Schedule::new(&config, batch.size, 5);
            let mut learner = Learner::new(formula(2, 16, dtype), &config, schedule);
            let wanted = run["steps"].as_array().unwrap().iter().take(steps);
            for (step, want) in wanted.enumerate() {
                let report = learner.step(step as u64, &batch).unwrap();
                for (got, want) in report.losses.terms.iter().zip(numbers(&want["terms"])) {
                    relative(&format!("step {step}"), *got, want, tolerance);
                }
                let norm = want["grad_norm"].as_f64().unwrap();
                relative(&format!("gradient {step}"), report.grad_norm, norm, tolerance);
            }
            if steps == 5 {
                for (name, got) in values(learner.model()) {
                    relative(&name, length(&got), run["after"][&name].as_f64().unwrap(), EXACT);
                }
            }
        }
    }
}

#[test]
fn keeping_the_biased_variance_would_be_seen() {
    // The broken twin is burn's own BatchNorm: it keeps the variance without n / (n - 1).
    let golden = own_golden();
    let want = golden["runs"][0]["running"]["audnet.layer4.1.bn2.running_var"].as_f64().unwrap();
    let n = 4.0 * 9.0 * 2.0;
    let old = &Checkpoint::formula(2, 16, "").tensors["audnet.layer4.1.bn2.running_var"];
    let kept = 0.9 * length(&old.data);
    let biased = kept + (want - kept) * (n - 1.0) / n;
    assert!((biased / want - 1.0).abs() > 1e-4, "a tolerance of 1e-5 tells them apart");
}

#[test]
fn the_terms_and_gradients_from_equal_features_are_the_official_ones() {
    let (Some(all), Some(info)) =
        (tensors("losses/features.safetensors"), reference("losses/features.json"))
    else {
        return;
    };
    let info = json(&info);
    for (case, row) in info["cases"].as_object().unwrap() {
        let part = |key: &str| &all[&format!("{case}.{key}")];
        let features = || {
            let (image, sound) = (part("img"), part("aud"));
            let image: Tensor<4> = tensor::<4>(&image.1, &image.0).require_grad();
            let sound: Tensor<2> = tensor::<2>(&sound.1, &sound.0).require_grad();
            let parts = Parts::new(image.clone(), sound.clone(), PartsOptions::default()).unwrap();
            (image, sound, parts)
        };
        let (_, _, parts) = features();
        let near = |got: Vec<f32>, key: &str, tolerance: f64| {
            let want = &part(key).1;
            let worst = got.iter().zip(want).map(|(a, b)| f64::from((a - b).abs()));
            assert!(worst.fold(0.0, f64::max) < tolerance, "{case}.{key}");
        };
        near(floats(parts.logits()), "logits", 1e-4);
        near(floats(parts.own_maps() / 0.03), "savl", 1e-4);
        near(floats(parts.cross_adjacency()), "p_logits", 1e-5);
        near(floats(parts.sound_adjacency()), "p_aud", 1e-5);
        near(floats(parts.image_adjacency()), "p_img", 1e-5);
        near(floats(parts.foreground_adjacency()), "p_fg", 1e-5);
        let cells: Vec<f64> = floats(parts.foreground())
            .chunks_exact(49)
            .map(|m| f64::from(m.iter().sum::<f32>()))
            .collect();
        assert_eq!(cells, numbers(&row["mask_counts"]), "{case}");
        let terms = Losses::of(&parts).read([1.0; TERMS]).unwrap().terms;
        for ((got, want), term) in terms.iter().zip(numbers(&row["terms_f64"])).zip(&LOSS_TERMS) {
            let gap = (got - want).abs();
            // A term that is zero in exact arithmetic keeps rounding noise.
            assert!(
                gap <= TERM * want.abs().max(1e-2),
                "{case} {}: {got}, not {want}",
                term.column
            );
        }
        let kinds = ["l0", "l1", "l2", "l3", "total"];
        for (place, kind) in kinds.into_iter().enumerate() {
            let (image, sound, parts) = features();
            let mut weights = [0.0; TERMS];
            match kind {
                "total" => weights = [1.0, 100.0, 100.0, 100.0],
                _ => weights[place] = 1.0,
            }
            let grads = Losses::of(&parts).total(weights).unwrap().backward();
            let got = [image.grad(&grads).map(floats), sound.grad(&grads).map(floats)];
            for (got, side) in got.into_iter().zip(["img", "aud"]) {
                let golden = &row["grad"][kind][side];
                let want = golden["l2"].as_f64().unwrap();
                let got = got.unwrap_or_else(|| vec![0.0; part(side).1.len()]);
                assert!(got.iter().all(|v| v.is_finite()), "{case} {kind} {side}");
                // What PyTorch itself loses in f32, and differences of numbers near zero.
                let lost = golden["relative_f32_error"].as_f64().unwrap();
                let tolerance = want * (TERM + 3.0 * lost) + 2e-6;
                let gap = (length(&got) - want).abs();
                assert!(gap <= tolerance, "{case} {kind} {side}: {} not {want}", length(&got));
                if let Some((_, golden)) = all.get(&format!("{case}.g_{kind}.{side}")) {
                    let gap = apart(&got, golden);
                    assert!(gap <= tolerance, "{case} {kind} {side}: {gap} of {want}");
                }
            }
        }
    }
}

/// The batch of the golden README, section 6: no decoder is in doubt.
fn golden_batch() -> Option<Batch> {
    let mut batch = Batch { size: 4, frames: 200, ..Batch::default() };
    for p in ["p0", "p1", "p2", "p3"] {
        let picture = image::open(reference(&format!("pipeline/{p}_resized.png"))?).unwrap();
        let picture = picture.to_rgb8();
        let picture = RgbPicture::new(224, 224, picture.into_raw()).unwrap();
        batch.pictures.extend(image_tensor(&picture));
        let grey = image::open(reference(&format!("train/{p}_spec_u8.png"))?).unwrap().to_luma8();
        let value = |q: &u8| ((f64::from(*q) * (9.0 / 255.0) - 17.0) / 12.0) as f32;
        batch.sounds.extend(grey.as_raw().iter().map(value));
    }
    Some(batch)
}

const MODES: [(&str, PerTerm); 2] =
    [("contrastive", [1.0, 0.0, 0.0, 0.0]), ("total", [1.0, 100.0, 100.0, 100.0])];

#[test]
fn one_step_from_pictures_and_sounds_is_the_official_one() {
    let (Some(batch), Some(info), Some(all)) =
        (golden_batch(), reference("train/one_step.json"), tensors("train/one_step.safetensors"))
    else {
        return;
    };
    let info = json(&info);
    let both = MODES.into_iter().flat_map(|m| [DType::F32, DType::F64].map(|d| (m, d)));
    for ((mode, weights), dtype) in both {
        let tolerance = if dtype == DType::F64 { EXACT } else { WHOLE };
        let mut model = formula(8, 64, dtype);
        let (terms, grads) = backward(&mut model, &batch, PartsOptions::default(), weights);
        let row = &info["modes"][mode];
        for (got, want) in terms.iter().zip(numbers(&row["terms_f64"])) {
            relative(mode, *got, want, tolerance.min(1e-4));
        }
        let (mut worst, mut over): (f64, Vec<&str>) = (0.0, Vec::new());
        for (name, golden) in row["gradients"].as_object().unwrap() {
            let want = golden["l2"].as_f64().unwrap();
            let got = floats(grads.get(name).unwrap());
            let mut gap = (length(&got) / want - 1.0).abs();
            if let Some((shape, golden)) = all.get(&format!("{mode}.grad.{name}")) {
                // burn keeps this one as [in, out].
                let got = match name.as_str() {
                    "aud_proj.weight" => floats(tensor::<2>(&got, shape).transpose()),
                    _ => got,
                };
                gap = gap.max(apart(&got, golden) / want);
            }
            worst = worst.max(gap);
            if gap > tolerance {
                over.push(name);
            }
        }
        println!("{mode} {dtype:?}: gradients {worst:.1e} apart at worst");
        assert!(over.is_empty(), "{mode} {dtype:?}: {over:?}, {worst:.1e} at worst");
        if mode != "total" {
            continue;
        }
        let state: BTreeMap<String, RawTensor> = model.state().unwrap();
        for (name, golden) in row["running_stats"].as_object().unwrap() {
            let t = &state[name];
            relative(name, length(&t.data), golden["l2"].as_f64().unwrap(), 1e-5);
            let (sum, size) = (golden["sum"].as_f64().unwrap(), length(&t.data));
            let got: f64 = t.data.iter().map(|v| f64::from(*v)).sum();
            assert!((got - sum).abs() < 1e-5 * size * (t.data.len() as f64).sqrt(), "{name}");
        }
        for (key, (_, want)) in all.iter().filter(|(k, _)| k.starts_with("after.")) {
            let name = &key["after.".len()..];
            assert!(apart(&state[name].data, want) < 1e-5 * length(want), "{name}");
        }
    }
}

#[test]
fn ten_steps_follow_the_official_trajectory() {
    let (Some(batch), Some(info), Some(all)) = (
        golden_batch(),
        reference("train/trajectory.json"),
        tensors("train/trajectory.safetensors"),
    ) else {
        return;
    };
    let info = json(&info);
    let both = MODES.into_iter().flat_map(|m| [DType::F32, DType::F64].map(|d| (m, d)));
    for ((mode, weights), dtype) in both {
        let exact = dtype == DType::F64;
        let config = plain(weights, 1e-4, PartsOptions::default());
        let schedule = Schedule::new(&config, 4, 1);
        let mut learner = Learner::new(formula(8, 64, dtype), &config, schedule);
        let start = values(learner.model());
        let row = &info["modes"][mode];
        let mut worst = [0.0f64; 2];
        for (step, golden) in row["steps_f64"].as_array().unwrap().iter().enumerate() {
            let report = learner.step(step as u64, &batch).unwrap();
            let wanted = numbers(&golden["terms"]);
            for ((got, want), term) in report.losses.terms.iter().zip(wanted).zip(&LOSS_TERMS) {
                // The README's: 2e-3 to step 2, 1e-2 after; the foreground term jumps when a
                // cell of its mask flips.
                let (tolerance, floor) = match (term.column, step) {
                    _ if exact => (EXACT, 1e-9),
                    ("tne", _) => (5e-2, 1e-4),
                    (_, 0..=2) => (2e-3, 1e-4),
                    _ => (1e-2, 1e-4),
                };
                let gap = (got - want).abs();
                assert!(
                    gap <= tolerance * want + floor,
                    "{mode} {dtype:?} step {step} {}: {got} instead of {want}",
                    term.column
                );
                worst[0] = worst[0].max((gap - floor).max(0.0) / want);
            }
            let now = values(learner.model());
            for (name, want) in golden["norms"].as_object().unwrap() {
                relative(name, length(&now[name]), want.as_f64().unwrap(), 1e-4);
            }
            for (name, want) in golden["moved"].as_object().unwrap() {
                let (got, want) = (apart(&now[name], &start[name]), want.as_f64().unwrap());
                // Weights are read as f32, a thousand times what they moved.
                let tolerance = if exact { 1e-3 } else { 1e-2 };
                relative(&format!("{mode} step {step}: {name} moved"), got, want, tolerance);
                worst[1] = worst[1].max((got / want - 1.0).abs());
            }
            let state = learner.model().state().unwrap();
            for (name, want) in golden["running"].as_object().unwrap() {
                relative(name, length(&state[name].data), want.as_f64().unwrap(), 1e-4);
            }
        }
        for key in ["img_proj.bias", "aud_proj.bias", "imgnet.bn1.weight", "audnet.bn1.bias"] {
            let want = &all[&format!("{mode}.final.{key}")].1;
            let gap = apart(&values(learner.model())[key], want);
            let moved = apart(&start[key], want);
            assert!(gap < 1e-2 * moved, "{mode} {key}: {gap} of {moved}");
        }
        // Evaluation mode: the statistics that were kept on the way are used.
        let maps = evaluated_maps(learner.model(), &batch);
        let want = &all[&format!("{mode}.final_eval_savl_f64")].1;
        let gap = maps.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!(
            "{mode} {dtype:?}: terms {:.1e}, moved {:.1e} apart at worst, final maps {gap:.1e}",
            worst[0], worst[1]
        );
        // PyTorch's own gap between f32 and f64 is 1e-3 and 1e-2 on values up to 30.
        assert!(gap < if exact { 1e-3 } else { 5e-2 }, "{mode}: maps {gap} apart");
    }
}

/// Maps of the batch as PyTorch's evaluation mode gives them, cosine / tau.
fn evaluated_maps(model: &Fnac, batch: &Batch) -> Vec<f32> {
    let device = Device::flex();
    let model = Fnac::from_state(model.config(), &model.state().unwrap(), &device).unwrap();
    let put = |data: &[f32], shape: [usize; 4]| -> Tensor<4> {
        Tensor::from_data(TensorData::new(data.to_vec(), shape), &device)
    };
    let pictures = put(&batch.pictures, [batch.size, 3, 224, 224]);
    let sounds = put(&batch.sounds, [batch.size, 1, 257, batch.frames]);
    let (image, sound) = (model.embed_images(pictures), model.embed_sounds(sounds));
    floats(Parts::new(image, sound, PartsOptions::default()).unwrap().own_maps() / 0.03)
}

#[test]
fn a_run_without_weight_decay_would_leave_the_trajectory() {
    let (Some(batch), Some(info)) = (golden_batch(), reference("train/trajectory.json")) else {
        return;
    };
    // The broken twin.
    let mut config = plain(MODES[0].1, 1e-4, PartsOptions::default());
    config.optim.weight_decay = 0.0;
    let schedule = Schedule::new(&config, 4, 1);
    let mut learner = Learner::new(formula(8, 64, DType::F64), &config, schedule);
    let golden = &json(&info)["modes"]["contrastive"]["steps_f64"];
    let off = (0..4).any(|step| {
        let report = learner.step(step, &batch).unwrap();
        let wanted = numbers(&golden[step as usize]["terms"]);
        report.losses.terms.iter().zip(wanted).any(|(a, b)| (a - b).abs() > EXACT * b + 1e-9)
    });
    assert!(off, "the tolerance tells a run without decay apart");
}

#[test]
fn the_training_resize_is_the_official_one() {
    let Some(want) = reference("pipeline/p3_train_resized.png") else { return };
    for (p, extension) in [("p3", "png"), ("p5", "jpg")] {
        let want = want.with_file_name(format!("{p}_train_resized.png"));
        let want = image::open(want).unwrap().to_rgb8();
        let Some(source) = reference(&format!("inputs/{p}.{extension}")) else { return };
        let source = image::open(source).unwrap().to_rgb8();
        let source = RgbPicture::new(source.width(), source.height(), source.into_raw()).unwrap();
        let augment = Augment::new(TrainConfig::default().augment, 3);
        for item in 0..20 {
            let cut = augment.varied_picture(&source, &augment.variation(0, item, 200));
            // Somewhere in the golden picture lies this crop, mirrored or not.
            let found = crops(&want).any(|(top, left, mirrored)| {
                let at = |y: u32, x: u32| {
                    let x = if mirrored { 223 - x } else { x };
                    want.get_pixel(left + x, top + y).0
                };
                let tolerance = if extension == "png" { 0 } else { 6 };
                let rows = cut.data().chunks_exact(3).enumerate().step_by(7);
                rows.into_iter().all(|(i, pixel)| {
                    let golden = at(i as u32 / 224, i as u32 % 224);
                    pixel.iter().zip(golden).all(|(a, b)| a.abs_diff(b) <= tolerance)
                })
            });
            assert!(found, "{p} item {item}");
        }
    }
}

/// All places that a crop of 224 x 224 can have.
fn crops(p: &image::RgbImage) -> impl Iterator<Item = (u32, u32, bool)> {
    let (down, across) = (p.height() - 224, p.width() - 224);
    (0..=down).flat_map(move |top| {
        (0..=across).flat_map(move |left| [(top, left, false), (top, left, true)])
    })
}
