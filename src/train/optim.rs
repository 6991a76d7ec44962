//! Adam as PyTorch runs it, and the gradients it is fed with.
//!
//! burn's own Adam computes the same thing in exact arithmetic, and one step of it agrees with
//! PyTorch to seven digits (tested). It is not used, because a run here must stop and go on
//! exactly: burn keys its state by numbers that a loaded network does not have again, gives
//! learning rates per group only through its own schedulers, and cannot say before the update
//! whether a gradient is finite. This one keys by the official names, so its state lies in a
//! checkpoint beside the weights and an official optimiser state fits it; and it takes
//! 1 - beta in double precision (in single precision, as burn does, 1 - 0.999 is off by 1.3e-5).

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{Device, Gradients, Tensor, TensorData};

use super::config::OptimSection;
use crate::model::{Fnac, ParamVisitor, RawTensor};

/// The gradients of a step by the parameters' official names, each as one row of numbers.
///
/// Parameters that stand still have none.
pub struct Grads {
    rows: BTreeMap<String, Tensor<1>>,
}

/// The loss or a gradient is no finite number: the step must not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not finite: {}. The weights were left as they are; a smaller learning rate or a look at the \
     batch's clips helps", list(.what)
)]
pub struct NotFinite {
    /// Columns of loss terms and names of parameters, the first few of them.
    pub what: Vec<String>,
}

fn list(what: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = what.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match what.len() {
        n if n > SHOWN => format!("{shown} and {} more", n - SHOWN),
        _ => shown,
    }
}

impl Grads {
    /// Takes the network's gradients out of a backward pass.
    pub fn take(mut gradients: Gradients, model: &mut Fnac) -> Self {
        struct Collect<'a>(&'a mut Gradients, BTreeMap<String, Tensor<1>>);
        impl ParamVisitor for Collect<'_> {
            fn param<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>) {
                if let Some(g) = param.val().grad_remove(self.0) {
                    self.1.insert(name.to_owned(), flat(g));
                }
            }
        }
        let mut collect = Collect(&mut gradients, BTreeMap::new());
        model.each_param(&mut collect);
        Self { rows: collect.1 }
    }

    /// No gradients, to add others to.
    pub fn none() -> Self {
        Self { rows: BTreeMap::new() }
    }

    /// The same on another device.
    #[must_use]
    pub fn to_device(self, device: &Device) -> Self {
        let rows = self.rows.into_iter().map(|(name, row)| (name, row.to_device(device)));
        Self { rows: rows.collect() }
    }

    /// Parameters that have one.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether everything stands still.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds another batch's gradients.
    pub fn add(&mut self, other: Self) {
        for (name, row) in other.rows {
            match self.rows.remove(&name) {
                Some(own) => self.rows.insert(name, own + row),
                None => self.rows.insert(name, row),
            };
        }
    }

    /// A parameter's gradient by official name, in the module's layout (`aud_proj.weight` as
    /// `[in, out]`).
    pub fn get(&self, name: &str) -> Option<Tensor<1>> {
        self.rows.get(name).cloned()
    }

    /// Length of the whole gradient; not finite when a part is not. One number is read from the
    /// device. `None` when the device does not give it.
    pub fn norm(&self) -> Option<f64> {
        if self.rows.is_empty() {
            return Some(0.0);
        }
        // Scaled by the largest value first: squares of healthy gradients may leave f32's range.
        let largest = Tensor::cat(self.rows.values().map(|g| g.clone().abs().max()).collect(), 0);
        let largest = largest.max();
        let scale = largest.clone().clamp_min(f32::MIN_POSITIVE);
        let squares = self.rows.values().map(|g| (g.clone() / scale.clone()).square().sum());
        let sum = Tensor::cat(squares.collect(), 0).sum();
        let both = read(Tensor::cat(vec![largest, sum], 0))?;
        let [largest, sum] = both.try_into().ok()?;
        Some(if largest == 0.0 { 0.0 } else { largest * sum.sqrt() })
    }

    /// Names of the parameters whose gradients are not finite; reads one number for each.
    pub fn not_finite(&self) -> Vec<String> {
        let broken = |row: &Tensor<1>| {
            read(row.clone().abs().max()).is_none_or(|v| v.iter().any(|v| !v.is_finite()))
                || read(row.clone().sum()).is_none_or(|v| v.iter().any(|v| v.is_nan()))
        };
        self.rows.iter().filter(|(_, row)| broken(row)).map(|(name, _)| name.clone()).collect()
    }

    /// Scales all so that the whole has at most this length.
    pub fn clip(&mut self, norm: f64, limit: f64) {
        if limit > 0.0 && norm > limit {
            // The small constant is PyTorch's.
            let scale = limit / (norm + 1e-6);
            for row in self.rows.values_mut() {
                *row = row.clone() * scale;
            }
        }
    }
}

fn flat<const D: usize>(t: Tensor<D>) -> Tensor<1> {
    let n = t.shape().num_elements();
    t.reshape([n])
}

fn read(t: Tensor<1>) -> Option<Vec<f64>> {
    t.try_into_data().ok()?.convert::<f64>().try_to_vec::<f64>().ok()
}

/// Refuses a step whose loss or gradient is not finite; to be asked before the update.
///
/// # Errors
/// [`NotFinite`] with what is not. Parameters are named only then, at one read each.
pub fn guard_finite(
    losses: &super::loss::LossValues,
    grads: &Grads,
    norm: Option<f64>,
) -> Result<(), NotFinite> {
    let mut what: Vec<String> = losses.not_finite().into_iter().map(str::to_owned).collect();
    if norm.is_none_or(|n| !n.is_finite()) {
        what.extend(grads.not_finite());
        if what.is_empty() {
            what.push("the norm of the gradient".to_owned());
        }
    }
    if what.is_empty() { Ok(()) } else { Err(NotFinite { what }) }
}

/// The two moments of one parameter.
#[derive(Clone)]
struct Moments {
    mean: Tensor<1>,
    square: Tensor<1>,
}

/// The optimiser: `torch.optim.Adam` with L2 weight decay added to the gradient.
#[derive(Clone)]
pub struct Adam {
    section: OptimSection,
    steps: u64,
    moments: BTreeMap<String, Moments>,
}

impl Adam {
    /// Without memory, for a first step.
    pub fn new(section: OptimSection) -> Self {
        Self { section, steps: 0, moments: BTreeMap::new() }
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Moves the parameters that have a gradient, each at the rate of its name.
    pub fn step(&mut self, model: &mut Fnac, grads: &Grads, rate: impl Fn(&str) -> f64) {
        self.steps += 1;
        let mut update = Update { adam: self, grads, rate };
        model.each_param(&mut update);
    }

    /// One parameter's new value; for parameters beside the network after [`Self::step`].
    pub(super) fn moved(
        &mut self,
        name: &str,
        value: Tensor<1>,
        grad: Tensor<1>,
        rate: f64,
    ) -> Tensor<1> {
        let OptimSection { beta1, beta2, eps, weight_decay, .. } = self.section;
        let grad = if weight_decay == 0.0 { grad } else { grad + value.clone() * weight_decay };
        let fresh = grad.clone() * (1.0 - beta1);
        let fresh_square = grad.square() * (1.0 - beta2);
        let (mean, square) = match self.moments.remove(name) {
            Some(m) => (m.mean * beta1 + fresh, m.square * beta2 + fresh_square),
            None => (fresh, fresh_square),
        };
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let (bias1, bias2) = (1.0 - beta1.powi(steps), 1.0 - beta2.powi(steps));
        let divisor = square.clone().sqrt() / bias2.sqrt() + eps;
        let moved = value - mean.clone() / divisor * (rate / bias1);
        self.moments.insert(name.to_owned(), Moments { mean, square });
        moved
    }

    /// The memory as tensors: `exp_avg.NAME` and `exp_avg_sq.NAME`, in the layout that the
    /// checkpoint's tensor of that name has. `None` when the device does not give them.
    pub fn state(&self, model: &Fnac) -> Option<BTreeMap<String, RawTensor>> {
        let shapes = shapes(model);
        let mut state = BTreeMap::new();
        for (name, m) in &self.moments {
            let shape = shapes.get(name)?;
            for (kind, row) in [("exp_avg", &m.mean), ("exp_avg_sq", &m.square)] {
                let data = row.clone().try_into_data().ok()?.convert::<f32>();
                let data = data.try_to_vec::<f32>().ok()?;
                let data = if is_turned(name) { turned(&data, shape[1], shape[0]) } else { data };
                state.insert(format!("{kind}.{name}"), RawTensor { shape: shape.clone(), data });
            }
        }
        Some(state)
    }

    /// Takes up a memory of [`Self::state`] after `steps` steps.
    ///
    /// # Errors
    /// The first tensor that does not fit the network, in words; nothing is changed then.
    pub fn restore(
        &mut self,
        model: &Fnac,
        steps: u64,
        state: &BTreeMap<String, RawTensor>,
    ) -> Result<(), String> {
        let shapes = shapes(model);
        let (device, dtype) = (model.device().inner(), model.dtype());
        let mut moments = BTreeMap::new();
        let part = |kind: &str, name: &str, shape: &[usize]| {
            let key = format!("{kind}.{name}");
            let found = state.get(&key).filter(|t| t.shape == shape);
            let found = found.filter(|t| t.data.len() == shape.iter().product::<usize>());
            let t = found.ok_or_else(|| format!("`{key}` is missing or not of shape {shape:?}"))?;
            let data =
                if is_turned(name) { turned(&t.data, shape[0], shape[1]) } else { t.data.clone() };
            let n = data.len();
            Ok::<_, String>(Tensor::<1>::from_data(TensorData::new(data, [n]), (&device, dtype)))
        };
        for name in state.keys().filter_map(|k| k.strip_prefix("exp_avg.")) {
            let shape = shapes.get(name).ok_or_else(|| format!("`{name}` is no parameter"))?;
            let mean = part("exp_avg", name, shape)?;
            let square = part("exp_avg_sq", name, shape)?;
            moments.insert(name.to_owned(), Moments { mean, square });
        }
        (self.steps, self.moments) = (steps, moments);
        Ok(())
    }
}

/// The one parameter that burn keeps transposed.
fn is_turned(name: &str) -> bool {
    name == "aud_proj.weight"
}

/// `[rows, columns]` to `[columns, rows]`.
fn turned(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|x| (0..rows).map(move |y| data[y * columns + x])).collect()
}

/// Shapes of the parameters in a checkpoint.
fn shapes(model: &Fnac) -> BTreeMap<String, Vec<usize>> {
    let all = model.config().state_dict();
    all.into_iter().map(|spec| (spec.name, spec.shape)).collect()
}

struct Update<'a, R> {
    adam: &'a mut Adam,
    grads: &'a Grads,
    rate: R,
}

impl<R: Fn(&str) -> f64> ParamVisitor for Update<'_, R> {
    fn param<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>) {
        let Some(grad) = self.grads.get(name) else { return };
        let rate = (self.rate)(name);
        let old = param.val().inner();
        let shape = old.dims();
        let new = self.adam.moved(name, flat(old), grad, rate).reshape(shape);
        *param = Param::initialized(param.id, Tensor::from_inner(new).require_grad());
    }
}

#[cfg(test)]
mod tests;
