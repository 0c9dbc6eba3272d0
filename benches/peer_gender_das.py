#!/usr/bin/env python3
"""The peer of a whole search: rank-R DAS for gender agreement on SmolLM2-135M, in pyvene.

    pip install torch transformers pyvene matplotlib accelerate
    python3 benches/peer_gender_das.py --model SMOLLM2_DIR --data DATA_DIR --layer 15 [--rank 1] [--steps 30] [--batch 16]

Trains on train.jsonl in file order (and starts again at its end), evaluates on test.jsonl, and prints one line of JSON: the
IIA before and after training and of the full swap, the losses, and the wall and CPU seconds of the training alone. The
intervention is a low-rank rotated space at the name's token, block_output; the loss is the cross-entropy over the
vocabulary at the last token; the optimiser is Adam at 5e-3 with a linear schedule (one tenth is warm-up).
"""
import argparse, json, os, time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
import pyvene as pv
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, get_linear_schedule_with_warmup

p = argparse.ArgumentParser()
p.add_argument("--model", required=True)
p.add_argument("--data", required=True)
p.add_argument("--layer", type=int, default=15)
p.add_argument("--rank", type=int, default=1)
p.add_argument("--steps", type=int, default=30)
p.add_argument("--batch", type=int, default=16)
a = p.parse_args()

torch.set_num_threads(os.cpu_count())
model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32).eval()
tokenizer = Tokenizer.from_file(f"{a.model}/tokenizer.json")
encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def load(split):
    rows = [json.loads(line) for line in open(f"{a.data}/{split}.jsonl")]
    base, source = (torch.tensor([encode(r[k]) for r in rows]) for k in ("base", "source"))
    label = torch.tensor([encode(r["label"])[0] for r in rows])
    position = {encode(r["base"]).index(encode(" " + r["base_span"])[0]) for r in rows}
    assert len(position) == 1, "the name must have the same position in every prompt"
    return base, source, label, position.pop()


train, test = load("train"), load("test")


def intervenable(kind, **extra):
    config = pv.IntervenableConfig([pv.RepresentationConfig(layer=a.layer, component="block_output", unit="pos", max_number_of_units=1, **extra)], intervention_types=kind)
    wrapped = pv.IntervenableModel(config, model)
    wrapped.disable_model_gradients()
    return wrapped


def answer_logits(wrapped, base, source, position):
    return wrapped({"input_ids": base}, [{"input_ids": source}], {"sources->base": position})[1].logits[:, -1]


@torch.no_grad()
def iia(wrapped):
    base, source, label, position = test
    hits = [(answer_logits(wrapped, base[i:i + 64], source[i:i + 64], position).argmax(-1) == label[i:i + 64]).float() for i in range(0, len(base), 64)]
    return round(torch.cat(hits).mean().item(), 4)


torch.manual_seed(0)
full = iia(intervenable(pv.VanillaIntervention))
das = intervenable(pv.LowRankRotatedSpaceIntervention, low_rank_dimension=a.rank)
before = iia(das)
optimizer = torch.optim.Adam(next(iter(das.interventions.values())).rotate_layer.parameters(), lr=5e-3)
schedule = get_linear_schedule_with_warmup(optimizer, a.steps // 10, a.steps)
base, source, label, position = train
losses, wall, cpu = [], time.perf_counter(), time.process_time()
for step in range(a.steps):
    rows = torch.arange(step * a.batch, (step + 1) * a.batch) % len(base)
    loss = torch.nn.functional.cross_entropy(answer_logits(das, base[rows], source[rows], position), label[rows])
    loss.backward()
    optimizer.step()
    schedule.step()
    das.set_zero_grad()
    losses.append(round(loss.item(), 4))
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps({"system": f"pyvene on torch {torch.__version__}", **vars(a), "full_swap": full, "iia_before": before, "iia": iia(das), "losses": losses, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2)}))
