"""Longformer's training step: hpsearch's attention and transformers' own, in turns.

    python benchmarks/longformer.py [--lengths 512 4096] [--repeats 1] [--layers 4] [--dropout 0]
                                    [--data FOLDER] [--clock cpu]

Forward and backward of Longformer-base's shape with random weights, cls pooling, no gradient
checkpointing; on CUDA in bf16. Each variant lives in a process of its own, whose peak memory above
that of a tiny step is taken. Claimed: at least 2.5 times as fast at the lengths of IMDB's reviews
(3 on CUDA), at no length slower, and at most 0.6 of the memory; on CUDA also that Longformer-large
trains at 4,096 tokens within 8 GiB.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import multiprocessing
import re
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import section
import torch
from transformers import LongformerConfig, LongformerModel
from transformers import logging as transformers_logging

from hpsearch.data.reviews import generate
from hpsearch.models import EncoderBackbone
from hpsearch.models.dropout import ByteDropout

FASTER, FASTER_ON_CUDA, MEMORY, LARGE_GIB = 2.5, 3.0, 0.6, 8.0
VARIANTS = ("transformers", "hpsearch")
BASE = {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
LARGE = {"hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096}
VOCABULARY = 50265
TOKENS_A_WORD = 1.3  # RoBERTa's tokenizer on reviews
MIB, GIB = 2**20, 2**30
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

Batches = list[list[int]]  # the lengths of each micro-batch of a step


class Step(NamedTuple):
    seconds: float
    mib: float


def main() -> None:
    given = _arguments()
    reviews = review_batches(given.data, texts=given.texts, micro=given.micro)
    cases: dict[str, Batches] = {f"{n} tokens": [[n]] for n in given.lengths}
    cases[f"{given.texts} reviews"] = reviews
    found: dict[str, dict[str, list[Step]]] = {c: {v: [] for v in VARIANTS} for c in cases}
    with children(layers=given.layers, dropout=given.dropout, clock=given.clock) as connections:
        for _ in range(given.repeats):
            for case, batches in cases.items():
                for variant, connection in connections.items():
                    connection.send(batches)
                    step = connection.recv()
                    found[case][variant].append(step)
                    note = f"{case}, {variant}: {step.seconds:.2f} s, {step.mib:.0f} MiB"
                    print(note, file=sys.stderr, flush=True)
    source = "made reviews" if given.data is None else f"reviews in {given.data.name}"
    table = report(found, dropout=given.dropout, layers=given.layers, source=source)
    body = f"{table}\n\n{large()}"
    section.write("longformer", body, command=_command())


def _command() -> str:
    """What was typed; where the folder lies on this machine is nobody else's concern."""
    words = shlex.join(["python", "benchmarks/longformer.py", *sys.argv[1:]])
    return re.sub(r"--data[= ]\S+", "--data FOLDER", words)


def review_batches(data: Path | None, *, texts: int, micro: int) -> Batches:
    """Lengths in tokens at even quantiles of the reviews', in micro-batches of alike ones."""
    if data is None:
        reviews = [text for text, _ in generate(1000, seed=0)]
    else:
        reviews = pd.read_parquet(data / "train.parquet")["text"].tolist()
    words = np.array([len(text.split()) for text in reviews])
    tokens = np.quantile(words, (np.arange(texts) + 0.5) / texts) * TOKENS_A_WORD + 2
    lengths = np.minimum(tokens.round().astype(int), 4096).tolist()
    size = texts if DEVICE == "cuda" else micro
    return [lengths[i : i + size] for i in range(0, texts, size)]


@contextmanager
def children(*, layers: int, dropout: float, clock: str) -> Iterator[dict[str, Connection]]:
    """A process for each variant, which answers micro-batches with a step's figures."""
    context = multiprocessing.get_context("spawn")
    connections, processes = {}, []
    for variant in VARIANTS:
        connections[variant], theirs = context.Pipe()
        options = (theirs, variant, layers, dropout, clock)
        processes.append(context.Process(target=serve, args=options, daemon=True))
        processes[-1].start()
    try:
        for connection in connections.values():
            connection.recv()
        yield connections
    finally:
        for process in processes:
            process.terminate()


def serve(connection: Connection, variant: str, layers: int, dropout: float, clock: str) -> None:
    """A child: ready when the model is built and has made a tiny step, then a step an order."""
    torch.manual_seed(0)
    model = build(BASE, layers=layers, dropout=dropout, own_attention=variant == "transformers")
    step(model, [[8]])
    resting = current_memory()
    connection.send(None)
    now = time.process_time if clock == "cpu" else time.perf_counter
    while True:
        batches = connection.recv()
        reset_peak()
        started = now()
        step(model, batches)
        connection.send(Step(now() - started, (peak_memory() - resting) / MIB))


def build(
    shape: dict[str, int],
    *,
    layers: int,
    dropout: float,
    own_attention: bool = False,
    gradient_checkpointing: bool = False,
) -> EncoderBackbone:
    transformers_logging.set_verbosity_error()
    config = LongformerConfig(
        vocab_size=VOCABULARY,
        num_hidden_layers=layers,
        attention_window=512,
        max_position_embeddings=4098,
        type_vocab_size=1,
        pad_token_id=1,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        **shape,
    )
    backbone = EncoderBackbone(
        LongformerModel(config, add_pooling_layer=False),
        pooling="cls",
        freeze="none",
        gradient_checkpointing=gradient_checkpointing,
        own_attention=own_attention,
    )
    if own_attention:  # the peer as it comes, with torch's own dropout
        for module in backbone.modules():
            if isinstance(module, ByteDropout):
                module.__class__ = torch.nn.Dropout
    return backbone.to(DEVICE).train()


def step(model: EncoderBackbone, batches: Batches) -> None:
    """Forward and backward of the micro-batches; the gradients stay, as an optimiser wants them."""
    for lengths in batches:
        places = torch.arange(max(lengths), device=DEVICE)
        mask = (places < torch.tensor(lengths, device=DEVICE)[:, None]).long()
        ids = torch.randint(2, VOCABULARY, mask.shape, device=DEVICE).masked_fill(mask == 0, 1)
        with torch.autocast(DEVICE, dtype=torch.bfloat16, enabled=DEVICE == "cuda"):
            vectors = model(ids, mask)
        vectors.float().square().sum().backward()
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def reset_peak() -> None:
    """Give back what is free, and forget the peak so far."""
    gc.collect()
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")


def current_memory() -> int:
    """Bytes, on CUDA of torch's tensors."""
    reset_peak()
    return torch.cuda.memory_allocated() if DEVICE == "cuda" else _status("VmRSS")


def peak_memory() -> int:
    return torch.cuda.max_memory_allocated() if DEVICE == "cuda" else _status("VmHWM")


def _status(name: str) -> int:
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if name in x)
    return 1024 * int(line.split()[1])


def report(
    found: dict[str, dict[str, list[Step]]], *, dropout: float, layers: int, source: str
) -> str:
    needed = FASTER_ON_CUDA if DEVICE == "cuda" else FASTER
    lines = [
        f"One training step (forward and backward) of Longformer-base's shape, {layers} layers, "
        f"dropout {dropout:g}, {'bf16' if DEVICE == 'cuda' else 'fp32'}, against transformers' own "
        f"Longformer; fastest of the runs, highest peak. Lengths of {source}.",
        "",
        "| step | transformers s | hpsearch s | faster | claimed | holds "
        "| transformers MiB | hpsearch MiB | memory | claimed | holds |",
        "|---|---:|---:|---:|---:|---|---:|---:|---:|---:|---|",
    ]
    for case, steps in found.items():
        seconds = [min(s.seconds for s in steps[v]) for v in VARIANTS]
        mib = [max(s.mib for s in steps[v]) for v in VARIANTS]
        faster, limit = seconds[0] / seconds[1], needed if "reviews" in case else 1.0
        share = mib[1] / mib[0]
        cells = [case, *(f"{s:.2f}" for s in seconds), f"{faster:.2f}", f"≥ {limit}"]
        cells += ["yes" if faster >= limit else "NO", *(f"{m:.0f}" for m in mib), f"{share:.2f}"]
        cells += [f"≤ {MEMORY}", "yes" if share <= MEMORY else "NO"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def large() -> str:
    """Whether a step of Longformer-large fits, AdamW and all."""
    what = "Longformer-large, 4,096 tokens, batch 1, bf16, gradient checkpointing, AdamW, "
    what += f"within {LARGE_GIB:g} GiB"
    if DEVICE != "cuda":
        return f"{what}: not run, no GPU here. Nor were the claims for CUDA."
    model = build(LARGE, layers=24, dropout=0.1, gradient_checkpointing=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        step(model, [[4096]])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    gib = torch.cuda.max_memory_allocated() / GIB
    return f"{what}: {gib:.2f} GiB, holds: {'yes' if gib <= LARGE_GIB else 'NO'}"


def _arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lengths", nargs="*", type=int, default=[512, 1024, 4096])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--dropout", type=float, default=0.1)
    what = "cpu: processor time, where others use the machine (with OMP_NUM_THREADS=1)"
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help=what)
    parser.add_argument("--data", type=Path, help="with IMDB's train.parquet; else made reviews")
    parser.add_argument("--texts", type=int, default=16, help="reviews of a step")
    parser.add_argument("--micro", type=int, default=4, help="of them at once on a processor")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
