//! Scores against the official code's, over the golden maps.

use fnac::eval::metrics::{Cells, Summary, TruthMap, blended, ciou, half_map, scored, stretched};
use fnac::units::LocalizationMap;
use safetensors::SafeTensors;
use serde_json::Value;

use crate::reference::reference;

struct Golden {
    json: Value,
    bytes: Vec<u8>,
}

impl Golden {
    fn open() -> Option<Self> {
        let json = std::fs::read(reference("metrics/metrics.json")?).unwrap();
        let bytes = std::fs::read(reference("metrics/metrics.safetensors")?).unwrap();
        // Python writes what is not a number as NaN, which is no JSON.
        let text = String::from_utf8(json).unwrap().replace("NaN", "null");
        Some(Self { json: serde_json::from_str(&text).unwrap(), bytes })
    }

    fn tensor(&self, name: &str) -> Vec<f32> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let data = tensors.tensor(name).unwrap().data();
        data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    fn maps(&self, name: &str) -> Vec<LocalizationMap> {
        self.tensor(name).chunks_exact(49).map(|c| LocalizationMap(c.try_into().unwrap())).collect()
    }

    fn truth(&self, i: usize) -> TruthMap {
        let sample = &self.json["samples"][i];
        let boxes: Vec<Vec<f64>> = serde_json::from_value(sample["source_boxes"].clone()).unwrap();
        let truth = if sample["format"] == "vggss" {
            let boxes: Vec<[f64; 4]> = boxes.iter().map(|b| [b[0], b[1], b[2], b[3]]).collect();
            TruthMap::from_fractions(&boxes)
        } else {
            let boxes: Vec<Vec<u16>> = serde_json::from_value(sample["boxes_224"].clone()).unwrap();
            let boxes: Vec<[u16; 4]> = boxes.iter().map(|b| [b[0], b[1], b[2], b[3]]).collect();
            TruthMap::consensus(&boxes)
        };
        assert_eq!(truth.sum(), sample["gt_sum"].as_f64().unwrap(), "sample {i}");
        assert_eq!(truth.count() as u64, sample["gt_nonzero"].as_u64().unwrap(), "sample {i}");
        truth
    }
}

#[test]
fn upsampled_maps_are_pytorchs_bit_for_bit() {
    let Some(golden) = Golden::open() else { return };
    let maps = golden.maps("savl");
    let rows: Vec<usize> = serde_json::from_value(golden.json["upsampled_rows"].clone()).unwrap();
    for (mode, cells) in [("bilinear", Cells::BILINEAR), ("bicubic", Cells::BICUBIC)] {
        for i in [4usize, 21, 33] {
            let want = golden.tensor(&format!("up.{mode}.{i}.rows"));
            let got = scored(&maps[i].grid(), cells);
            for (k, row) in rows.iter().enumerate() {
                let (got, want) = (&got[row * 224..][..224], &want[k * 224..][..224]);
                assert_eq!(got, want, "{mode}, sample {i}, row {row}");
            }
        }
    }
}

#[test]
fn scores_masks_and_summaries_are_the_official_codes() {
    let Some(golden) = Golden::open() else { return };
    let (maps, priors) = (golden.maps("savl"), golden.maps("object"));
    let truths: Vec<_> = (0..40).map(|i| golden.truth(i)).collect();
    for (mode, cells) in [("bilinear", Cells::BILINEAR), ("bicubic", Cells::BICUBIC)] {
        let want = &golden.json["results"][mode];
        for layer in ["av", "obj", "av_obj"] {
            let row = |what: &str| want["per_sample"][layer][what].as_array().unwrap();
            let mut scores = Vec::new();
            for i in 0..40 {
                let av = scored(&maps[i].grid(), cells);
                // The object map is bilinear in both loops.
                let obj = scored(&priors[i].grid(), Cells::BILINEAR);
                let values = match layer {
                    "av" => stretched(&av),
                    "obj" => stretched(&obj),
                    _ => stretched(&blended(&av, &obj, 0.4)),
                };
                let cut = half_map(&values);
                let score = ciou(&cut.mask, &truths[i]);
                let name = format!("{mode} {layer} {i}");
                let near = |got: f64, what: &str, tolerance: f64| {
                    let want = row(what)[i].as_f64().unwrap_or(0.0);
                    assert!((got - want).abs() <= tolerance, "{name} {what}: {got} {want}");
                };
                near(f64::from(cut.threshold), "threshold", 1e-6);
                near(cut.count() as f64, "positive", 0.0);
                near(score.intersection, "inter", 1e-6);
                near(score.union, "union", 1e-6);
                near(score.value(), "ciou", 1e-6);
                scores.push(score.value());
            }
            let got = Summary::of(&scores).unwrap();
            let want = &want["summary"][layer];
            for (got, what) in
                [(got.success_at_0_5, "AP50"), (got.mean_ciou, "mean_cIoU"), (got.auc, "AUC")]
            {
                let want = want[what].as_f64().unwrap();
                assert!((got - want).abs() < 1e-6, "{mode} {layer} {what}: {got} {want}");
            }
        }
    }
}

#[test]
fn the_other_interpolation_and_a_strict_threshold_would_be_noticed() {
    let Some(golden) = Golden::open() else { return };
    let maps = golden.maps("savl");
    let want = golden.json["results"]["bilinear"]["per_sample"]["av"]["ciou"].as_array().unwrap();
    let wrong = |cells: Cells, strict: bool| {
        (0..40)
            .filter(|i| {
                let values = stretched(&scored(&maps[*i].grid(), cells));
                let cut = half_map(&values);
                let mask = if strict {
                    values.iter().map(|v| *v > cut.threshold).collect()
                } else {
                    cut.mask
                };
                let got = ciou(&mask, &golden.truth(*i)).value();
                (got - want[*i].as_f64().unwrap_or(0.0)).abs() > 1e-6
            })
            .count()
    };
    assert_eq!(wrong(Cells::BILINEAR, false), 0);
    assert!(wrong(Cells::BICUBIC, false) > 25);
    assert!(wrong(Cells::BILINEAR, true) > 25);
}
