#!/usr/bin/env python3
"""The peer of `intervene bench rotation`: one step of torch's orthogonal parametrisation, without a model.

    pip install torch
    python3 benches/peer_rotation.py --width 768

A step is the interchange of --rows random rows in all rotated coordinates, `base + ((source - base) R) R^T`, the mean
squared distance from random rows, its gradient, and a step of Adam at 1e-3. R is computed once in each step by
`torch.nn.utils.parametrizations.orthogonal(layer, orthogonal_map="matrix_exp")`, which is torch's default for a square
weight. Prints one line of JSON: the median wall and CPU milliseconds of a step (after --warmup steps), the orthogonality
error after the last step, and the peak resident memory.
"""
import argparse, json, os, resource, statistics, time

p = argparse.ArgumentParser()
p.add_argument("--width", type=int, default=768)
p.add_argument("--rank", type=int)
p.add_argument("--rows", type=int, default=16)
p.add_argument("--warmup", type=int, default=5)
p.add_argument("--steps", type=int, default=15)
p.add_argument("--threads", type=int, default=os.cpu_count())
a = p.parse_args()

import torch

torch.set_num_threads(a.threads)
torch.manual_seed(0)
rank = a.rank or a.width
layer = torch.nn.Module()
weight = torch.empty(a.width, rank)
torch.nn.init.orthogonal_(weight)
layer.weight = torch.nn.Parameter(weight)
layer = torch.nn.utils.parametrizations.orthogonal(layer, orthogonal_map="matrix_exp")
optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3)
base, source, target = (torch.randn(a.rows, a.width) for _ in range(3))
walls, cpus = [], []
for step in range(a.warmup + a.steps):
    wall, cpu = time.perf_counter(), time.process_time()
    r = layer.weight
    loss = (base + ((source - base) @ r) @ r.T - target).square().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    walls.append(1e3 * (time.perf_counter() - wall))
    cpus.append(1e3 * (time.process_time() - cpu))
with torch.no_grad():
    error = (layer.weight.T @ layer.weight - torch.eye(rank)).abs().max().item()
median = lambda x: round(statistics.median(x[a.warmup:]), 2)
print(json.dumps({"system": f"torch {torch.__version__}", "width": a.width, "rank": rank, "rows": a.rows, "wall_ms": median(walls), "cpu_ms": median(cpus), "orthogonality_error": error, "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
