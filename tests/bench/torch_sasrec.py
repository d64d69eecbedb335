#!/usr/bin/env python3
"""The peer of bench_sasrec: SASRec's training step in PyTorch, written compactly and as fast as plain PyTorch on a CPU allows:
one product for Q, K and V, the loss on real positions only, denormals flushed, fused optimiser loops where the version has
them.  Same model (pre-LN, output projection, learned positions, sqrt(d), tied table), same sizes, lengths and item odds; random data.

  torch_sasrec.py SHAPE [THREADS [SECONDS]]     prints `SHAPE THREADS MILLISECONDS ms (...)`: median step, data preparation not counted
"""
import math
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SHAPES = {  # loss, items, users, n, d, batch, long histories
    "ml1m-bce": ("bce", 3416, 6040, 200, 50, 128, True),
    "ml1m-ce": ("ce", 3416, 6040, 200, 50, 128, True),
    "teach-bce": ("bce", 300, 1000, 20, 32, 64, False),
    "teach-ce": ("ce", 300, 1000, 20, 32, 64, False),
}


class Block(nn.Module):
    def __init__(self, d, p):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d, eps=1e-8), nn.LayerNorm(d, eps=1e-8)
        self.qkv, self.o = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.w1, self.w2 = nn.Linear(d, d), nn.Linear(d, d)
        self.p, self.scale = p, d**-0.5

    def forward(self, x, mask):
        q, k, v = self.qkv(self.ln1(x)).chunk(3, -1)
        a = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=self.scale)
        a = F.dropout(torch.softmax(a, -1), self.p, self.training)
        x = x + F.dropout(self.o(torch.bmm(a, v)), self.p, self.training)
        h = F.dropout(F.relu(self.w1(self.ln2(x))), self.p, self.training)
        return x + F.dropout(self.w2(h), self.p, self.training)


class SASRec(nn.Module):
    def __init__(self, v, n, d, p=0.2, blocks=2):
        super().__init__()
        self.e, self.pos = nn.Embedding(v + 1, d, padding_idx=0), nn.Embedding(n, d)
        nn.init.xavier_uniform_(self.e.weight)
        nn.init.xavier_uniform_(self.pos.weight)
        self.blocks = nn.ModuleList(Block(d, p) for _ in range(blocks))
        self.ln, self.p, self.scale = nn.LayerNorm(d, eps=1e-8), p, d**0.5
        self.register_buffer("mask", torch.full((n, n), -1e9).triu(1)[None])

    def forward(self, x):
        y = F.dropout(self.e(x) * self.scale + self.pos.weight, self.p, self.training)
        y = y * (x != 0).unsqueeze(-1)
        for b in self.blocks:
            y = b(y, self.mask)
        return self.ln(y)


def histories(rng, users, items, long):
    if not long:
        return [rng.integers(1, items + 1, k) for k in rng.integers(5, 30, users)]
    n = np.clip(np.exp(rng.normal(math.log(96), 1.04, users)), 18, 2300).astype(int)
    c = np.cumsum(1 / np.arange(1, items + 1) ** 0.8)
    return [np.minimum(np.searchsorted(c, rng.random(k) * c[-1]), items - 1) + 1 for k in n]


def pad(seqs, n):
    out = np.zeros((len(seqs), n), np.int64)
    for r, s in enumerate(seqs):
        s = s[-n:]
        out[r, n - len(s):] = s
    return out


def main():
    shape = sys.argv[1] if len(sys.argv) > 1 else "ml1m-bce"
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 3
    loss_kind, items, users, n, d, batch, long = SHAPES[shape]
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    data = histories(rng, users, items, long)
    net = SASRec(items, n, d)
    try:
        opt = torch.optim.Adam(net.parameters(), 1e-3, betas=(0.9, 0.98), foreach=True)
    except TypeError:
        opt = torch.optim.Adam(net.parameters(), 1e-3, betas=(0.9, 0.98))

    def prepare():
        u = [data[i] for i in rng.integers(0, users, batch)]
        x, y = pad([s[:-1] for s in u], n), pad([s[1:] for s in u], n)
        neg = rng.integers(1, items + 1, x.shape)
        return [torch.from_numpy(a) for a in (x, y, neg)]

    def step(x, y, neg):
        m = y != 0
        h = net(x)[m]
        if loss_kind == "bce":
            s = torch.einsum("rd,krd->kr", h, net.e(torch.stack((y[m], neg[m]))))
            loss = (F.softplus(-s[0]) + F.softplus(s[1])).mean()
        else:
            loss = F.cross_entropy(h @ net.e.weight.t(), y[m])
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        return loss.item()

    ms, end, i, loss, cpu = [], None, 0, 0.0, 0.0
    while i < 9 or time.perf_counter() < end:
        b = prepare()
        t, c = time.perf_counter(), time.process_time()
        loss = step(*b)
        t, c = time.perf_counter() - t, time.process_time() - c
        i += 1
        if i == 4:
            end = time.perf_counter() + seconds
        if i > 4:
            ms.append(1e3 * t)
            cpu += 1e3 * c
    print("%s %d %.3f ms (%d steps, best %.3f, cpu %.3f, loss %.4f)"
          % (shape, threads, statistics.median(ms), len(ms), min(ms), cpu / len(ms), loss))


main()
