"""From short runs to long ones: a study's promising points as a search of their own.

``python -m hpsearch.report study=NAME promote=3`` writes ``conf/search/NAME_promoted.yaml``, and
``python -m hpsearch.train -m search=NAME_promoted`` runs it: the same set-up, more epochs, more
seeds, nothing stopped early by a pruner.

``choosing`` picks the points, ``searched`` and ``fixed`` tell the search and its set-up again, and
``writing`` puts them into a file.
"""

from hpsearch.promotion.writing import Promoted, promote

__all__ = ["Promoted", "promote"]
