#!/usr/bin/env python3
"""The peer of `intervene bench step`: one training step of distributed alignment search in pyvene, on PyTorch.

    pip install torch transformers pyvene matplotlib accelerate     # pyvene 0.1.8 from PyPI
    python3 benches/peer_das_step.py --model DIR --method boundless --layer 15 --position 31

Prints one line of JSON: the median wall and CPU milliseconds of a step (after --warmup steps, so that the rotation differs
from its initial value), the losses, and the peak resident memory. The inputs are random token ids; the loss is that of
pyvene's Boundless DAS tutorial (cross-entropy at the last token plus the sum of the boundaries); the optimiser is Adam at
1e-3 (boundary 1e-2). `--make-gpt2 DIR` writes a checkpoint of GPT-2's default shape (124M, random weights) and exits.
"""
import argparse, json, os, resource, statistics, time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
p = argparse.ArgumentParser()
p.add_argument("--model")
p.add_argument("--make-gpt2")
p.add_argument("--method", default="boundless", help="boundless | rotated | lowrank:RANK")
p.add_argument("--component", default="block_output")
p.add_argument("--layer", type=int, default=6)
p.add_argument("--position", type=int, default=31)
p.add_argument("--batch", type=int, default=16)
p.add_argument("--length", type=int, default=32)
p.add_argument("--warmup", type=int, default=3)
p.add_argument("--steps", type=int, default=7)
p.add_argument("--threads", type=int, default=os.cpu_count())
a = p.parse_args()

import torch
torch.set_num_threads(a.threads)
if a.make_gpt2:
    from transformers import GPT2Config, GPT2LMHeadModel
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config()).save_pretrained(a.make_gpt2)
    raise SystemExit
import pyvene as pv
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32).eval()
vocab = model.config.vocab_size
g = torch.Generator().manual_seed(1)
base, source = (torch.randint(0, vocab, (a.batch, a.length), generator=g) for _ in range(2))
label = torch.randint(0, vocab, (a.batch,), generator=g)
method, _, rank = a.method.partition(":")
kind = {"boundless": pv.BoundlessRotatedSpaceIntervention, "rotated": pv.RotatedSpaceIntervention, "lowrank": pv.LowRankRotatedSpaceIntervention}[method]
extra = {"low_rank_dimension": int(rank)} if rank else {}
config = pv.IntervenableConfig([pv.RepresentationConfig(layer=a.layer, component=a.component, unit="pos", max_number_of_units=1, **extra)], intervention_types=kind)
intervenable = pv.IntervenableModel(config, model)
intervenable.disable_model_gradients()
intervention = next(iter(intervenable.interventions.values()))
groups = [{"params": intervention.rotate_layer.parameters()}]
if method == "boundless":
    groups.append({"params": intervention.intervention_boundaries, "lr": 1e-2})
optimizer = torch.optim.Adam(groups, lr=1e-3)
half = [[list(range(model.config.hidden_size // 2))] * a.batch] if method == "rotated" else None
temperatures = torch.linspace(50.0, 0.1, a.warmup + a.steps)
walls, cpus, losses = [], [], []
for step in range(a.warmup + a.steps):
    wall, cpu = time.perf_counter(), time.process_time()
    if method == "boundless":
        intervenable.set_temperature(temperatures[step])
    _, output = intervenable({"input_ids": base}, [{"input_ids": source}], {"sources->base": a.position}, subspaces=half)
    loss = torch.nn.functional.cross_entropy(output.logits[:, -1], label)
    if method == "boundless":
        loss = loss + intervention.intervention_boundaries.sum()
    loss.backward()
    optimizer.step()
    intervenable.set_zero_grad()
    losses.append(round(loss.item(), 4))
    walls.append(1e3 * (time.perf_counter() - wall))
    cpus.append(1e3 * (time.process_time() - cpu))
median = lambda x: round(statistics.median(x[a.warmup:]), 1)
print(json.dumps({"system": f"pyvene on torch {torch.__version__}", **{k: v for k, v in vars(a).items() if k != "make_gpt2"}, "wall_ms": median(walls), "cpu_ms": median(cpus), "losses": losses, "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
