#!/usr/bin/env python3
"""The peer of bench_models: each model's training step in PyTorch, written compactly and as fast as plain PyTorch on a CPU allows:
one product for the gates or for Q, K and V, losses on real positions only, recurrences unrolled by torch.nn.GRU where it has the cell,
sparse gradients where the optimiser takes them, denormals flushed, fused optimiser loops where the version has them.
The same models, sizes, losses and optimisers as the shapes of bench_models.c, on the same sessions.

  torch_models.py SHAPE SESSIONS [THREADS [SECONDS]]
SESSIONS: a file written by `bench_models -data SHAPE`.  Prints `SHAPE THREADS MILLISECONDS ms (...)`: the median step; data
preparation is not counted."""
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Task:
    """A model with its optimiser.  prepare() makes a batch of tensors, loss(*batch) is what a step descends."""

    group = 1  # steps timed as one

    def adam(self, net, lr=1e-3, betas=(0.9, 0.999), decay=0.0):
        self.net = net
        try:
            self.opt = torch.optim.Adam(net.parameters(), lr, betas=betas, weight_decay=decay, foreach=True)
        except TypeError:
            self.opt = torch.optim.Adam(net.parameters(), lr, betas=betas, weight_decay=decay)

    def step(self, batch):
        loss = self.loss(*batch)
        self.opt.zero_grad(set_to_none=True)
        loss.backward()
        self.opt.step()
        return loss.item()


def tensors(*arrays):
    return [torch.from_numpy(np.ascontiguousarray(a)) for a in arrays]


def padded(sessions, width, left):
    out = np.zeros((len(sessions), width), np.int64)
    for row, s in zip(out, sessions):
        s = s[-width:]
        if left:
            row[width - len(s):] = s
        else:
            row[: len(s)] = s
    return out


def table(n, d, std=0.02, **more):
    e = nn.Embedding(n, d, **more)
    nn.init.normal_(e.weight, 0, std)
    return e


# ---- Transformers ----


class Attention(nn.Module):
    """A block: attention and a feed-forward half, LayerNorm before each (pre) or after each sum."""

    def __init__(self, d, inner, heads, act, p, pre, eps):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d, eps=eps), nn.LayerNorm(d, eps=eps)
        self.qkv, self.o = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.w1, self.w2 = nn.Linear(d, inner), nn.Linear(inner, d)
        self.act, self.p, self.pre, self.heads, self.scale = act, p, pre, heads, (d // heads) ** -0.5

    def drop(self, x):
        return F.dropout(x, self.p, self.training)

    def attend(self, x, mask):
        b, n, d = x.shape
        if self.heads == 1:
            q, k, v = self.qkv(x).chunk(3, -1)
            a = self.drop(torch.softmax(torch.baddbmm(mask, q, k.transpose(1, 2), alpha=self.scale), -1))
            return self.o(torch.bmm(a, v))
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        a = self.drop(torch.softmax(torch.matmul(q * self.scale, k.transpose(2, 3)) + mask, -1))
        return self.o(torch.matmul(a, v).transpose(1, 2).reshape(b, n, d))

    def forward(self, x, mask):
        if self.pre:
            x = x + self.drop(self.attend(self.ln1(x), mask))
            return x + self.drop(self.w2(self.drop(self.act(self.w1(self.ln2(x))))))
        x = self.ln1(x + self.drop(self.attend(x, mask)))
        return self.ln2(x + self.drop(self.w2(self.act(self.w1(x)))))


class SASRec(Task):
    def __init__(self, sessions, items, loss="bce", n=200, d=50, batch=128, group=1):
        net = nn.Module()
        net.e, net.pos = table(items + 1, d, padding_idx=0), table(n, d)
        net.blocks = nn.ModuleList(Attention(d, d, 1, F.relu, 0.2, True, 1e-8) for _ in range(2))
        net.ln = nn.LayerNorm(d, eps=1e-8)
        self.mask = torch.full((n, n), -1e9).triu(1)[None]
        self.adam(net, betas=(0.9, 0.98))
        self.sessions, self.items, self.kind, self.n, self.batch, self.scale = sessions, items, loss, n, batch, d**0.5
        self.group = group

    def prepare(self, rng):
        u = [self.sessions[i] for i in rng.integers(0, len(self.sessions), self.batch)]
        x, y = padded([s[:-1] for s in u], self.n, True), padded([s[1:] for s in u], self.n, True)
        return tensors(x, y, rng.integers(1, self.items + 1, x.shape))

    def loss(self, x, y, neg):
        net = self.net
        h = F.dropout(net.e(x) * self.scale + net.pos.weight, 0.2) * (x != 0).unsqueeze(-1)
        for b in net.blocks:
            h = b(h, self.mask)
        m = y != 0
        h = net.ln(h)[m]
        if self.kind == "ce":
            return F.cross_entropy(h @ net.e.weight.t(), y[m])
        s = torch.einsum("rd,krd->kr", h, net.e(torch.stack((y[m], neg[m]))))
        return (F.softplus(-s[0]) + F.softplus(s[1])).mean()


class BERT4Rec(Task):
    def __init__(self, sessions, items, n=200, d=64, batch=128):
        net = nn.Module()
        net.e, net.pos, net.kind = table(items + 2, d, padding_idx=0), table(n, d), nn.Parameter(torch.zeros(d))
        net.ln0, net.ln, net.proj = nn.LayerNorm(d), nn.LayerNorm(d), nn.Linear(d, d)
        net.blocks = nn.ModuleList(Attention(d, 4 * d, 2, F.gelu, 0.2, False, 1e-12) for _ in range(2))
        net.bias = nn.Parameter(torch.zeros(items + 2))
        self.adam(net, 1e-4)
        self.sessions, self.items, self.n, self.batch = sessions, items, n, batch

    def prepare(self, rng):
        x = padded([self.sessions[i] for i in rng.integers(0, len(self.sessions), self.batch)], self.n, False)
        hidden = (rng.random(x.shape) < 0.2) & (x != 0)
        y = x[hidden]
        pad = np.where(x == 0, np.float32(-1e9), np.float32(0))[:, None, None, :]
        x[hidden] = self.items + 1
        return tensors(x, pad, np.flatnonzero(hidden), y - 1)

    def loss(self, x, pad, hidden, y):
        net = self.net
        h = F.dropout(net.ln0(net.e(x) + (net.pos.weight + net.kind)), 0.2)
        for b in net.blocks:
            h = b(h, pad)
        h = h.flatten(0, 1)[hidden]
        h = net.ln(F.gelu(net.proj(h)))
        return F.cross_entropy(torch.addmm(net.bias[1:-1], h, net.e.weight[1:-1].t()), y)


# ---- Recurrent ones ----


class GRU4Rec(Task):
    """Session-parallel lanes, one click a step; the other lanes' targets and shared draws as negatives; BPR-max."""

    def __init__(self, sessions, items, adam=False, h=100, batch=32, draws=2048):
        net = nn.Module()
        net.wx, net.wy = nn.Embedding(items, 3 * h, sparse=not adam), nn.Embedding(items, h, sparse=not adam)
        net.by = nn.Embedding(items, 1, sparse=not adam)
        net.wrz, net.wc, net.b = nn.Linear(h, 2 * h, bias=False), nn.Linear(h, h, bias=False), nn.Parameter(torch.zeros(3 * h))
        for p in net.parameters():
            nn.init.uniform_(p, -0.05, 0.05)
        nn.init.zeros_(net.by.weight)
        if adam:
            self.adam(net)
        else:
            self.net, self.opt = net, torch.optim.Adagrad(net.parameters(), 0.1, eps=1e-6)
        self.sessions, self.items, self.draws, self.h = sessions, items, draws, h
        self.lane, self.at, self.next = list(range(batch)), [0] * batch, batch
        self.state = torch.zeros(batch, h)
        self.own = torch.eye(batch, batch + draws, dtype=torch.bool)
        self.group = 1 if adam else 4

    def prepare(self, rng):
        b = len(self.lane)
        x, y, alive = np.zeros(b, np.int64), np.zeros(b, np.int64), np.ones((b, 1), np.float32)
        for i in range(b):
            s = self.sessions[self.lane[i]]
            if self.at[i] + 1 == len(s):
                self.lane[i], self.at[i], alive[i] = self.next % len(self.sessions), 0, 0
                self.next += 1
                s = self.sessions[self.lane[i]]
            x[i], y[i] = s[self.at[i]], s[self.at[i] + 1]
            self.at[i] += 1
        return tensors(x - 1, np.concatenate((y - 1, rng.integers(0, self.items, self.draws))), alive)

    def loss(self, x, col, alive):
        net, h = self.net, self.state * alive
        gates = net.wx(x) + net.b
        r, z = torch.sigmoid(gates[:, : 2 * self.h] + net.wrz(h)).chunk(2, 1)
        h = (1 - z) * h + z * torch.tanh(gates[:, 2 * self.h :] + net.wc(r * h))
        self.state = h.detach()
        s = F.elu(torch.addmm(net.by(col).t(), h, net.wy(col).t()), 0.5)
        w = torch.softmax(s.masked_fill(self.own, -1e9), 1)
        own = s.diagonal().unsqueeze(1)
        return (-torch.log((torch.sigmoid(own - s) * w).sum(1) + 1e-24) + (w * s * s).sum(1)).mean()


class SVAE(Task):
    """One user a step; the next four items share the mass."""

    group = 32

    def __init__(self, sessions, items, e=256, h=200, hid=150, k=64):
        net = nn.Module()
        net.e, net.gru = nn.Embedding(items, e), nn.GRU(e, h, batch_first=True)
        net.enc, net.ms, net.dec, net.out = nn.Linear(h, hid), nn.Linear(hid, 2 * k), nn.Linear(k, hid), nn.Linear(hid, items)
        self.adam(net, decay=5e-3)
        self.sessions, self.items, self.steps = sessions, items, 0

    def prepare(self, rng):
        s = self.sessions[rng.integers(0, len(self.sessions))] - 1
        y = np.zeros((len(s) - 1, self.items), np.float32)
        for ahead in range(4):
            y[np.arange(max(len(s) - 1 - ahead, 0)), s[1 + ahead :]] = 1
        return tensors(s[None, :-1], y / min(4, len(s) - 1))

    def loss(self, x, y):
        net = self.net
        h, _ = net.gru(net.e(x))
        mu, s = net.ms(torch.tanh(net.enc(h[0]))).chunk(2, 1)
        scores = net.out(torch.tanh(net.dec(mu + s.exp() * torch.randn_like(s))))
        self.steps += 1
        kl = 0.5 * (s.exp() + mu * mu - 1 - s).sum(1).mean()
        return -(F.log_softmax(scores, 1) * y).sum() + min(0.2, self.steps / 200000) * kl


# ---- Convolutions ----


class Caser(Task):
    def __init__(self, sessions, items, rows=5, ahead=3, d=50, nv=4, nh=16, batch=512):
        net = nn.Module()
        net.u, net.e = table(len(sessions), d, 1 / d), table(items + 1, d, 1 / d, padding_idx=0)
        net.w, net.b = table(items + 1, 2 * d, 0.5 / d, padding_idx=0), table(items + 1, 1, 0.0, padding_idx=0)
        net.v = nn.Conv2d(1, nv, (rows, 1))
        net.h = nn.ModuleList(nn.Conv2d(1, nh, (i, d)) for i in range(1, rows + 1))
        net.fc = nn.Linear(nv * d + nh * rows, d)
        self.adam(net, decay=1e-6)
        self.sessions, self.items, self.batch, self.rows, self.ahead = sessions, items, batch, rows, ahead
        count = np.array([len(s) - rows - ahead + 1 for s in sessions])
        self.user, first = np.repeat(np.arange(len(sessions)), count), np.cumsum(count) - count
        self.at = np.arange(count.sum()) - np.repeat(first, count)

    def prepare(self, rng):
        pick = rng.integers(0, len(self.at), self.batch)
        u = self.user[pick]
        w = np.stack([self.sessions[i][a : a + self.rows + self.ahead] for i, a in zip(u, self.at[pick])])
        return tensors(u, w[:, : self.rows], np.concatenate((w[:, self.rows :], rng.integers(1, self.items + 1, (len(u), 3))), 1))

    def loss(self, u, x, col):
        net = self.net
        e = net.e(x).unsqueeze(1)
        parts = [net.v(e).flatten(1)] + [F.relu(c(e).squeeze(3)).amax(2) for c in net.h]
        z = torch.cat((F.relu(net.fc(F.dropout(torch.cat(parts, 1), 0.5))), net.u(u)), 1)
        s = torch.baddbmm(net.b(col), net.w(col), z.unsqueeze(2)).squeeze(2)
        return F.softplus(-s[:, : self.ahead]).mean() + F.softplus(s[:, self.ahead :]).mean()


# ---- Session graphs ----


class PEN4Rec(Task):
    """SR-GNN's graph network, then its read-out (srgnn) or, for each of the last three distinct items, a track of its own:
    attention with it, and a GRU whose update gate the attention scales.  Tracks are packed: none for items that are not there."""

    def __init__(self, sessions, items, srgnn=False, d=100, batch=100):
        net = nn.Module()
        net.e = nn.Embedding(items, d)
        net.io, net.c = nn.Linear(d, 2 * d), nn.Parameter(torch.zeros(2 * d))
        net.x, net.h = nn.Linear(2 * d, 3 * d), nn.Linear(d, 3 * d)
        net.a, net.r, net.w = nn.Linear(d, d), nn.Linear(d, d, bias=False), nn.Linear(d, 1, bias=False)
        net.out = nn.Linear(2 * d, d)
        if not srgnn:
            net.q, net.s, net.ux, net.uh = nn.Linear(2 * d, d), nn.Linear(d, d, bias=False), nn.Linear(d, 3 * d), nn.Linear(d, 3 * d, bias=False)
            net.fh, net.fx, net.fw = nn.Linear(d, d), nn.Linear(d, d, bias=False), nn.Linear(d, 1, bias=False)
        for p in net.parameters():
            nn.init.uniform_(p, -(d**-0.5), d**-0.5)
        self.adam(net, 3e-3, decay=1e-5)
        self.sessions, self.items, self.batch, self.d, self.srgnn = sessions, items, batch, d, srgnn
        count = np.array([len(s) - 1 for s in sessions])
        self.of, first = np.repeat(np.arange(len(sessions)), count), np.cumsum(count) - count
        self.length = np.arange(count.sum()) - np.repeat(first, count) + 1

    def prepare(self, rng):
        pick = rng.integers(0, len(self.of), self.batch)
        reads = [self.sessions[s][:n] - 1 for s, n in zip(self.of[pick], self.length[pick])]
        y = np.array([self.sessions[s][n] - 1 for s, n in zip(self.of[pick], self.length[pick])])
        b, t = len(reads), max(map(len, reads))
        node, alias, real = np.zeros((b, t), np.int64), np.zeros((b, t), np.int64), np.zeros((b, t), bool)
        edges, tracks = np.zeros((2, b, t, t), np.float32), []
        for i, s in enumerate(reads):
            items, inverse = np.unique(s, return_inverse=True)
            node[i, : len(items)], alias[i, : len(s)], real[i, : len(s)] = items, inverse, True
            edges[0, i, inverse[1:], inverse[:-1]] = 1
            edges[1, i, inverse[:-1], inverse[1:]] = 1
            seen = []
            for p in range(len(s) - 1, -1, -1):
                if s[p] not in seen and len(seen) < (1 if self.srgnn else 3):
                    tracks.append((i, p))
                    seen.append(s[p])
        edges /= np.maximum(edges.sum(3, keepdims=True), 1)
        query, place = np.array(tracks).T
        pad = np.where(real, np.float32(0), np.float32(-1e9))
        slot = np.arange(len(query)) - np.searchsorted(query, query)
        return tensors(node, edges, alias, pad, query, place, slot, real.sum(1) - 1, y)

    def loss(self, node, edges, alias, pad, query, place, slot, last, y):
        net, d = self.net, self.d
        h = net.e(node)
        i, o = net.io(h).chunk(2, 2)
        m = torch.cat((torch.bmm(edges[0], i), torch.bmm(edges[1], o)), 2) + net.c
        gx, gh = net.x(m), net.h(h)
        r, z = torch.sigmoid(gx[:, :, : 2 * d] + gh[:, :, : 2 * d]).chunk(2, 2)
        c = torch.tanh(gx[:, :, 2 * d :] + r * gh[:, :, 2 * d :])
        h = c + z * (h - c)
        x = h.gather(1, alias.unsqueeze(2).expand(-1, -1, d))
        final = x[torch.arange(len(x)), last]
        recent, mask = x[query, place], pad[query]
        e = net.w(torch.sigmoid(net.a(x)[query] + net.r(recent).unsqueeze(1))).squeeze(2)
        weight = e * (mask == 0) if self.srgnn else torch.softmax(e + mask, 1)
        p = torch.bmm(weight.unsqueeze(1), x[query]).squeeze(1)
        if not self.srgnn:
            p = self.evolve(x, query, mask, slot, net.q(torch.cat((recent, p), 1)), final)
        return F.cross_entropy(net.out(torch.cat((p, final), 1)) @ net.e.weight.t(), y)

    def evolve(self, x, query, mask, slot, q, final):
        net, d = self.net, self.d
        a = torch.softmax(torch.bmm(net.s(x)[query], q.unsqueeze(2)).squeeze(2) + mask, 1)  # 0 where nothing is read
        gates, u = net.ux(x)[query], torch.zeros_like(q)
        for t in range(x.shape[1]):
            g, k = gates[:, t], net.uh(u)
            r, z = torch.sigmoid(g[:, : 2 * d] + k[:, : 2 * d]).chunk(2, 1)
            z = z * a[:, t : t + 1]
            u = u + z * (torch.tanh(g[:, 2 * d :] + r * k[:, 2 * d :]) - u)
        e = net.fw(torch.tanh(net.fh(u) + net.fx(final)[query])).squeeze(1)
        beta = torch.full((len(final), 3), -1e9).index_put((query, slot), e)
        beta = torch.softmax(beta, 1)[query, slot]
        return torch.zeros_like(final).index_add(0, query, u * beta.unsqueeze(1))


TASKS = {
    "sasrec": lambda s: SASRec(s, 3416),
    "sasrec-ce": lambda s: SASRec(s, 3416, "ce"),
    "sasrec-small": lambda s: SASRec(s, 300, n=20, d=32, batch=64, group=4),
    "bert4rec": lambda s: BERT4Rec(s, 3416),
    "gru4rec": lambda s: GRU4Rec(s, 37483),
    "gru4rec-adam": lambda s: GRU4Rec(s, 37483, adam=True),
    "caser": lambda s: Caser(s, 3416),
    "svae": lambda s: SVAE(s, 3416),
    "pen4rec": lambda s: PEN4Rec(s, 43097),
    "srgnn": lambda s: PEN4Rec(s, 43097, srgnn=True),
}


def main():
    shape, path = sys.argv[1:3]
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 3
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    with open(path) as f:
        sessions = [np.array(line.split(), np.int64) for line in f]
    task = TASKS[shape](sessions)
    ms, end, warm, loss = [], 0.0, 3, 0.0
    while warm > 0 or len(ms) < 3 or time.perf_counter() < end:
        batches = [task.prepare(rng) for _ in range(task.group)]
        t = time.perf_counter()
        for batch in batches:
            loss = task.step(batch)
        t = time.perf_counter() - t
        warm -= 1
        if warm == 0:
            end = time.perf_counter() + seconds
        elif warm < 0:
            ms.append(1e3 * t / task.group)
    print("%s %d %.3f ms (%d, best %.3f, loss %.4f)" % (shape, threads, statistics.median(ms), len(ms), min(ms), loss))


main()
