import hashlib
import math
import os
import re
import statistics
import subprocess
import sys
from functools import cache

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from hpsearch.data.reviews import CLASSES, generate
from hpsearch.data.reviews.vocabulary import QUALITY

TRAIN, TEST = 1, 2


@cache
def reviews(n: int, seed: int) -> tuple[tuple[str, int], ...]:
    return tuple(generate(n, seed))


@cache
def bag_of_words_accuracy(n_words: int | None = None, *, last: bool = False) -> float:
    """Test accuracy of logistic regression on word counts of the first (or last) `n_words`."""

    def cut(text: str) -> str:
        words = text.split()
        return " ".join(words[-n_words:] if last and n_words else words[:n_words])

    train, test = reviews(3000, TRAIN), reviews(1000, TEST)
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    counts = vectorizer.fit_transform([cut(text) for text, _ in train])
    model = LogisticRegression(C=1.0, solver="liblinear").fit(counts, [y for _, y in train])
    return float(
        model.score(vectorizer.transform([cut(text) for text, _ in test]), [y for _, y in test])
    )


@pytest.mark.slow
def test_another_process_with_another_hash_seed_writes_the_same_reviews() -> None:
    digest = "import hashlib; from hpsearch.data.reviews import generate; "
    digest += "print(hashlib.sha256(repr(generate(50, 7)).encode()).hexdigest())"
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    elsewhere = subprocess.run(
        [sys.executable, "-c", digest], env=environment, capture_output=True, text=True, check=True
    )
    here = hashlib.sha256(repr(generate(50, 7)).encode()).hexdigest()
    assert elsewhere.stdout.strip() == here


def test_a_larger_corpus_begins_with_the_smaller_one() -> None:
    assert generate(61, seed=3)[:20] == generate(20, seed=3)


def test_another_seed_gives_other_reviews() -> None:
    assert not {text for text, _ in generate(50, 3)} & {text for text, _ in generate(50, 4)}


def test_no_review_appears_twice_within_or_across_the_streams() -> None:
    texts = [text for text, _ in reviews(3000, TRAIN) + reviews(1000, TEST)]
    assert len(set(texts)) == len(texts)


def test_lengths_stay_between_30_and_1500_words_and_look_log_normal() -> None:
    lengths = [len(text.split()) for text, _ in reviews(3000, TRAIN)]
    logs = [math.log(length) for length in lengths]
    mean, spread = statistics.fmean(logs), statistics.stdev(logs)
    skewness = statistics.fmean(((x - mean) / spread) ** 3 for x in logs)
    assert min(lengths) >= 30
    assert max(lengths) <= 1500
    assert 165 <= statistics.median(lengths) <= 205
    assert 0.6 < spread < 0.8
    assert abs(skewness) < 0.3


def test_an_even_number_of_reviews_is_balanced_exactly() -> None:
    labels = [label for _, label in reviews(1000, TEST)]
    assert labels.count(0) == labels.count(1) == 500
    assert set(labels) == set(range(len(CLASSES)))


def test_the_order_of_the_labels_cannot_be_foretold() -> None:
    firsts = [label for _, label in reviews(1000, TEST)][::2]
    assert 0.4 < statistics.fmean(firsts) < 0.6


def test_a_bag_of_words_learns_something_but_stays_below_085() -> None:
    assert 0.65 < bag_of_words_accuracy() <= 0.85


def test_reading_only_the_first_words_costs_accuracy() -> None:
    first_64, first_256, whole = (bag_of_words_accuracy(n) for n in (64, 256, None))
    assert first_64 < whole - 0.12
    assert first_256 < whole - 0.02


def test_the_last_words_tell_more_than_the_first() -> None:
    assert bag_of_words_accuracy(64, last=True) > bag_of_words_accuracy(64) + 0.10


def test_negation_and_contrast_are_everywhere() -> None:
    texts = [text.lower() for text, _ in reviews(1000, TEST)]
    negated = re.compile(r"\b(not|never|hardly|far from|by no means|anything but)\b")
    contrast = re.compile(r"\b(although|but|despite|even though|for all the talk|while)\b")
    assert statistics.fmean(bool(negated.search(text)) for text in texts) > 0.9
    assert statistics.fmean(bool(contrast.search(text)) for text in texts) > 0.8


def test_both_classes_use_good_words_and_bad_words() -> None:
    for label in range(len(CLASSES)):
        words = {
            word
            for text, y in reviews(1000, TEST)
            if y == label
            for word in re.findall(r"\w+", text)
        }
        assert words >= set(QUALITY.bad + QUALITY.good)


def labels_where(pattern: str) -> list[int]:
    return [label for text, label in reviews(3000, TRAIN) if re.search(pattern, text)]


ANYONE_ELSE = r"(told me that|insisted that|(According to|If you ask) [\w ]+,) the"
PRAISE = r" [\w -]+? (was nothing if not|was never less than|could not have been more) "


def test_what_other_people_say_does_not_decide_the_label() -> None:
    for side in (QUALITY.bad, QUALITY.good):
        labels = labels_where(ANYONE_ELSE + PRAISE + "(" + "|".join(side) + ")")
        assert len(labels) > 50
        assert 0.35 < statistics.fmean(labels) < 0.65


def test_the_same_words_from_the_author_lean_towards_the_label() -> None:
    bad, good = (
        statistics.fmean(labels_where("I must say that the" + PRAISE + "(" + "|".join(side) + ")"))
        for side in (QUALITY.bad, QUALITY.good)
    )
    assert bad < 0.4
    assert good > 0.6


def test_what_the_author_says_at_the_end_decides_the_label() -> None:
    assert set(labels_where(r"I (can)?not call this film a real (gem|triumph)")) == {0}
    assert set(labels_where(r"I cannot call this film a real (mess|failure)")) == {1}
    assert set(labels_where(r"I call this film a real (gem|triumph)")) == {1}
