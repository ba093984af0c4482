"""What the words of the orbit dialect mean as numbers, by token id.

An encoder that knows a word only as an id has to learn from its labels that Na is next to K. These
tables tell it: properties of the elements, and the numbers that number words and Wyckoff symbols
stand for. They are on the CPU, also where modules are built on the meta device.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import torch

from stratus.crystals.elements import NUMBERS, SYMBOLS
from stratus.scope.vocabulary import Role, vocabulary

_BASE: Final = 100


@cache
def element_properties() -> tuple[tuple[str, ...], dict[str, tuple[float, ...]]]:
    """Return the names of the properties, and their values by element symbol.

    Each property has mean 0 and standard deviation 1 over the elements where it is known, and is 0
    where it is not. Source: pymatgen's periodic table, by ``scripts/make_element_table.py``.
    """
    text = files("stratus.encoders").joinpath("data/elements.csv").read_text("utf-8")
    header, *rows = csv.reader(text.splitlines())
    values = np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in rows])
    scaled = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
    known = np.nan_to_num(scaled).tolist()
    return tuple(header[1:]), {
        row[0]: tuple(numbers) for row, numbers in zip(rows, known, strict=True)
    }


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


def properties_by_number() -> torch.Tensor:
    """Return the properties of each element, float32 ``[Z + 1, P]``, row by atomic number."""
    names, of = element_properties()
    unknown = (0.0,) * len(names)
    return torch.tensor([of.get(symbol, unknown) for symbol in SYMBOLS], device="cpu")


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
