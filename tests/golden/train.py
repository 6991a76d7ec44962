"""Makes train.json: two short trainings in PyTorch (f64) that need no data set.

Weights and inputs come from formulas that the test repeats; nothing was learnt from data. Run:
`python tests/golden/train.py > tests/golden/train.json` (torch and numpy; a minute).
"""
import json

import numpy as np
import torch
from torch import nn

GAMMA, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1
WIDTH, DIM, PAIRS, EXTRA, FRAMES, TAU = 2, 16, 4, 2, 64, 0.03


def uniforms(key, n):
    """SplitMix64 seeded with the FNV-1a hash of the key, top 24 bits: in [0, 1)."""
    h = 0xCBF29CE484222325
    for b in key.encode():
        h = ((h ^ b) * 0x100000001B3) & MASK
    with np.errstate(over="ignore"):
        z = np.uint64(h) + (np.arange(n, dtype=np.uint64) + np.uint64(1)) * np.uint64(GAMMA)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 16777216.0


def weight(key, shape):
    """The formula checkpoint of `fnac::model::Checkpoint::formula`."""
    n = int(np.prod(shape)) if len(shape) else 1
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, dtype=np.int64)
    u = uniforms(key, n)
    if key.endswith("running_var") or (key.endswith("weight") and len(shape) == 1):
        v = 0.5 + u
    elif key.endswith("running_mean") or key.endswith("bias"):
        v = (2.0 * u - 1.0) * 0.2
    else:
        fan = int(np.prod(shape[1:]))
        t = (2.0 * u - 1.0).reshape(shape[0], fan)
        v = (t - t.sum(axis=1, keepdims=True) / fan) * np.sqrt(6.0 / fan)
        v = v * 4.0 if key == "audnet.conv1.weight" else v
    return v.astype(np.float32).reshape(shape)


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


class Trunk(nn.Module):
    def __init__(self, cin, w):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, w, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(w)
        self.pool = nn.MaxPool2d(3, 2, 1)
        for i in range(4):
            a, b = w << max(i - 1, 0), w << i
            setattr(self, f"layer{i + 1}",
                    nn.Sequential(Block(a, b, 1 if i == 0 else 2), Block(b, b, 1)))

    def forward(self, x):
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.imgnet, self.img_proj = Trunk(3, WIDTH), nn.Conv2d(8 * WIDTH, DIM, 1)
        self.audnet, self.aud_proj = Trunk(1, WIDTH), nn.Linear(8 * WIDTH, DIM)

    def forward(self, x, s):
        unit = lambda v: nn.functional.normalize(v, dim=1)
        pooled = nn.functional.adaptive_max_pool2d(self.audnet(s), 1).flatten(1)
        return unit(self.img_proj(self.imgnet(x))), unit(self.aud_proj(pooled))


def terms(img, aud, soft):
    b = img.shape[0]
    sims = torch.einsum("nchw,mc->nmhw", img, aud).flatten(2) / TAU
    cells = sims.shape[2]
    z = sims.logsumexp(2) - np.log(cells) if soft else sims.max(2).values
    own = torch.stack([sims[i, i] for i in range(b)]).detach()
    lo, hi = own.amin(1, keepdim=True), own.amax(1, keepdim=True)
    mask = ((own - lo) / (hi - lo + 1e-5) > 0.6).to(img.dtype)
    flat, aud, square = img.flatten(2), aud[:b], z[:, :b]
    row = lambda v: torch.softmax(v, 1)
    pa, pz = row(aud @ aud.T / TAU), row(square)
    mean = flat.mean(2)
    fg = (flat * mask[:, None]).mean(2)
    pu, pg = row(mean @ mean.T / TAU), row(fg @ fg.T / TAU)
    nll = lambda v: -torch.log_softmax(v, 1)[:, :b].diagonal().mean()
    gap = lambda p, q: (p - q).abs().mean()
    return [nll(z) + nll(square.T), gap(pa, pz), gap(pa, pg), gap(pu, pz)]


def run(soft, extra, weights, lr):
    torch.manual_seed(0)
    net = Net()
    state = {k: torch.from_numpy(np.array(weight(k, tuple(t.shape))))
             for k, t in net.state_dict().items()}
    net.load_state_dict(state)
    net = net.double().train()
    data = lambda key, shape, scale, shift: torch.from_numpy(
        (uniforms(key, int(np.prod(shape))).reshape(shape) * scale + shift).astype(np.float32)
    ).double()
    x = data("pictures", (PAIRS, 3, 224, 224), 4.0, -2.0)
    s = data("sounds", (PAIRS + extra, 1, 257, FRAMES), 1.0, -1.3)
    adam = torch.optim.Adam(net.parameters(), lr=lr, weight_decay=1e-4)
    out = {"soft": soft, "extra": extra, "weights": weights, "learning_rate": lr, "steps": []}
    for step in range(5):
        parts = terms(*net(x, s), soft)
        loss = sum(w * t for w, t in zip(weights, parts) if w)
        adam.zero_grad()
        loss.backward()
        if step == 0:
            out["gradients"] = {k: float(p.grad.norm()) for k, p in net.named_parameters()}
            out["running"] = {k: float(v.norm()) for k, v in net.state_dict().items()
                              if "running" in k}
        norm = float(torch.sqrt(sum(p.grad.pow(2).sum() for p in net.parameters())))
        # contrastive, fns_audio, tne, fns_image
        out["steps"].append({"terms": [float(t.detach()) for t in parts], "grad_norm": norm})
        adam.step()
    out["after"] = {k: float(v.detach().norm()) for k, v in net.named_parameters()}
    return out


if __name__ == "__main__":
    runs = [run(False, 0, [1.0, 100.0, 100.0, 100.0], 1e-4), run(True, EXTRA, [1.0, 0, 0, 0], 1e-4)]
    print(json.dumps({"width": WIDTH, "dim": DIM, "pairs": PAIRS, "frames": FRAMES, "tau": TAU,
                      "torch": torch.__version__.split("+")[0], "runs": runs}, indent=1))
