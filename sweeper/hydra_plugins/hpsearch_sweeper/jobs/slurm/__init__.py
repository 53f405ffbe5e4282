"""Jobs of a Slurm cluster, through submitit.

In the sweeper, one job is seen as `job.SlurmJob`, what Slurm says of all of them as `queue`, and
`submitting` hands one over; `runner.SlurmRunner` puts them together.

On the node, submitit runs a `guardian.Guardian`, small enough to outlive what a trial does to its
own process: that is a fresh Python, started by `process` and beginning in `fresh`.
"""
