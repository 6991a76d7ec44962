//! Flickr-SoundNet: pictures with the boxes of several annotators.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quick_xml::events::Event;

use super::Reader;
use super::gather::gather;
use super::shelf::Shelves;
use crate::data::DataError;
use crate::data::dataset::{Dataset, OpenOptions, TruthRef};
use crate::data::error::cause;

/// Largest annotation that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Elements within elements after which a file is no longer taken seriously.
const MAX_DEPTH: usize = 64;
/// Names that the folder of annotations goes by, inside the set or beside it.
const FOLDERS: &[&str] = &["Annotations", "annotations", "anno", "xml"];

/// See [`Reader`].
pub(super) const READER: Reader = Reader {
    name: "flickr",
    about: "pictures and sounds, in one folder or frames/ and audio/, with Annotations/ID.xml",
    detect: |root, options| {
        (Shelves::are_in(root) || Shelves::are_loose_in(root))
            && annotations_of(root, options).is_some()
    },
    open,
};

/// The folder with the XML files.
fn annotations_of(root: &Path, options: &OpenOptions) -> Option<PathBuf> {
    if let Some(given) = &options.annotations {
        return has_xml(given).then(|| given.clone());
    }
    let beside = root.parent().unwrap_or(root);
    let own = root.file_name().map(|n| {
        let mut name = n.to_owned();
        name.push("_anno");
        beside.join(name)
    });
    let inside = FOLDERS.iter().map(|f| root.join(f));
    inside.chain(own).find(|p| has_xml(p))
}

fn has_xml(dir: &Path) -> bool {
    dir.is_dir() && !xml_files(dir).unwrap_or_default().is_empty()
}

/// Annotation files by name, cut at the last dot.
fn xml_files(dir: &Path) -> Result<BTreeMap<String, PathBuf>, DataError> {
    let fail =
        |e: std::io::Error| DataError::read(dir, cause(&e), "Check that the folder may be read.");
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let is_xml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("xml"));
        if let (true, Some(stem)) = (is_xml, path.file_stem()) {
            let stem = stem.to_string_lossy().into_owned();
            if !stem.starts_with('.') {
                out.insert(stem, path);
            }
        }
    }
    Ok(out)
}

fn open(root: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    let dir = annotations_of(root, options).ok_or_else(|| {
        let cause = "it has no folder with XML annotations";
        DataError::read(root, cause, "Put them into `Annotations` inside it, or name their folder.")
    })?;
    let xml = xml_files(&dir)?;
    let shelves = Shelves::read(root)?;
    let mut names = shelves.names();
    names.extend(xml.keys().cloned());
    names.sort_unstable();
    names.dedup();
    gather(root, READER.name, options, &shelves, Some(names), |item| {
        let path = xml.get(&item.id).ok_or("it has no annotation")?;
        item.truth = Some(TruthRef::Consensus(read_boxes(path)?));
        Ok(())
    })
}

/// The boxes of all annotators on 224 pixels; the files have them on 256.
fn read_boxes(path: &Path) -> Result<Vec<[u16; 4]>, String> {
    let size = std::fs::metadata(path).map_err(|e| cause(&e))?.len();
    if size > MAX_BYTES {
        return Err("its annotation is too large for one".into());
    }
    let bytes = std::fs::read(path).map_err(|e| cause(&e))?;
    let boxes = parse(&bytes).map_err(|why| format!("its annotation cannot be read: {why}"))?;
    if boxes.is_empty() {
        return Err("its annotation has no box".into());
    }
    Ok(boxes.iter().map(|b| b.map(scaled)).collect())
}

/// `trunc(224 v / 256)`, within the picture.
fn scaled(v: i64) -> u16 {
    (v.clamp(0, 256) * 224 / 256) as u16
}

/// Every `bbox` at any depth: `xmin`, `ymin`, `xmax`, `ymax` by name, or the last four children
/// that are whole numbers.
fn parse(bytes: &[u8]) -> Result<Vec<[i64; 4]>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_owned())?;
    let mut reader = quick_xml::Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut boxes = Vec::new();
    // Names of the open elements; the children of the open `bbox` with their texts.
    let mut open: Vec<String> = Vec::new();
    let mut children: Option<(usize, Vec<(String, String)>)> = None;
    let mut any = false;
    loop {
        match reader.read_event().map_err(|e| e.to_string().to_lowercase())? {
            Event::Start(e) => {
                let name = String::from_utf8_lossy(e.local_name().as_ref()).into_owned();
                any = true;
                open.push(name.clone());
                if open.len() > MAX_DEPTH {
                    return Err("it is nested too deep".into());
                }
                match &mut children {
                    None if name == "bbox" => children = Some((open.len(), Vec::new())),
                    Some((depth, list)) if open.len() == *depth + 1 => {
                        list.push((name, String::new()));
                    }
                    _ => {}
                }
            }
            Event::Text(t) => {
                if let Some((depth, list)) = &mut children
                    && open.len() == *depth + 1
                    && let Some((_, text)) = list.last_mut()
                {
                    text.push_str(&String::from_utf8_lossy(&t));
                }
            }
            Event::End(_) => {
                if let Some((depth, list)) = children.take_if(|(depth, _)| *depth == open.len()) {
                    debug_assert_eq!(depth, open.len());
                    boxes.push(box_of(&list)?);
                }
                open.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !open.is_empty() || !any {
        return Err("it breaks off".into());
    }
    Ok(boxes)
}

fn box_of(children: &[(String, String)]) -> Result<[i64; 4], String> {
    let number = |text: &str| {
        let text = text.trim();
        // Some programs write whole numbers with a decimal point.
        text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|v| v as i64))
    };
    let named = ["xmin", "ymin", "xmax", "ymax"].map(|edge| {
        children.iter().find(|(n, _)| n.eq_ignore_ascii_case(edge)).and_then(|(_, t)| number(t))
    });
    if let [Some(x0), Some(y0), Some(x1), Some(y1)] = named {
        return Ok([x0, y0, x1, y1]);
    }
    let numbers: Vec<i64> = children.iter().filter_map(|(_, t)| number(t)).collect();
    let last = numbers.len().checked_sub(4).and_then(|at| numbers.get(at..));
    last.and_then(|l| <[i64; 4]>::try_from(l).ok())
        .ok_or_else(|| "a `bbox` has no four numbers".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_found_at_any_depth_by_name_or_by_place() {
        let by_name = b"<a><p1><bbox><label>x</label><xmin>21</xmin><ymin>26</ymin>\
            <xmax>253</xmax><ymax>249</ymax></bbox></p1></a>";
        assert_eq!(parse(by_name), Ok(vec![[21, 26, 253, 249]]));
        let other_order =
            b"<bbox><ymin>2</ymin><xmin> 1 </xmin><ymax>4</ymax><xmax>3</xmax></bbox>";
        assert_eq!(parse(other_order), Ok(vec![[1, 2, 3, 4]]));
        let by_place = b"<?xml version=\"1.0\"?><!-- c --><a><b><c><bbox><n>9</n><v>1</v><v>2</v>\
            <v>3.0</v><v>4</v></bbox><bbox><v>5</v><v>6</v><v>7</v><v>8</v></bbox></c></b></a>";
        assert_eq!(parse(by_place), Ok(vec![[1, 2, 3, 4], [5, 6, 7, 8]]));
        assert_eq!(parse(b"<a></a>"), Ok(vec![]));
    }

    #[test]
    fn broken_annotations_are_errors() {
        for text in [
            "",
            "no xml",
            "<a><bbox><xmin>1</xmin>",
            "<a><bbox><v>1</v></bbox></a>",
            "<a><bbox></b></a>",
            "<a><bbox><v>x</v><v>1</v><v>1</v><v>1</v></bbox></a>",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        let deep = "<a>".repeat(100_000);
        assert!(parse(deep.as_bytes()).unwrap_err().contains("deep"));
        assert!(parse(&[0xff, 0xfe, b'<']).is_err());
    }

    #[test]
    fn boxes_of_256_pixels_are_cut_to_224() {
        assert_eq!([0, 1, 21, 253, 256, 999, -3].map(scaled), [0, 0, 18, 221, 224, 224, 0]);
    }
}
