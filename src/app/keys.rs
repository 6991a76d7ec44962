//! Keys: from events to commands.
//!
//! A binding names the character that a key produces (`?`, `[`, `L`), so that it holds on every
//! keyboard layout; where a layout produces no Latin character, the key's place on a US keyboard
//! counts. Bare keys never act while a text field has the focus, and Space always means play: a
//! focused button is pressed by Enter.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use egui::{Event, Key, Modifiers};

use super::commands::{Command, Press, commands, find};

/// A key with its modifiers. `Ctrl` is the command key on a Mac.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    ctrl: bool,
    alt: bool,
    /// Only for named keys and together with Ctrl or Alt: a character already tells it.
    shift: bool,
    key: ChordKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ChordKey {
    /// The produced character; lower case when Ctrl or Alt is held.
    Char(char),
    /// A key without a character: Space, arrows, F11…
    Named(Key),
}

impl Chord {
    /// From text like `Ctrl+Shift+Z`, `Space`, `?`, `Shift+Left`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (mods, name) = match text.strip_suffix("++") {
            Some(mods) => (mods, "+"),
            None if text == "+" => ("", "+"),
            None => text.rsplit_once('+').unwrap_or(("", text)),
        };
        let (mut ctrl, mut alt, mut shift) = (false, false, false);
        for m in mods.split('+').filter(|m| !m.is_empty()) {
            match m.trim().to_ascii_lowercase().as_str() {
                "ctrl" | "cmd" => ctrl = true,
                "alt" => alt = true,
                "shift" => shift = true,
                _ => return None,
            }
        }
        let mut chars = name.trim().chars();
        let key = match (chars.next(), chars.next()) {
            (Some(c), None) => ChordKey::Char(c),
            (Some(_), Some(_)) => ChordKey::Named(named_key(name.trim())?),
            _ => return None,
        };
        Some(Self { ctrl, alt, shift, key }.canonical())
    }

    fn canonical(mut self) -> Self {
        if let ChordKey::Char(c) = self.key {
            let bare = !self.ctrl && !self.alt;
            if bare {
                if self.shift {
                    self.key = ChordKey::Char(upper(c));
                }
                self.shift = false;
            } else {
                self.key = ChordKey::Char(lower(c));
            }
        }
        self
    }

    /// Would it act while someone types?
    fn is_bare(self) -> bool {
        let function_key = matches!(self.key, ChordKey::Named(k) if k.name().starts_with('F') && k.name().len() > 1);
        !self.ctrl && !self.alt && !function_key
    }

    /// Text fields use these themselves.
    fn edits_text(self) -> bool {
        self.ctrl
            && match self.key {
                ChordKey::Char(c) => "acvxzyuwkhn".contains(c) && c != 'k',
                ChordKey::Named(_) => true,
            }
    }
}

fn upper(c: char) -> char {
    c.to_uppercase().next().unwrap_or(c)
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// Names in files and on sheets, where they differ from egui's.
const NAMES: &[(&str, Key)] = &[
    ("Left", Key::ArrowLeft),
    ("Right", Key::ArrowRight),
    ("Up", Key::ArrowUp),
    ("Down", Key::ArrowDown),
    ("Esc", Key::Escape),
    ("PgUp", Key::PageUp),
    ("PgDn", Key::PageDown),
];

fn named_key(name: &str) -> Option<Key> {
    NAMES
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, k)| *k)
        .or_else(|| Key::ALL.iter().copied().find(|k| k.name().eq_ignore_ascii_case(name)))
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare_upper = matches!(self.key, ChordKey::Char(c) if c.is_uppercase());
        if self.ctrl {
            f.write_str(if cfg!(target_os = "macos") { "Cmd+" } else { "Ctrl+" })?;
        }
        if self.alt {
            f.write_str("Alt+")?;
        }
        if self.shift || bare_upper {
            f.write_str("Shift+")?;
        }
        match self.key {
            // Letters with modifiers read better large; a bare letter stands as it is typed.
            ChordKey::Char(c) if self.ctrl || self.alt || bare_upper => write!(f, "{}", upper(c)),
            ChordKey::Char(c) => write!(f, "{c}"),
            ChordKey::Named(k) => {
                f.write_str(NAMES.iter().find(|(_, n)| *n == k).map_or(k.name(), |(n, _)| n))
            }
        }
    }
}

/// Keys that mean something else in the Demo layout, where a clicker sends them.
const DEMO_KEYS: &[(&str, &str)] = &[(".", "blackout")];

/// Which keys run which command: the table's defaults with the user's changes.
pub struct Bindings {
    by_chord: HashMap<Chord, &'static Command>,
    by_id: HashMap<&'static str, Vec<Chord>>,
    demo: Vec<(Chord, &'static Command)>,
}

impl Bindings {
    /// From the table and the user's changes. What cannot be used is told: unknown commands and
    /// keys, and keys that two commands claim (the one without the user's word loses).
    pub fn new(user: &BTreeMap<String, Vec<String>>) -> (Self, Vec<String>) {
        let mut trouble = Vec::new();
        let mut this = Self { by_chord: HashMap::new(), by_id: HashMap::new(), demo: Vec::new() };
        for (id, keys) in user {
            let Some(command) = find(id) else {
                trouble.push(format!("keys for `{id}`: no such command"));
                continue;
            };
            this.by_id.entry(command.id).or_default();
            for key in keys {
                match Chord::parse(key) {
                    None => trouble.push(format!("`{key}` for `{id}` is no key")),
                    Some(chord) => this.claim(command, chord, &mut trouble),
                }
            }
        }
        for command in commands().filter(|c| !user.contains_key(c.id)) {
            for chord in command.keys.iter().filter_map(|k| Chord::parse(k)) {
                if !this.by_chord.contains_key(&chord) {
                    this.claim(command, chord, &mut trouble);
                }
            }
        }
        this.demo = DEMO_KEYS
            .iter()
            .filter_map(|(key, id)| Some((Chord::parse(key)?, find(id)?)))
            .collect();
        (this, trouble)
    }

    fn claim(&mut self, command: &'static Command, chord: Chord, trouble: &mut Vec<String>) {
        match self.by_chord.get(&chord) {
            Some(other) if other.id != command.id => {
                trouble.push(format!("{chord} is taken by `{}`", other.text));
            }
            _ => {
                self.by_chord.insert(chord, command);
                let list = self.by_id.entry(command.id).or_default();
                if !list.contains(&chord) {
                    list.push(chord);
                }
            }
        }
    }

    /// The command that already has one of `keys`, other than `id`; or a word on what is no key.
    pub fn clash(&self, id: &str, keys: &[String]) -> Option<String> {
        for key in keys {
            let Some(chord) = Chord::parse(key) else {
                return Some(format!("`{key}` is no key. Try Ctrl+Shift+X, F6 or a character"));
            };
            if let Some(other) = self.by_chord.get(&chord).filter(|c| c.id != id) {
                return Some(format!("{chord} already means “{}”", other.text));
            }
        }
        None
    }

    /// All keys of a command, as text.
    pub fn keys(&self, id: &str) -> Vec<String> {
        self.by_id.get(id).into_iter().flatten().map(Chord::to_string).collect()
    }

    /// The first key of a command, as text.
    pub fn shortcut(&self, id: &str) -> Option<String> {
        self.by_id.get(id)?.first().map(Chord::to_string)
    }

    /// What a command does, with its keys.
    pub fn tooltip(&self, command: &Command) -> String {
        match self.keys(command.id).as_slice() {
            [] => command.why.to_owned(),
            keys => format!("{}  [{}]", command.why, keys.join("] [")),
        }
    }

    fn get(&self, chord: Chord, demo: bool) -> Option<&'static Command> {
        let special = self.demo.iter().find(|(c, _)| demo && *c == chord).map(|(_, c)| *c);
        special.or_else(|| self.by_chord.get(&chord).copied())
    }
}

/// Where the keys fall.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyContext {
    /// A text field has the focus.
    pub typing: bool,
    /// Another widget has it: arrows belong to it.
    pub widget_focused: bool,
    /// The Demo layout is shown.
    pub demo: bool,
}

/// A command that a key asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its name.
    pub id: &'static str,
    /// `on` and `off` for keys that act while held; a pasted text.
    pub argument: Option<String>,
}

/// Turns events into commands; remembers what is held.
#[derive(Default)]
pub struct KeyInput {
    held: Vec<(Key, &'static str)>,
}

impl KeyInput {
    /// Takes the events that mean a command out of `events`.
    pub fn take(
        &mut self,
        events: &mut Vec<Event>,
        bindings: &Bindings,
        at: KeyContext,
    ) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut keep = vec![true; events.len()];
        let mut i = 0;
        while i < events.len() {
            match &events[i] {
                Event::Copy if !at.typing => {
                    self.press(Chord::parse("Ctrl+C"), false, None, bindings, at, &mut hits);
                }
                Event::Paste(text) if !at.typing => {
                    let chord = Chord::parse("Ctrl+V");
                    if let Some(command) = chord.and_then(|c| bindings.get(c, at.demo)) {
                        hits.push(Hit { id: command.id, argument: Some(text.clone()) });
                        keep[i] = false;
                    }
                }
                Event::Key { key, physical_key, pressed: true, repeat, modifiers } => {
                    let text = match events.get(i + 1) {
                        Some(Event::Text(t)) => Some(t.as_str()),
                        _ => None,
                    };
                    let used = candidates(*key, *physical_key, *modifiers, text)
                        .into_iter()
                        .any(|c| self.press(Some(c), *repeat, Some(*key), bindings, at, &mut hits));
                    // Space never reaches a focused button.
                    if used || (*key == Key::Space && !at.typing) {
                        keep[i] = false;
                        if text.is_some() {
                            keep[i + 1] = false;
                            i += 1;
                        }
                    }
                }
                Event::Key { key, pressed: false, .. } => self.release(Some(*key), &mut hits),
                Event::WindowFocused(false) => self.release(None, &mut hits),
                _ => {}
            }
            i += 1;
        }
        let mut keep = keep.into_iter();
        events.retain(|_| keep.next().unwrap_or(true));
        hits
    }

    /// True when the chord belongs to a command, whether or not it runs now.
    fn press(
        &mut self,
        chord: Option<Chord>,
        repeat: bool,
        key: Option<Key>,
        bindings: &Bindings,
        at: KeyContext,
        hits: &mut Vec<Hit>,
    ) -> bool {
        let Some(chord) = chord else { return false };
        if at.typing && (chord.is_bare() || chord.edits_text()) {
            return false;
        }
        let arrow = matches!(
            chord.key,
            ChordKey::Named(Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown)
        );
        if at.widget_focused && arrow && chord.is_bare() {
            return false;
        }
        let Some(command) = bindings.get(chord, at.demo) else { return false };
        let argument = match (command.press, key) {
            (Press::Once | Press::Hold, _) if repeat => return true,
            (Press::Hold, Some(key)) => {
                self.held.push((key, command.id));
                Some("on".to_owned())
            }
            _ => None,
        };
        hits.push(Hit { id: command.id, argument });
        true
    }

    fn release(&mut self, key: Option<Key>, hits: &mut Vec<Hit>) {
        self.held.retain(|(held, id)| {
            let over = key.is_none_or(|k| k == *held);
            if over {
                hits.push(Hit { id, argument: Some("off".into()) });
            }
            !over
        });
    }
}

/// What a press may mean, best first.
fn candidates(key: Key, physical: Option<Key>, m: Modifiers, text: Option<&str>) -> Vec<Chord> {
    let (ctrl, alt, shift) = (m.command || m.ctrl, m.alt, m.shift);
    let mut out = Vec::new();
    let mut push = |ctrl, alt, shift, key| {
        let chord = Chord { ctrl, alt, shift, key }.canonical();
        if !out.contains(&chord) {
            out.push(chord);
        }
    };
    let single = |t: &str| {
        let mut c = t.chars();
        c.next().filter(|c0| c.next().is_none() && !c0.is_whitespace() && !c0.is_control())
    };
    // What was typed says most; AltGr (Ctrl+Alt on some systems) belongs to the character.
    let typed = text.and_then(single);
    if let Some(c) = typed {
        push(false, false, false, ChordKey::Char(c));
        if c.is_ascii() {
            return out;
        }
    }
    for key in [Some(key), physical].into_iter().flatten() {
        match single(key.symbol_or_name()).filter(|c| c.is_ascii()) {
            Some(c) if shift && !ctrl && !alt => {
                push(false, false, true, ChordKey::Char(lower(c)));
            }
            Some(c) => push(ctrl, alt, shift, ChordKey::Char(lower(c))),
            None => push(ctrl, alt, shift, ChordKey::Named(key)),
        }
    }
    out
}

/// `docs/keys.md`: every command with its keys, from the table.
pub fn keys_markdown() -> String {
    use fmt::Write as _;
    let (bindings, _) = Bindings::new(&BTreeMap::new());
    let mut out = String::from(
        "# Keys\n\nGenerated from the table of commands; a stale file fails a test \
         (`FNAC_BLESS=1 cargo test keys_md` writes it).\n\nKeys go by the character they produce; \
         bare keys never act while a text field has the focus. All can be changed in the Settings \
         panel. In the palette (Ctrl+P) a command is found by its words and takes its argument \
         inline: `speed 0.25`.\n",
    );
    for category in super::commands::Category::ALL {
        writeln!(
            out,
            "\n## {}\n\n| Key | Command | What it does |\n| --- | --- | --- |",
            category.title()
        )
        .ok();
        for c in commands().filter(|c| c.category == *category) {
            let keys: Vec<_> = bindings
                .keys(c.id)
                .iter()
                .map(|k| format!("`{}`", k.replace('|', "\\|")))
                .collect();
            let hold = if c.press == Press::Hold { "hold " } else { "" };
            let keys =
                if keys.is_empty() { String::new() } else { format!("{hold}{}", keys.join(" ")) };
            let argument = c.argument.map(|a| format!(" (`{a}`)")).unwrap_or_default();
            writeln!(out, "| {keys} | {}{argument} | {} |", c.text, c.why).ok();
        }
    }
    out.push_str(
        "\n## Mouse\n\nPicture: click pins a probe, double click fills the screen, right click opens \
         a menu, wheel changes the volume, Ctrl+wheel zooms at the cursor, Alt+wheel steps frames, \
         middle drag pans, side buttons go to the previous and next item. Timeline: drag scrubs, \
         Shift+drag makes a loop, wheel zooms about the cursor (Alt: about the playhead), middle \
         drag pans.\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Bindings {
        let (b, trouble) = Bindings::new(&BTreeMap::new());
        assert_eq!(trouble, Vec::<String>::new());
        b
    }

    fn key(key: Key, modifiers: Modifiers) -> Event {
        Event::Key { key, physical_key: Some(key), pressed: true, repeat: false, modifiers }
    }

    fn ids(events: Vec<Event>, at: KeyContext) -> Vec<&'static str> {
        let mut events = events;
        let hits = KeyInput::default().take(&mut events, &defaults(), at);
        hits.iter().map(|h| h.id).collect()
    }

    #[test]
    fn chords_read_as_they_are_written() {
        for text in [
            "Ctrl+Shift+Z",
            "Space",
            "?",
            "Shift+L",
            "Shift+Left",
            "F11",
            "+",
            "Alt+Right",
            "l",
            "{",
        ] {
            let chord = Chord::parse(text).unwrap();
            assert_eq!(chord.to_string(), text);
            assert_eq!(Chord::parse(&chord.to_string()), Some(chord));
        }
        for bad in ["", "Ctrl+", "Hyper+X", "NoSuchKey"] {
            assert_eq!(Chord::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_default_key_is_a_key_and_belongs_to_one_command() {
        let mut seen: HashMap<Chord, &str> = HashMap::new();
        for c in commands() {
            for k in c.keys {
                let chord = Chord::parse(k).unwrap_or_else(|| panic!("{}: `{k}`", c.id));
                if let Some(other) = seen.insert(chord, c.id) {
                    panic!("{k}: {} and {other}", c.id);
                }
            }
        }
    }

    #[test]
    fn the_produced_character_decides_and_the_place_helps_out() {
        // German: Shift and the key right of 0 produce `?`.
        let german = vec![key(Key::Minus, Modifiers::SHIFT), Event::Text("?".into())];
        assert_eq!(ids(german, KeyContext::default()), ["keys"]);
        // Cyrillic: the key at L produces a letter that no command has.
        let cyrillic = vec![key(Key::L, Modifiers::NONE), Event::Text("д".into())];
        assert_eq!(ids(cyrillic, KeyContext::default()), ["loop-ab"]);
        // AZERTY: the key at Q produces `a`, which is not `q`: the window must not close.
        let azerty = vec![
            Event::Key {
                key: Key::A,
                physical_key: Some(Key::Q),
                pressed: true,
                repeat: false,
                modifiers: Modifiers::NONE,
            },
            Event::Text("a".into()),
        ];
        assert_eq!(ids(azerty, KeyContext::default()), Vec::<&str>::new());
    }

    #[test]
    fn bare_keys_are_text_while_someone_types() {
        let at = KeyContext { typing: true, ..Default::default() };
        let typed = vec![key(Key::S, Modifiers::NONE), Event::Text("s".into())];
        assert_eq!(ids(typed, at), Vec::<&str>::new());
        assert_eq!(ids(vec![key(Key::Space, Modifiers::NONE)], at), Vec::<&str>::new());
        assert_eq!(ids(vec![key(Key::Z, Modifiers::COMMAND)], at), Vec::<&str>::new());
        assert_eq!(ids(vec![key(Key::P, Modifiers::COMMAND)], at), ["palette"]);
    }

    #[test]
    fn space_never_reaches_a_focused_button() {
        let mut events = vec![key(Key::Space, Modifiers::NONE), Event::Text(" ".into())];
        let at = KeyContext { widget_focused: true, ..Default::default() };
        let hits = KeyInput::default().take(&mut events, &defaults(), at);
        assert_eq!(hits[0].id, "play");
        assert!(events.is_empty());
    }

    #[test]
    fn a_held_key_ends_with_its_release_or_when_the_window_loses_the_focus() {
        let (b, mut input) = (defaults(), KeyInput::default());
        let at = KeyContext::default();
        let on = input.take(&mut vec![key(Key::H, Modifiers::NONE)], &b, at);
        assert_eq!(on, [Hit { id: "hide-overlay", argument: Some("on".into()) }]);
        let off = input.take(&mut vec![Event::WindowFocused(false)], &b, at);
        assert_eq!(off, [Hit { id: "hide-overlay", argument: Some("off".into()) }]);
        assert!(input.take(&mut vec![Event::WindowFocused(false)], &b, at).is_empty());
    }

    #[test]
    fn a_clicker_blacks_the_screen_out_in_the_demo_layout_only() {
        let press = || vec![key(Key::Period, Modifiers::NONE), Event::Text(".".into())];
        assert_eq!(ids(press(), KeyContext::default()), ["step-on"]);
        let demo = KeyContext { demo: true, ..Default::default() };
        assert_eq!(ids(press(), demo), ["blackout"]);
    }

    #[test]
    fn a_clash_is_refused_and_names_the_other_command() {
        let b = defaults();
        assert!(b.clash("mute", &["Space".into()]).unwrap().contains("Play"));
        assert_eq!(b.clash("mute", &["m".into()]), None);
        assert!(b.clash("mute", &["Blob".into()]).unwrap().contains("no key"));
        let user = BTreeMap::from([("mute".to_owned(), vec!["Space".to_owned()])]);
        let (b, _) = Bindings::new(&user);
        assert_eq!(b.shortcut("mute").as_deref(), Some("Space"), "the user's word wins");
        assert_eq!(b.shortcut("play").as_deref(), Some("p"));
    }

    #[test]
    fn keys_md_is_what_the_table_says() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
        let want = keys_markdown();
        if std::env::var_os("FNAC_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &want).unwrap();
        }
        let have = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(have == want, "docs/keys.md is stale: FNAC_BLESS=1 cargo test keys_md");
    }
}
