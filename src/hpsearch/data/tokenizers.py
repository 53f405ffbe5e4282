"""Tokenizers: the model's own, a folder's, or one trained on the training split."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, WordPiece
from tokenizers.trainers import BpeTrainer, WordPieceTrainer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from hpsearch.atomic import new_folder
from hpsearch.custom_code import require_trust
from hpsearch.data import seals
from hpsearch.errors import BackboneError
from hpsearch.timing import phase

__all__ = ["LazyTokenizer", "has_tokenizer", "load_tokenizer", "read_tokenizer"]

log = logging.getLogger(__name__)

TRAINED = ("wordpiece", "bpe")
SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "spiece.model")


@dataclass(frozen=True)
class LazyTokenizer:
    """A tokenizer that is loaded when it is needed: cached tokens and features spare 0.1 s of it.

    Attributes:
        load: called once at most.
        content: names what it does, where that is known without loading it.
    """

    load: Callable[[], PreTrainedTokenizerFast]
    content: str | None = None

    @classmethod
    def of(cls, loaded: PreTrainedTokenizerFast) -> LazyTokenizer:
        """One that is there already."""
        return cls(lambda: loaded)

    @cached_property
    def loaded(self) -> PreTrainedTokenizerFast:
        return self.load()

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits over all that decides which tokens a text becomes."""
        content = self.content or _rules(self.loaded)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@phase("data")
def load_tokenizer(
    which: str,
    *,
    texts: Sequence[str],
    vocab_size: int,
    lowercase: bool,
    cache: Path,
    digest: str,
    trust_remote_code: bool = False,
) -> PreTrainedTokenizerFast:
    """``wordpiece`` or ``bpe`` trained on ``texts`` (cached by their ``digest``), or a folder's.

    Every text becomes ``[CLS] … [SEP]``, so that an empty one still has a token.

    Raises:
        BackboneError: the folder holds no fast tokenizer.
    """
    if which not in TRAINED:
        return read_tokenizer(Path(which), trust_remote_code=trust_remote_code)
    key = hashlib.sha256(f"{which} {vocab_size} {lowercase} {digest}".encode()).hexdigest()[:16]
    folder = cache / "tokenizers" / key
    there = folder.exists()
    if there and (reason := seals.break_reason(folder)):
        log.warning("cache %s is damaged (%s): training the tokenizer again", folder, reason)
    if not there or reason:
        trained = _train(which, texts, vocab_size=vocab_size, lowercase=lowercase)
        with new_folder(folder, replace=there) as temporary:
            trained.save_pretrained(temporary)
            seals.seal(temporary)
    return read_tokenizer(folder)


def has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in FILES)


def read_tokenizer(folder: Path, *, trust_remote_code: bool = False) -> PreTrainedTokenizerFast:
    """The fast tokenizer that was saved in a folder; its own Python code runs only if trusted."""
    if not has_tokenizer(folder):
        raise BackboneError(
            f"backbone.tokenizer={folder}: no tokenizer there; allowed are wordpiece, bpe, or a "
            f"folder with one of {', '.join(FILES)}"
        )
    require_trust(folder, "backbone.tokenizer", trusted=trust_remote_code)
    try:
        loaded = AutoTokenizer.from_pretrained(
            folder, use_fast=True, trust_remote_code=trust_remote_code
        )
    except (ValueError, OSError, KeyError) as error:
        raise BackboneError(f"backbone.tokenizer={folder}: cannot be loaded: {error}") from error
    if not isinstance(loaded, PreTrainedTokenizerFast) or loaded.pad_token is None:
        raise BackboneError(
            f"backbone.tokenizer={folder}: a fast one with a padding token is needed"
        )
    return loaded


def _rules(tokenizer: PreTrainedTokenizerFast) -> str:
    """All that it does, in JSON."""
    # Truncation and padding are state that a call leaves behind and the next one sets, not what the
    # tokenizer is.
    rules: Tokenizer = tokenizer.backend_tokenizer
    rules.no_truncation()
    rules.no_padding()
    return str(rules.to_str())


def _train(
    which: str, texts: Sequence[str], *, vocab_size: int, lowercase: bool
) -> PreTrainedTokenizerFast:
    train = _train_bpe if which == "bpe" else _train_wordpiece
    steps = [normalizers.NFKC(), *([normalizers.Lowercase()] if lowercase else [])]
    tokenizer = train(texts, normalizers.Sequence(steps), vocab_size)
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL)


def _train_bpe(texts: Sequence[str], normalizer: Any, vocab_size: int) -> Tokenizer:
    """Byte-level byte-pair encoding (Sennrich et al. 2016)."""
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _train_wordpiece(texts: Sequence[str], normalizer: Any, vocab_size: int) -> Tokenizer:
    """WordPiece (Schuster and Nakajima 2012), the same vocabulary on every run.

    The trainer numbers the letters inside words in the order of a hash map, and breaks ties by
    number, so two trainings differ. Naming these letters first, in order, takes the chance out.
    """
    letters = sorted(set().union(*(set(normalizer.normalize_str(text)) for text in texts)))
    inside = [f"##{letter}" for letter in letters if not letter.isspace()]
    draft = Tokenizer(WordPiece(unk_token="[UNK]"))
    draft.normalizer = normalizer
    draft.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = WordPieceTrainer(
        vocab_size=vocab_size, special_tokens=[*SPECIAL.values(), *inside], show_progress=False
    )
    draft.train_from_iterator(texts, trainer)
    # The draft takes the letters for special tokens; with its vocabulary alone they are not.
    tokenizer = Tokenizer(WordPiece(draft.get_vocab(), unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(SPECIAL.values()))
    return tokenizer
