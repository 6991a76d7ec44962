"""scipy's spectrogram and Pillow's resize beside fnac's, in turn, on the same cores.

    python3 benches/features.py [--rounds 20]

Needs numpy, scipy and Pillow. Prints minimum and median in milliseconds and the ratio of minima.
"""
import argparse
import statistics
import subprocess
import time

import numpy as np
from PIL import Image
from scipy import signal


def timed(work, runs):
    work()
    out = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        out.append((time.perf_counter() - start) * 1e3)
    return out


def spectrogram(rate):
    x = np.sin(np.arange(3 * rate) * 0.17) * 0.4

    def work():
        _, _, p = signal.spectrogram(x, rate, nperseg=512, noverlap=274)
        return (np.log(p + 1e-7) / 12).astype(np.float32)

    return work


def resize(w, h):
    data = (np.arange(3 * w * h) * 7 % 251).astype(np.uint8).reshape(h, w, 3)
    image = Image.fromarray(data)
    return lambda: image.resize((224, 224), Image.BICUBIC)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=20)
    p.add_argument("--command", default="cargo bench -q --profile dev --bench features -- --serve")
    a = p.parse_args()
    fnac = subprocess.Popen(a.command.split(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    print("milliseconds: minimum / median; rival, fnac, ratio of minima")
    for what, size, rival in (
        ("resize", "1920x1080", resize(1920, 1080)), ("resize", "1280x720", resize(1280, 720)),
        ("resize", "640x360", resize(640, 360)),
        ("spectrogram", "16000", spectrogram(16000)), ("spectrogram", "48000", spectrogram(48000)),
    ):
        theirs, ours = [], []
        for _ in range(a.rounds):
            theirs += timed(rival, 5)
            fnac.stdin.write(f"{what} {size} 5\n")
            fnac.stdin.flush()
            ours += [float(v) for v in fnac.stdout.readline().split()]
        cell = lambda t: f"{min(t):7.3f} / {statistics.median(t):7.3f}"
        name = "Pillow" if what == "resize" else "scipy"
        print(f"{what:12} {size:10} {name:7} {cell(theirs)}   fnac {cell(ours)}   {min(ours) / min(theirs):.2f}", flush=True)
    fnac.stdin.close()
    fnac.wait()


main()
