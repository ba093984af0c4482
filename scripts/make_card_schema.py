"""Write the JSON Schema of the cards of data sets, from the model that reads them.

python scripts/make_card_schema.py
"""

from __future__ import annotations

import json
from pathlib import Path

from stratus.corpora.cards import card

if __name__ == "__main__":
    path = Path(card.__file__).parent / "data" / card.SCHEMA_FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(card.card_schema(), indent=1) + "\n", encoding="utf-8")
    print(path)
