//! Clips whose frames carry their own number in the picture, made with the `ffmpeg` program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use fnac::media::VideoFrame;
use fnac::units::{PlanarPicture, PlaneLayout};

/// Side of the blocks that hold one bit of the frame number.
pub const BLOCK: u32 = 16;
/// Columns of blocks; two rows of them hold 12 bits.
const COLUMNS: u32 = 6;
/// Usual size of the clips.
pub const SIZE: (u32, u32) = (96, 64);

/// Whether the `ffmpeg` and `ffprobe` programs are there. `FNAC_REQUIRE_FFMPEG=1` makes their
/// absence a failure; else it is said.
pub fn have_ffmpeg() -> bool {
    let runs = |program: &str| {
        Command::new(program).arg("-version").output().is_ok_and(|o| o.status.success())
    };
    if runs("ffmpeg") && runs("ffprobe") {
        return true;
    }
    let required = std::env::var_os("FNAC_REQUIRE_FFMPEG").is_some_and(|v| v == "1");
    assert!(!required, "the ffmpeg program is absent");
    eprintln!("skipped: the ffmpeg program is absent");
    false
}

/// Folder for files of these tests; kept between runs, like all of `target`.
pub fn folder() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("media");
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// A grey picture with `number` in its blocks and a moving texture below, so that codecs predict.
pub fn numbered(number: u32, (w, h): (u32, u32)) -> Vec<u8> {
    let mut out = vec![0u8; (w * h) as usize];
    for y in 0..h {
        for x in 0..w {
            let (bx, by) = (x / BLOCK, y / BLOCK);
            let v = if by < 2 && bx < COLUMNS {
                let bit = by * COLUMNS + bx;
                if number >> bit & 1 == 1 { 210 } else { 45 }
            } else {
                let wave = (x + 3 * number) as f32 * 0.19 + y as f32 * 0.11;
                (128.0 + 60.0 * wave.sin()) as u8
            };
            out[(y * w + x) as usize] = v;
        }
    }
    out
}

/// The number that a decoded picture shows.
pub fn number_in(p: &PlanarPicture) -> u32 {
    let mut number = 0;
    for bit in 0..2 * COLUMNS {
        let (x, y) = (bit % COLUMNS * BLOCK + BLOCK / 2, bit / COLUMNS * BLOCK + BLOCK / 2);
        if luma_at(p, x, y) > 0.5 {
            number |= 1 << bit;
        }
    }
    number
}

/// Brightness of one pixel in 0..1 of the sample range.
pub fn luma_at(p: &PlanarPicture, x: u32, y: u32) -> f32 {
    let plane = &p.planes[0];
    let (x, y) = (x as usize, y as usize);
    let top = ((1u32 << p.bits) - 1) as f32;
    match p.layout {
        PlaneLayout::Rgba => f32::from(plane.data[y * plane.stride + 4 * x]) / 255.0,
        _ if p.bits > 8 => {
            let at = y * plane.stride + 2 * x;
            f32::from(u16::from_le_bytes([plane.data[at], plane.data[at + 1]])) / top
        }
        _ => f32::from(plane.data[y * plane.stride + x]) / top,
    }
}

/// Encodes `frames` numbered pictures with `args` after the input; the file is kept and taken
/// again while name and arguments stay the same.
pub fn encode(name: &str, frames: u32, size: (u32, u32), args: &[&str]) -> PathBuf {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(|e| e.into_inner());
    let (stem, ending) = name.rsplit_once('.').unwrap();
    let mut key = 0xcbf2_9ce4_8422_2325u64;
    let text = format!("{frames} {size:?} {}", args.join(" "));
    for b in text.bytes() {
        key = (key ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
    }
    let path = folder().join(format!("{stem}-{key:016x}.{ending}"));
    if path.exists() {
        return path;
    }
    let part = folder().join(format!("part-{}-{name}", std::process::id()));
    let (w, h) = size;
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "gray", "-r", "25"])
        .args(["-s", &format!("{w}x{h}"), "-i", "-"])
        .args(args)
        .arg(&part)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    for n in 0..frames {
        if pipe.write_all(&numbered(n, size)).is_err() {
            break;
        }
    }
    drop(pipe);
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    std::fs::rename(&part, &path).unwrap();
    path
}

/// Runs `ffmpeg` with `args`, the output file last.
pub fn ffmpeg(args: &[&str]) {
    let out = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(args).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// Time stamps of all frames as `ffprobe` decodes them (its best guess where a frame has none;
/// `None` where it knows none).
pub fn reference_pts(path: &Path) -> Vec<Option<i64>> {
    let out = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-show_entries",
            "frame=pts,best_effort_timestamp",
        ])
        .args(["-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let number = |l: &str| l.split(',').find_map(|v| v.trim().parse().ok());
    text.lines().filter(|l| !l.trim().is_empty()).map(number).collect()
}

/// A small deterministic generator (SplitMix64).
pub struct Random(pub u64);

impl Random {
    /// The next value below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n.max(1)
    }
}

/// The number that a frame shows, and that its index agrees.
pub fn check(frame: &VideoFrame) -> u32 {
    let shown = number_in(&frame.picture);
    assert_eq!(shown, frame.index.0, "picture {shown} came out as frame {}", frame.index);
    shown
}

#[test]
fn a_numbered_picture_reads_back() {
    for number in [0, 1, 2, 599, 1234, 4095] {
        let data = numbered(number, SIZE);
        let plane = fnac::units::Plane { width: 96, height: 64, stride: 96, data };
        let p = PlanarPicture {
            width: 96,
            height: 64,
            layout: PlaneLayout::Gray,
            bits: 8,
            color: fnac::units::ColorSpec::default(),
            orientation: fnac::units::Orientation::default(),
            pixel_aspect: 1.0,
            planes: vec![plane],
        };
        assert_eq!(number_in(&p), number);
    }
}
