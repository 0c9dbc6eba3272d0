#!/usr/bin/env python3
"""The peer of the equality benchmark: distributed alignment search on the hierarchical equality task, in pyvene on
PyTorch.

    pip install torch transformers pyvene matplotlib accelerate safetensors     # pyvene 0.1.8 from PyPI
    python3 benches/peer_equality_das.py --weights tests/fixtures/equality_mlp.safetensors

This is the search of pyvene's tutorial "DAS main introduction": one rotation at layer 0's block_output, whose first
half of columns is aligned with WX (the first pair is equal) and whose second half with YZ. Each batch swaps WX, YZ or
both; the loss is the cross-entropy against the causal model's counterfactual label; the optimiser is Adam. Fresh
examples are drawn for every batch; drawing them is not timed. Prints one line of JSON: wall and CPU seconds of the
training loop, and the IIA on fresh pairs before and after training, overall and for each swap. On a busy machine,
threads spend most of their wall and CPU time waiting for each other: time it on an idle machine, or with `--threads 1`.
"""
import argparse, json, os, resource, time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
p = argparse.ArgumentParser()
p.add_argument("--weights", required=True)
p.add_argument("--steps", type=int, default=2000)
p.add_argument("--batch", type=int, default=6400)
p.add_argument("--lr", type=float, default=1e-3)
p.add_argument("--seed", type=int, default=0)
p.add_argument("--evaluate", type=int, default=10_000, help="fresh pairs for each swap")
p.add_argument("--threads", type=int, default=os.cpu_count())
a = p.parse_args()

import torch
import pyvene as pv
from pyvene.models.mlp.modelings_mlp import MLPConfig, MLPForClassification
from safetensors.torch import load_file

torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)
state = load_file(a.weights)
width = state["mlp.h.0.ff1.weight"].shape[0]
shape = MLPConfig(h_dim=width, n_layer=3, activation_function="relu", num_classes=2, pdrop=0.0, problem_type="single_label_classification")
network = MLPForClassification(shape).eval()
network.load_state_dict(state)

half = width // 2
site = dict(layer=0, component="block_output", unit="pos", max_number_of_units=1, subspace_partition=[[0, half], [half, width]], intervention_link_key=0)
config = pv.IntervenableConfig([pv.RepresentationConfig(**site), pv.RepresentationConfig(**site)], intervention_types=pv.RotatedSpaceIntervention)
search = pv.IntervenableModel(config, network, use_fast=True)
search.disable_model_gradients()
WX, YZ, BOTH = range(3)


def draw(count):
    """Returns inputs `[count, 1, 16]` of four objects and, `[count, 2]`, whether each pair is equal (probability 1/2)."""
    objects = (torch.rand(count, 4, 4) * 200 - 100).round() / 100
    equal = torch.rand(count, 2) < 0.5
    objects[:, 1] = torch.where(equal[:, :1], objects[:, 0], objects[:, 1])
    objects[:, 3] = torch.where(equal[:, 1:], objects[:, 2], objects[:, 3])
    return objects.reshape(count, 1, 16), equal


def pairs(swap, count):
    """Returns a base, a source for each variable (None if it is not swapped), and the counterfactual label."""
    base, equal = draw(count)
    sources = [None, None]
    for variable in (WX, YZ):
        if swap in (variable, BOTH):
            sources[variable], other = draw(count)
            equal[:, variable] = other[:, variable]
    return base, sources, (equal[:, WX] == equal[:, YZ]).long()


def counterfactual_logits(base, sources):
    count = len(base)
    inputs = [None if source is None else {"inputs_embeds": source} for source in sources]
    units = [None if source is None else [[0]] * count for source in sources]
    subspaces = [None if source is None else [[variable]] * count for variable, source in enumerate(sources)]
    return search({"inputs_embeds": base}, inputs, {"sources->base": (units, units)}, subspaces=subspaces)[1][0]


@torch.no_grad()
def iia():
    hits = {}
    for name, swap in (("WX", WX), ("YZ", YZ), ("both", BOTH)):
        base, sources, label = pairs(swap, a.evaluate)
        hits[name] = (counterfactual_logits(base, sources).argmax(-1) == label).float().mean().item()
    return {"overall": round(sum(hits.values()) / len(hits), 4), **{name: round(value, 4) for name, value in hits.items()}}


with torch.no_grad():
    inputs, equal = draw(a.evaluate)
    accuracy = (network(inputs_embeds=inputs)[0].argmax(-1) == (equal[:, WX] == equal[:, YZ])).float().mean().item()
before = iia()
# The two representations share one rotation, so its parameters are passed once.
rotation = next(iter(search.interventions.values())).rotate_layer
optimizer = torch.optim.Adam(rotation.parameters(), lr=a.lr)
losses, wall, cpu = [], 0.0, 0.0
for step in range(a.steps):
    base, sources, label = pairs(torch.randint(3, ()).item(), a.batch)
    started = time.perf_counter(), time.process_time()
    loss = torch.nn.functional.cross_entropy(counterfactual_logits(base, sources), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    wall, cpu = wall + time.perf_counter() - started[0], cpu + time.process_time() - started[1]
weight = rotation.weight.detach()
error = (weight.T @ weight - torch.eye(width)).abs().max().item()
tail = losses[-50:]
print(json.dumps({
    "system": f"pyvene on torch {torch.__version__}", **vars(a), "task_accuracy": round(accuracy, 4), "iia_before": before, "iia": iia(),
    "loss": round(sum(tail) / max(len(tail), 1), 4), "orthogonality_error": error, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2),
    "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
