//! The watch list: eight items or frames whose maps are computed again for every epoch.
//!
//! Thread `fnac-watch`. What it is to do lies on one desk that the window replaces as a whole
//! (pins, moments), so nothing queues up: it looks for what is missing, the newest moment first,
//! and small pictures that are being looked at before everything else. Maps stay (196 bytes
//! each); drawn pictures are kept in a bounded store. Maps come from the
//! [`crate::infer::Localizer`], pictures from the shaders' twin.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::items::{Set, small, truth_boxes};
use crate::infer::{LiveModel, Localizer, TowerOpener, Weights};
use crate::model::Checkpoint;
use crate::overlay::yuv::rgb_from_planes;
use crate::overlay::{Colormap, Field, Interpolation, OverlayParams, ScaleMode, View, cpu};
use crate::units::{CellGeometry, LocalizationMap, PlanarPicture, RgbPicture, Waker};

/// Pins at most.
pub const PINS: usize = 8;
/// Drawn pictures kept: 512 of 100 KiB are 50 MiB.
const DRAWN: usize = 512;
/// Pictures to draw that wait.
const WAITING: usize = 128;

/// What a pin shows.
#[derive(Clone, Debug)]
pub enum PinSource {
    /// An item of the run's data set.
    Item(String),
    /// A frame that was on the screen, with the three seconds of sound around it.
    Frame {
        /// Its planes.
        picture: Arc<PlanarPicture>,
        /// Mono samples; none where the sound was silent.
        sound: Option<Arc<Vec<f32>>>,
        /// Their rate.
        rate: u32,
    },
}

/// One of the eight.
#[derive(Clone, Debug)]
pub struct Pin {
    /// Never used for another.
    pub id: u64,
    /// As shown.
    pub label: String,
    /// What it shows.
    pub source: PinSource,
}

/// A moment whose weights the list is computed with.
#[derive(Clone, Debug)]
pub struct WatchMoment {
    /// Its weights.
    pub model: LiveModel,
    /// As shown.
    pub short: String,
    /// After how many steps.
    pub step: u64,
}

/// What is known about a pin under a moment's weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Its map.
    Map(LocalizationMap),
    /// Its sound is silent.
    NoSound,
    /// It cannot be computed, and why.
    Failed(String),
}

/// Which drawn picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DrawKey {
    /// The moment.
    pub moment: u64,
    /// The pin.
    pub pin: u64,
    /// Colours of the map.
    pub colormap: Colormap,
    /// Each picture stretched to its own range.
    pub stretched: bool,
    /// Cosine -1 to 1.
    pub absolute: bool,
}

/// A drawn picture.
pub struct Drawn {
    /// RGBA bytes.
    pub data: Vec<u8>,
    /// Its size in pixels.
    pub size: [usize; 2],
}

/// What a pin looks like without a map.
struct PinInput {
    picture: RgbPicture,
    small: RgbPicture,
    sound: Option<Vec<f32>>,
    truth: Vec<[f32; 4]>,
}

#[derive(Default)]
struct Desk {
    stop: bool,
    pins: Vec<Pin>,
    moments: Vec<WatchMoment>,
    set: Option<Arc<Set>>,
    /// Raised when the set changes: what was read of items is read again.
    set_number: u64,
    answers: HashMap<(u64, u64), Answer>,
    truth: HashMap<u64, Vec<[f32; 4]>>,
    to_draw: VecDeque<DrawKey>,
    drawing: HashSet<DrawKey>,
    drawn: HashMap<DrawKey, (Arc<Drawn>, u64)>,
    uses: u64,
    version: u64,
    /// A moment is being computed.
    busy: Option<String>,
}

impl Desk {
    /// The range of a moment's cosines over the list: 1st to 99th percentile.
    fn range(&self, moment: u64) -> Option<(f32, f32)> {
        let maps = self.pins.iter().filter_map(|p| match self.answers.get(&(moment, p.id)) {
            Some(Answer::Map(m)) => Some(m),
            _ => None,
        });
        let mut cells: Vec<f32> = maps.flat_map(|m| m.0).filter(|v| v.is_finite()).collect();
        cells.sort_unstable_by(f32::total_cmp);
        let at = |share: f32| cells.get((share * cells.len() as f32) as usize).copied();
        at(0.01).zip(at(0.99)).filter(|(lo, hi)| lo < hi)
    }

    /// The newest moment that lacks answers.
    fn missing(&self) -> Option<(WatchMoment, Vec<Pin>)> {
        self.moments.iter().rev().find_map(|m| {
            let lacks = |p: &&Pin| !self.answers.contains_key(&(m.model.id, p.id));
            let pins: Vec<Pin> = self.pins.iter().filter(lacks).cloned().collect();
            // Items cannot be read before their set is there.
            let ready = |p: &Pin| self.set.is_some() || matches!(p.source, PinSource::Frame { .. });
            let pins: Vec<Pin> = pins.into_iter().filter(ready).collect();
            (!pins.is_empty()).then(|| (m.clone(), pins))
        })
    }
}

struct Shared {
    desk: Mutex<Desk>,
    bell: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The window's end. Dropping it lets the thread end after what it is at.
pub struct Watch {
    shared: Arc<Shared>,
    failed: Option<String>,
}

impl Watch {
    /// Starts the thread; without one the list stays empty and says why.
    pub fn new(opener: Arc<dyn TowerOpener>, waker: Waker) -> Self {
        let shared = Arc::new(Shared { desk: Mutex::default(), bell: Condvar::new() });
        let theirs = shared.clone();
        let spawned = std::thread::Builder::new()
            .name("fnac-watch".into())
            .spawn(move || work(&theirs, &*opener, &waker));
        let failed = spawned.err().map(|e| format!("no thread for the watch list: {e}"));
        Self { shared, failed }
    }

    /// Why there is no thread.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// What is pinned from now on.
    pub fn set_pins(&self, pins: Vec<Pin>) {
        let mut desk = self.shared.lock();
        let kept: HashSet<u64> = pins.iter().map(|p| p.id).collect();
        desk.answers.retain(|(_, pin), _| kept.contains(pin));
        desk.truth.retain(|pin, _| kept.contains(pin));
        desk.drawn.retain(|key, _| kept.contains(&key.pin));
        desk.pins = pins;
        desk.version += 1;
        drop(desk);
        self.shared.bell.notify_all();
    }

    /// The moments that are to be computed.
    pub fn set_moments(&self, moments: Vec<WatchMoment>) {
        let mut desk = self.shared.lock();
        let kept: HashSet<u64> = moments.iter().map(|m| m.model.id).collect();
        desk.answers.retain(|(moment, _), _| kept.contains(moment));
        desk.drawn.retain(|key, _| kept.contains(&key.moment));
        desk.moments = moments;
        desk.version += 1;
        drop(desk);
        self.shared.bell.notify_all();
    }

    /// The set that items are read from.
    pub fn set_items(&self, set: Option<Arc<Set>>) {
        let mut desk = self.shared.lock();
        desk.set = set;
        desk.set_number += 1;
        drop(desk);
        self.shared.bell.notify_all();
    }

    /// Raised by every change.
    pub fn version(&self) -> u64 {
        self.shared.lock().version
    }

    /// Which moment is being computed.
    pub fn busy(&self) -> Option<String> {
        self.shared.lock().busy.clone()
    }

    /// What is known about a pin under a moment's weights.
    pub fn answer(&self, moment: u64, pin: u64) -> Option<Answer> {
        self.shared.lock().answers.get(&(moment, pin)).cloned()
    }

    /// Boxes of what sounds in a pin, where that is known.
    pub fn truth(&self, pin: u64) -> Vec<[f32; 4]> {
        self.shared.lock().truth.get(&pin).cloned().unwrap_or_default()
    }

    /// The range of a moment's cosines over the list.
    pub fn range(&self, moment: u64) -> Option<(f32, f32)> {
        self.shared.lock().range(moment)
    }

    /// The drawn picture, when it is there; else it is asked for, once its map is there.
    pub fn drawn(&self, key: DrawKey) -> Option<Arc<Drawn>> {
        let mut desk = self.shared.lock();
        desk.uses += 1;
        let now = desk.uses;
        if let Some((drawn, used)) = desk.drawn.get_mut(&key) {
            *used = now;
            return Some(drawn.clone());
        }
        let there = desk.answers.get(&(key.moment, key.pin));
        let can = there.is_some_and(|a| !matches!(a, Answer::Failed(_)));
        if can && desk.drawing.insert(key) {
            desk.to_draw.push_back(key);
            if desk.to_draw.len() > WAITING
                && let Some(old) = desk.to_draw.pop_front()
            {
                desk.drawing.remove(&old);
            }
            drop(desk);
            self.shared.bell.notify_all();
        }
        None
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.bell.notify_all();
    }
}

enum Job {
    Draw(DrawKey, Pin, Option<Box<LocalizationMap>>, Option<(f32, f32)>),
    Compute(WatchMoment, Vec<Pin>),
}

fn work(shared: &Shared, opener: &dyn TowerOpener, waker: &Waker) {
    let mut inputs: HashMap<u64, Arc<PinInput>> = HashMap::new();
    let mut set_number = 0;
    loop {
        let (job, set) = {
            let mut desk = shared.lock();
            loop {
                if desk.stop {
                    return;
                }
                if desk.set_number != set_number {
                    set_number = desk.set_number;
                    inputs.clear();
                }
                if let Some(job) = next(&mut desk) {
                    break (job, desk.set.clone());
                }
                desk = shared.bell.wait(desk).unwrap_or_else(PoisonError::into_inner);
            }
        };
        let mut input_of = |pin: &Pin| -> Result<Arc<PinInput>, String> {
            if let Some(input) = inputs.get(&pin.id) {
                return Ok(input.clone());
            }
            let input = Arc::new(read(pin, set.as_deref())?);
            if inputs.len() > 2 * PINS {
                inputs.clear();
            }
            inputs.insert(pin.id, input.clone());
            Ok(input)
        };
        match job {
            Job::Draw(key, pin, map, range) => {
                let drawn =
                    input_of(&pin).map(|input| draw(&input.small, map.as_deref(), range, key));
                let mut desk = shared.lock();
                desk.drawing.remove(&key);
                // A pin that cannot be read has no answer to be drawn; nothing is lost here.
                if let Ok(drawn) = drawn {
                    desk.uses += 1;
                    let now = desk.uses;
                    desk.drawn.insert(key, (Arc::new(drawn), now));
                    forget(&mut desk.drawn);
                }
            }
            Job::Compute(moment, pins) => {
                compute(shared, opener, waker, &moment, &pins, &mut input_of);
                shared.lock().busy = None;
            }
        }
        waker();
    }
}

fn next(desk: &mut Desk) -> Option<Job> {
    while let Some(key) = desk.to_draw.pop_back() {
        let pin = desk.pins.iter().find(|p| p.id == key.pin).cloned();
        match (pin, desk.answers.get(&(key.moment, key.pin))) {
            (Some(pin), Some(Answer::Map(map))) => {
                let map = Some(Box::new(*map));
                return Some(Job::Draw(key, pin, map, desk.range(key.moment)));
            }
            (Some(pin), Some(Answer::NoSound)) => return Some(Job::Draw(key, pin, None, None)),
            _ => {
                desk.drawing.remove(&key);
            }
        }
    }
    let (moment, pins) = desk.missing()?;
    desk.busy = Some(moment.short.clone());
    Some(Job::Compute(moment, pins))
}

fn forget(drawn: &mut HashMap<DrawKey, (Arc<Drawn>, u64)>) {
    if drawn.len() <= DRAWN {
        return;
    }
    let mut uses: Vec<u64> = drawn.values().map(|(_, used)| *used).collect();
    uses.sort_unstable();
    let limit = uses[uses.len() / 4];
    drawn.retain(|_, (_, used)| *used > limit);
}

fn read(pin: &Pin, set: Option<&Set>) -> Result<PinInput, String> {
    match &pin.source {
        PinSource::Frame { picture, sound, .. } => {
            let picture = rgb_from_planes(picture);
            Ok(PinInput {
                small: small(&picture),
                picture,
                sound: sound.as_deref().cloned(),
                truth: Vec::new(),
            })
        }
        PinSource::Item(id) => {
            let set = set.ok_or("the data set is not there")?;
            let item = set.item(id).ok_or_else(|| format!("{id} is not in the data set"))?;
            let picture = item.load_picture().map_err(|e| e.to_string())?;
            let truth = item.load_truth().ok().flatten();
            Ok(PinInput {
                small: small(&picture),
                picture,
                sound: None,
                truth: truth.map(|t| truth_boxes(&t)).unwrap_or_default(),
            })
        }
    }
}

/// The samples that the network hears of a pin.
fn sound_of(
    pin: &Pin,
    input: &PinInput,
    set: Option<&Set>,
    rate: u32,
) -> Result<Option<Vec<f32>>, String> {
    match &pin.source {
        PinSource::Frame { rate: own, .. } if *own != rate => {
            Err(format!("it was pinned with its sound at {own} Hz, the model wants {rate} Hz"))
        }
        PinSource::Frame { .. } => Ok(input.sound.clone()),
        PinSource::Item(id) => {
            let set = set.ok_or("the data set is not there")?;
            let item = set.item(id).ok_or_else(|| format!("{id} is not in the data set"))?;
            let samples = item.load_sound(rate).map_err(|e| e.to_string())?;
            let silent = crate::features::is_digital_silence(&samples);
            Ok((!silent).then_some(samples))
        }
    }
}

/// Opens a moment's network and asks it about each pin; a newer wish may come in between.
fn compute(
    shared: &Shared,
    opener: &dyn TowerOpener,
    waker: &Waker,
    moment: &WatchMoment,
    pins: &[Pin],
    input_of: &mut dyn FnMut(&Pin) -> Result<Arc<PinInput>, String>,
) {
    let answer = |pin: &Pin, answer: Answer| {
        let mut desk = shared.lock();
        desk.answers.insert((moment.model.id, pin.id), answer);
        desk.version += 1;
    };
    let mut localizer = match open(opener, &moment.model.weights) {
        Ok(localizer) => localizer,
        Err(e) => {
            pins.iter().for_each(|p| answer(p, Answer::Failed(e.clone())));
            return;
        }
    };
    for pin in pins {
        let set = {
            let desk = shared.lock();
            let wanted = desk.moments.iter().any(|m| m.model.id == moment.model.id);
            if desk.stop || !wanted {
                return;
            }
            desk.set.clone()
        };
        let one = || -> Result<Answer, String> {
            let input = input_of(pin)?;
            shared.lock().truth.insert(pin.id, input.truth.clone());
            let Some(sound) = sound_of(pin, &input, set.as_deref(), localizer.rate_hz())? else {
                return Ok(Answer::NoSound);
            };
            let sound = localizer.embed_sound(&sound).map_err(|e| e.to_string())?;
            let picture = localizer.embed_frame(&input.picture, 0).map_err(|e| e.to_string())?;
            Ok(Answer::Map(picture.map(&sound)))
        };
        let got = catch_unwind(AssertUnwindSafe(one));
        let got = got.unwrap_or_else(|_| Err("the network stopped".to_owned()));
        answer(pin, got.unwrap_or_else(Answer::Failed));
        waker();
    }
}

fn open(opener: &dyn TowerOpener, weights: &Weights) -> Result<Localizer, String> {
    let checkpoint = match weights {
        Weights::Held(checkpoint) => checkpoint.clone(),
        Weights::File(path) => Arc::new(Checkpoint::read(path).map_err(|e| e.to_string())?),
    };
    let opened = catch_unwind(AssertUnwindSafe(|| opener.open_meanwhile(&checkpoint)));
    match opened {
        Ok(Ok(towers)) => Ok(Localizer::open(&checkpoint, towers.towers)),
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err("the network cannot be opened".to_owned()),
    }
}

fn draw(
    picture: &RgbPicture,
    map: Option<&LocalizationMap>,
    range: Option<(f32, f32)>,
    key: DrawKey,
) -> Drawn {
    let scale = match (range, key.stretched, key.absolute) {
        (_, true, _) => ScaleMode::PerFrame,
        (Some((lo, hi)), false, false) => ScaleMode::Calibrated { lo, hi },
        _ => ScaleMode::Absolute,
    };
    let params = OverlayParams {
        map: map.map(Field::from),
        plain: map.copied(),
        colormap: key.colormap,
        scale,
        geometry: CellGeometry::default(),
        interpolation: Interpolation::default(),
        ..OverlayParams::default()
    };
    let size = [picture.width() as f32, picture.height() as f32];
    let out = cpu::render(picture, &params, &View::fit(size, size[0] / size[1].max(1.0)));
    Drawn { size: [out.width as usize, out.height as usize], data: out.data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::DeviceOpener;
    use crate::units::{ColorSpec, Plane, PlaneLayout, no_waker};
    use std::time::{Duration, Instant};

    fn until(what: &str, mut is: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is() {
            assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn frame(id: u64, grey: u8) -> Pin {
        let data = (0..64u32 * 48).map(|k| grey.wrapping_add((k % 61) as u8)).collect();
        let sound: Vec<f32> = (0..48_000).map(|i| (i as f32 * 0.05).sin() * 0.3).collect();
        Pin {
            id,
            label: format!("pin {id}"),
            source: PinSource::Frame {
                picture: Arc::new(PlanarPicture {
                    width: 64,
                    height: 48,
                    layout: PlaneLayout::Gray,
                    bits: 8,
                    color: ColorSpec { full_range: true, ..Default::default() },
                    orientation: Default::default(),
                    pixel_aspect: 1.0,
                    planes: vec![Plane { width: 64, height: 48, stride: 64, data }],
                }),
                sound: Some(Arc::new(sound)),
                rate: 16_000,
            },
        }
    }

    fn moment(id: u64, salt: &str) -> WatchMoment {
        let weights = Weights::Held(Arc::new(Checkpoint::formula(2, 8, salt)));
        WatchMoment {
            model: LiveModel { id, weights },
            short: format!("epoch {id}"),
            step: 10 * id,
        }
    }

    fn watch() -> Watch {
        Watch::new(Arc::new(DeviceOpener::new(None)), no_waker())
    }

    fn key(moment: u64, pin: u64) -> DrawKey {
        DrawKey { moment, pin, colormap: Colormap::Viridis, stretched: false, absolute: false }
    }

    fn map_of(salt: &str, pin: &Pin) -> LocalizationMap {
        let checkpoint = Checkpoint::formula(2, 8, salt);
        let towers = DeviceOpener::new(None).open_meanwhile(&checkpoint).unwrap();
        let mut l = Localizer::open(&checkpoint, towers.towers);
        let PinSource::Frame { picture, sound, .. } = &pin.source else { panic!("no frame") };
        let sound = l.embed_sound(sound.as_ref().unwrap()).unwrap();
        l.embed_frame(&rgb_from_planes(picture), 0).unwrap().map(&sound)
    }

    #[test]
    fn every_pin_gets_its_map_under_every_moment_and_a_picture_when_looked_at() {
        let w = watch();
        let pins = vec![frame(1, 40), frame(2, 90)];
        w.set_pins(pins.clone());
        w.set_moments(vec![moment(1, "a"), moment(2, "b")]);
        for (m, salt) in [(1, "a"), (2, "b")] {
            for pin in &pins {
                until("a map", || w.answer(m, pin.id).is_some());
                assert_eq!(w.answer(m, pin.id), Some(Answer::Map(map_of(salt, pin))));
            }
        }
        until("rest", || w.busy().is_none());
        assert!(w.drawn(key(1, 1)).is_none(), "asking never waits");
        until("a picture", || w.drawn(key(1, 1)).is_some());
        let one = w.drawn(key(1, 1)).unwrap();
        assert_eq!(one.size, [64, 48]);
        until("another", || w.drawn(key(2, 1)).is_some());
        assert_ne!(one.data, w.drawn(key(2, 1)).unwrap().data, "other weights, another glow");
        let (lo, hi) = w.range(1).unwrap();
        assert!(lo < hi && lo >= -1.0 && hi <= 1.0);
    }

    #[test]
    fn a_pin_that_goes_takes_its_pictures_along_and_a_new_one_is_computed() {
        let w = watch();
        w.set_pins(vec![frame(1, 40)]);
        w.set_moments(vec![moment(1, "a")]);
        until("a map", || w.answer(1, 1).is_some());
        w.set_pins(vec![frame(2, 40)]);
        assert_eq!(w.answer(1, 1), None);
        until("the new pin's map", || w.answer(1, 2).is_some());
        assert!(w.drawn(key(1, 1)).is_none());
    }

    #[test]
    fn what_cannot_be_computed_says_why_and_the_rest_is_there() {
        let w = watch();
        let gone = Pin { id: 9, label: "gone".into(), source: PinSource::Item("gone".into()) };
        let mut silent = frame(3, 10);
        if let PinSource::Frame { sound, .. } = &mut silent.source {
            *sound = None;
        }
        let mut other_rate = frame(4, 10);
        if let PinSource::Frame { rate, .. } = &mut other_rate.source {
            *rate = 8_000;
        }
        w.set_pins(vec![gone, frame(1, 40), silent, other_rate]);
        w.set_items(Some(Arc::new(Set::new(Vec::new(), Vec::new()))));
        let no_file = LiveModel { id: 5, weights: Weights::File("gone.safetensors".into()) };
        let broken = WatchMoment { model: no_file, short: "epoch 5".into(), step: 50 };
        w.set_moments(vec![broken, moment(1, "a")]);
        until("all", || (1..=4).chain([9]).filter(|p| *p != 2).all(|p| w.answer(1, p).is_some()));
        assert!(matches!(w.answer(1, 9), Some(Answer::Failed(e)) if e.contains("gone")));
        assert!(matches!(w.answer(1, 1), Some(Answer::Map(_))));
        assert_eq!(w.answer(1, 3), Some(Answer::NoSound));
        assert!(matches!(w.answer(1, 4), Some(Answer::Failed(e)) if e.contains("8000")));
        until("the broken moment", || w.answer(5, 1).is_some());
        assert!(
            matches!(w.answer(5, 1), Some(Answer::Failed(e)) if e.contains("gone.safetensors"))
        );
        assert!(w.drawn(key(5, 1)).is_none());
        until("the silent pin's picture", || w.drawn(key(1, 3)).is_some());
    }

    #[test]
    fn without_a_set_items_wait_and_frames_do_not() {
        let w = watch();
        let item = Pin { id: 9, label: "later".into(), source: PinSource::Item("later".into()) };
        w.set_pins(vec![item, frame(1, 40)]);
        w.set_moments(vec![moment(1, "a")]);
        until("the frame", || w.answer(1, 1).is_some());
        assert_eq!(w.answer(1, 9), None);
    }
}
