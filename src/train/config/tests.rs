use super::*;

#[test]
fn every_setting_is_named_once_and_explained() {
    let table = TrainConfig::default().table().unwrap();
    let mut keys = settings::leaves(&table);
    let mut named: Vec<String> = SETTINGS.iter().map(|s| s.key.to_owned()).collect();
    keys.sort();
    named.sort();
    assert_eq!(keys, named);
    assert!(SETTINGS.iter().all(|s| s.why.len() > 6));
}

#[test]
fn every_term_has_its_weight_under_its_columns_name() {
    let table = TrainConfig::default().table().unwrap();
    for (term, weight) in LOSS_TERMS.iter().zip(TrainConfig::default().weights(256)) {
        let key = format!("loss.{}", term.column);
        assert_eq!(settings::lookup(&table, &key).and_then(toml::Value::as_float), Some(weight));
        assert_eq!(weight, term.weight);
    }
}

#[test]
fn the_presets_are_possible_and_come_back_from_their_files() {
    for p in PRESETS {
        let config = preset(p.name).unwrap();
        assert_eq!(config.preset, p.name);
        config.validate().unwrap();
        let text = config.to_toml().unwrap();
        assert_eq!(TrainConfig::from_toml(&text).unwrap(), config, "{text}");
        let mut reference = config.clone();
        reference.make_reference();
        reference.validate().unwrap();
    }
    assert_eq!(preset("ez-vsl").unwrap().weights(128), [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(preset("quick-demo").unwrap().weights(32), [1.0, 25.0, 25.0, 25.0]);
    let paper = preset("paper").unwrap();
    assert_eq!(paper, TrainConfig::default());
    assert_eq!(
        (paper.schedule.epochs, paper.schedule.warmup_epochs, paper.batch.size),
        (30, 5, 256)
    );
    assert!(preset("papre").unwrap_err().to_string().contains("quick-demo, fine-tune"));
}

#[test]
fn a_file_says_only_what_it_changes() {
    let c =
        TrainConfig::from_toml("preset = \"quick-demo\"\n[optim]\nlearning_rate = 1\n").unwrap();
    assert_eq!(c.optim.learning_rate, 1.0);
    assert_eq!(c.loss.pooling, Pooling::LogSumExp, "the rest is the preset's");
    let c = TrainConfig::from_toml("").unwrap();
    assert_eq!(c, TrainConfig::default());
    assert!(matches!(TrainConfig::from_toml("a ="), Err(ConfigError::Text(_))));
    assert!(matches!(TrainConfig::from_toml("preset = \"fast\""), Err(ConfigError::NoPreset(_))));
    let e = TrainConfig::from_toml("[optim]\nlearning_rat = 1\n").unwrap_err();
    assert!(e.to_string().contains("did you mean `optim.learning_rate`"), "{e}");
    let e = TrainConfig::from_toml("[optim]\nlearning_rate = \"fast\"\n").unwrap_err();
    assert!(e.to_string().contains("expected f64"), "{e}");
}

#[test]
fn flags_change_single_settings() {
    let mut c = TrainConfig::default();
    for set in [
        "loss.tau=0.05",
        "loss.pooling = log-sum-exp",
        "loss.pooling=\"max\"",
        "batch.size=64",
        "augment.crop=false",
        "optim.learning_rate=1e-3",
        "optim.weight_decay=.5",
        "loss.fns_audio=50",
        "model.start=a folder/best.pth",
        "augment.masks=official",
    ] {
        c.set(set).unwrap();
    }
    assert_eq!((c.loss.tau, c.loss.pooling, c.batch.size), (0.05, Pooling::Max, 64));
    assert!(!c.augment.crop);
    assert_eq!((c.optim.learning_rate, c.optim.weight_decay, c.loss.fns_audio), (1e-3, 0.5, 50.0));
    assert_eq!(c.model.start, "a folder/best.pth");
    assert_eq!(c.augment.masks, MaskRule::Official);
    let keys: Vec<String> =
        c.changes_from(&TrainConfig::default()).unwrap().into_iter().map(|(k, ..)| k).collect();
    assert_eq!(
        keys,
        [
            "model.start",
            "loss.fns_audio",
            "loss.tau",
            "optim.learning_rate",
            "optim.weight_decay",
            "batch.size",
            "augment.crop",
            "augment.masks"
        ]
    );
}

#[test]
fn a_flag_that_fails_changes_nothing_and_says_why() {
    for (set, says) in [
        ("loss.tau", "write KEY=VALUE"),
        ("loss.tao=1", "did you mean `loss.tau`"),
        ("learning_rate=1", "did you mean `optim.learning_rate`"),
        ("loss=1", "there is no setting"),
        ("batch.size=2.5", "a whole number is expected"),
        ("batch.size=-2", "batch.size"),
        ("augment.crop=yes", "true or false is expected"),
        ("loss.tau=warm", "a number is expected"),
        ("loss.pooling=mean", "log-sum-exp"),
        ("preset=paper", "name it first"),
        ("xyzzy=1", "there is no setting `xyzzy`"),
    ] {
        let mut c = TrainConfig::default();
        let e = c.set(set).unwrap_err().to_string();
        assert!(e.contains(says), "{set}: {e}");
        assert_eq!(c, TrainConfig::default());
    }
}

#[test]
fn what_is_out_of_range_is_refused_with_all_objections() {
    for (set, says) in [
        ("batch.size=1", "at least 2"),
        ("batch.size=0", "at least 2"),
        ("loss.tau=0", "loss.tau is 0"),
        ("loss.tau=nan", "loss.tau is NaN"),
        ("optim.learning_rate=inf", "optim.learning_rate is inf"),
        ("optim.learning_rate=-1", "optim.learning_rate is -1"),
        ("dropout.image=1", "dropout.image is 1"),
        ("loss.contrastive=0", "would collapse"),
        ("freeze.image_stages=6", "freeze.image_stages is 6"),
        ("augment.shorter_side=100", "possible is 224 to 1024"),
        ("schedule.epochs=0", "schedule.epochs is 0"),
        ("model.width=0", "model.width is 0"),
    ] {
        let mut c = TrainConfig::default();
        c.set(set).unwrap();
        let e = c.validate().unwrap_err().to_string();
        assert!(e.contains(says), "{set}: {e}");
    }
    let mut c = TrainConfig::default();
    c.set("batch.size=1").unwrap();
    c.set("loss.tau=-3").unwrap();
    let ConfigError::Refused(all) = c.validate().unwrap_err() else { panic!() };
    assert_eq!(all.len(), 2, "{all:?}");
}

#[test]
fn reference_mode_excludes_what_the_official_code_does_not_have() {
    let mut c = preset("quick-demo").unwrap();
    c.reference = true;
    c.optim.clip_norm = 1.0;
    c.augment.masks = MaskRule::Quiet;
    let ConfigError::Refused(all) = c.validate().unwrap_err() else { panic!() };
    assert_eq!(all.len(), 9, "{all:?}");
    c.make_reference();
    c.validate().unwrap();
    assert!(c.quirks()[0].contains("reference mode"));
    assert!(TrainConfig::default().quirks()[0].contains("mended"));
}
