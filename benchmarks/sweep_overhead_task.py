"""The program that `sweep_overhead.py` sweeps: no work at all, so that all time is the sweeper's.

It runs under any Hydra sweeper. `python sweep_overhead_task.py --write FOLDER` writes its config:
as many keys, groups and searched parameters as a real program has.
"""

from __future__ import annotations

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

CONF = {
    "config": """
        defaults: [_self_, model: small, optimizer: adam, data: synthetic, trainer: default]
        name: ${model.name}_${data.name}
        seed: 0
        root: .
        hydra:
          sweeper:
            n_jobs: 1
            study_name: overhead
            direction: minimize
            params:
              model.dim: range(8, 512)
              model.dropout: interval(0.0, 0.5)
              model.activation: choice(relu, tanh, gelu)
              optimizer.lr: tag(log, interval(1e-5, 1e-1))
              optimizer.weight_decay: tag(log, interval(1e-6, 1e-2))
              trainer.epochs: range(1, 50)
              trainer.schedule: choice(linear, cosine, constant)""",
    "model/small": """
        {name: small, kind: mlp, dim: 64, layers: 2, dropout: 0.1, activation: relu,
         bias: true}""",
    "model/large": """
        {name: large, kind: mlp, dim: 256, layers: 8, dropout: 0.1, activation: relu,
         bias: true}""",
    "optimizer/adam": """
        {name: adam, lr: 0.001, weight_decay: 0.0001, betas: [0.9, 0.999], eps: 1.0e-8,
         amsgrad: false}""",
    "data/synthetic": """
        {name: synthetic, path: '${root}/data', size: 1000, classes: [a, b], seed: '${seed}',
         workers: 0, shuffle: true}""",
    "trainer/default": """
        {epochs: 3, batch_size: 32, clip_norm: 1.0, schedule: linear, warmup: 0.1, precision: fp32,
         device: cpu, early_stopping: {patience: 2, metric: loss}, log_every: 10}""",
}


@hydra.main(version_base="1.2", config_path=None, config_name="config")
def main(config: DictConfig) -> float:
    return float(config.model.dropout + config.optimizer.lr + config.trainer.epochs)


def write_conf(folder: Path) -> None:
    for name, text in CONF.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write_conf(Path(sys.argv[2]))
    else:
        main()
