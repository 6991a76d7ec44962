//! Which learning rate: a few steps with a rising rate, after which everything is as it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::engine::TrainError;
use super::loader::{BatchMaker, Loader};
use super::split::Split;
use super::start::Start;
use super::step::{Batch, Learner, StepError};
use super::{Schedule, TrainConfig};
use crate::infer::cache_dir;
use crate::model::{Fnac, TrialStore, training_devices};

/// Most steps of a test.
pub const MOST_STEPS: u64 = 100;
/// Rates it goes through: from where nothing moves to where nothing holds.
pub const RATES: (f64, f64) = (1e-7, 1.0);
/// How much of the loss before is kept in the smooth one.
const MEMORY: f64 = 0.8;
/// The test ends where the smooth loss is so many times the lowest one.
const DIVERGED: f64 = 4.0;
/// Steps whose smooth loss is not settled.
const UNSETTLED: usize = 5;
/// A loss that fell by less than this share says nothing.
const FELL: f64 = 0.01;

/// One step of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RangePoint {
    /// The learning rate of the step, before the parts' multiples.
    pub rate: f64,
    /// The loss before the step.
    pub loss: f64,
    /// The losses so far smoothed, without a bias to the first.
    pub smooth: f64,
}

/// What the test found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RangeTest {
    /// Its steps, by rising rate.
    pub points: Vec<RangePoint>,
    /// A rate to try: where the smooth loss falls fastest. `None` where it does not fall.
    pub suggestion: Option<f64>,
    /// The rate at which the loss ran away or was no number; `None` when it did not.
    pub diverged: Option<f64>,
}

impl RangeTest {
    /// In words.
    pub fn words(&self) -> String {
        let diverged = match self.diverged {
            Some(rate) => format!("the loss runs away at {rate:.1e}"),
            None => "the loss did not run away".to_owned(),
        };
        match self.suggestion {
            Some(rate) => format!("the loss falls fastest at {rate:.1e}; {diverged}"),
            None => format!("the loss did not fall at any rate; {diverged}"),
        }
    }

    fn finish(mut self) -> Self {
        self.suggestion = suggestion(&self.points);
        self
    }
}

/// Takes up to `steps` steps from step 0 on `batches` while the rate rises from the first of
/// [`RATES`] to the second, then puts weights, optimiser and BatchNorm statistics back as they
/// were, bit for bit.
///
/// # Errors
/// A step was refused for another reason than a loss that is no number.
pub fn range_on(
    learner: &mut Learner,
    steps: u64,
    mut batches: impl FnMut() -> Option<Batch>,
    mut seen: impl FnMut(RangePoint),
) -> Result<RangeTest, StepError> {
    let steps = steps.clamp(2, MOST_STEPS);
    let kept = learner.keep();
    let mut test = RangeTest::default();
    let mut failed = None;
    let (mut sum, mut weight, mut lowest) = (0.0, 0.0, f64::INFINITY);
    for n in 0..steps {
        let Some(batch) = batches() else { break };
        let rate = RATES.0 * (RATES.1 / RATES.0).powf(n as f64 / (steps - 1) as f64);
        match learner.step_at(n, &batch, rate) {
            Ok(report) => {
                let loss = report.losses.total();
                sum = MEMORY * sum + (1.0 - MEMORY) * loss;
                weight = MEMORY * weight + (1.0 - MEMORY);
                let point = RangePoint { rate, loss, smooth: sum / weight };
                lowest = point.smooth.min(lowest);
                test.points.push(point);
                seen(point);
                if test.points.len() > UNSETTLED && point.smooth > DIVERGED * lowest {
                    test.diverged = Some(rate);
                    break;
                }
            }
            Err(StepError::NotFinite { .. }) => {
                test.diverged = Some(rate);
                break;
            }
            Err(e) => {
                failed = Some(e);
                break;
            }
        }
    }
    learner.put_back(kept);
    failed.map_or(Ok(test.finish()), Err)
}

/// The rate where the smooth loss falls fastest over the logarithm of the rate, before its
/// minimum.
fn suggestion(points: &[RangePoint]) -> Option<f64> {
    let settled = points.get(UNSETTLED.min(points.len())..)?;
    let lowest = settled.iter().enumerate().min_by(|a, b| a.1.smooth.total_cmp(&b.1.smooth))?.0;
    let fall = settled.get(..=lowest)?;
    let (first, last) = (fall.first()?, fall.last()?);
    if first.smooth - last.smooth < FELL * first.smooth.abs() {
        return None;
    }
    let slope = |w: &[RangePoint]| (w[2].smooth - w[0].smooth) / (w[2].rate.ln() - w[0].rate.ln());
    let steepest = fall.windows(3).min_by(|a, b| slope(a).total_cmp(&slope(b)));
    // A fall of two points has no middle.
    Some(steepest.map_or(first.rate, |w| w[1].rate))
}

/// The test for a configuration: opens its data, start and devices, and writes nothing. Blocks for
/// as many steps; `stop` ends it early, with what it has by then. `seen` hears of each step.
///
/// # Errors
/// What keeps a run from beginning.
pub fn range_test(
    config: &TrainConfig,
    stop: &AtomicBool,
    seen: impl FnMut(RangePoint),
) -> Result<RangeTest, TrainError> {
    config.validate()?;
    let split = Split::open(config).map_err(TrainError::other)?;
    let start = Start::open(config).map_err(TrainError::other)?;
    let trials = TrialStore::open(cache_dir().as_deref());
    let devices = training_devices(&config.run.device, &trials).map_err(TrainError::other)?;
    let first = devices.first().ok_or_else(|| TrainError::other("there is no device"))?;
    let model =
        Fnac::from_state(start.network, &start.state, &first.device).map_err(TrainError::other)?;
    let maker = Arc::new(BatchMaker::new(Arc::new(split.train), config, start.sample_rate));
    let schedule = Schedule::new(config, config.batch.size, maker.order().steps_per_epoch());
    let others: Vec<_> = devices.iter().skip(1).map(|d| d.device.clone()).collect();
    let mut learner = Learner::new(model, config, schedule)
        .with_team(config, &others)
        .map_err(TrainError::other)?;
    let workers = config.data.workers;
    let mut loader = Loader::new(maker, 0, MOST_STEPS, workers).map_err(TrainError::other)?;
    let stopped = || stop.load(Ordering::SeqCst);
    let batches = || if stopped() { None } else { loader.next(stopped).map(|l| l.batch) };
    range_on(&mut learner, MOST_STEPS, batches, seen).map_err(TrainError::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::step::tests::{batch, config, state, tiny};

    fn curve(f: impl Fn(f64) -> f64) -> Vec<RangePoint> {
        (0..100)
            .map(|n| {
                let rate = RATES.0 * (RATES.1 / RATES.0).powf(f64::from(n) / 99.0);
                RangePoint { rate, loss: f(rate), smooth: f(rate) }
            })
            .collect()
    }

    #[test]
    fn the_suggestion_is_where_the_loss_falls_fastest_before_its_minimum() {
        // A slide around 1e-4 and a wall behind 1e-2.
        let falls =
            |r: f64| 5.0 - 2.0 / (1.0 + (1e-4 / r)) + if r > 1e-2 { r * 100.0 } else { 0.0 };
        let rate = suggestion(&curve(falls)).unwrap();
        assert!((rate / 1e-4).ln().abs() < 0.3, "{rate}");
        assert_eq!(suggestion(&curve(|_| 3.0)), None, "flat");
        assert_eq!(suggestion(&curve(|r| 3.0 + r)), None, "rising");
        assert_eq!(suggestion(&[]), None);
        assert_eq!(suggestion(&curve(falls)[..4]), None);
    }

    #[test]
    fn everything_is_bit_equal_afterwards_and_the_next_step_too() {
        let mut c = config();
        c.dropout.image = 0.5;
        let mut l = tiny(&c);
        // With a memory in the optimiser.
        l.step(0, &batch(3, 1, 32)).unwrap();
        let mut twin = tiny(&c);
        twin.step(0, &batch(3, 1, 32)).unwrap();
        let (weights, memory) = (state(&l), l.adam().state(l.model()).unwrap());
        let mut heard = 0;
        let test = range_on(&mut l, 12, || Some(batch(3, 1, 32)), |_| heard += 1).unwrap();
        assert!(heard >= 4 && heard == test.points.len(), "{heard}");
        assert!(test.points.windows(2).all(|w| w[0].rate < w[1].rate));
        assert!(test.points[0].loss.is_finite());
        assert_eq!(state(&l), weights, "BatchNorm statistics included");
        assert_eq!(l.adam().state(l.model()).unwrap(), memory);
        assert_eq!(l.adam().steps(), 1);
        assert_eq!(
            l.step(1, &batch(3, 1, 32)).unwrap(),
            twin.step(1, &batch(3, 1, 32)).unwrap(),
            "and what comes after is as without the test"
        );
        assert_eq!(state(&l), state(&twin));
    }

    #[test]
    fn a_loss_that_is_no_number_ends_the_test_and_harms_nothing() {
        let mut l = tiny(&config());
        let weights = state(&l);
        let mut n = 0;
        let batches = || {
            n += 1;
            let mut b = batch(2, 0, 32);
            if n == 3 {
                b.sounds[0] = f32::NAN;
            }
            Some(b)
        };
        let test = range_on(&mut l, 10, batches, |_| {}).unwrap();
        assert_eq!(test.points.len(), 2);
        assert!(test.diverged.is_some() && test.words().contains("runs away"));
        assert_eq!(state(&l), weights);
        let refused = range_on(&mut l, 10, || Some(batch(1, 0, 32)), |_| {});
        assert!(matches!(refused, Err(StepError::Batch(_))));
        assert_eq!(state(&l), weights);
        let test = range_on(&mut l, 10, || None, |_| {}).unwrap();
        assert_eq!((test.points.len(), test.suggestion), (0, None));
    }
}
