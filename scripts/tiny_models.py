#!/usr/bin/env python3
"""Writes tiny checkpoints of the model families that pyvene's fixtures lack, with the logits of transformers for them.

    pip install torch transformers safetensors
    python3 scripts/tiny_models.py            # writes tests/fixtures/transformers/

The layout is that of tests/fixtures/pyvene: config.json, model.safetensors, io.safetensors. Weights are random,
float32, with eager attention. The GRU is pyvene's cell written with torch operations, layer by layer and step by step.
"""
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    GemmaConfig, GemmaForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig,
    MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM,
)

OUT = Path(__file__).parent.parent / "tests/fixtures/transformers"
SIZES = dict(
    vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=64, initializer_range=0.25, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)
LLAMA3 = dict(
    rope_type="llama3", rope_theta=100.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=16,
)
MODELS = {
    "gemma": (GemmaForCausalLM, GemmaConfig(**SIZES, num_key_value_heads=1, head_dim=16)),
    "gpt_neox_sequential": (
        GPTNeoXForCausalLM,
        GPTNeoXConfig(**SIZES, use_parallel_residual=False, rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.25)),
    ),
    "llama3": (LlamaForCausalLM, LlamaConfig(**SIZES, num_key_value_heads=2, rope_parameters=LLAMA3, tie_word_embeddings=True, attention_bias=True, mlp_bias=True)),
    "mistral": (MistralForCausalLM, MistralConfig(**SIZES, num_key_value_heads=2, head_dim=12, sliding_window=3)),
    "qwen2_sliding": (
        Qwen2ForCausalLM,
        Qwen2Config(**SIZES, num_key_value_heads=2, use_sliding_window=True, sliding_window=3, max_window_layers=1),
    ),
}


@torch.no_grad()
def write(name, kind, config):
    torch.manual_seed(sum(name.encode()))
    config._attn_implementation = "eager"
    model = kind(config).eval()
    for parameter in model.parameters():  # norms and biases, which are otherwise one and zero
        if parameter.dim() == 1:
            parameter.add_(0.3 * torch.randn_like(parameter))
    folder = OUT / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    io = {}
    for i in range(4):
        ids = torch.randint(3, 64, (2, 6))
        out = model(ids, output_hidden_states=True)
        io[f"input_ids.{i}"], io[f"logits.{i}"] = ids, out.logits
        io.update({f"hidden.{i}.{layer}": state for layer, state in enumerate(out.hidden_states)})
    ids = io["input_ids.0"]
    mask = torch.tensor([[0, 0, 1, 1, 1, 1], [1] * 6])
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    io["leftpad.attention_mask"], io["leftpad.position_ids"] = mask, positions
    io["leftpad.logits"] = model(ids, attention_mask=mask, position_ids=positions).logits
    greedy = ids
    for _ in range(8):
        greedy = torch.cat([greedy, model(greedy).logits[:, -1:].argmax(-1)], 1)
    io["greedy8"] = greedy
    save_file({k: v.contiguous() for k, v in io.items()}, folder / "io.safetensors")


@torch.no_grad()
def write_gru():
    """Writes the GRU. In `patched`, the state of layer 0 after step 2 (cell_output) of example 0 is replaced by `row`."""
    torch.manual_seed(7)
    width, batch, steps, layers = 8, 2, 5, 2
    weights = {}
    for layer in range(layers):
        for part in ("x2h", "h2h"):
            weights[f"gru.cells.{layer}.{part}.weight"] = torch.randn(3 * width, width) * 0.5
            weights[f"gru.cells.{layer}.{part}.bias"] = torch.randn(3 * width) * 0.5
    weights["score.weight"] = torch.randn(3, width)
    row, x = torch.randn(width), torch.randn(batch, steps, width)

    def run(patch):
        states, outputs = [torch.zeros(batch, width) for _ in range(layers)], []
        for step in range(steps):
            h = x[:, step]
            for layer in range(layers):
                linear = lambda part, v: v @ weights[f"gru.cells.{layer}.{part}.weight"].T + weights[f"gru.cells.{layer}.{part}.bias"]
                xr, xu, xn = linear("x2h", h).chunk(3, 1)
                hr, hu, hn = linear("h2h", states[layer]).chunk(3, 1)
                reset, update = torch.sigmoid(xr + hr), torch.sigmoid(xu + hu)
                new = torch.tanh(xn + reset * hn)
                h = update * states[layer] + (1 - update) * new
                if patch and layer == 0 and step == 2:
                    h = h.clone()
                    h[0] = row
                states[layer] = h
            outputs.append(h)
        return torch.stack(outputs, 1) @ weights["score.weight"].T

    folder = OUT / "gru"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"model_type": "gru", "n_layer": 2, "h_dim": 8, "include_bias": true, "n_labels": 3}\n')
    save_file(weights, folder / "model.safetensors")
    save_file({"x": x, "row": row[None], "logits": run(False), "patched": run(True)}, folder / "run.safetensors")


if __name__ == "__main__":
    for name, (kind, config) in MODELS.items():
        write(name, kind, config)
    write_gru()
    print(OUT)
