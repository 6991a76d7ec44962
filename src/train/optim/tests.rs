use burn::optim::AdamConfig;
use burn::optim::decay::WeightDecayConfig;
use burn::tensor::{DType, Device};

use super::*;
use crate::model::{Checkpoint, FnacConfig};
use crate::train::loss::LossValues;

/// `torch.optim.Adam` in double precision, learning rate and weight decay 1e-2, after steps 1, 2,
/// 10 and 20, from these values and the gradients of [`gradient`].
const START: [f64; 4] = [1.0, -0.5, 0.25, 3.0];
const TORCH: [(u64, [f64; 4]); 4] = [
    (1, [0.9900000001960785, -0.4900000249999375, 0.24000003999984001, 2.99000000000997]),
    (2, [0.9903272743515011, -0.4802068525177308, 0.23001279949336012, 2.9806738650272244]),
    (10, [0.9828061870472116, -0.4614198344708137, 0.1518036115581889, 2.9226627853683187]),
    (20, [0.9793584686076499, -0.555237256989674, 0.06562862582670054, 2.8752581851400927]),
];

fn gradient(step: u64) -> [f64; 4] {
    let sign = if step.is_multiple_of(2) { 0.5 } else { -0.5 };
    [sign, 1e-3 * (step + 1) as f64, 0.0, 10.0 / (step + 1) as f64]
}

fn row(v: [f64; 4], dtype: DType) -> Tensor<1> {
    Tensor::from_data(TensorData::new(v.to_vec(), [4]), (&Device::flex(), dtype))
}

fn doubles(t: Tensor<1>) -> Vec<f64> {
    read(t).unwrap()
}

fn section() -> OptimSection {
    OptimSection { weight_decay: 1e-2, ..OptimSection::default() }
}

/// Largest gap to PyTorch over the steps it is known for.
fn gap_to_torch(dtype: DType) -> f64 {
    let mut adam = Adam::new(section());
    let mut value = row(START, dtype);
    let mut worst: f64 = 0.0;
    for step in 0..20 {
        adam.steps += 1;
        value = adam.moved("x", value, row(gradient(step), dtype), 1e-2);
        if let Some((_, want)) = TORCH.iter().find(|(s, _)| *s == adam.steps) {
            for (got, want) in doubles(value.clone()).iter().zip(want) {
                worst = worst.max((got - want).abs());
            }
        }
    }
    worst
}

#[test]
fn twenty_steps_equal_pytorchs() {
    assert!(gap_to_torch(DType::F64) < 1e-14, "{}", gap_to_torch(DType::F64));
    assert!(gap_to_torch(DType::F32) < 1e-6, "{}", gap_to_torch(DType::F32));
}

#[test]
fn the_specifications_first_step_comes_out() {
    let mut adam = Adam::new(OptimSection::default());
    adam.steps = 1;
    let one = row([1.0; 4], DType::F64);
    let moved = doubles(adam.moved("x", one, row([0.5; 4], DType::F64), 1e-4));
    assert_eq!(moved[0], 0.9999000000019996);
}

#[test]
fn decay_beside_the_gradient_would_be_seen() {
    // The broken twin: AdamW's decoupled decay.
    let mut adam = Adam::new(OptimSection { weight_decay: 0.0, ..section() });
    let mut value = row(START, DType::F64);
    for step in 0..20 {
        adam.steps += 1;
        value = value * (1.0 - 1e-2 * 1e-2);
        value = adam.moved("x", value, row(gradient(step), DType::F64), 1e-2);
    }
    let gap = doubles(value).iter().zip(TORCH[3].1).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(gap > 1e-3, "{gap}");
}

#[test]
fn burns_own_adam_computes_the_same_a_little_less_exactly() {
    use burn::optim::Optimizer;
    let config =
        AdamConfig::new().with_epsilon(1e-8).with_weight_decay(Some(WeightDecayConfig::new(1e-2)));
    let burn = config.build();
    let (mut value, mut state) = (row(START, DType::F64), None);
    for step in 0..20 {
        (value, state) = burn.step(1e-2, value, row(gradient(step), DType::F64), state);
    }
    let gap = doubles(value).iter().zip(TORCH[3].1).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    // Double precision in, single-precision constants inside.
    assert!(gap < 1e-5 && gap > 1e-13, "{gap}");
}

fn tiny() -> Fnac {
    let c = Checkpoint::formula_of(FnacConfig::new(2, 4), "");
    Fnac::from_checkpoint(&c, &Device::flex().autodiff()).unwrap()
}

/// Gradients of ones for all parameters.
fn ones(model: &mut Fnac) -> Grads {
    struct Ones(BTreeMap<String, Tensor<1>>);
    impl ParamVisitor for Ones {
        fn param<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>) {
            self.0.insert(name.to_owned(), flat(param.val().inner().ones_like()));
        }
    }
    let mut all = Ones(BTreeMap::new());
    model.each_param(&mut all);
    Grads { rows: all.0 }
}

#[test]
fn parameters_come_in_pytorchs_order() {
    struct Names(Vec<String>);
    impl ParamVisitor for Names {
        fn param<const D: usize>(&mut self, name: &str, _: &mut Param<Tensor<D>>) {
            self.0.push(name.to_owned());
        }
    }
    let mut names = Names(Vec::new());
    let mut model = tiny();
    model.each_param(&mut names);
    let trained = |s: &str| !s.contains("running_") && !crate::model::is_counter(s);
    let dict = model.config().state_dict().into_iter().map(|s| s.name);
    assert_eq!(names.0, dict.filter(|s| trained(s)).collect::<Vec<_>>());
    assert_eq!(names.0.len(), 124);
    assert_eq!((names.0[60].as_str(), names.0[123].as_str()), ("img_proj.weight", "aud_proj.bias"));
}

#[test]
fn every_parameter_moves_at_the_rate_of_its_name() {
    let mut model = tiny();
    let before = model.state().unwrap();
    let grads = ones(&mut model);
    let mut adam = Adam::new(OptimSection { weight_decay: 0.0, ..OptimSection::default() });
    let rate = |name: &str| if name.starts_with("imgnet.") { 0.0 } else { 1e-2 };
    adam.step(&mut model, &grads, rate);
    let after = model.state().unwrap();
    for (name, old) in &before {
        let moved = old.data.iter().zip(&after[name].data).map(|(a, b)| a - b);
        let trained = !name.contains("running_") && !crate::model::is_counter(name);
        let want = if trained && !name.starts_with("imgnet.") { 1e-2 } else { 0.0 };
        for by in moved {
            assert!((by - want).abs() < 1e-6, "{name} moved by {by}");
        }
    }
    assert_eq!(adam.steps(), 1);
}

#[test]
fn a_memory_that_was_put_away_goes_on_as_before() {
    let run = |interrupted: bool| {
        let mut model = tiny();
        let mut adam = Adam::new(OptimSection::default());
        for step in 0..4 {
            let grads = ones(&mut model);
            if interrupted && step == 2 {
                let (state, steps) = (adam.state(&model).unwrap(), adam.steps());
                assert_eq!(state.len(), 248);
                assert_eq!(state["exp_avg.aud_proj.weight"].shape, [4, 16]);
                let weights = model.state().unwrap();
                model =
                    Fnac::from_state(model.config(), &weights, &Device::flex().autodiff()).unwrap();
                adam = Adam::new(OptimSection::default());
                adam.restore(&model, steps, &state).unwrap();
            }
            adam.step(&mut model, &grads, |_| 1e-3);
        }
        model.state().unwrap()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_memory_of_another_network_is_refused_and_nothing_changes() {
    let mut model = tiny();
    let grads = ones(&mut model);
    let mut adam = Adam::new(OptimSection::default());
    adam.step(&mut model, &grads, |_| 1e-3);
    let good = adam.state(&model).unwrap();
    let mut wrong_shape = good.clone();
    wrong_shape.get_mut("exp_avg.img_proj.bias").unwrap().shape = vec![3];
    let mut half = good.clone();
    half.remove("exp_avg_sq.img_proj.bias");
    let mut foreign = good.clone();
    foreign.insert("exp_avg.fc.weight".to_owned(), good["exp_avg.img_proj.bias"].clone());
    for (state, says) in
        [(wrong_shape, "img_proj.bias"), (half, "img_proj.bias"), (foreign, "fc.weight")]
    {
        let refused = adam.restore(&model, 9, &state).unwrap_err();
        assert!(refused.contains(says), "{refused}");
        assert_eq!(adam.steps(), 1);
        assert_eq!(adam.state(&model).unwrap(), good);
    }
}

#[test]
fn the_norm_is_of_the_whole_gradient_and_survives_large_numbers() {
    let grads = |v: f64| Grads {
        rows: BTreeMap::from([
            ("a".to_owned(), row([3.0 * v; 4], DType::F32)),
            ("b".to_owned(), row([-4.0 * v; 4], DType::F32)),
        ]),
    };
    assert!((grads(1.0).norm().unwrap() - 10.0).abs() < 1e-5);
    let large = grads(1e30).norm().unwrap();
    assert!((large / 1e31 - 1.0).abs() < 1e-6, "squares leave f32's range: {large}");
    assert_eq!(grads(0.0).norm(), Some(0.0));
    assert_eq!(Grads { rows: BTreeMap::new() }.norm(), Some(0.0));
    let mut clipped = grads(1.0);
    clipped.clip(10.0, 1.0);
    assert!((clipped.norm().unwrap() - 1.0).abs() < 1e-5);
    clipped.clip(1.0, 0.0);
    assert!((clipped.norm().unwrap() - 1.0).abs() < 1e-5, "0 is no limit");
}

#[test]
fn what_is_not_finite_is_named_before_the_update() {
    let fine = LossValues { terms: [1.0; 4], weights: [1.0; 4] };
    for poison in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let grads = Grads {
            rows: BTreeMap::from([
                ("imgnet.conv1.weight".to_owned(), row([1.0; 4], DType::F32)),
                ("img_proj.bias".to_owned(), row([1.0, poison, 0.0, 2.0], DType::F32)),
            ]),
        };
        let norm = grads.norm();
        assert!(norm.is_none_or(|n| !n.is_finite()), "{poison}: {norm:?}");
        let refused = guard_finite(&fine, &grads, norm).unwrap_err();
        assert_eq!(refused.what, ["img_proj.bias"]);
        assert!(refused.to_string().contains("weights were left as they are"));
    }
    let healthy = Grads { rows: BTreeMap::from([("a".to_owned(), row([1.0; 4], DType::F32))]) };
    guard_finite(&fine, &healthy, healthy.norm()).unwrap();
    let bad = LossValues { terms: [1.0, f64::NAN, 1.0, 1.0], ..fine };
    assert_eq!(guard_finite(&bad, &healthy, healthy.norm()).unwrap_err().what, ["fns_audio"]);
    let unused = LossValues { weights: [1.0, 0.0, 0.0, 0.0], ..bad };
    guard_finite(&unused, &healthy, healthy.norm()).unwrap();
}
