#!/usr/bin/env python3
"""Writes the logits and texts of transformers for SmolLM2-135M in float32: tests/fixtures/smollm2/expected.json.

    pip install torch transformers
    python3 scripts/smollm2.py && python3 scripts/smollm2_expected.py [FOLDER]
"""
import json, sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

ROOT = Path(__file__).parent.parent
FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "target/models/SmolLM2-135M-Instruct"
PROMPTS = [
    "Yesterday, John went home early because",
    "The capital of France is",
    "Once upon a time, in a small village by the sea, there lived",
    "def fibonacci(n):\n    ",
    "Water boils at 100 degrees Celsius. Ice melts at",
]
TOP = 200  # the number of largest logits of the last position that are saved

torch.set_grad_enabled(False)
tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(FOLDER / "tokenizer.json"))
model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, attn_implementation="eager").eval()
cases = []
for prompt in PROMPTS:
    ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids
    logits = model(ids).logits[0]
    greedy = ids
    margin = float("inf")  # smallest difference between the two largest logits of a step
    for _ in range(20):
        top = model(greedy).logits[:, -1:].topk(2)
        margin = min(margin, (top.values[..., 0] - top.values[..., 1]).item())
        greedy = torch.cat([greedy, top.indices[..., 0]], 1)
    top = logits[-1].topk(TOP)
    cases.append({
        "prompt": prompt, "tokens": ids[0].tolist(), "greedy": greedy[0, ids.shape[1]:].tolist(),
        "text": tokenizer.decode(greedy[0, ids.shape[1]:]), "smallest_margin": round(margin, 4),
        "last": {"tokens": top.indices.tolist(), "logits": [round(x, 5) for x in top.values.tolist()]},
        "every": {"logits": [[round(x, 5) for x in row[:: 4096].tolist()] for row in logits], "stride": 4096},
    })
out = ROOT / "tests/fixtures/smollm2/expected.json"
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(json.dumps(cases) + "\n")
for case in cases:
    print(case["smallest_margin"], repr(case["prompt"] + case["text"]))
