//! The drawing: a room with a bell, a drum and a bird.

use super::canvas::{
    Canvas, Colour, Point, capsule, circle, ellipse, mix, noise, rgb, round_box, smooth,
    soft_noise, triangle, turned,
};
use super::story::{
    Actor, BELL_BEAT, BELL_STRIKES, BIRD_CALLS, CLIP_SECS, DRUM_HITS, Drummer, since, until,
};

const WALL: u32 = 0x2f5d62;
const WALL_LIGHT: u32 = 0x6fa39a;
const FLOOR: u32 = 0x9a6b4a;
const FLOOR_DARK: u32 = 0x6d4630;
const WOOD: u32 = 0x7a5236;
const WOOD_LIGHT: u32 = 0xa97a52;
const HORIZON: f32 = 262.0;

/// Wall, floor, beam, branch: what never moves.
pub(super) fn background(canvas: &mut Canvas) {
    canvas.paint(|p| {
        let grain = noise(p[0] as i32 * 3 / 2, p[1] as i32 * 3 / 2) - 0.5;
        if p[1] < HORIZON {
            let glow = 1.0 - smooth(40.0, 420.0, circle(p, [320.0, 150.0], 0.0));
            let paper = soft_noise([p[0] / 9.0, p[1] / 9.0]) - 0.5;
            let stripe = smooth(0.55, 0.75, (p[0] * std::f32::consts::TAU / 64.0).sin());
            let wall = mix(rgb(WALL), rgb(WALL_LIGHT), 0.15 + 0.6 * glow);
            let lit = mix(wall, rgb(WALL), 0.18 * stripe);
            lit.map(|v| (v + 0.035 * paper + 0.02 * grain).clamp(0.0, 1.0))
        } else {
            // Boards that run towards the viewer.
            let depth = (p[1] - HORIZON) / 98.0;
            let x = (p[0] - 320.0) / (0.55 + 0.6 * depth);
            let board = (x / 52.0).floor();
            let seam = ((x / 52.0) - board).min(1.0 - (x / 52.0) + board) * 52.0;
            let tone = 0.25 + 0.35 * noise(board as i32, 7) + 0.25 * depth;
            let fibre = soft_noise([x / 3.0, p[1] / 60.0 + board]) - 0.5;
            let c = mix(rgb(FLOOR_DARK), rgb(FLOOR), tone + 0.22 * fibre);
            let c = mix(rgb(0x3f2819), c, smooth(0.0, 1.8, seam));
            c.map(|v| (v + 0.02 * grain).clamp(0.0, 1.0))
        }
    });
    // Skirting board.
    canvas.shape([0.0, 250.0], [640.0, 264.0], rgb(0xd9cdb4), |p| {
        round_box(p, [320.0, 257.0], [330.0, 5.0], 1.0)
    });
    canvas.fill(
        [0.0, 258.0],
        [640.0, 270.0],
        4.0,
        |p| round_box(p, [320.0, 263.0], [330.0, 1.0], 0.0),
        |_| ([0.0; 3], 0.35),
    );
    beam(canvas);
    branch(canvas);
}

fn beam(canvas: &mut Canvas) {
    canvas.fill(
        [0.0, 16.0],
        [270.0, 44.0],
        8.0,
        |p| round_box(p, [118.0, 33.0], [112.0, 6.0], 4.0),
        |_| ([0.0; 3], 0.35),
    );
    canvas.fill(
        [0.0, 10.0],
        [270.0, 40.0],
        0.0,
        |p| round_box(p, [118.0, 24.0], [112.0, 8.0], 3.0),
        |p| {
            let fibre = soft_noise([p[0] / 30.0, p[1] * 1.3]);
            (mix(rgb(WOOD), rgb(WOOD_LIGHT), 0.9 * fibre - (p[1] - 20.0) * 0.04), 1.0)
        },
    );
}

fn branch(canvas: &mut Canvas) {
    let wood = |p: Point| {
        let d = capsule(p, [648.0, 232.0], [470.0, 214.0], 7.0).min(capsule(
            p,
            [560.0, 222.0],
            [520.0, 250.0],
            4.0,
        ));
        d.min(capsule(p, [600.0, 226.0], [612.0, 186.0], 3.5))
    };
    canvas.fill(
        [420.0, 170.0],
        [640.0, 270.0],
        8.0,
        |p| wood([p[0] - 5.0, p[1] - 8.0]),
        |_| ([0.0; 3], 0.3),
    );
    canvas.fill([440.0, 170.0], [640.0, 262.0], 0.0, wood, |p| {
        let fibre = soft_noise([p[0] / 14.0, p[1] * 0.9]);
        (mix(rgb(0x5b3f2b), rgb(0x93694a), fibre - (p[1] - 220.0) * 0.02), 1.0)
    });
    for (x, y, angle, tone) in [
        (476.0, 204.0, -0.9, 0.2),
        (464.0, 220.0, -2.2, 0.7),
        (516.0, 258.0, -3.6, 0.4),
        (614.0, 178.0, 0.1, 0.1),
        (622.0, 190.0, 0.9, 0.6),
        (602.0, 182.0, -0.7, 0.9),
        (588.0, 236.0, 2.5, 0.3),
    ] {
        leaf(canvas, [x, y], angle, tone);
    }
}

fn leaf(canvas: &mut Canvas, at: Point, angle: f32, tone: f32) {
    let local = |p: Point| turned([p[0] - at[0], p[1] - at[1]], -angle);
    let shape = |p: Point| {
        let q = local(p);
        circle(q, [9.0, 9.0], 18.0).max(circle(q, [-9.0, 9.0], 18.0)).max(q[1] - 8.0)
    };
    canvas.fill([at[0] - 22.0, at[1] - 22.0], [at[0] + 22.0, at[1] + 22.0], 0.0, shape, |p| {
        let vein = smooth(0.3, 1.2, local(p)[0].abs());
        (mix(rgb(0xcfe08a), mix(rgb(0x5f9e54), rgb(0x8fbf55), tone), vein), 1.0)
    });
}

/// The box that an actor's drawing stays in.
pub(super) fn reach(actor: Actor) -> (Point, Point) {
    let b = actor.place();
    ([b.x0 * 640.0, b.y0 * 360.0], [b.x1 * 640.0, b.y1 * 360.0])
}

/// An actor as it looks at `t` seconds.
pub(super) fn draw(canvas: &mut Canvas, actor: Actor, t: f64) {
    match actor {
        Actor::Bell => bell(canvas, t),
        Actor::Drum => drum(canvas, t),
        Actor::Bird => bird(canvas, t),
    }
}

/// Rings that leave a sounding thing.
fn rings(canvas: &mut Canvas, centre: Point, ages: impl Iterator<Item = f64>, most: f32) {
    for age in ages {
        let age = age as f32;
        let radius = 26.0 + age * 130.0;
        if radius > most {
            continue;
        }
        let strength = 0.5 * (1.0 - radius / most);
        let (lo, hi) = (
            [centre[0] - radius - 3.0, centre[1] - radius - 3.0],
            [centre[0] + radius + 3.0, centre[1] + radius + 3.0],
        );
        canvas.fill(
            lo,
            hi,
            1.5,
            |p| circle(p, centre, radius).abs() - 0.9,
            |_| (rgb(0xfff4d0), strength),
        );
    }
}

/// Angle of the swinging bell: out at the strikes, at rest outside its turn.
fn swing(t: f64) -> f32 {
    let turn = smooth(0.0, 0.4, t as f32) * (1.0 - smooth(3.0, 3.9, t as f32));
    // A strike is where the bell turns round, at the ends of its way.
    let phase = (t - BELL_STRIKES[0]) / (2.0 * BELL_BEAT) * std::f64::consts::TAU;
    0.42 * turn * phase.cos() as f32
}

fn bell(canvas: &mut Canvas, t: f64) {
    let t = t.rem_euclid(CLIP_SECS);
    let angle = if t < 4.0 { swing(t) } else { 0.0 };
    // The clapper lags behind and goes further.
    let clapper_angle = if t < 4.0 { 1.5 * swing((t - 0.06).max(0.0)) } else { 0.0 };
    let pivot = [126.0, 36.0];
    let local = |p: Point| turned([p[0] - pivot[0], p[1] - pivot[1]], angle);
    let place = |q: Point, a: f32| {
        let r = turned(q, -a);
        [pivot[0] + r[0], pivot[1] + r[1]]
    };
    let (lo, hi) = ([30.0, 24.0], [222.0, 236.0]);

    if t < 4.0 {
        let ages = BELL_STRIKES.iter().map(|s| t - s).filter(|a| *a >= 0.0);
        rings(canvas, place([0.0, 100.0], angle), ages, 92.0);
    }
    // Half the width of the bell at a height below its crown.
    let half = |y: f32| {
        let u = (y / 88.0).clamp(0.0, 1.0);
        16.0 + 14.0 * u + 22.0 * u.powi(4) - 9.0 * (1.0 - smooth(0.0, 0.16, u))
    };
    let body = |p: Point| {
        let q = local(p);
        let y = q[1] - 22.0;
        let side = (q[0].abs() - half(y)) * 0.82;
        side.max(-y).max(y - 88.0)
    };
    // Shadow on the wall.
    canvas.fill(lo, hi, 10.0, |p| body([p[0] - 8.0, p[1] - 10.0]), |_| ([0.0; 3], 0.28));
    let ball = place([0.0, 118.0], clapper_angle);
    let rod = place([0.0, 40.0], clapper_angle);
    canvas.shape(lo, hi, rgb(0x4a3a20), |p| capsule(p, rod, ball, 2.2));
    canvas.fill(
        lo,
        hi,
        0.0,
        |p| circle(p, ball, 8.5),
        |p| {
            let light = 1.0 - circle(p, [ball[0] - 3.0, ball[1] - 3.0], 0.0) / 11.0;
            (mix(rgb(0x5f4a24), rgb(0xc9a659), light), 1.0)
        },
    );
    // Strap.
    canvas.shape(lo, hi, rgb(0x4d3423), |p| {
        let q = local(p);
        round_box(q, [0.0, 10.0], [6.0, 16.0], 4.0)
    });
    canvas.fill(lo, hi, 0.0, body, |p| {
        let q = local(p);
        let y = q[1] - 22.0;
        let across = q[0] / half(y).max(1.0);
        let shade = 1.0 - (across + 0.35).abs().powf(1.3) * 0.85;
        let gleam = (-((across + 0.45) * 6.0).powi(2)).exp() * 0.55;
        let band = if (y - 62.0).abs() < 1.6 || (y - 20.0).abs() < 1.2 { -0.22 } else { 0.0 };
        let lip = 0.18 * smooth(78.0, 84.0, y);
        let c = mix(rgb(0x7a4f12), rgb(0xf0bd4a), shade + band + lip);
        (mix(c, rgb(0xfff6d8), gleam), 1.0)
    });
    canvas.fill(
        lo,
        hi,
        0.0,
        |p| {
            let q = local(p);
            ellipse(q, [0.0, 110.0], [half(88.0) - 1.0, 4.5])
        },
        |p| {
            let q = local(p);
            (mix(rgb(0x3b260b), rgb(0x8a611f), (q[1] - 106.0) / 8.0), 1.0)
        },
    );
    // The clapper's ball hangs before the mouth.
    canvas.fill(
        lo,
        hi,
        0.0,
        |p| circle(p, ball, 8.5).max(111.0 - local(p)[1]),
        |p| {
            let light = 1.0 - circle(p, [ball[0] - 3.0, ball[1] - 3.0], 0.0) / 11.0;
            (mix(rgb(0x5f4a24), rgb(0xd9b76a), light), 1.0)
        },
    );
}

fn drum(canvas: &mut Canvas, t: f64) {
    let t = t.rem_euclid(CLIP_SECS);
    let centre = [320.0, 248.0];
    let (lo, hi) = ([230.0, 132.0], [410.0, 318.0]);
    let hit = since(t, DRUM_HITS.iter().map(|h| h.0)).unwrap_or(9.0) as f32;
    let shake = if hit < 0.5 { (-hit / 0.09).exp() } else { 0.0 };

    canvas.fill(
        lo,
        [410.0, 318.0],
        14.0,
        |p| ellipse(p, [322.0, 302.0], [76.0, 9.0]),
        |_| ([0.0; 3], 0.5),
    );
    if (4.0..8.0).contains(&t) {
        let ages = DRUM_HITS.iter().map(|h| t - h.0).filter(|a| *a >= 0.0);
        rings(canvas, [centre[0], 214.0], ages, 82.0);
    }
    let (top, bottom, wide) = (212.0, 296.0, 66.0);
    let shell = |p: Point| {
        let middle =
            round_box(p, [centre[0], (top + bottom) / 2.0], [wide, (bottom - top) / 2.0], 0.0);
        middle.min(ellipse(p, [centre[0], bottom], [wide, 13.0]))
    };
    canvas.fill(lo, hi, 0.0, shell, |p| {
        let across = (p[0] - centre[0]) / wide;
        let light = 0.95 - (across + 0.3).abs() * 0.62;
        // Cords that zigzag around the shell; nearer together towards the sides.
        let turn = across.clamp(-0.999, 0.999).asin() * 5.0;
        let zig = 2.0 * (turn / 2.0 - (turn / 2.0 + 0.5).floor()).abs();
        let depth = 13.0 * (1.0 - across * across).max(0.0).sqrt();
        let y = (p[1] - top - depth) / (bottom - top);
        let cord = 1.0 - smooth(0.03, 0.06, (y - 0.08 - zig * 0.84).abs());
        let red = mix(rgb(0x5d0f17), rgb(0xd8404a), light);
        (mix(red, mix(rgb(0x9b8a66), rgb(0xfff1cf), light), cord), 1.0)
    });
    let hoop = |canvas: &mut Canvas, y: f32| {
        let ring = move |p: Point| {
            let outer = ellipse(p, [centre[0], y + 5.0], [wide + 3.0, 14.5]);
            outer.max(-ellipse(p, [centre[0], y - 5.0], [wide + 3.0, 14.0]))
        };
        canvas.fill(lo, hi, 0.0, ring, |p| {
            let light = 1.0 - ((p[0] - centre[0]) / wide + 0.3).abs() * 0.7;
            (mix(rgb(0x5a3b12), rgb(0xf2c45c), light), 1.0)
        });
    };
    hoop(canvas, bottom - 2.0);
    hoop(canvas, top);
    let skin = |p: Point| ellipse(p, [centre[0], top], [wide, 14.0]);
    canvas.fill(lo, hi, 0.0, skin, |p| {
        let r = (((p[0] - centre[0]) / wide).powi(2) + ((p[1] - top) / 14.0).powi(2)).sqrt();
        let wave = (r * 22.0 - hit * 46.0).sin() * shake * 0.22;
        let c = mix(rgb(0xfffaf0), rgb(0xcdbf9f), 0.75 * r * r);
        (c.map(|v| (v + wave + 0.10 * shake).clamp(0.0, 1.0)), 1.0)
    });
    for who in [Drummer::Left, Drummer::Right] {
        stick(canvas, t, who, centre[0], top);
    }
}

/// Height of a stick's tip above the skin: down at its hits, raised between, resting outside.
fn tip_height(t: f64, who: Drummer) -> f32 {
    let mine = || DRUM_HITS.iter().filter(move |h| h.1 == who).map(|h| h.0);
    let rest = 13.0;
    let after = since(t, mine()).map_or(9.0, |s| s as f32);
    let before = until(t, mine()).map_or(9.0, |s| s as f32);
    let raised = 44.0;
    let bounce = raised * smooth(0.0, 0.16, after).max(0.0);
    let down = raised * smooth(0.0, 0.09, before);
    let playing =
        if after > 8.0 { smooth(0.5, 0.2, before) } else { 1.0 - smooth(0.25, 0.7, after) };
    let playing = if before < 0.6 { playing.max(smooth(0.6, 0.25, before)) } else { playing };
    let moving = bounce.min(down);
    rest + (moving - rest) * playing
}

fn stick(canvas: &mut Canvas, t: f64, who: Drummer, x: f32, top: f32) {
    let side = if who == Drummer::Left { -1.0 } else { 1.0 };
    let h = tip_height(t, who);
    let tip = [x + side * 17.0, top - 1.0 - h];
    let butt = [x + side * 78.0, top - 38.0 - 0.25 * h];
    let (lo, hi) = ([230.0, 132.0], [410.0, 318.0]);
    if h < 50.0 {
        let shadow = 0.30 * (1.0 - h / 60.0);
        canvas.fill(
            lo,
            hi,
            5.0,
            |p| ellipse(p, [tip[0] + side * 4.0, top + 2.0], [12.0, 3.0]),
            |_| ([0.0; 3], shadow),
        );
    }
    canvas.fill(
        lo,
        hi,
        0.0,
        |p| capsule(p, tip, butt, 3.0),
        |p| {
            let light = smooth(
                2.5,
                -2.5,
                p[1] - (tip[1] + (butt[1] - tip[1]) * (p[0] - tip[0]) / (butt[0] - tip[0])),
            );
            (mix(rgb(0x8a5b2c), rgb(0xf0cb8c), light), 1.0)
        },
    );
    canvas.fill(
        lo,
        hi,
        0.0,
        |p| ellipse(p, tip, [6.0, 5.0]),
        |p| {
            (
                mix(
                    rgb(0xb07c43),
                    rgb(0xffe6b8),
                    1.0 - circle(p, [tip[0] - 2.0, tip[1] - 2.0], 0.0) / 8.0,
                ),
                1.0,
            )
        },
    );
}

/// How far the beak is open, 0 to 1.
fn gape(t: f64) -> f32 {
    BIRD_CALLS
        .iter()
        .filter(|(start, length, ..)| (*start..start + length).contains(&t))
        .map(|(start, length, ..)| (std::f64::consts::PI * (t - start) / length).sin() as f32)
        .fold(0.0, f32::max)
}

fn bird(canvas: &mut Canvas, t: f64) {
    let t = t.rem_euclid(CLIP_SECS);
    let (lo, hi) = ([424.0, 60.0], [626.0, 262.0]);
    let open = gape(t).sqrt();
    let call = since(t, BIRD_CALLS.iter().map(|c| c.0)).unwrap_or(9.0) as f32;
    let bob = 3.0 * open;
    let body = [548.0, 180.0 - 0.4 * bob];
    let head = [522.0, 146.0 - bob];

    notes(canvas, t, [head[0] - 26.0, head[1] - 6.0]);
    let torso =
        |p: Point| ellipse(turned([p[0] - body[0], p[1] - body[1]], 0.5), [0.0, 0.0], [44.0, 30.0]);
    canvas.fill(lo, hi, 12.0, |p| torso([p[0] - 8.0, p[1] - 10.0]), |_| ([0.0; 3], 0.25));
    // Tail.
    for (dy, tone) in [(0.0, 0x1f4e79), (7.0, 0x2b6aa3)] {
        canvas.shape(lo, hi, rgb(tone), |p| {
            capsule(p, [576.0, 190.0 + dy], [616.0, 222.0 + dy], 6.5 - dy * 0.25)
        });
    }
    for x in [538.0, 554.0] {
        canvas.shape(lo, hi, rgb(0xd98a2b), |p| capsule(p, [x, 200.0], [x - 2.0, 218.0], 2.0));
    }
    canvas.fill(lo, hi, 0.0, torso, |p| {
        let up = smooth(30.0, -30.0, p[1] - body[1] + 0.25 * (p[0] - body[0]));
        let belly = smooth(-6.0, 20.0, p[1] - body[1] - 0.5 * (p[0] - body[0]) - 2.0);
        let blue = mix(rgb(0x2463a0), rgb(0x62b0ea), up);
        let down = soft_noise([p[0] / 2.5, p[1] / 4.0]) * 0.08 - 0.04;
        (mix(blue, rgb(0xffd9a0), belly).map(|v| (v + down).clamp(0.0, 1.0)), 1.0)
    });
    beak(canvas, head, open);
    canvas.fill(
        lo,
        hi,
        0.0,
        |p| circle(p, head, 26.0),
        |p| {
            let light = 1.0 - circle(p, [head[0] - 8.0, head[1] - 11.0], 0.0) / 40.0;
            let cheek = 1.0 - smooth(4.0, 13.0, circle(p, [head[0] - 9.0, head[1] + 11.0], 0.0));
            let c = mix(rgb(0x2463a0), rgb(0x78c0f2), light);
            (mix(c, rgb(0xffd9a0), 0.85 * cheek), 1.0)
        },
    );
    // Wing, lifted a little by each call.
    let lift = if call < 0.6 { 0.25 * (-call / 0.15).exp() } else { 0.0 };
    let wing = |p: Point| {
        let q = turned([p[0] - 556.0, p[1] - (176.0 - 0.4 * bob)], 0.65 - lift);
        ellipse(q, [6.0, 0.0], [33.0, 14.0])
    };
    canvas.fill(lo, hi, 0.0, wing, |p| {
        let q = turned([p[0] - 556.0, p[1] - 176.0], 0.65 - lift);
        let feather = smooth(0.2, 0.9, ((q[0] + q[1].abs() * 0.8) * 0.42).sin());
        (mix(rgb(0x174a7c), rgb(0x3a86c8), 0.35 + 0.4 * feather - q[1] * 0.02), 1.0)
    });
    let eye = [head[0] - 9.0, head[1] - 6.0];
    canvas.shape(lo, hi, rgb(0xffffff), |p| circle(p, eye, 6.4));
    canvas.shape(lo, hi, rgb(0x14202b), |p| circle(p, [eye[0] - 1.2, eye[1]], 4.0));
    canvas.shape(lo, hi, rgb(0xffffff), |p| circle(p, [eye[0] - 2.6, eye[1] - 1.6], 1.3));
}

fn beak(canvas: &mut Canvas, head: Point, open: f32) {
    let (lo, hi) = ([424.0, 60.0], [626.0, 262.0]);
    let hinge = [head[0] - 18.0, head[1] + 2.0];
    let tip = |up: f32| [head[0] - 48.0, head[1] + 3.0 + up];
    let upper =
        [[hinge[0] + 4.0, hinge[1] - 9.0], [hinge[0] + 4.0, hinge[1] + 3.0], tip(-9.0 * open)];
    let lower = [[hinge[0] + 4.0, hinge[1]], [hinge[0] + 4.0, hinge[1] + 9.0], tip(11.0 * open)];
    let inside = [[hinge[0] + 4.0, hinge[1]], tip(-8.0 * open), tip(10.0 * open)];
    if open > 0.05 {
        canvas.shape(lo, hi, rgb(0x9c2f2f), |p| triangle(p, inside) + 2.0);
    }
    canvas.shape(lo, hi, rgb(0xd9802a), |p| triangle(p, lower) - 0.6);
    canvas.shape(lo, hi, rgb(0xffb347), |p| triangle(p, upper) - 0.6);
}

/// Notes that rise from the beak, one for each call.
fn notes(canvas: &mut Canvas, t: f64, from: Point) {
    for (k, (start, ..)) in BIRD_CALLS.iter().enumerate() {
        let age = (t - start) as f32;
        if !(0.0..0.75).contains(&age) {
            continue;
        }
        let x = from[0] - 6.0 - 16.0 * age - 8.0 * ((k * 2) % 3) as f32;
        let y = from[1] - 4.0 - 62.0 * age;
        let alpha = smooth(0.0, 0.08, age) * (1.0 - smooth(0.45, 0.75, age));
        let c: Colour = rgb(0xfff4d0);
        let (lo, hi) = ([x - 12.0, y - 26.0], [x + 16.0, y + 10.0]);
        let shape = |p: Point| {
            let oval = ellipse(turned([p[0] - x, p[1] - y], 0.4), [0.0, 0.0], [6.0, 4.4]);
            let stem = capsule(p, [x + 5.0, y - 1.0], [x + 5.0, y - 19.0], 1.1);
            let flag = capsule(p, [x + 5.0, y - 19.0], [x + 11.0, y - 12.0], 1.5);
            oval.min(stem).min(flag)
        };
        canvas.fill(lo, hi, 0.0, shape, |_| (c, alpha));
    }
}
