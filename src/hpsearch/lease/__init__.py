"""A lease on what processes of several hosts share, without file locks, which NFS may not have.

It is a file that names its holder. The holder touches it every few seconds, from a thread; whoever
wants it waits until it is given back, until its holder is dead, as far as this host can see, or
until it has not been touched for some beats by the watcher's own clock.

Of the file system it is assumed what NFS (3 and newer, mounted as usual) and every local one does:

- A file made with ``O_CREAT | O_EXCL`` is made by one process alone.
- A rename within a folder replaces its target at once, for all hosts.
- Who opens a file sees what was written and touched before, by whoever has closed it
  (close-to-open consistency; the mount option ``nocto`` gives it up).
- Hosts have different names. Their clocks need not agree, and neither with the file server's.

A claim is taken over in two moves. The taker makes the file ``<lease>.<token of the old claim>``,
which only one can, looks whether the old claim still stands, and renames it over that. Nothing is
ever removed by its place, so that no claim but the one that was judged can be lost.

No lease can hold a process that sleeps while it expires. Before it writes it asks
:meth:`Lease.check`. filelock's ``SoftFileLease`` is not used, for it swaps the two files by
``RENAME_EXCHANGE``, which NFS has not: there the claim of a process that was killed would stand for
ever.
"""

from hpsearch.lease.leases import Lease
from hpsearch.lease.marks import Mark, is_held

__all__ = ["Lease", "Mark", "is_held"]
