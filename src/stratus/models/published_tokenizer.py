"""The tokenizer files of a published checkpoint, read without running a tokenizer.

A published CLOUD folder holds ``vocab.txt`` (a word a line, the id is the line), ids of added
words in ``added_tokens.json``, and settings. Newer folders say the same in ``tokenizer.json``. All
that is there is read, and what contradicts itself is refused.

The words of a ``paper`` string are whole words of this table, so looking them up gives the ids
that ``BertTokenizer`` gives; a word that is not in it is an error, where ``BertTokenizer`` cuts it
into pieces or calls it [UNK].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stratus.corpora.documents import read_json, read_text
from stratus.errors import InputError
from stratus.scope.vocabulary import SCHEMA_VERSION, Role, Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

_SPECIAL: Final = {
    "cls_token": "[CLS]",
    "pad_token": "[PAD]",
    "sep_token": "[SEP]",
    "unk_token": "[UNK]",
    "mask_token": "[MASK]",
}
_CLASSES: Final = ("BertTokenizer", "BertTokenizerFast")


def read_tokenizer(folder: Path) -> Vocabulary:
    """Read the words of a published tokenizer, in the order of their ids.

    Args:
        folder: with ``vocab.txt`` and ``added_tokens.json``, or with ``tokenizer.json``, and with
            ``tokenizer_config.json``.

    Returns:
        A vocabulary in which the special tokens are :attr:`Role.SPECIAL`, all others
        :attr:`Role.SHARED`.

    Raises:
        stratus.errors.InputError: a file is missing or contradicts another, an id is missing or
            taken twice, or the tokenizer does something that is not done here, such as lower case.
    """
    _check_settings(folder)
    ids = _Ids()
    found = [read(folder, ids) for read in (_from_vocab_txt, _from_tokenizer_json)]
    if not any(found):
        raise InputError(f"{folder} has no tokenizer: neither vocab.txt nor tokenizer.json")
    _from_added_tokens(folder, ids)
    words = ids.in_order(folder)
    for word in _SPECIAL.values():
        if word not in ids.by_word:
            raise InputError(f"the tokenizer in {folder} has no token {word}")
    special = set(_SPECIAL.values())
    roles = tuple(Role.SPECIAL if word in special else Role.SHARED for word in words)
    return Vocabulary(words, roles, SCHEMA_VERSION)


class _Ids:
    """Ids by word and words by id, which must agree wherever they come from."""

    def __init__(self) -> None:
        self.by_word: dict[str, int] = {}
        self.by_id: dict[int, str] = {}

    def add(self, word: object, number: object, path: Path) -> None:
        if not isinstance(word, str) or type(number) is not int or number < 0:
            raise InputError(f"{path} gives the word {word!r} the id {number!r}")
        known, holder = self.by_word.setdefault(word, number), self.by_id.setdefault(number, word)
        if known != number:
            raise InputError(f"{path} gives {word!r} the id {number}, but it has the id {known}")
        if holder != word:
            raise InputError(f"{path} gives {word!r} the id {number}, which is that of {holder!r}")

    def in_order(self, folder: Path) -> tuple[str, ...]:
        for number in range(len(self.by_id)):
            if number not in self.by_id:
                raise InputError(
                    f"the tokenizer in {folder} has {len(self.by_id)} words, but none with the id "
                    f"{number}; a file of it is missing or was changed"
                )
        return tuple(self.by_id[number] for number in range(len(self.by_id)))


def _from_vocab_txt(folder: Path, ids: _Ids) -> bool:
    path = folder / "vocab.txt"
    if not path.exists():
        return False
    lines = read_text(path).removesuffix("\n").split("\n")
    for number, word in enumerate(lines):
        if word in ids.by_word:
            raise InputError(
                f"{path} holds {word!r} twice, on lines {ids.by_word[word] + 1} and {number + 1}"
            )
        ids.add(word, number, path)
    return True


def _from_tokenizer_json(folder: Path, ids: _Ids) -> bool:
    path = folder / "tokenizer.json"
    if not path.exists():
        return False
    table = read_json(path)
    match table:
        case {"model": {"type": "WordPiece", "vocab": dict() as vocab}}:
            for word, number in vocab.items():
                ids.add(word, number, path)
        case _:
            raise InputError(f"{path} is no WordPiece tokenizer, which BERT has")
    added = table.get("added_tokens") or []
    for token in added if isinstance(added, list) else [added]:
        content, number = _content(token, path), token.get("id")
        ids.add(content, number, path)
    return True


def _from_added_tokens(folder: Path, ids: _Ids) -> None:
    path = folder / "added_tokens.json"
    for word, number in _table(path).items() if path.exists() else ():
        ids.add(word, number, path)
    path = folder / "tokenizer_config.json"
    decoder = _table(path).get("added_tokens_decoder") or {}
    if not isinstance(decoder, dict):
        raise InputError(f"{path}: added_tokens_decoder is no table of tokens")
    for number, token in decoder.items():
        if not number.isdecimal():
            raise InputError(f"{path}: added_tokens_decoder has the id {number!r}")
        ids.add(_content(token, path), int(number), path)


def _check_settings(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    if not path.exists():
        raise InputError(
            f"{folder} has no tokenizer_config.json; without it BertTokenizer writes everything in "
            "lower case, and Co is CO then: copy it from where the weights are"
        )
    settings = _table(path)
    kind = settings.get("tokenizer_class", "BertTokenizer")
    if kind not in _CLASSES:
        raise InputError(f"{path}: tokenizer_class is {kind!r}; only {_CLASSES[0]} is known here")
    if settings.get("do_lower_case", True) is not False:
        raise InputError(
            f"{path}: do_lower_case is {settings.get('do_lower_case', 'not said, so true')!r}; "
            "it must be false, for elements are told apart by it"
        )
    fast = folder / "tokenizer.json"
    normalizer = _table(fast).get("normalizer") if fast.exists() else None
    if isinstance(normalizer, dict) and normalizer.get("lowercase", False) is not False:
        raise InputError(f"{fast}: the normalizer writes lower case; it must not")
    named = folder / "special_tokens_map.json"
    for source in (path, named):
        values = _table(source) if source.exists() else {}
        for role, word in _SPECIAL.items():
            if values.get(role) is not None and _content(values[role], source) != word:
                raise InputError(f"{source}: {role} is {values[role]!r}; only {word!r} is known")


def _table(path: Path) -> dict[str, Any]:
    values = read_json(path)
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no table")
    return values


def _content(token: object, path: Path) -> str:
    match token:
        case str() as word:
            return word
        case {"content": str() as word}:
            return word
    raise InputError(f"{path} describes a token as {token!r}, which has no content")
