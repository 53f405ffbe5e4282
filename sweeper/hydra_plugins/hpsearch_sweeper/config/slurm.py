"""What a user can set under `hydra.launcher` with `hydra/launcher=slurm`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["SlurmLauncherConf"]


@dataclass
class SlurmLauncherConf:
    """Slurm's and submitit's names, so that what was written for hydra-submitit-launcher fits.

    A storage with a password reaches the jobs in their environment, as sbatch hands it on: it lies
    in slurmctld's own files, which only the administrator reads, and in none of the shared folder.
    """

    _target_: str = "hydra_plugins.hpsearch_sweeper.slurm_launcher.SlurmLauncher"

    # Where the jobs wait, and on whose bill. null leaves the choice to the cluster.
    partition: str | None = None
    account: str | None = None
    qos: str | None = None

    # Minutes until Slurm ends a job. Shorter ones start sooner. A trial that needs longer writes a
    # checkpoint in time, is queued again and goes on, as often as max_requeues allows.
    timeout_min: int = 60

    # What one trial gets. Without cpus_per_task most clusters give one processor; trials then
    # compute on one thread, for OMP_NUM_THREADS follows it unless you set that.
    cpus_per_task: int | None = None
    mem_gb: float | None = None

    # Graphics cards of a trial: a number, or as Slurm's gres with a kind (gpu:a100:1). null: none.
    gpus_per_node: int | None = None
    gres: str | None = None

    # Only nodes with this feature; none of these nodes.
    constraint: str | None = None
    exclude: str | None = None

    # Any other option of sbatch, by its long name: {reservation: thesis, requeue: false}. What
    # stands here wins. Without `requeue` Slurm ends a preempted job, and the trial is retried.
    additional_parameters: Any = None

    # Lines of shell that run before each job, on its node: ["module load cuda"].
    setup: list[str] = field(default_factory=list)

    # More words for the srun that starts the job on its node: ["--cpu-bind=none"].
    srun_args: list[str] = field(default_factory=list)

    # What starts Python on the node, a container for example: "apptainer exec image.sif python".
    # null is this very Python, which the nodes must find under the same path.
    python: str | None = None

    # Environment variables that the trials begin with. What is set where the sweep is started wins;
    # null leaves one out.
    env: Any = None

    # In squeue's column NAME, before the job's number. null is hydra.job.name.
    name: str | None = None

    # Seconds before the time limit at which a trial is told to write its checkpoint and end; also
    # the longest that it may take to do so. What is not written by then is computed again.
    signal_delay_s: int = 120

    # How often a job is queued again where it was preempted or ran out of time, each time going on
    # as the same trial. Then it counts as killed, and hydra.sweeper.retries decides. 0: never.
    max_requeues: int = 10

    # Seconds between two questions to Slurm, each for all jobs together. What a trial prints and
    # returns is read from the shared folder, sooner than that.
    poll_interval: float = 10.0

    # Where submitit keeps scripts and logs: on a disk that the nodes share. The folder of a job
    # that ended well is removed. %j is the job's number in Slurm.
    submitit_folder: str = "${hydra.sweep.dir}/.submitit/%j"

    # Jobs at once under sweepers other than hpsearch, where hydra.sweeper.n_jobs rules.
    n_jobs: int = 1
