"""PyTorch's training step beside fnac's, in turn, on the same cores.

    cargo build --benches   # once
    python3 benches/train.py [--width 16] [--batch 32] [--threads 2] [--rounds 6] [--program FILE]

Needs torch. Both run forward, backward and Adam on one batch in memory: both towers, the
contrastive loss with log-sum-exp pooling. `plain` is PyTorch's usual layout, `channels last` the
one it is fastest with. Prints minimum and median of wall clock and processor seconds.
"""
import argparse
import resource
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
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


def trunk(cin, w):
    layers = [nn.Conv2d(cin, w, 7, 2, 3, bias=False), nn.BatchNorm2d(w), nn.ReLU(),
              nn.MaxPool2d(3, 2, 1)]
    for i in range(4):
        a, b = w << max(i - 1, 0), w << i
        layers += [Block(a, b, 1 if i == 0 else 2), Block(b, b, 1)]
    return nn.Sequential(*layers)


class Torch:
    def __init__(self, width, batch, channels_last):
        self.image, self.sound = trunk(3, width), trunk(1, width)
        self.a, self.b = nn.Conv2d(8 * width, 8 * width, 1), nn.Linear(8 * width, 8 * width)
        self.x = torch.randn(batch, 3, 224, 224)
        self.s = torch.randn(batch, 1, 257, 200) * 0.3 - 0.8
        if channels_last:
            self.image = self.image.to(memory_format=torch.channels_last)
            self.sound = self.sound.to(memory_format=torch.channels_last)
            self.x = self.x.contiguous(memory_format=torch.channels_last)
        parts = [self.image, self.sound, self.a, self.b]
        self.adam = torch.optim.Adam([p for m in parts for p in m.parameters()], 1e-4,
                                     weight_decay=1e-4)

    def step(self):
        wall, cpu = time.perf_counter(), time.process_time()
        unit = lambda v: nn.functional.normalize(v, dim=1)
        img = unit(self.a(self.image(self.x))).flatten(2)
        aud = unit(self.b(self.sound(self.s).amax((2, 3))))
        z = (torch.einsum("ncp,mc->nmp", img, aud) / 0.03).logsumexp(2)
        own = torch.arange(len(z))
        loss = nn.functional.cross_entropy(z, own) + nn.functional.cross_entropy(z.T, own)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        loss.item()
        return time.perf_counter() - wall, time.process_time() - cpu


class Fnac:
    def __init__(self, program, width, batch):
        command = program.split() + ["--serve", str(width), str(batch)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.memory = 0

    def step(self):
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        wall, cpu, memory = self.process.stdout.readline().split()
        self.memory = int(memory)
        return float(wall), float(cpu)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--width", type=int, default=16)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=6)
    p.add_argument("--program", default="cargo bench -q --profile dev --bench train --")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    fnac = Fnac(a.program, a.width, a.batch)
    runs = {"fnac": fnac, "torch, plain": Torch(a.width, a.batch, False),
            "torch, channels last": Torch(a.width, a.batch, True)}
    times = {name: [] for name in runs}
    for turn in range(a.rounds + 1):
        for name, run in runs.items():
            took = run.step()
            if turn:
                times[name].append(took)
    print(f"width {a.width}, batch {a.batch}, {a.threads} threads: seconds per step")
    print(f"{'':22} wall min  median   processor min  median")
    for name, rows in times.items():
        wall, cpu = zip(*rows)
        print(f"{name:22} {min(wall):8.2f} {statistics.median(wall):7.2f}"
              f" {min(cpu):15.2f} {statistics.median(cpu):7.2f}")
    mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory: fnac {fnac.memory} MB, this process with both torch networks {mine} MB")


if __name__ == "__main__":
    main()
