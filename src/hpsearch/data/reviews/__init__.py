"""The corpus `data=reviews`: long English film reviews, invented on the spot by a seeded generator.

The corpus is synthetic: nobody wrote these reviews, the films do not exist, and no text comes from
another project or data set. It stands in for a real review corpus where nothing can be downloaded.

The label is the author's final verdict. An author forms a first impression, which colours the long
first part, and either stands by it or overturns it late; what follows that point carries the label.
What other people say, what is said of other films and what is granted in passing ("although ...")
never counts. A claim often denies its opposite ("never once dull"), so that single words mislead,
and the decisive words come last, so that a reader who stops early has little better than a guess.

Test accuracy with 4,000 reviews to learn from and 1,000 to be judged on, by words read (a text CNN
of widths 3, 4, 5 with 64 filters each, the last of 7 epochs; logistic regression on word counts):

    words read            64     128    256    512    all
    logistic regression   0.53   0.58   0.70   0.75   0.77
    text CNN              0.59   0.67   0.79   0.94
"""

from random import Random

from hpsearch.data.reviews.sentences import Writer

__all__ = ["CLASSES", "VERSION", "generate"]

CLASSES = ("negative", "positive")

# Part of the data's identity: raise it whenever the text of any review changes.
VERSION = 1

SHORTEST, LONGEST = 30, 1500  # words
MEDIAN_LOG, SPREAD_LOG = 5.17, 0.70  # a median near 175 words, a long tail to the right

OVERTURNED = 0.33  # nearer 0.5, the first part would say nothing about the label
CONSISTENT = 0.85  # authors are not of one piece: some claims lean the other way
LATE_SHARE = 0.30  # of the words, after the hinge


def generate(n: int, seed: int) -> list[tuple[str, int]]:
    """The first `n` reviews of stream `seed` with their labels: the same on every machine.

    A longer list begins with the shorter one. Every pair of neighbours holds one review of each
    class, so an even `n` is balanced exactly.
    """
    return [_review(seed, index) for index in range(n)]


def _review(seed: int, index: int) -> tuple[str, int]:
    # A string seed is hashed with SHA-512, independent of PYTHONHASHSEED.
    first_of_pair = Random(f"reviews/{VERSION}/{seed}/pair/{index // 2}").random() < 0.5
    label = (index + first_of_pair) % 2
    rng = Random(f"reviews/{VERSION}/{seed}/{index}")
    return " ".join(_sentences(rng, bool(label))), label


def _sentences(rng: Random, good: bool) -> list[str]:
    writer = Writer(rng)
    n_words = _length(rng)
    overturned = rng.random() < OVERTURNED
    late = [writer.hinge(overturned), *_late_part(rng, writer, good, round(LATE_SHARE * n_words))]
    return _early_part(rng, writer, good != overturned, n_words - _count(late)) + late


def _length(rng: Random) -> int:
    longest_sentence = 50  # the early part may run over by one sentence
    drawn = round(rng.lognormvariate(MEDIAN_LOG, SPREAD_LOG))
    return min(max(drawn, SHORTEST), LONGEST - longest_sentence)


def _early_part(rng: Random, writer: Writer, good: bool, n_words: int) -> list[str]:
    # Too short a review goes without an opening; a hinge always needs something to turn on.
    written = [writer.opening()] if n_words > SHORTEST else []
    written.append(writer.impression(good))
    while _count(written) < n_words:
        sentence = _early_sentence(rng, writer, good)
        if sentence not in written:
            written.append(sentence)
    return written


def _early_sentence(rng: Random, writer: Writer, good: bool) -> str:
    leaning = good if rng.random() < CONSISTENT else not good
    kind = rng.random()
    if kind < 0.40:
        return writer.story()
    if kind < 0.65:
        return writer.own(leaning)
    if kind < 0.80:
        return writer.contrast(leaning)
    return writer.hearsay() if kind < 0.92 else writer.comparison()


def _late_part(rng: Random, writer: Writer, good: bool, n_words: int) -> list[str]:
    written: list[str] = []
    closing = [writer.verdict(good)]
    while _count(written) + _count(closing) < n_words:
        write = writer.own if rng.random() < 0.6 else writer.contrast
        written.append(write(good))
        if len(written) % 3 == 0:
            closing.append(writer.verdict(good))
    return written + closing


def _count(sentences: list[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)
