"""Sentences of an invented film review: who says what about what, and which way it points."""

import re
from collections.abc import Sequence
from random import Random
from typing import TypeVar

from hpsearch.data.reviews import frames
from hpsearch.data.reviews.vocabulary import CLAIMS, IMPRESSION, SLOTS, VERDICTS, Wording

T = TypeVar("T")

# How often a meaning is put as the denial of its opposite ("never once dull"). At 0.5 single words
# would say nothing at all; below it, a bag of words keeps part of the signal.
DENIED = 0.25

_SLOT = re.compile(r"\{(\w+)\}")
_A_BEFORE_VOWEL = re.compile(r"\b([Aa]) (?=[aeiou])")


def pick(rng: Random, options: Sequence[T]) -> T:
    # Only Random.random() is promised to give the same numbers in every Python version.
    return options[int(rng.random() * len(options))]


class Writer:
    """Writes the sentences of one review: one film, one author, one stream of random numbers."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._decks: dict[Sequence[str], list[str]] = {}
        self._film = {name: pick(rng, SLOTS[name]) for name in ("hero", "rival")}
        self._film["trade"] = pick(rng, SLOTS["job"])
        self._film["director"] = f"{pick(rng, SLOTS['given'])} {pick(rng, SLOTS['surname'])}"
        self._film["title"] = f"The {pick(rng, SLOTS['first'])} {pick(rng, SLOTS['second'])}"

    def opening(self) -> str:
        return self._sentence(frames.OPENINGS)

    def impression(self, good: bool) -> str:
        return self._sentence(frames.IMPRESSIONS, good)

    def story(self) -> str:
        return self._sentence(frames.STORY)

    def own(self, good: bool) -> str:
        return self._sentence(frames.OWN, good)

    def contrast(self, good: bool) -> str:
        return self._sentence(frames.CONTRAST, good)

    def hearsay(self) -> str:
        return self._sentence(frames.HEARSAY)

    def comparison(self) -> str:
        return self._sentence(frames.COMPARISON)

    def hinge(self, overturned: bool) -> str:
        return self._sentence(frames.TURNS if overturned else frames.STAYS)

    def verdict(self, good: bool) -> str:
        return self._sentence(frames.CLOSINGS, good)

    def _sentence(self, options: Sequence[str], good: bool = True) -> str:
        text = _A_BEFORE_VOWEL.sub(r"\1n ", self._fill(self._deal(options), good))
        return text[0].upper() + text[1:]

    def _fill(self, frame: str, good: bool) -> str:
        return _SLOT.sub(lambda slot: self._slot(slot[1], good), frame)

    def _slot(self, name: str, good: bool) -> str:
        match name:
            case "hero" | "rival" | "trade" | "director" | "title":
                return self._film[name]
            case "aspect":
                return self._deal(SLOTS[name])
            case "impression":
                return self._word(IMPRESSION, good)
            case "verdict":
                return self._word(pick(self._rng, VERDICTS), good)
            case "claim":
                return self._claim(good)
            case "against":
                return self._claim(not good)
            case "loose":
                return self._claim(self._rng.random() < 0.5)
        return self._fill(pick(self._rng, SLOTS[name]), good)

    def _deal(self, options: Sequence[str]) -> str:
        # Like cards: each has its turn before one comes back, so that authors neither repeat
        # themselves nor contradict themselves about the same aspect.
        deck = self._decks.setdefault(options, [])
        if not deck:
            deck.extend(sorted(options, key=lambda _: self._rng.random()))
        return deck.pop()

    def _claim(self, good: bool) -> str:
        return self._fill("{aspect} ", good) + self._word(pick(self._rng, CLAIMS), good)

    def _word(self, wording: Wording, good: bool) -> str:
        """The meaning `good` said outright or as the denial of its opposite."""
        denied = self._rng.random() < DENIED
        frame = pick(self._rng, wording.denied if denied else wording.said)
        word = pick(self._rng, wording.good if good != denied else wording.bad)
        return self._fill(frame.replace("{word}", word), good)
