"""PyTorch's latency beside fnac's, in turn, on the same cores.

    cargo build --benches   # once, so that the first answer does not wait for the compiler
    python3 benches/torch_latency.py [--threads 2] [--rounds 12] [--engine rten]

Needs torch. The network is the official architecture with random weights in eval mode; `torch`
is the module as the official code runs it, `folded` the same with BatchNorm folded by
torch.nn.utils.fusion. Prints minimum and median in milliseconds and fnac's ratio to each.
"""
import argparse
import statistics
import subprocess
import time

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu_(self.bn1(self.conv1(x)))))
        return torch.relu_(y.add_(x if self.downsample is None else self.downsample(x)))


class Tower(nn.Module):
    def __init__(self, cin, w, dim):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, w, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(w)
        self.pool = nn.MaxPool2d(3, 2, 1)
        blocks, c = [], w
        for i in range(4):
            o = w << i
            blocks += [Block(c, o, 1 if i == 0 else 2), Block(o, o, 1)]
            c = o
        self.blocks = nn.Sequential(*blocks)
        self.sound = cin == 1
        self.proj = nn.Linear(c, dim) if self.sound else nn.Conv2d(c, dim, 1)

    def forward(self, x):
        x = self.blocks(self.pool(torch.relu_(self.bn1(self.conv1(x)))))
        if self.sound:
            x = nn.functional.adaptive_max_pool2d(x, 1).flatten(1)
        return nn.functional.normalize(self.proj(x), dim=1)


def folded(tower):
    """The same tower with every BatchNorm inside its convolution."""
    import copy
    t = copy.deepcopy(tower)
    fuse = torch.nn.utils.fusion.fuse_conv_bn_eval
    t.conv1, t.bn1 = fuse(t.conv1, t.bn1), nn.Identity()
    for b in t.blocks:
        b.conv1, b.bn1 = fuse(b.conv1, b.bn1), nn.Identity()
        b.conv2, b.bn2 = fuse(b.conv2, b.bn2), nn.Identity()
        if b.downsample is not None:
            b.downsample = fuse(*b.downsample)
    return t


def torch_times(tower, x, runs):
    out = []
    with torch.inference_mode():
        for _ in range(runs):
            start = time.perf_counter()
            tower(x)
            out.append((time.perf_counter() - start) * 1e3)
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=12)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--engine", default="rten")
    p.add_argument("--command", default="cargo bench -q --profile dev --bench model -- --serve")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    fnac = subprocess.Popen(a.command.split(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def fnac_times(width, what, runs):
        fnac.stdin.write(f"{a.engine} {width} {a.threads} {what} {runs}\n")
        fnac.stdin.flush()
        return [float(v) for v in fnac.stdout.readline().split()]

    print(f"torch {torch.__version__}, {a.threads} threads, milliseconds: minimum / median")
    print("width what    torch             folded            fnac              fnac:torch  fnac:folded (minima)")
    for width in (64, 16):
        for what, cin, shape in (("image", 3, (224, 224)), ("sound", 1, (257, 200))):
            tower = Tower(cin, width, 8 * width).eval()
            fused, x = folded(tower), torch.randn(1, cin, *shape)
            with torch.inference_mode():
                assert torch.allclose(tower(x), fused(x), atol=1e-4)
            fnac_times(width, what, 3)
            plain, fast, ours = [], [], []
            for _ in range(a.rounds):
                plain += torch_times(tower, x, a.runs)
                ours += fnac_times(width, what, a.runs)
                fast += torch_times(fused, x, a.runs)
            cell = lambda t: f"{min(t):7.2f} / {statistics.median(t):7.2f}"
            print(f"{width:5} {what:6} {cell(plain)} {cell(fast)} {cell(ours)}"
                  f"   {min(ours) / min(plain):.2f}        {min(ours) / min(fast):.2f}", flush=True)
    fnac.stdin.close()
    fnac.wait()


main()
