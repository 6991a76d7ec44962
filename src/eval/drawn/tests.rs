use super::*;

/// Answers from the truth: a hill as wide as the box, on cells at 32 i + 4 px.
struct Oracle {
    /// Puts the hill on the middle of the picture whatever sounds.
    centred: bool,
}

const PLACE: CellGeometry = CellGeometry::Receptive { offset_px: 4.0 };

fn hill(truth: Option<&TruthMap>, centred: bool, factor: u8) -> Vec<f32> {
    let side = 7 * usize::from(factor);
    let Some(truth) = truth else { return vec![0.1; side * side] };
    let (mut x, mut y) = ([f64::MAX, f64::MIN], [f64::MAX, f64::MIN]);
    for (i, _) in truth.weights().iter().enumerate().filter(|(_, w)| **w > 0.0) {
        let (u, v) = ((i % SCORED_SIDE) as f64, (i / SCORED_SIDE) as f64);
        x = [x[0].min(u), x[1].max(u)];
        y = [y[0].min(v), y[1].max(v)];
    }
    let middle = |s: [f64; 2]| if centred { 112.0 } else { (s[0] + s[1]) / 2.0 };
    let part = |i: usize, s: [f64; 2]| {
        let at = f64::from(PLACE.fine_cell_px(i, factor));
        ((at - middle(s)) / (s[1] - s[0]).max(32.0)).powi(2)
    };
    let cell = |i: usize| 0.8 * (-2.0 * (part(i % side, x) + part(i / side, y))).exp();
    (0..side * side).map(|i| cell(i) as f32).collect()
}

impl Answerer for Oracle {
    fn answer(&mut self, shown: &Shown, fine: &[u8]) -> Result<Vec<Answer>, InferError> {
        let one = |heard: &Heard| {
            let map = |factor| hill(heard.truth.as_ref(), self.centred, factor);
            let plain = map(1);
            Answer {
                plain: LocalizationMap(std::array::from_fn(|i| plain[i])),
                fine: fine.iter().filter_map(|f| FineMap::new(*f, map(*f))).collect(),
            }
        };
        Ok(shown.heard.iter().map(one).collect())
    }
}

fn few() -> DrawnOptions {
    DrawnOptions {
        scenes: 40,
        choosing: 24,
        two: 16,
        held_out: 16,
        negatives: 5,
        ..DrawnOptions::default()
    }
}

#[test]
fn truth_itself_scores_near_the_top_and_a_hill_in_the_middle_far_below() {
    let library = Library::drawn().unwrap();
    let ask = |centred| measure(&library, &few(), &mut Oracle { centred }, &|_, _, _| ()).unwrap();
    let (best, twin) = (ask(false), ask(true));
    assert_eq!(best.scenes.len(), 4, "plain and fine, aligned and receptive");
    let of = |r: &DrawnReport, map: &str, cells: &str| {
        r.scenes.iter().find(|x| x.map == map && x.cells.starts_with(cells)).unwrap().clone()
    };
    let fine = of(&best, "fine2", "receptive");
    assert_eq!(fine.cells, "receptive +4 px", "the offset is found");
    assert!(fine.adaptive.share >= 0.97 && fine.pointing.share >= 0.97, "{fine:?}");
    assert!(fine.fixed.share > 0.6, "{fine:?}");
    assert_eq!(fine.adaptive.n, 40);
    let plain = of(&best, "plain", "receptive");
    assert!(plain.adaptive.share >= 0.9, "{plain:?}");
    let drawn_elsewhere = of(&best, "plain", "aligned");
    assert!(drawn_elsewhere.adaptive.share < plain.adaptive.share, "where cells lie matters");
    assert!(best.two_things.iter().any(|t| t.both.share >= 0.95));
    assert!(best.negatives.iter().all(|n| n.auroc == 1.0 && n.n == 5));
    assert!(best.held_out.iter().any(|r| r.pointing.share > 0.9 && r.pointing.n > 10));
    let silent: usize = best.by_distractors.iter().map(|d| d.rows[0].adaptive.n).sum();
    assert_eq!(silent, 40);

    let blind = of(&twin, "fine2", "receptive");
    assert!(blind.adaptive.share < 0.5 && blind.pointing.share < 0.6, "{blind:?}");
    assert!(twin.two_things.iter().all(|t| t.both.share < 0.2));
    assert!(twin.baselines.centred_square.share < 0.4);
    assert_eq!(twin.baselines, best.baselines, "the same scenes");
}

#[test]
fn a_network_is_reported_on_whatever_it_answers() {
    let options = DrawnOptions {
        scenes: 2,
        choosing: 2,
        two: 1,
        held_out: 1,
        negatives: 1,
        ..DrawnOptions::default()
    };
    let report = report(&Checkpoint::formula(2, 4, ""), &options, 1, &|_, _, _| ()).unwrap();
    let text = report.to_markdown();
    assert!(text.contains("formula 2x4") && text.contains("receptive") && text.contains("fine2"));
    assert!(report.speed.unwrap().maps_per_second > 1.0);
}

#[test]
fn scenes_are_never_those_of_small_seeds() {
    for seed in [SCENES, CHOOSING, TWO, HELD_OUT, NEGATIVES] {
        assert!(seed >= FIRST_SEED);
    }
}
