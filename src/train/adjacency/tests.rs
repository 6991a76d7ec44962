use burn::tensor::{DType, Device, Tensor, TensorData};

use super::*;
use crate::train::loss::PartsOptions;

/// The example of `spec/losses.md` section 5: cells before channels, before unit length.
fn example() -> Parts {
    let device = Device::flex().autodiff();
    let image = vec![
        1.0, 0.0, 0.5, 0.2, 1.0, 0.1, 0.1, 0.3, 1.0, 0.0, 0.2, 1.0, //
        0.3, 1.0, 0.1, 0.0, 0.9, 0.6, 1.0, 0.2, 0.3, 0.4, 0.1, 0.8,
    ];
    let sound = vec![1.0, 0.2, 0.6, 0.4, 1.0, 0.2];
    let image: Tensor<3> =
        Tensor::from_data(TensorData::new(image, [2, 4, 3]), (&device, DType::F64));
    let image: Tensor<4> = image.swap_dims(1, 2).reshape([2, 3, 2, 2]);
    let sound: Tensor<2> = Tensor::from_data(TensorData::new(sound, [2, 3]), (&device, DType::F64));
    let image = image.clone() / image.powi_scalar(2).sum_dim(1).sqrt();
    let sound = sound.clone() / sound.powi_scalar(2).sum_dim(1).sqrt();
    Parts::new(image.require_grad(), sound.require_grad(), PartsOptions::default()).unwrap()
}

fn ids(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("item {i}")).collect()
}

fn looked() -> Adjacency {
    Adjacency::of(&example(), 7, ids(2)).unwrap()
}

/// A batch from its two cosine matrices alone; the rest is flat.
fn of_cosines(sound: &[f32], image: &[f32]) -> Adjacency {
    let b = (sound.len() as f64).sqrt() as usize;
    let even = vec![1.0 / b as f32; b * b];
    Adjacency {
        step: 0,
        ids: ids(b),
        variations: Vec::new(),
        sound: even.clone(),
        image: even.clone(),
        foreground: even.clone(),
        cross: even,
        maps: vec![0.0; 49 * b],
        masks: vec![0.0; 49 * b],
        sound_cosine: sound.to_vec(),
        image_cosine: image.to_vec(),
    }
}

/// Greatest difference between two lists.
fn off(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).map(|(g, w)| (f64::from(*g) - w).abs()).fold(0.0, f64::max)
}

const PU: [f64; 4] = [0.5725872613, 0.4274127387, 0.127905029, 0.872094971];
const PG: [f64; 4] = [0.7200453391, 0.2799546609, 0.001422486, 0.998577514];
const PZ: [f64; 4] = [0.5228984944, 0.4771015056, 0.3224470667, 0.6775529333];

#[test]
fn the_specifications_matrices_come_out_each_in_its_place() {
    let a = looked();
    assert_eq!((a.step, a.batch(), a.ids[1].as_str()), (7, 2, "item 1"));
    // Single precision after a computation in double precision.
    let tolerance = 1e-7;
    let p = 3.674e-7;
    assert!(off(&a.sound, &[1.0 - p, p, p, 1.0 - p]) < tolerance, "{:?}", a.sound);
    assert!(off(&a.image, &PU) < tolerance, "{:?}", a.image);
    assert!(off(&a.foreground, &PG) < tolerance, "{:?}", a.foreground);
    assert!(off(&a.cross, &PZ) < tolerance, "{:?}", a.cross);
    // Rows are pictures, columns sounds: the other way round would be noticed.
    let transposed = [PZ[0], PZ[2], PZ[1], PZ[3]];
    assert!(off(&a.cross, &transposed) > 0.1, "a transposed matrix must not pass");
    assert!(off(&a.image, &[PU[0], PU[2], PU[1], PU[3]]) > 0.1);
}

#[test]
fn the_differences_have_the_loss_terms_as_their_means() {
    let [fns_audio, tne, fns_image] = looked().gaps();
    assert!((fns_audio - 0.3997739187739374).abs() < 1e-7, "{fns_audio}");
    assert!((tne - 0.14068820605986798).abs() < 1e-7, "{tne}");
    assert!((fns_image - 0.1221154022902943).abs() < 1e-7, "{fns_image}");
    let d = looked().difference(AdjacencyTerm::FnsImage);
    assert!(off(&d, &[PU[0] - PZ[0], PU[1] - PZ[1], PU[2] - PZ[2], PU[3] - PZ[3]]) < 2e-7);
}

#[test]
fn maps_masks_and_cosines_are_the_examples() {
    let a = looked();
    let own = [0.9827076298, 0.3794016055, 0.6124254527, 0.5303948353];
    assert!(off(a.map(0), &own) < 1e-7);
    assert_eq!(a.mask(0), [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(a.mask(1), [1.0, 1.0, 0.0, 0.0]);
    // Xa off the diagonal times tau.
    let cosine = 18.5164019955 * 0.03;
    assert!(off(&a.sound_cosine, &[1.0, cosine, cosine, 1.0]) < 1e-7);
    // U of the specification, scaled to unit length.
    let (u, v) =
        ([0.2962383661, 0.3645137462, 0.6197117169], [0.4178010224, 0.5211920421, 0.4552879011]);
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let cosine = dot(u, v) / (dot(u, u) * dot(v, v)).sqrt();
    assert!(off(&a.image_cosine, &[1.0, cosine, cosine, 1.0]) < 1e-7);
    assert!((a.sound_likeness().unwrap() - 18.5164019955 * 0.03).abs() < 1e-7);
    let spread = [own[0] - own[1], 0.9922426389 - 0.4260064336];
    assert!((a.map_spread() - (spread[0] + spread[1]) / 2.0).abs() < 1e-6);
}

#[test]
fn ids_that_are_not_the_batchs_make_no_matrices() {
    assert!(Adjacency::of(&example(), 0, ids(3)).is_none());
    assert!(!Adjacency::default().is_whole());
    let mut torn = looked();
    torn.cross.pop();
    assert!(!torn.is_whole());
    assert_eq!(torn.entry(&torn.cross, 1, 1), 0.0);
    assert_eq!(torn.entry(&torn.sound, 0, 2), 0.0, "no wrapping into the next row");
}

#[test]
fn sounds_that_are_alike_stand_side_by_side() {
    // Two kinds, told apart by the parity of the place.
    let b = 6;
    let sound: Vec<f32> = (0..b * b)
        .map(|k| match (k / b, k % b) {
            (i, j) if i == j => 1.0,
            (i, j) if (i + j) % 2 == 0 => 0.8 + 0.01 * (i + j) as f32,
            _ => 0.1,
        })
        .collect();
    let order = of_cosines(&sound, &sound).by_sound();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1, 2, 3, 4, 5]);
    let parities: Vec<usize> = order.iter().map(|i| i % 2).collect();
    assert!(parities == [0, 0, 0, 1, 1, 1] || parities == [1, 1, 1, 0, 0, 0], "{order:?}");
}

#[test]
fn the_order_holds_every_item_whatever_the_numbers_are() {
    for poison in [f32::NAN, f32::INFINITY, 0.0, 1.0] {
        let sound = vec![poison; 25];
        let mut order = of_cosines(&sound, &sound).by_sound();
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4], "{poison}");
    }
    assert_eq!(of_cosines(&[1.0], &[1.0]).by_sound(), [0]);
}

#[test]
fn a_twin_needs_both_its_sound_and_its_picture() {
    let alike = |a: usize, b: usize| {
        let mut m = vec![0.2f32; 16];
        (0..4).for_each(|i| m[i * 4 + i] = 1.0);
        m[a * 4 + b] = 0.99;
        m[b * 4 + a] = 0.99;
        m
    };
    let found = of_cosines(&alike(0, 2), &alike(0, 2)).duplicates(0.98);
    assert_eq!(found, Duplicates { items: vec![0, 2], share: 0.5 });
    assert_eq!(of_cosines(&alike(0, 2), &alike(1, 2)).duplicates(0.98).share, 0.0);
    let mean = of_cosines(&alike(0, 2), &alike(1, 3)).sound_likeness().unwrap();
    assert!((mean - (10.0 * 0.2 + 2.0 * 0.99) / 12.0).abs() < 1e-6);
    assert_eq!(of_cosines(&[1.0], &[1.0]).sound_likeness(), None);
}
