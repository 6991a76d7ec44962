//! Docks: the picture over the timeline, and a column of panels. Each named layout is kept as the
//! user left it and can be put back.

use std::collections::BTreeMap;

use egui_tiles::{
    Behavior, EditAction, SimplificationOptions, Tile, TileId, Tiles, Tree, UiResponse,
};
use serde::{Deserialize, Serialize};

use super::commands::CommandSender;
use super::panels::{PANELS, Panel, by_id};
use super::picture::PictureView;
use super::timeline::Timeline;
use super::view::View;

/// One dock: `picture`, `timeline` or the id of a panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pane(String);

const PICTURE: &str = "picture";
const TIMELINE: &str = "timeline";

/// A layout that can be asked for by name.
pub struct LayoutSpec {
    /// As typed and kept.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The docks as made; `None` for the picture alone.
    tree: Option<fn() -> Tree<Pane>>,
}

/// Every layout.
pub const LAYOUTS: &[LayoutSpec] = &[
    LayoutSpec {
        name: "inspect",
        about: "Picture, timeline and the column of panels",
        tree: Some(inspect),
    },
    LayoutSpec {
        name: "train",
        about: "The picture that learns, curves, recipe and run",
        tree: Some(train),
    },
    LayoutSpec { name: "demo", about: "The picture alone, full screen, looping", tree: None },
];

/// The layout of that name, in any case.
pub fn find(name: &str) -> Option<&'static LayoutSpec> {
    LAYOUTS.iter().find(|l| l.name.eq_ignore_ascii_case(name))
}

/// The layout that a panel belongs to: the first that is made with it.
pub fn home_of(panel: &str) -> Option<&'static str> {
    LAYOUTS.iter().find(|l| l.tree.is_some_and(|make| holds(&make(), panel))).map(|l| l.name)
}

fn holds(tree: &Tree<Pane>, id: &str) -> bool {
    tree.tiles.tiles().any(|t| matches!(t, Tile::Pane(Pane(p)) if p == id))
}

/// Width of the column of panels as a share of the window, at the window's first size.
const COLUMN_SHARE: f32 = 0.26;
/// The same while training: the recipe is a form.
const TRAIN_COLUMN_SHARE: f32 = 0.34;

/// Tabs, the first one in front.
fn tabs(tiles: &mut Tiles<Pane>, ids: &[&str]) -> TileId {
    let panes = ids.iter().map(|id| tiles.insert_pane(Pane((*id).into()))).collect();
    tiles.insert_tab_tile(panes)
}

/// Two stacks side by side: the main one and the column, each a list of tabs with their shares of
/// the height.
fn two_columns(
    mut tiles: Tiles<Pane>,
    main: &[(TileId, f32)],
    column: &[(TileId, f32)],
    column_share: f32,
) -> Tree<Pane> {
    let stack = |tiles: &mut Tiles<Pane>, parts: &[(TileId, f32)]| {
        let ids = parts.iter().map(|(id, _)| *id).collect();
        let mut linear = egui_tiles::Linear::new(egui_tiles::LinearDir::Vertical, ids);
        parts.iter().for_each(|(id, share)| linear.shares.set_share(*id, *share));
        tiles.insert_container(linear)
    };
    let (main, column) = (stack(&mut tiles, main), stack(&mut tiles, column));
    let mut all = egui_tiles::Linear::new(egui_tiles::LinearDir::Horizontal, vec![main, column]);
    all.shares.set_share(main, 1.0 - column_share);
    all.shares.set_share(column, column_share);
    let root = tiles.insert_container(all);
    Tree::new(egui::Id::unique("docks"), root, tiles)
}

fn train() -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let picture = tabs(&mut tiles, &[PICTURE]);
    let curves = tabs(&mut tiles, &["curves", TIMELINE, "adjacency", "watch"]);
    let top = tabs(&mut tiles, &["train_setup", "checkpoints", "false-negatives"]);
    let low = tabs(&mut tiles, &["train_run", "alarms", "learnt"]);
    let (main, column) = ([(picture, 0.52), (curves, 0.48)], [(top, 0.54), (low, 0.46)]);
    two_columns(tiles, &main, &column, TRAIN_COLUMN_SHARE)
}

fn inspect() -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let picture = tabs(&mut tiles, &[PICTURE]);
    let timeline = tabs(&mut tiles, &[TIMELINE]);
    let top = tabs(&mut tiles, &["model", "stream", "sound"]);
    let middle = tabs(&mut tiles, &["overlay", "truth", "sees"]);
    let low = tabs(&mut tiles, &["probe", "log", "export", "settings"]);
    let main = [(picture, 0.64), (timeline, 0.36)];
    let column = [(top, 0.30), (middle, 0.42), (low, 0.28)];
    two_columns(tiles, &main, &column, COLUMN_SHARE)
}

/// The docks on the screen and what lives in them.
pub struct Docks {
    name: &'static str,
    tree: Option<Tree<Pane>>,
    panels: BTreeMap<&'static str, Box<dyn Panel>>,
    edited: bool,
}

impl Docks {
    /// The layout `name`, as the user left it.
    pub fn new(name: &str, kept: &BTreeMap<String, String>) -> Self {
        let panels = PANELS.iter().map(|p| (p.id, (p.make)())).collect();
        let mut this = Self { name: LAYOUTS[0].name, tree: None, panels, edited: false };
        this.show(name, kept);
        this
    }

    /// Name of the shown layout.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Shows another layout, as the user left it; an unknown name shows the first.
    pub fn show(&mut self, name: &str, kept: &BTreeMap<String, String>) {
        let spec = find(name).unwrap_or(&LAYOUTS[0]);
        self.name = spec.name;
        self.tree = spec
            .tree
            .map(|make| kept.get(spec.name).and_then(|text| restore(text)).unwrap_or_else(make));
    }

    /// Puts the shown layout back as it was made.
    pub fn reset(&mut self) {
        self.tree = find(self.name).and_then(|l| l.tree).map(|make| make());
    }

    /// Brings a panel to the front, putting it back when it was closed. False in layouts that
    /// have none.
    pub fn show_panel(&mut self, id: &str) -> bool {
        let Some(tree) = &mut self.tree else { return false };
        let is_it = |t: &Tile<Pane>| matches!(t, Tile::Pane(Pane(p)) if p == id);
        if !holds(tree, id) {
            let tile = tree.tiles.insert_pane(Pane(id.to_owned()));
            let home = last_tabs(tree);
            let Some(home) = home.or(tree.root()) else { return false };
            tree.move_tile_to_container(tile, home, usize::MAX, false);
        }
        self.edited = true;
        tree.make_active(|_, tile| is_it(tile))
    }

    /// True when the shown layout holds that panel, in front or not.
    pub fn has_panel(&self, id: &str) -> bool {
        self.tree.as_ref().is_some_and(|tree| holds(tree, id))
    }

    /// True when that panel is drawn now.
    pub fn is_shown(&self, id: &str) -> bool {
        let Some(tree) = &self.tree else { return false };
        tree.active_tiles()
            .into_iter()
            .any(|t| matches!(tree.tiles.get(t), Some(Tile::Pane(Pane(p))) if p == id))
    }

    /// The docks as text, when the user changed them since the last call.
    pub fn take_edit(&mut self) -> Option<(&'static str, String)> {
        if !std::mem::take(&mut self.edited) {
            return None;
        }
        let tree = self.tree.as_ref()?;
        Some((self.name, serde_json::to_string(tree).ok()?))
    }

    /// Draws them.
    pub fn ui(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        picture: &mut PictureView,
        timeline: &mut Timeline,
        out: &mut CommandSender,
    ) {
        let Some(tree) = &mut self.tree else {
            picture.ui(ui, view, out);
            return;
        };
        let bare = tree
            .tiles
            .iter()
            .filter(|(_, t)| matches!(t, Tile::Pane(Pane(p)) if p == PICTURE || p == TIMELINE))
            .map(|(id, _)| *id)
            .collect();
        let mut behavior = Docking {
            view,
            picture,
            timeline,
            out,
            panels: &mut self.panels,
            bare,
            edited: &mut self.edited,
        };
        tree.ui(&mut behavior, ui);
    }
}

/// The tab group that a panel comes back to: the one with the most tabs that holds no picture.
fn last_tabs(tree: &Tree<Pane>) -> Option<TileId> {
    let groups = tree.tiles.iter().filter_map(|(id, t)| match t {
        Tile::Container(egui_tiles::Container::Tabs(tabs)) => Some((*id, tabs)),
        _ => None,
    });
    let with_panels = groups.filter(|(_, tabs)| {
        tabs.children.iter().any(|c| {
            matches!(tree.tiles.get(*c), Some(Tile::Pane(Pane(p))) if p != PICTURE && p != TIMELINE)
        })
    });
    with_panels.max_by_key(|(_, tabs)| tabs.children.len()).map(|(id, _)| id)
}

/// A kept layout, unless it is broken: it must hold the picture and the timeline once, and no
/// panel twice or unknown.
fn restore(text: &str) -> Option<Tree<Pane>> {
    let tree: Tree<Pane> = serde_json::from_str(text).ok()?;
    let mut seen: Vec<&str> = Vec::new();
    // Only what hangs on the root counts; the rest would never be drawn.
    let mut open = vec![tree.root()?];
    let mut steps = 0;
    while let Some(id) = open.pop() {
        steps += 1;
        if steps > 1000 {
            return None;
        }
        match tree.tiles.get(id)? {
            Tile::Pane(Pane(p)) => {
                let known = p == PICTURE || p == TIMELINE || by_id(p).is_some();
                if !known || seen.contains(&p.as_str()) {
                    return None;
                }
                seen.push(p);
            }
            Tile::Container(c) => open.extend(c.children()),
        }
    }
    (seen.contains(&PICTURE) && seen.contains(&TIMELINE)).then_some(tree)
}

struct Docking<'a, 'v> {
    view: &'a View<'v>,
    picture: &'a mut PictureView,
    timeline: &'a mut Timeline,
    out: &'a mut CommandSender,
    panels: &'a mut BTreeMap<&'static str, Box<dyn Panel>>,
    bare: Vec<TileId>,
    edited: &'a mut bool,
}

impl Behavior<Pane> for Docking<'_, '_> {
    fn pane_ui(&mut self, ui: &mut egui::Ui, _: TileId, pane: &mut Pane) -> UiResponse {
        match pane.0.as_str() {
            PICTURE => self.picture.ui(ui, self.view, self.out),
            TIMELINE => self.timeline.ui(ui, self.view, self.out),
            id => {
                let Some(panel) = self.panels.get_mut(id) else { return UiResponse::None };
                egui::Frame::NONE
                    .fill(ui.visuals().panel_fill)
                    .inner_margin(egui::Margin { left: 10, right: 4, top: 6, bottom: 4 })
                    .show(ui, |ui| {
                        egui::ScrollArea::vertical().id_salt(id).auto_shrink(false).show(
                            ui,
                            |ui| {
                                ui.set_max_width(ui.available_width() - 8.0);
                                panel.ui(ui, self.view, self.out);
                            },
                        );
                    });
            }
        }
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> egui::WidgetText {
        match pane.0.as_str() {
            PICTURE => "Picture".into(),
            TIMELINE => "Timeline".into(),
            id => by_id(id).map_or(id, |p| p.title).into(),
        }
    }

    fn on_tab_button(
        &mut self,
        tiles: &mut Tiles<Pane>,
        tile: TileId,
        response: egui::Response,
    ) -> egui::Response {
        match tiles.get(tile) {
            Some(Tile::Pane(Pane(p))) => match by_id(p) {
                Some(spec) => response.on_hover_text(spec.about),
                None => response,
            },
            _ => response,
        }
    }

    fn is_tab_bar_visible(&self, _: TileId, tabs: &egui_tiles::Tabs) -> bool {
        !(tabs.children.len() == 1 && tabs.children.iter().all(|c| self.bare.contains(c)))
    }

    fn tab_bar_height(&self, _: &egui::Style) -> f32 {
        26.0
    }

    fn tab_title_spacing(&self, _: &egui::Visuals) -> f32 {
        8.0
    }

    fn tab_bar_color(&self, visuals: &egui::Visuals) -> egui::Color32 {
        visuals.extreme_bg_color
    }

    fn tab_text_color(
        &self,
        visuals: &egui::Visuals,
        _: &Tiles<Pane>,
        _: TileId,
        state: &egui_tiles::TabState,
    ) -> egui::Color32 {
        if state.active { visuals.strong_text_color() } else { visuals.weak_text_color() }
    }

    fn gap_width(&self, _: &egui::Style) -> f32 {
        3.0
    }

    fn min_size(&self) -> f32 {
        90.0
    }

    fn resize_stroke(&self, style: &egui::Style, state: egui_tiles::ResizeState) -> egui::Stroke {
        match state {
            egui_tiles::ResizeState::Idle => {
                egui::Stroke::new(self.gap_width(style), style.visuals.extreme_bg_color)
            }
            _ => egui::Stroke::new(self.gap_width(style), style.visuals.hyperlink_color),
        }
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
    }

    fn on_edit(&mut self, _: EditAction) {
        *self.edited = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_as_made_survive_their_text_and_hold_every_panel() {
        for make in LAYOUTS.iter().filter_map(|l| l.tree) {
            let text = serde_json::to_string(&make()).unwrap();
            let back = restore(&text).expect("restores");
            assert!(PANELS.iter().all(|p| holds(&make(), p.id) == holds(&back, p.id)));
        }
        for p in PANELS {
            assert!(home_of(p.id).is_some(), "`{}` has no place in any layout", p.id);
        }
        assert_eq!((home_of("model"), home_of("train_run")), (Some("inspect"), Some("train")));
    }

    #[test]
    fn broken_layouts_are_refused() {
        let good = serde_json::to_string(&inspect()).unwrap();
        for bad in [
            "",
            "{}",
            "null",
            &good.replace("timeline", "nonsense"),
            &good.replace("overlay", "model"),
        ] {
            assert!(restore(bad).is_none(), "{bad:.60}");
        }
    }

    #[test]
    fn a_layout_with_a_broken_text_starts_as_made_and_demo_has_no_docks() {
        let kept = BTreeMap::from([("inspect".to_owned(), "rubbish".to_owned())]);
        let mut docks = Docks::new("inspect", &kept);
        assert!(docks.is_shown("model") && docks.show_panel("log") && docks.is_shown("log"));
        assert!(docks.take_edit().is_some() && docks.take_edit().is_none());
        docks.reset();
        assert!(!docks.is_shown("log"));
        docks.show("demo", &kept);
        assert!(!docks.show_panel("log"));
    }
}
