#!/usr/bin/env python3
"""Writes the fixtures of tests/data.rs: a small byte-level BPE tokenizer, and Parquet files written by `datasets`.

    pip install tokenizers datasets
    python3 scripts/data_fixtures.py

Writes tests/fixtures/data/{tokenizer.json, pairs.jsonl, pairs.parquet, positions.jsonl, positions.parquet}.
"""
import json
from pathlib import Path

from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/fixtures/data"
rows = [json.loads(line) for line in (ROOT / "data/gender_agreement/train.jsonl").open()]

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
texts = [row["base"] + row["label"] for row in rows]
alphabet = pre_tokenizers.ByteLevel.alphabet()
tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=380, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False))
tokenizer.post_processor = processors.Sequence([
    processors.ByteLevel(trim_offsets=False),
    processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]),
])
tokenizer.save(str(OUT / "tokenizer.json"), pretty=False)


def write(name, rows):
    """Writes the rows as JSONL and as Parquet. In Parquet every row has all columns, and an additional column `id`."""
    (OUT / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    keys = dict.fromkeys(key for row in rows for key in row)
    columns = [{key: row.get(key) for key in keys} | {"id": index} for index, row in enumerate(rows)]
    Dataset.from_list(columns).to_parquet(OUT / f"{name}.parquet")


write("pairs", rows[:40])
first = {key: rows[0][key] for key in ("base", "source", "label")}
write("positions", [
    first | {"base_positions": [1, -1], "source_positions": [2, -1]},
    first | {"base_span": rows[0]["base_span"], "source_position": 3, "base_answer": " he", "source_answer": " she"},
    {"base": "naïve?", "source": "naïve!", "label": " ça", "base_positions": [0], "source_positions": [-2]},
])
