use super::*;

fn batch(step: u64, ids: &[&str], sound: &[f32], image: &[f32]) -> Adjacency {
    let b = ids.len();
    let even = vec![1.0 / b as f32; b * b];
    Adjacency {
        step,
        ids: ids.iter().map(|s| (*s).to_owned()).collect(),
        variations: Vec::new(),
        sound: even.clone(),
        image: even.clone(),
        foreground: even.clone(),
        cross: even,
        maps: vec![0.0; b * 49],
        masks: vec![0.0; b * 49],
        sound_cosine: sound.to_vec(),
        image_cosine: image.to_vec(),
    }
}

/// Cosines of four items from their six pairs: 01 02 03 12 13 23.
fn square(p: [f32; 6]) -> Vec<f32> {
    let [ab, ac, ad, bc, bd, cd] = p;
    vec![1.0, ab, ac, ad, ab, 1.0, bc, bd, ac, bc, 1.0, cd, ad, bd, cd, 1.0]
}

const FOUR: [&str; 4] = ["a", "b", "c", "d"];

fn names(f: &FalseNegatives) -> Vec<String> {
    f.ranked().iter().map(|s| s.ids.join("")).collect()
}

#[test]
fn a_pair_must_agree_in_sound_and_picture_to_be_suspected() {
    let mut f = FalseNegatives::default();
    // ab agrees in both, ac in sound alone, bd in picture alone.
    let sound = square([0.9, 0.8, 0.1, 0.2, 0.3, 0.4]);
    let image = square([0.9, 0.1, 0.2, 0.3, 0.8, 0.4]);
    f.look(&batch(3, &FOUR, &sound, &image));
    assert_eq!(names(&f), ["ab"]);
    let ab = f.get("b", "a").unwrap();
    assert_eq!((ab.looks, ab.last_step), (1, 3));
    assert_eq!((ab.sound_cosine, ab.image_cosine), (0.9, 0.9));
    // Top percentile in both, one imaginary look of a half.
    assert!((ab.score() - 0.75).abs() < 1e-12, "{}", ab.score());
}

#[test]
fn the_score_is_the_smaller_percentile_of_the_two() {
    let p = percentiles(&[0.1, 0.5, 0.5, 0.9, f32::NAN]);
    assert_eq!(p[..4], [0.0, 0.5, 0.5, 1.0]);
    assert!(p[4].is_nan());
    assert_eq!(percentiles(&[0.3]), [0.5]);
}

#[test]
fn looks_are_merged_by_the_unordered_pair_and_shrink_towards_a_half() {
    let mut f = FalseNegatives::default();
    let high = square([0.9, 0.1, 0.2, 0.3, 0.4, 0.5]);
    f.look(&batch(1, &FOUR, &high, &high));
    f.look(&batch(2, &["b", "a", "c", "d"], &high, &high));
    let ab = f.get("a", "b").unwrap();
    assert_eq!((ab.looks, ab.last_step), (2, 2));
    assert!((ab.score() - 2.5 / 3.0).abs() < 1e-12);
    // A later look in which the two have nothing in common counts as well.
    let low = square([0.0, 0.1, 0.2, 0.3, 0.4, 0.9]);
    f.look(&batch(5, &FOUR, &low, &low));
    let ab = f.get("a", "b").unwrap();
    assert_eq!((ab.looks, ab.last_step), (3, 5));
    assert!((ab.score() - 2.5 / 4.0).abs() < 1e-12);
    assert_eq!(names(&f), ["cd", "bd", "ab"]);
}

#[test]
fn the_pull_orders_what_the_score_does_not() {
    let mut f = FalseNegatives::default();
    let even = square([0.9, 0.1, 0.1, 0.1, 0.1, 0.9]);
    let mut a = batch(0, &FOUR, &even, &even);
    // Row c of the sounds' adjacency gives d more than the cross-modal one does.
    a.sound[2 * 4 + 3] = 0.75;
    f.look(&a);
    assert_eq!(names(&f), ["cd", "ab"]);
    let cd = f.get("c", "d").unwrap();
    assert!((cd.pull - 0.5).abs() < 1e-6, "|0.75 - 0.25| / 4 * 4: {}", cd.pull);
    assert_eq!(f.get("a", "b").unwrap().pull, 0.0);
}

#[test]
fn an_item_twice_in_a_batch_and_broken_numbers_are_no_pairs() {
    let mut f = FalseNegatives::default();
    let high = square([0.9, 0.1, 0.2, 0.3, 0.4, 0.5]);
    f.look(&batch(0, &["a", "a", "c", "d"], &high, &high));
    assert!(f.get("a", "a").is_none());
    let mut f = FalseNegatives::default();
    f.look(&batch(0, &FOUR, &[f32::NAN; 16], &high));
    let mut torn = batch(0, &FOUR, &high, &high);
    torn.cross.pop();
    f.look(&torn);
    f.look(&batch(0, &["a"], &[1.0], &[1.0]));
    assert!(f.is_empty());
    assert_eq!(f.looks(), 1, "a look with broken numbers was one, a torn or lonely one was none");
}

#[test]
fn memory_is_bounded_and_what_was_judged_stays() {
    let mut f = FalseNegatives::default();
    let weak = square([0.9, 0.1, 0.2, 0.3, 0.4, 0.5]);
    f.look(&batch(0, &["first", "judged", "x", "y"], &weak, &weak));
    assert!(f.judge(&["judged".into(), "first".into()], Some(Verdict::Different)));
    for step in 1..4000u64 {
        let ids: Vec<String> = (0..4).map(|i| format!("{step} {i}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        f.look(&batch(step, &ids, &weak, &weak));
    }
    assert!(f.len() <= KEPT + KEPT / 4, "{}", f.len());
    assert!(f.get("first", "judged").is_some());
    // One look of a large batch adds only so many.
    let b = 64;
    let ids: Vec<String> = (0..b).map(|i| format!("item {i}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let cosines: Vec<f32> = (0..b * b).map(|k| ((k % b) * (k / b)) as f32 / 4096.0).collect();
    let mut f = FalseNegatives::default();
    f.look(&batch(0, &ids, &cosines, &cosines));
    assert_eq!(f.len(), NEW_PER_LOOK);
}

#[test]
fn verdicts_give_a_precision_with_wilsons_interval() {
    let p = Precision { same: 8, told: 10 };
    let (lo, hi) = p.interval().unwrap();
    // Known values of the Wilson score interval for 8 of 10.
    assert!((lo - 0.4902).abs() < 1e-4 && (hi - 0.9433).abs() < 1e-4, "{lo} {hi}");
    assert_eq!(p.text(), "0.80 [0.49, 0.94], n = 10");
    assert_eq!(Precision::default().text(), "-, n = 0");
    assert_eq!(Precision { same: 3, told: 3 }.interval().unwrap().1, 1.0);

    let mut f = FalseNegatives::default();
    let all = square([0.9, 0.9, 0.9, 0.9, 0.9, 0.9]);
    f.look(&batch(0, &FOUR, &all, &all));
    assert!(f.is_empty(), "six equal pairs are all in the middle");
    let two = square([0.9, 0.1, 0.1, 0.1, 0.1, 0.9]);
    f.look(&batch(0, &FOUR, &two, &two));
    f.look(&batch(1, &["e", "f", "g", "h"], &two, &two));
    let pair = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
    assert!(f.judge(&pair("a", "b"), Some(Verdict::Same)));
    assert!(f.judge(&pair("d", "c"), Some(Verdict::Different)));
    assert!(f.judge(&pair("e", "f"), Some(Verdict::Unsure)));
    assert!(!f.judge(&pair("a", "z"), Some(Verdict::Same)), "no such pair");
    assert_eq!((f.precision(), f.unsure()), (Precision { same: 1, told: 2 }, 1));
    let ranked = f.ranked();
    assert_eq!(names(&f), ["ab", "cd", "ef", "gh"]);
    let by_user = |k| precision_at(&ranked, k, |s| told(s.verdict));
    assert_eq!(by_user(1), Precision { same: 1, told: 1 });
    assert_eq!(by_user(3), Precision { same: 1, told: 2 });
    assert!(f.judge(&pair("a", "b"), None));
    assert_eq!(f.precision(), Precision { same: 0, told: 1 });
}

#[test]
fn labels_say_same_when_one_kind_is_shared_and_nothing_without_labels() {
    let l = |names: &[&str]| names.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    assert_eq!(labels_say(&l(&["dog", "bell"]), &l(&["bell"])), Some(true));
    assert_eq!(labels_say(&l(&["dog"]), &l(&["bell"])), Some(false));
    assert_eq!(labels_say(&l(&[]), &l(&["bell"])), None);
}

#[test]
fn verdicts_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    assert!(FalseNegatives::read(dir.path()).unwrap().is_empty());
    let mut f = FalseNegatives::default();
    let two = square([0.9, 0.1, 0.1, 0.1, 0.1, 0.9]);
    f.look(&batch(4, &FOUR, &two, &two));
    f.judge(&["a".into(), "b".into()], Some(Verdict::Same));
    f.write(dir.path()).unwrap();
    let mut back = FalseNegatives::read(dir.path()).unwrap();
    assert_eq!(back.ranked(), f.ranked());
    assert_eq!((back.precision(), back.looks()), (f.precision(), 1));
    // And the list goes on where it was.
    back.look(&batch(9, &FOUR, &two, &two));
    assert_eq!(back.get("a", "b").unwrap().looks, 2);
    assert_eq!(back.get("a", "b").unwrap().verdict, Some(Verdict::Same));
}

#[test]
fn a_broken_file_is_named_with_cause_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["", "{", "[]", r#"{"version":9,"looks":0,"last_step":0,"pairs":[]}"#] {
        std::fs::write(dir.path().join(FILE), text).unwrap();
        let e = FalseNegatives::read(dir.path()).unwrap_err();
        assert!(e.contains(FILE) && e.contains("begins anew"), "{text:?}: {e}");
    }
    let nowhere = dir.path().join("no such folder");
    assert!(FalseNegatives::default().write(&nowhere).unwrap_err().contains(FILE));
}

#[test]
fn the_table_holds_one_pair_per_line_with_verdict_and_labels() {
    let mut f = FalseNegatives::default();
    let two = square([0.9, 0.1, 0.1, 0.1, 0.1, 0.9]);
    f.look(&batch(4, &["a,1", "b", "c", "d"], &two, &two));
    f.judge(&["a,1".into(), "b".into()], Some(Verdict::Same));
    let text = f.to_csv(|s| (s.ids[0] == "c").then_some(false)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("rank,a,b,score,looks"), "{}", lines[0]);
    assert_eq!(lines[1], "1,\"a,1\",b,0.7000,1,4,0.9000,0.9000,0.0000,same,");
    assert!(lines[2].ends_with(",,different"), "{}", lines[2]);
}
