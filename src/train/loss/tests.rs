use burn::tensor::{DType, Device, Tensor, TensorData};

use super::contrastive::halves;
use super::*;

fn device() -> Device {
    Device::flex().autodiff()
}

/// A leaf in double precision.
fn leaf<const D: usize>(data: &[f64], shape: [usize; D]) -> Tensor<D> {
    let data = TensorData::new(data.to_vec(), shape);
    Tensor::from_data(data, (&device(), DType::F64)).require_grad()
}

fn doubles<const D: usize>(t: Tensor<D>) -> Vec<f64> {
    t.into_data().convert::<f64>().try_to_vec::<f64>().unwrap()
}

fn value(t: Tensor<1>) -> f64 {
    doubles(t)[0]
}

fn unit<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let length = x.clone().powi_scalar(2).sum_dim(1).clamp_min(1e-24).sqrt();
    x / length
}

/// Raw features of a batch, before they are made unit length: pictures by cells and channels.
#[derive(Clone)]
struct Raw {
    /// `[B][P][d]`.
    image: Vec<f64>,
    /// `[N][d]`.
    sound: Vec<f64>,
    /// B, P = side * side, d, N.
    side: usize,
    d: usize,
    extra: usize,
}

impl Raw {
    fn batch(&self) -> usize {
        self.sound.len() / self.d - self.extra
    }

    fn parts(&self, options: PartsOptions) -> (Tensor<4>, Tensor<2>, Parts) {
        let (b, p, d) = (self.batch(), self.side * self.side, self.d);
        let cells: Tensor<3> = leaf(&self.image, [b, p, d]);
        // The leaf keeps the layout of the specification, cells before channels.
        let as_leaf: Tensor<4> =
            cells.swap_dims(1, 2).reshape([b, d, self.side, self.side]).detach().require_grad();
        let sound: Tensor<2> = leaf(&self.sound, [b + self.extra, d]);
        let parts = Parts::new(unit(as_leaf.clone()), unit(sound.clone()), options).unwrap();
        (as_leaf, sound, parts)
    }

    fn terms(&self, options: PartsOptions) -> PerTerm {
        Losses::of(&self.parts(options).2).read([1.0; TERMS]).unwrap().terms
    }

    /// Gradients of a term with respect to the raw features: pictures as `[B][P][d]`, sounds.
    fn gradients(&self, options: PartsOptions, term: usize) -> (Vec<f64>, Vec<f64>) {
        let (image, sound, parts) = self.parts(options);
        let grads = Losses::of(&parts).term(term).unwrap().backward();
        let (b, p, d) = (self.batch(), self.side * self.side, self.d);
        let image = image.grad(&grads).map_or(vec![0.0; b * p * d], |g| {
            let cells: Tensor<3> = g.reshape([b, d, p]);
            doubles(cells.swap_dims(1, 2))
        });
        (image, sound.grad(&grads).map_or(vec![0.0; self.sound.len()], doubles))
    }
}

/// The specification's example.
fn worked() -> Raw {
    Raw {
        image: vec![
            1.0, 0.0, 0.5, 0.2, 1.0, 0.1, 0.1, 0.3, 1.0, 0.0, 0.2, 1.0, //
            0.3, 1.0, 0.1, 0.0, 0.9, 0.6, 1.0, 0.2, 0.3, 0.4, 0.1, 0.8,
        ],
        sound: vec![1.0, 0.2, 0.6, 0.4, 1.0, 0.2],
        side: 2,
        d: 3,
        extra: 0,
    }
}

/// Any batch, from a seed.
fn random(b: usize, side: usize, d: usize, extra: usize, seed: u64) -> Raw {
    let mut dice = crate::synth::Dice::new(seed, 0);
    let mut many = |n: usize| (0..n).map(|_| dice.range(-1.0, 1.0)).collect::<Vec<f64>>();
    // A common part brings the logits together, so that no soft maximum is one-hot.
    let with_base = |mut v: Vec<f64>| {
        v.iter_mut().step_by(d).for_each(|x| *x += 3.0);
        v
    };
    let image = with_base(many(b * side * side * d));
    Raw { image, sound: with_base(many((b + extra) * d)), side, d, extra }
}

const MAX: PartsOptions = PartsOptions { tau: 0.03, foreground: 0.6, pooling: Pooling::Max };
const LSE: PartsOptions = PartsOptions { pooling: Pooling::LogSumExp, ..MAX };

fn place(column: &str) -> usize {
    LOSS_TERMS.iter().position(|t| t.column == column).unwrap()
}

#[track_caller]
fn near(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance, "{got} instead of {want}");
}

#[test]
fn the_terms_are_named_in_the_order_of_the_curves_file() {
    let columns = LOSS_TERMS.each_ref().map(|t| t.column);
    assert_eq!(columns, ["contrastive", "fns_audio", "tne", "fns_image"]);
    assert_eq!(LOSS_TERMS.each_ref().map(|t| t.weight), [1.0, 100.0, 100.0, 100.0]);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/train/loss");
    if let Ok(entries) = std::fs::read_dir(folder) {
        let mut files: Vec<String> = entries
            .map(|e| e.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|f| !["mod", "parts", "tests"].contains(&f.as_str()))
            .collect();
        files.sort();
        let mut named = columns.map(str::to_owned).to_vec();
        named.sort();
        assert_eq!(files, named, "one file per term");
    }
}

#[test]
fn the_specifications_example_comes_out() {
    let raw = worked();
    let (_, _, parts) = raw.parts(MAX);
    let [pictures, sounds] = halves(&parts);
    near(value(pictures), 0.518817757999372, 1e-12);
    near(value(sounds), 0.5061934872992282, 1e-12);
    let [c, l1, l2, l3] = raw.terms(MAX);
    near(c, 1.0250112452986002, 1e-12);
    near(l1, 0.3997739187739374, 1e-12);
    near(l2, 0.14068820605986798, 1e-12);
    near(l3, 0.1221154022902943, 1e-12);
    let all = LossValues { terms: [c, l1, l2, l3], weights: [1.0, 100.0, 100.0, 100.0] };
    near(all.total(), 67.28276395770857, 1e-10);
    assert_eq!(doubles(parts.foreground()), [1., 0., 0., 0., 1., 1., 0., 0.]);
    let z = doubles(parts.logits());
    for (got, want) in z.iter().zip([32.7569209941, 32.6652629004, 32.33220594, 33.0747546316]) {
        near(*got, want, 1e-9);
    }
    let u = doubles(parts.image_adjacency());
    for (got, want) in u.iter().zip([0.5725872613, 0.4274127387, 0.127905029, 0.872094971]) {
        near(*got, want, 1e-9);
    }
    let g = doubles(parts.foreground_adjacency());
    for (got, want) in g.iter().zip([0.7200453391, 0.2799546609, 0.001422486, 0.998577514]) {
        near(*got, want, 1e-9);
    }
}

#[test]
fn the_examples_gradients_come_out() {
    let zero = [0.0; 3];
    let rows = [
        // dA0, dA1, then the cells of picture 0 and of picture 1.
        (
            "contrastive",
            vec![[0.437801, 2.28603, -1.491678], [-1.330829, 0.560753, -0.142107]],
            vec![
                [0.439694, -2.19847, -0.879388],
                [2.477853, -0.619463, 1.238926],
                zero,
                zero,
                [-0.932438, 0.380587, -1.008556],
                zero,
                [-0.757591, -0.151518, 2.626316],
                zero,
            ],
        ),
        (
            "fns_audio",
            vec![[0.147707, 0.658152, -0.465563], [-0.363826, 0.15022, -0.023449]],
            vec![
                [0.125724, -0.62862, -0.251448],
                [0.705557, -0.176389, 0.352779],
                zero,
                zero,
                [-0.282356, 0.115247, -0.305405],
                zero,
                [-0.230574, -0.046115, 0.799325],
                zero,
            ],
        ),
        (
            "tne",
            vec![zero, zero],
            vec![
                [-0.038359, 0.337702, 0.076717],
                zero,
                zero,
                zero,
                [0.163802, -0.05745, 0.083091],
                [0.174072, -0.041033, 0.06155],
                zero,
                zero,
            ],
        ),
        (
            "fns_image",
            vec![[0.147706, 0.658161, -0.465564], [-0.363819, 0.150216, -0.023444]],
            vec![
                [-0.087515, -0.655723, 0.175029],
                [0.685182, -0.229461, 0.924246],
                [-0.065354, -0.179009, 0.060238],
                [-0.015751, -0.139451, 0.02789],
                [-0.299705, 0.166759, -0.768479],
                [-0.047516, 0.195843, -0.293765],
                [-0.102645, -0.064145, 0.384913],
                [0.17533, -0.004828, -0.087061],
            ],
        ),
    ];
    for (column, sounds, pictures) in rows {
        let (image, sound) = worked().gradients(MAX, place(column));
        // Six decimals are printed; "below 1e-5" for the sounds of the foreground term.
        for (got, want) in sound.iter().zip(sounds.as_flattened()) {
            near(*got, *want, 1e-5);
        }
        for (got, want) in image.iter().zip(pictures.as_flattened()) {
            near(*got, *want, 2e-6);
        }
    }
}

/// Largest gap between the gradients and central differences, relative to the largest slope.
fn difference_gap(raw: &Raw, options: PartsOptions, term: usize) -> f64 {
    let (image, sound) = raw.gradients(options, term);
    let step = 1e-6;
    let slope = |change: &dyn Fn(&mut Raw, f64)| {
        let at = |by: f64| {
            let mut moved = raw.clone();
            change(&mut moved, by);
            moved.terms(options)[term]
        };
        (at(step) - at(-step)) / (2.0 * step)
    };
    let largest = image.iter().chain(&sound).fold(1e-3f64, |m, g| m.max(g.abs()));
    let mut worst: f64 = 0.0;
    for (i, g) in image.iter().enumerate() {
        worst = worst.max((slope(&|r, by| r.image[i] += by) - g).abs());
    }
    for (i, g) in sound.iter().enumerate() {
        worst = worst.max((slope(&|r, by| r.sound[i] += by) - g).abs());
    }
    worst / largest
}

#[test]
fn every_terms_gradient_equals_central_differences() {
    for options in [MAX, LSE, PartsOptions { tau: 0.3, ..MAX }] {
        for (seed, extra) in [(1, 0), (2, 2)] {
            let raw = random(4, 2, 5, extra, seed);
            for (term, t) in LOSS_TERMS.iter().enumerate() {
                let gap = difference_gap(&raw, options, term);
                assert!(gap < 1e-6, "{} {options:?} seed {seed}: {gap}", t.column);
            }
        }
    }
}

#[test]
fn a_detached_side_is_told_apart_by_central_differences() {
    // The broken twin: the sounds' adjacency without a gradient.
    let raw = random(4, 2, 5, 0, 1);
    let options = PartsOptions { tau: 0.3, ..MAX };
    let (_, sound, parts) = raw.parts(options);
    let twin = mean_gap(&parts.sound_adjacency().detach(), &parts.cross_adjacency());
    let grads = twin.backward();
    let broken = doubles(sound.grad(&grads).unwrap());
    let (_, whole) = raw.gradients(options, place("fns_audio"));
    let gap = broken.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(gap > 1e-3, "{gap}");
}

#[test]
fn equal_cells_give_their_gradient_to_the_first_one() {
    let mut raw = worked();
    // Cells 1 and 2 of picture 0 become copies of cell 0, its best answer to sound 0.
    let best: Vec<f64> = raw.image[..3].to_vec();
    raw.image[3..6].copy_from_slice(&best);
    raw.image[6..9].copy_from_slice(&best);
    let (image, _) = raw.gradients(MAX, place("contrastive"));
    assert!(image[..3].iter().any(|g| g.abs() > 1e-3));
    assert!(image[3..9].iter().all(|g| *g == 0.0), "{:?}", &image[3..9]);
}

#[test]
fn sharing_a_tie_would_be_seen() {
    // The broken twin of the test above: a maximum that shares its gradient among equals, as the
    // soft one does.
    let mut raw = worked();
    let best: Vec<f64> = raw.image[..3].to_vec();
    raw.image[3..6].copy_from_slice(&best);
    let (image, _) = raw.gradients(LSE, place("contrastive"));
    assert!(image[3..6].iter().any(|g| g.abs() > 1e-3));
}

#[test]
fn the_soft_maximum_lies_under_the_maximum_by_the_logarithm_of_the_cells_at_most() {
    let raw = random(4, 3, 6, 2, 9);
    let hard = doubles(raw.parts(MAX).2.logits_with_extra());
    let soft = doubles(raw.parts(LSE).2.logits_with_extra());
    for (h, s) in hard.iter().zip(&soft) {
        assert!(s <= h && *s >= h - 9f64.ln(), "{h} {s}");
    }
}

#[test]
fn sounds_without_a_source_are_wrong_answers_for_pictures_only() {
    let with = random(4, 2, 5, 2, 3);
    let mut without = with.clone();
    without.sound.truncate(4 * 5);
    without.extra = 0;
    let [pictures, sounds] = halves(&with.parts(MAX).2).map(value);
    let [fewer_pictures, fewer_sounds] = halves(&without.parts(MAX).2).map(value);
    assert!(pictures > fewer_pictures);
    near(sounds, fewer_sounds, 1e-12);
    let (a, b) = (with.terms(MAX), without.terms(MAX));
    for term in 1..TERMS {
        near(a[term], b[term], 1e-12);
    }
    let (_, gradient) = with.gradients(MAX, place("contrastive"));
    assert!(gradient[4 * 5..].iter().any(|g| g.abs() > 1e-9), "they are pushed away");
}

#[test]
fn one_pair_alone_is_worth_nothing() {
    let raw = random(1, 2, 5, 0, 4);
    assert_eq!(raw.terms(MAX), [0.0; 4]);
    assert!(raw.gradients(MAX, 0).0.iter().all(|g| *g == 0.0));
}

#[test]
fn zero_vectors_and_constant_maps_stay_finite() {
    for options in [MAX, LSE] {
        let mut zero_cells = random(3, 2, 4, 0, 5);
        zero_cells.image[16..32].fill(0.0);
        let mut zero_sound = random(3, 2, 4, 0, 5);
        zero_sound.sound[4..8].fill(0.0);
        let mut constant = random(3, 2, 4, 0, 5);
        for cell in 1..4 {
            constant.image.copy_within(0..4, 4 * cell);
        }
        let mut same = random(1, 1, 4, 0, 5);
        same = Raw { image: same.image.repeat(12), sound: same.sound.repeat(3), side: 2, ..same };
        let all_zero = Raw { image: vec![0.0; 48], sound: vec![0.0; 12], side: 2, d: 4, extra: 0 };
        for raw in [zero_cells, zero_sound, constant, same, all_zero] {
            assert!(raw.terms(options).iter().all(|t| t.is_finite()), "{:?}", raw.terms(options));
            for term in 0..TERMS {
                let (image, sound) = raw.gradients(options, term);
                assert!(image.iter().chain(&sound).all(|g| g.is_finite()), "term {term}");
            }
        }
    }
}

#[test]
fn a_constant_map_has_no_foreground() {
    let mut raw = random(3, 2, 4, 0, 5);
    for cell in 1..4 {
        raw.image.copy_within(0..4, 4 * cell);
    }
    let (_, _, parts) = raw.parts(MAX);
    assert_eq!(doubles(parts.foreground())[..4], [0.0; 4]);
    let row = &doubles(parts.foreground_adjacency())[..3];
    assert!(row.iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-12), "{row:?}");
}

#[test]
fn what_is_not_finite_is_named_and_never_hidden() {
    for poison in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for options in [MAX, LSE] {
            let mut raw = random(3, 2, 4, 0, 6);
            raw.image[5] = poison;
            let (_, _, parts) = raw.parts(options);
            let values = Losses::of(&parts).read([1.0; TERMS]).unwrap();
            assert!(values.not_finite().contains(&"contrastive"), "{poison} {values:?}");
            assert!(!values.total().is_finite());
            let mut raw = random(3, 2, 4, 0, 6);
            raw.sound[5] = poison;
            let (_, _, parts) = raw.parts(options);
            let values = Losses::of(&parts).read([1.0; TERMS]).unwrap();
            assert!(values.not_finite().contains(&"contrastive"), "{poison} {values:?}");
        }
    }
}

#[test]
fn a_term_without_weight_neither_counts_nor_is_gone_backward_from() {
    let (image, _, parts) = random(4, 2, 5, 0, 7).parts(MAX);
    let losses = Losses::of(&parts);
    let warmup = losses.total([1.0, 0.0, 0.0, 0.0]).unwrap();
    let grads = warmup.clone().backward();
    near(value(warmup), losses.read([1.0, 0.0, 0.0, 0.0]).unwrap().total(), 1e-12);
    let own = doubles(image.grad(&grads).unwrap());
    let (image, _, parts) = random(4, 2, 5, 0, 7).parts(MAX);
    let alone = Losses::of(&parts).term(0).unwrap().backward();
    assert_eq!(own, doubles(image.grad(&alone).unwrap()));
    assert!(losses.total([0.0; TERMS]).is_none());
    let values = LossValues { terms: [1.0, f64::NAN, 2.0, 3.0], weights: [1.0, 0.0, 0.5, 0.0] };
    assert_eq!(values.total(), 2.0);
    assert!(values.not_finite().is_empty());
}

#[test]
fn shapes_that_make_no_batch_are_refused_in_words() {
    let image: Tensor<4> = leaf(&[1.0; 24], [2, 3, 2, 2]);
    let one: Tensor<2> = leaf(&[1.0; 3], [1, 3]);
    let other: Tensor<2> = leaf(&[1.0; 8], [2, 4]);
    for sound in [one, other] {
        let refused = Parts::new(image.clone(), sound, MAX).err().unwrap();
        assert!(refused.contains("make no batch"), "{refused}");
    }
}
