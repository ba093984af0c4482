"""What the words of the orbit dialect mean as numbers, by token id.

An encoder that knows a word only as an id has to learn from its labels that Na is next to K. These
tables tell it: properties of the elements, and the numbers that number words and Wyckoff symbols
stand for. They are on the CPU, also where modules are built on the meta device.
"""

from __future__ import annotations

from typing import Final

import torch

from stratus.crystals.elements import NUMBERS
from stratus.encoders.element_table import properties_by_number
from stratus.scope.vocabulary import Role, vocabulary

_BASE: Final = 100


def element_features() -> torch.Tensor:
    """Return the properties of the element that each token names, float32 ``[V, P]``.

    Rows of other tokens are 0.
    """
    properties = properties_by_number()
    table = torch.zeros(len(vocabulary()), properties.shape[1], device="cpu")
    for k, (word, role) in enumerate(zip(vocabulary().tokens, vocabulary().roles, strict=True)):
        if role is Role.ELEMENT:
            table[k] = properties[NUMBERS[word]]
    return table


def token_values() -> torch.Tensor:
    """Return the number that each token stands for, float32 ``[V]``.

    That of a Wyckoff symbol is its multiplicity, and a number is the sum of those of its words
    below 10,000; other tokens have 0.
    """
    table = torch.zeros(len(vocabulary()), device="cpu")
    for k, (word, role) in enumerate(zip(vocabulary().tokens, vocabulary().roles, strict=True)):
        if role is Role.WYCKOFF:
            table[k] = int(word[:-1])
        elif role is Role.NUMBER:
            table[k] = _BASE * int(word[:-1]) if word.endswith("_") else int(word)
    return table
