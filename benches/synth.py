"""The job of `fnac synth` in NumPy, SciPy and Pillow, beside fnac's, in turn, on the same cores.

    python3 benches/synth.py [--fnac target/debug/fnac] [--count 300] [--rounds 3]

Needs numpy, scipy and Pillow. Each pair: a textured 224x224 background, one sounding thing and up
to three silent ones (rotated, scaled, recoloured, from drawings of 192 px), 3 s of synthesised
sound at 16 kHz with coloured noise, PNG + WAV + mask + boxes on disk; as many processes as cores.
What is drawn is simpler than fnac's (no scenery, no shadows, eight sounds); nothing in it is
slower than a data-set script would usually be. Prints pairs per second of every round, and the
median of the rounds' ratios.
"""
import argparse
import json
import math
import multiprocessing
import os
import statistics
import subprocess
import tempfile
import time

import numpy as np
from PIL import Image, ImageDraw
from scipy import signal
from scipy.io import wavfile

RATE, SIDE, SECS = 16000, 224, 3


def drawings():
    out = []
    for k in range(8):
        im = Image.new("RGBA", (192, 192))
        d = ImageDraw.Draw(im)
        points = []
        for i in range(5 + k):
            for r in (90, 45):
                a = math.pi * (2 * i + (r == 45)) / (5 + k)
                points.append((96 + r * math.sin(a), 96 - r * math.cos(a)))
        d.polygon(points, fill=(40 + 25 * k, 220 - 20 * k, 120, 255))
        d.ellipse((70, 70, 122, 122), fill=(250, 250, 250, 255))
        out.append(im)
    return out


DRAWINGS = drawings()


def noise_field(rng, cells):
    small = rng.random((cells, cells, 3), dtype=np.float32)
    im = Image.fromarray((255 * small).astype(np.uint8)).resize((SIDE, SIDE), Image.BICUBIC)
    return np.asarray(im, dtype=np.float32)


def picture(rng):
    ground = 0.6 * noise_field(rng, int(rng.integers(3, 9))) + 0.4 * noise_field(rng, 28)
    ground += rng.normal(0, 4, ground.shape).astype(np.float32)
    im = Image.fromarray(ground.clip(0, 255).astype(np.uint8))
    boxes, truth_mask = [], None
    things = 1 + int(rng.integers(0, 4))
    for n in range(things):
        kind = int(rng.integers(0, len(DRAWINGS)))
        side = int(SIDE * rng.uniform(0.3, 0.6 if things < 3 else 0.4))
        glyph = DRAWINGS[kind]
        if rng.random() < 0.5:
            glyph = glyph.transpose(Image.FLIP_LEFT_RIGHT)
        glyph = glyph.resize((side, side), Image.LANCZOS).rotate(
            rng.uniform(-20, 20), Image.BICUBIC, expand=True
        )
        a = np.asarray(glyph, dtype=np.float32).copy()
        a[..., :3] = (a[..., :3] * rng.uniform(0.7, 1.3, 3)).clip(0, 255)
        glyph = Image.fromarray(a.astype(np.uint8))
        glyph = glyph.crop(glyph.getchannel("A").getbbox())
        w, h = glyph.size
        for _ in range(20):
            x, y = int(rng.integers(0, max(1, SIDE - w))), int(rng.integers(0, max(1, SIDE - h)))
            if all(x >= b[2] or x + w <= b[0] or y >= b[3] or y + h <= b[1] for b in boxes):
                break
        im.paste(glyph, (x, y), glyph)
        boxes.append((x, y, x + w, y + h, kind))
        if n == 0:
            truth_mask = Image.new("L", (SIDE, SIDE))
            truth_mask.paste(glyph.getchannel("A").point(lambda v: 255 * (v >= 128)), (x, y))
    return im, truth_mask, boxes


def sound(rng, kind):
    n = RATE * SECS
    t = np.arange(n) / RATE
    f0 = 110.0 * 2 ** (kind / 2) * rng.uniform(0.9, 1.1)
    beat = rng.uniform(1.5, 5)
    out = np.zeros(n)
    for k in range(1, 9):
        phase = 2 * np.pi * k * f0 * (t + 0.002 * np.sin(2 * np.pi * 5 * t))
        out += np.sin(phase) / k**rng.uniform(0.8, 1.6)
    out *= np.exp(-3 * (t * beat % 1.0))
    b, a = signal.butter(2, [0.8 * f0, min(7000, 12 * f0)], "bandpass", fs=RATE)
    out = signal.lfilter(b, a, out)
    spectrum = np.fft.rfft(rng.normal(size=n))
    spectrum /= np.sqrt(np.arange(len(spectrum)) + 1.0)
    hiss = np.fft.irfft(spectrum, n)
    level = 10 ** (rng.uniform(-28, -10) / 20)
    out *= level / (np.sqrt(np.mean(out**2)) + 1e-9)
    hiss *= level * 10 ** (-rng.uniform(12, 40) / 20) / np.sqrt(np.mean(hiss**2))
    return ((out + hiss).clip(-1, 1) * 32767).astype(np.int16)


def make(job):
    root, i = job
    rng = np.random.default_rng([7, i])
    im, mask, boxes = picture(rng)
    name = f"toy7_{i:07}"
    im.save(f"{root}/frames/{name}.png", compress_level=1)
    mask.save(f"{root}/masks/{name}.png")
    wavfile.write(f"{root}/audio/{name}.wav", RATE, sound(rng, boxes[0][4]))
    with open(f"{root}/truth/{name}.json", "w") as f:
        json.dump({"boxes": boxes}, f)


def rival(count, jobs):
    with tempfile.TemporaryDirectory() as root:
        for sub in ("frames", "masks", "audio", "truth"):
            os.mkdir(f"{root}/{sub}")
        with multiprocessing.Pool(jobs) as pool:
            pool.map(make, [(root, i) for i in range(jobs)])
            start = time.perf_counter()
            pool.map(make, [(root, i) for i in range(count)], chunksize=8)
            return count / (time.perf_counter() - start)


def fnac(program, count):
    with tempfile.TemporaryDirectory() as root:
        start = time.perf_counter()
        args = [program, "synth", "--quiet", "--seed", "7", "--count", str(count), "--out", f"{root}/o"]
        subprocess.run(args, check=True)
        return count / (time.perf_counter() - start)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--fnac", default="target/debug/fnac")
    p.add_argument("--count", type=int, default=300)
    p.add_argument("--rounds", type=int, default=3)
    a = p.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    jobs = os.cpu_count() or 1
    ours, theirs = [], []
    for r in range(a.rounds):
        theirs.append(rival(a.count, jobs))
        ours.append(fnac(a.fnac, a.count))
        print(f"round {r + 1}: fnac {ours[-1]:.1f} pairs/s (start included), numpy + scipy + Pillow {theirs[-1]:.1f} pairs/s")
    a, b = statistics.median(ours), statistics.median(theirs)
    ratio = statistics.median(o / t for o, t in zip(ours, theirs))
    print(f"medians: {a:.1f} and {b:.1f}; of a round, fnac makes {ratio:.2f} times as many")


if __name__ == "__main__":
    main()
