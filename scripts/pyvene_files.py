#!/usr/bin/env python3
"""pyvene's part of tests/pyvene_files.rs: saves folders with pyvene's logits, and runs folders written by intervene.

    python scripts/pyvene_files.py save MODEL OUT             # writes OUT/CASE/, OUT/cases.json and OUT/logits.safetensors
    python scripts/pyvene_files.py load MODEL JOBS.json OUT   # runs each job's folder; OUT is a safetensors file of logits

scripts/pyvene_env.sh creates the environment. A case or a job has `base` and `sources` (token ids; null for an
intervention without a source), `positions` and `source_positions` (the same for all interventions) and `subspaces`. A
job with a `submission` is a folder in the layout of MIB's causal variable track instead.
"""
import json
import sys
from pathlib import Path

import pyvene as pv
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

BATCH, LENGTH = 2, 7


def run(intervenable, job):
    """Returns the logits, [batch, seq, vocabulary]."""
    count = len(intervenable.interventions)
    base = torch.tensor(job["base"])
    location = lambda positions: [[positions] * len(base)] * count
    inputs = lambda ids: None if ids is None else {"input_ids": torch.tensor(ids)}
    sources = [inputs(ids) for ids in job["sources"]]
    read, write = job["source_positions"], job["positions"]
    if job["serial"]:
        names = [f"source_{i}" for i in range(len(sources))] + ["base"]
        locations = {f"{a}->{b}": ([[read] * len(base)], [[write] * len(base)]) for a, b in zip(names, names[1:])}
    elif job["heads"] is not None:
        unit = lambda positions: [[job["heads"]] * len(base), [positions] * len(base)]
        locations = {"sources->base": ([unit(read)] * count, [unit(write)] * count)}
    else:
        locations = {"sources->base": (location(read), location(write))}
    subspaces = None if job["subspaces"] is None else [[space] * len(base) if space else None for space in job["subspaces"]]
    _, out = intervenable({"input_ids": base}, sources, unit_locations=locations, subspaces=subspaces)
    return out.logits.detach().clone()


class Featurizer(torch.nn.Module):
    """The module that MIB's Featurizer.load_modules creates from the archive of a SubspaceFeaturizerModule."""

    def __init__(self, path):
        super().__init__()
        data = torch.load(path)
        info = data["model_info"]
        matrix = info["additional_config"]["rotation_matrix"]
        assert info["featurizer_class"] == "SubspaceFeaturizerModule", info
        assert info["inverse_featurizer_class"] == "SubspaceInverseFeaturizerModule", info
        assert info["n_features"] == matrix.shape[1], info
        rotate = pv.models.layers.LowRankRotateLayer(*matrix.shape, init_orth=False)
        rotate.weight.data.copy_(matrix)
        self.rotate = torch.nn.utils.parametrizations.orthogonal(rotate)
        self.load_state_dict(data["state_dict"])


@torch.no_grad()
def run_submission(model, job):
    """MIB's interchange in the residual stream: features are swapped, and the rest of the base's state is unchanged."""
    (path,) = [path for path in Path(job["submission"]).iterdir() if path.name.endswith("_indices")]
    unit = str(path).removesuffix("_indices")
    layer = int(path.name.split("Layer-")[1].split(",")[0])
    assert path.name.split("Token-")[1].split(")")[0] == job["token"], path
    featurizer, inverse = Featurizer(unit + "_featurizer"), Featurizer(unit + "_inverse_featurizer")
    columns = json.loads(path.read_text()) or slice(None)
    recorded, (write,), (read,) = {}, job["positions"], job["source_positions"]

    def record(module, args):
        recorded["source"] = args[0].clone()

    def swap(module, args):
        states = args[0].clone()
        rotation = featurizer.rotate.weight
        features = states[:, write] @ rotation
        error = states[:, write] - features @ rotation.T
        features[:, columns] = (recorded["source"][:, read] @ rotation)[:, columns]
        states[:, write] = features @ inverse.rotate.weight.T + error
        return (states, *args[1:])

    for hook, ids in (record, job["sources"][0]), (swap, job["base"]):
        handle = model.model.layers[layer].register_forward_pre_hook(hook)
        logits = model(torch.tensor(ids)).logits
        handle.remove()
    return logits


def cases(width):
    """Yields the name, the representations and the run's options of each case."""
    at = lambda layer, component, kind, **more: dict(layer=layer, component=component, intervention_type=kind, **more)
    constant = lambda: torch.randn(width)
    yield "rotated", [at(0, "block_output", pv.RotatedSpaceIntervention)], {}
    yield "low_rank", [at(1, "mlp_output", pv.LowRankRotatedSpaceIntervention, low_rank_dimension=4)], {}
    yield "boundless", [at(0, "attention_output", pv.BoundlessRotatedSpaceIntervention)], {}
    yield "masks", [
        at(0, "block_output", pv.SigmoidMaskIntervention),
        at(1, "block_input", pv.SigmoidMaskRotatedSpaceIntervention),
    ], {}
    yield "constant", [at(1, "block_output", pv.VanillaIntervention, source_representation=constant())], {"none": [0]}
    yield "several", [
        at(0, "block_output", pv.RotatedSpaceIntervention),
        at(0, "mlp_output", pv.AdditionIntervention, source_representation=constant()),
        at(1, "mlp_activation", pv.VanillaIntervention),
        at(1, "block_output", pv.LowRankRotatedSpaceIntervention, low_rank_dimension=3),
        at(1, "block_output", pv.SubtractionIntervention, source_representation=constant()),
    ], {"none": [1, 4]}
    yield "one_source", [
        at(0, "mlp_output", pv.VanillaIntervention, group_key=0),
        at(1, "mlp_output", pv.RotatedSpaceIntervention, group_key=0),
        at(1, "block_output", pv.ZeroIntervention, group_key=1),
    ], {"groups": 2, "none": [1], "dimension": (2, 5)}
    yield "serial", [
        at(0, "block_output", pv.VanillaIntervention, group_key=0),
        at(1, "block_output", pv.RotatedSpaceIntervention, group_key=1),
    ], {"mode": "serial"}
    yield "parts", [
        at(0, "block_output", pv.RotatedSpaceIntervention, subspace_partition=[[0, 8], [8, width]]),
        at(1, "block_output", pv.LowRankRotatedSpaceIntervention, low_rank_dimension=4, subspace_partition=[[0, 1], [1, 4]]),
    ], {"subspaces": [[1], [0]]}
    yield "two_units", [at(1, "block_input", pv.RotatedSpaceIntervention, max_number_of_units=2)], {"positions": [2, 5]}
    yield "heads", [
        at(1, "head_attention_value_output", pv.LowRankRotatedSpaceIntervention, unit="h.pos", low_rank_dimension=6)
    ], {"heads": [1]}
    yield "first_columns", [at(1, "block_output", pv.VanillaIntervention)], {"dimension": (0, 5)}
    yield "autoencoders", [
        at(0, "block_output", pv.JumpReLUAutoencoderIntervention, low_rank_dimension=width + 8),
        at(1, "block_output", pv.AutoencoderIntervention, latent_dim=width + 8),
    ], {}


def move(intervenable):
    """Takes a few steps along random gradients, so that every parameter differs from its initial value."""
    for intervention in intervenable.interventions.values():
        for name, parameter in intervention.named_parameters():
            if name in ("W_enc", "W_dec", "threshold", "b_enc", "b_dec"):
                parameter.data = 0.3 * torch.randn_like(parameter)
            elif name == "temperature":
                parameter.data = torch.tensor(0.7)
            elif name == "intervention_boundaries":
                parameter.data = torch.tensor([0.4])
    parameters = [p for p in intervenable.get_trainable_parameters() if p.requires_grad and p.is_floating_point()]
    parameters = [p for p in parameters if p.dim() > 0]
    if not parameters:
        return
    optimizer = torch.optim.Adam(parameters, lr=1e-2)
    for _ in range(3):
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
            if parameter.dim() == 2:
                # The gradient of the diagonal is zero in PyTorch's parametrisation.
                parameter.grad.fill_diagonal_(0)
        optimizer.step()


def save(folder, out):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    width, logits, jobs = model.config.hidden_size, {}, {}
    for number, (name, representations, differs) in enumerate(cases(width)):
        torch.manual_seed(number)
        mode = differs.get("mode", "parallel")
        intervenable = pv.IntervenableModel(pv.IntervenableConfig(representations, mode=mode), model)
        if "dimension" in differs:
            which, dimension = differs["dimension"]
            list(intervenable.interventions.values())[which].set_interchange_dim(dimension)
        ids = lambda: torch.randint(3, model.config.vocab_size, (BATCH, LENGTH)).tolist()
        groups = differs.get("groups", len(representations))
        job = {
            "base": ids(),
            "sources": [None if group in differs.get("none", []) else ids() for group in range(groups)],
            "positions": differs.get("positions", [4]),
            "source_positions": differs.get("positions", [4] if mode == "serial" else [2]),
            "subspaces": differs.get("subspaces"),
            "heads": differs.get("heads"),
            "serial": mode == "serial",
        }
        move(intervenable)
        intervenable.save(str(out / name))
        logits[name], jobs[name] = run(intervenable, job), job
        plain = model(torch.tensor(job["base"])).logits
        effect = (logits[name] - plain).abs().max().item()
        assert effect > 1e-2, f"{name} changes the logits by only {effect}; at least 0.01 is needed"
        logits[f"{name}.plain"] = plain
    (out / "cases.json").write_text(json.dumps(jobs))
    save_file({name: value.contiguous() for name, value in logits.items()}, out / "logits.safetensors")


def load(folder, jobs, out):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    logits = {}
    for name, job in json.loads(Path(jobs).read_text()).items():
        if "submission" in job:
            logits[name] = run_submission(model, job).contiguous()
        else:
            logits[name] = run(pv.IntervenableModel.load(job["folder"], model), job).contiguous()
    save_file(logits, out)


if __name__ == "__main__":
    with torch.random.fork_rng():
        match sys.argv[1:]:
            case ["save", model, out]:
                save(model, Path(out))
            case ["load", model, jobs, out]:
                load(model, jobs, out)
            case _:
                sys.exit(__doc__)
