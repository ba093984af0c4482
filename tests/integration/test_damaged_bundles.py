"""Every kind of damaged bundle is refused with a sentence, also by who rewrites the manifest."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import stratus
from stratus.encoders.table import architecture
from stratus.errors import InputError
from stratus.files import sealed
from stratus.heads.masked_tokens import MaskedTokenHead
from stratus.models.bundle import save_bundle
from stratus.models.card import Card
from stratus.models.net import Net
from stratus.scope import Vocabulary, vocabulary
from stratus.views.token_view import token_view as view

NAMES = [
    "MANIFEST.json", "card.yaml", "metrics.json", "model.json", "vocabulary.json",
    "weights.safetensors",
]  # fmt: skip
HEAD = ("members", 0, "heads", "masked")
VIEW = ["view", "config"]


@pytest.fixture(scope="session")
def _whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "bundle"
    kind = architecture("orbit-set")
    config = kind.config(vocabulary_size=595, hidden=4, layers=1, heads=2, feed_forward=4)
    card = Card(
        name="n", summary="s", licence_code="MIT", licence_weights="MIT", intended_use="u",
        limits="l",
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    save_bundle(
        folder,
        members=[
            Net(
                kind.build(config, generator),
                {"masked": MaskedTokenHead(4, 595, 4, generator=generator)},
            )
        ],
        architecture="orbit-set",
        view=view("orbit-set", vocabulary(), 64),
        card=card,
        metrics={"accuracy": 0.5},
    )
    return folder


@pytest.fixture
def bundle(_whole, tmp_path) -> Path:
    return Path(shutil.copytree(_whole, tmp_path / "bundle"))


def reseal(folder: Path) -> None:
    """Write a manifest that agrees with whatever is there."""
    sealed._write_manifest(folder)


def refusal(folder: Path) -> str:
    """Return the sentence with which a bundle is refused."""
    with pytest.raises(InputError) as refused:
        stratus.load(folder)
    text = str(refused.value)
    assert len(text) > 20
    assert "\n" not in text
    return text


def test_the_whole_bundle_loads(bundle):
    assert sorted(p.name for p in bundle.iterdir()) == NAMES
    assert stratus.load(bundle).model.parameters > 0


# ------------------------------------------------------------------ damage under a stale manifest


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bit", [0x01, 0x20, 0x80])
def test_a_flipped_bit_anywhere_is_found(bundle, name, bit):
    path = bundle / name
    whole = path.read_bytes()
    step = max(1, len(whole) // 70)
    for at in [*range(0, len(whole), step), len(whole) - 1]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        said = refusal(bundle)
        assert name == "MANIFEST.json" or str(path) in said, (at, said)
    path.write_bytes(whole)
    stratus.load(bundle)


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_or_longer_file_is_found(bundle, name):
    path = bundle / name
    whole = path.read_bytes()
    cuts = [0, 1, 7, 8, 9, len(whole) // 2, len(whole) - 2]
    for damaged in [*(whole[:n] for n in cuts), whole + b"\0", whole + whole]:
        path.write_bytes(damaged)
        assert name in refusal(bundle)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(bundle, name):
    (bundle / name).unlink()
    assert name in refusal(bundle)


@pytest.mark.parametrize("name", ["extra.py", "weights.bin", ".hidden", "sub/model.json"])
def test_an_added_file_is_named(bundle, name):
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("x")
    assert name in refusal(bundle)


def test_an_added_folder_behind_a_link_is_named(bundle, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (bundle / "linked").symlink_to(tmp_path / "elsewhere")
    assert "linked" in refusal(bundle)


def test_what_is_no_bundle_is_refused(bundle, tmp_path):
    assert "is not there" in refusal(tmp_path / "nowhere")
    assert "is no folder" in refusal(bundle / "model.json")
    (tmp_path / "empty").mkdir()
    assert "has no MANIFEST.json" in refusal(tmp_path / "empty")


# -------------------------------------------------------------- damage under a manifest that agrees


def edit(path: Path, *keys: str | int, to: object) -> None:
    """Set a value deep in a JSON file; None removes it."""
    table = json.loads(path.read_text())
    inner = table
    for key in keys[:-1]:
        inner = inner[key]
    if to is None:
        del inner[keys[-1]]
    elif keys[-1] == len(inner):
        inner.append(to)
    else:
        inner[keys[-1]] = to
    path.write_text(json.dumps(table))


@pytest.mark.parametrize(
    ("keys", "to", "message"),
    [
        (["colour"], "red", "the key 'colour' is unknown"),
        (["view"], None, "the key 'view' is missing"),
        ([*HEAD, "colour"], "red", "'members.0.heads.masked.colour' is unknown"),
        (["config", "colour"], "red", "the key 'colour' is unknown"),
        (["config", "hidden"], None, "the key 'hidden' is missing"),
        ([*HEAD, "config", "colour"], "red", "the key 'colour' is unknown"),
        (["format"], 1, "has format 1; this version of stratus reads 2 and 3"),
        (["format"], 4, "has format 4; this version of stratus reads 2 and 3"),
        (["format"], "2", "has format '2'"),
        (["members"], [], "members"),
        (["members"], {}, "members"),
        (["members"], None, "the key 'members' is missing"),
        (["members", 0, "colour"], "red", "'members.0.colour' is unknown"),
        (["members", 0, "group"], 1, "members.0.group"),
        (["members", 1], {"group": "", "heads": {}}, "members.1 has the heads none, but"),
        (["numerics"], 99, "version 99 of what orbit-set computes"),
        (["numerics"], 0, "version 0 of what orbit-set computes"),
        (["architecture"], "orbit-sat", "no architecture 'orbit-sat'; did you mean orbit-set"),
        (["architecture"], "os.system", "no architecture 'os.system'"),
        (["architecture"], "cloud", "version 2 of what cloud computes"),
        (["view", "name"], "orbit-sett", "no view 'orbit-sett'; did you mean orbit-set"),
        (["view"], "orbit-set", "view: Input should be an object, not 'orbit-set'"),
        (["view", "name"], "sequence", "orbit-set reads the view 'orbit-set', not 'sequence'"),
        ([*HEAD, "kind"], "masked-token", "no kind of head 'masked-token'; did you"),
        (["members", 0, "heads", "other"], {"kind": "masked-tokens", "config": {}}, "heads.other"),
        (["members", 0, "heads"], {}, "heads.masked.* belongs to nothing"),
        ([*VIEW, "colour"], "red", "the key 'view.config.colour' is unknown; remove it"),
        ([*VIEW, "dialect"], None, "the key 'view.config.dialect' is missing"),
        ([*VIEW, "dialect"], "paper", "the view 'orbit-set' reads the orbit dialect, not paper"),
        (
            [*VIEW, "dialect"],
            "french",
            r"view\.config\.dialect: .*'orbit' or 'paper', not 'french'",
        ),
        ([*VIEW, "max_length"], 0, r"view\.config\.max_length"),
        ([*VIEW, "max_length"], 100_000, "max_length is 100000, but the encoder takes 512"),
        ([*VIEW, "max_length"], "64", r"view\.config\.max_length: .*, not '64'"),
        ([*VIEW, "vocabulary_sha256"], "0" * 64, "not the one the model was made with"),
        (["dialect"], "orbit", "the key 'dialect' is unknown"),
        (["config", "vocabulary_size"], 596, "encoder has 596 tokens, but the vocabulary has 595"),
        (["config", "pad_id"], 1, r"pad_id is 1, but \[PAD\] has the id 0"),
        (["config", "hidden"], "4", "hidden"),
        (["config", "hidden"], 8, "hidden 4, but the encoder has 8"),
        (["config", "feed_forward"], 8, r"feed_forward_\w+.\w+ has shape"),
        (["config", "heads"], 3, "cannot be shared by 3 heads"),
        (["config", "layers"], 2, "tensor members.0.encoder.blocks.1.* is missing"),
        ([*HEAD, "config", "fields"], 5, "field_embedding has shape"),
        ([*HEAD, "config", "fields"], 1, "field_embedding belongs to nothing"),
        (["config", "feed_forward"], 2**62, "feed_forward is 4611686018427387904; 16777216 is the"),
        (["config", "feed_forward"], 2**24, "has shape"),
        (["config", "layers"], 10**9, "layers is 1000000000; 1000 is the most"),
        ([*HEAD, "config", "fields"], 10**12, "fields is 1000000000000; 16777216 is"),
    ],
)
def test_a_wrong_description_is_refused_even_if_the_manifest_agrees(bundle, keys, to, message):
    edit(bundle / "model.json", *keys, to=to)
    reseal(bundle)
    with pytest.raises(InputError, match=message) as refused:
        stratus.load(bundle)
    assert "model.json" in str(refused.value) or "weights.safetensors" in str(refused.value)


@pytest.mark.parametrize("name", ["model.json", "vocabulary.json", "metrics.json"])
@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "5", '"text"', "{", "[" * 100_000, "\xff", '{"a": NaN}', '{"a": 1, "a": 1}'],
)
def test_a_text_file_that_is_something_else_is_refused(bundle, name, text):
    (bundle / name).write_bytes(text.encode("latin-1"))
    reseal(bundle)
    assert name in refusal(bundle)


def test_a_text_file_of_gigabytes_is_not_read(bundle):
    with (bundle / "model.json").open("wb") as file:
        file.truncate(3 * 2**30)  # sparse
    edit(bundle / "MANIFEST.json", "files", "model.json", "bytes", to=3 * 2**30)
    from stratus.models.description import read_description

    with pytest.raises(InputError, match="larger than"):
        read_description(bundle)


def replace_vocabulary(bundle: Path, words: Vocabulary) -> None:
    (bundle / "vocabulary.json").write_text(words.to_json())
    edit(bundle / "model.json", *VIEW, "vocabulary_sha256", to=words.sha256)
    reseal(bundle)


def test_a_vocabulary_whose_size_does_not_fit_is_refused(bundle):
    v = vocabulary()
    replace_vocabulary(bundle, Vocabulary(v.tokens[:-1], v.roles[:-1], v.schema_version))
    assert "not that of the orbit dialect" in refusal(bundle)


def test_a_vocabulary_with_two_words_exchanged_is_refused(bundle):
    v = vocabulary()
    tokens = list(v.tokens)
    a, b = v.index["Na"], v.index["K"]
    tokens[a], tokens[b] = tokens[b], tokens[a]
    words = Vocabulary(tuple(tokens), v.roles, v.schema_version)
    (bundle / "vocabulary.json").write_text(words.to_json())
    reseal(bundle)
    assert "not the one the model was made with" in refusal(bundle)
    replace_vocabulary(bundle, words)
    assert "not that of the orbit dialect" in refusal(bundle)


def test_a_vocabulary_of_another_schema_version_is_refused(bundle):
    edit(bundle / "vocabulary.json", "schema_version", to=2)
    reseal(bundle)
    said = refusal(bundle)
    assert "vocabulary.json" in said
    assert "schema version 2" in said


@pytest.mark.parametrize(
    ("keys", "to", "message"),
    [
        (["colour"], "red", "no others"),
        (["tokens", 0, 0], "royal", "role 'royal'"),
        (["tokens", 0, 1, 0], "[CLS]", r"'\[CLS\]' stands 2 times"),
        (["tokens", 0, 1, 0], "two words", "'two words' cannot be a token"),
        (["tokens", 0, 1, 0], "", "'' cannot be a token"),
        (["tokens", 0, 1, 0], 7, "list of"),
        (["tokens"], 7, "list of"),
        (["tokens", 0, 1, 0], "[NIX]", "not the one the model was made with"),
    ],
)
def test_a_wrong_vocabulary_is_refused_even_if_the_manifest_agrees(bundle, keys, to, message):
    edit(bundle / "vocabulary.json", *keys, to=to)
    reseal(bundle)
    with pytest.raises(InputError, match=message):
        stratus.load(bundle)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"MANIFEST.json", "metrics.json"}))
def test_a_bundle_without_a_file_is_refused_even_if_the_manifest_agrees(bundle, name):
    (bundle / name).unlink()
    reseal(bundle)
    assert f"it has no {name}" in refusal(bundle)


def test_an_added_file_is_refused_even_if_the_manifest_agrees(bundle):
    (bundle / "modeling.py").write_text("raise SystemExit('code of the bundle was run')")
    reseal(bundle)
    assert "modeling.py is no file of a bundle" in refusal(bundle)


def without(tensors, name):
    del tensors[name]


def renamed(tensors, name):
    tensors[name + "_"] = tensors.pop(name)


def added(tensors, _name):
    tensors["encoder.more"] = torch.zeros(2)


def deeper(tensors, name):
    tensors[name] = tensors[name].unsqueeze(0)


def longer(tensors, name):
    tensors[name] = torch.cat([tensors[name], tensors[name]])


def halved(tensors, name):
    tensors[name] = tensors[name].half()


def doubled(tensors, name):
    tensors[name] = tensors[name].double()


def whole_numbers(tensors, name):
    tensors[name] = tensors[name].int()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without, "the tensor {} is missing"),
        (renamed, "the tensor {} is missing"),
        (added, "the tensor encoder.more belongs to nothing"),
        (deeper, "the tensor {} has shape"),
        (longer, "the tensor {} has shape"),
        (halved, "the tensor {} is F16, not F32"),
        (doubled, "the tensor {} is F64, not F32"),
        (whole_numbers, "the tensor {} is I32, not F32"),
    ],
)
@pytest.mark.parametrize("pick", [min, max], ids=["of the encoder", "of the head"])
def test_wrong_tensors_are_refused_even_if_the_manifest_agrees(bundle, damage, message, pick):
    path = bundle / "weights.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    name = pick(tensors)
    damage(tensors, name)
    save_file(tensors, path)
    reseal(bundle)
    assert message.format(name) in refusal(bundle)


def test_a_damaged_header_is_refused_even_if_the_manifest_agrees(bundle):
    path = bundle / "weights.safetensors"
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    refused = 0
    places = [*range(8), *range(8, header, 23)]
    for at in places:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        reseal(bundle)
        assert "weights.safetensors" in refusal(bundle), at
        refused += 1
    assert refused == len(places) > 50


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 100, -1, -100, -5000])
def test_cut_weights_are_refused_even_if_the_manifest_agrees(bundle, cut):
    path = bundle / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    reseal(bundle)
    assert "weights.safetensors" in refusal(bundle)


def test_a_pickle_in_place_of_the_weights_is_refused(bundle):
    torch.save({"a": torch.zeros(2)}, bundle / "weights.safetensors")
    reseal(bundle)
    assert "is no safetensors file" in refusal(bundle)


def test_whatever_is_flipped_the_answer_is_a_model_or_a_sentence(bundle):
    outcomes = {"loaded": 0, "refused": 0}
    for name in NAMES[1:]:
        path = bundle / name
        whole = path.read_bytes()
        for at in range(0, len(whole), max(1, len(whole) // 30)):
            for bit in (0x01, 0x10):
                path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
                reseal(bundle)
                try:
                    stratus.load(bundle)
                    outcomes["loaded"] += 1
                except InputError:
                    outcomes["refused"] += 1
        path.write_bytes(whole)
    assert min(outcomes.values()) > 20


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("files", {}),
        ("files", []),
        ("files", {"../outside": {"bytes": 1, "sha256": "0"}}),
        ("files", {"/etc/passwd": {"bytes": 1, "sha256": "0"}}),
        ("files", {"model.json": {"bytes": "many", "sha256": "0"}}),
        ("files", {"model.json": 5}),
    ],
)
def test_a_wrong_manifest_is_refused(bundle, key, value):
    edit(bundle / "MANIFEST.json", key, to=value)
    refusal(bundle)


# ------------------------------------------------------------------------------ nothing is executed

WATCHED = """
import sys
from pathlib import Path
import stratus
bundle = Path(sys.argv[1])
stratus.load(bundle)  # whatever is imported lazily is here now
forbidden = ("import", "exec", "compile", "os.system", "os.exec", "subprocess", "socket", "ctypes",
             "marshal", "pickle", "urllib", "open_code")
seen, opened = [], []
def watch(event, arguments):
    if event.startswith(forbidden):
        seen.append((event, str(arguments)[:200]))
    if event == "open":
        opened.append(str(arguments[0]))
sys.addaudithook(watch)
stratus.load(bundle)
assert not seen, seen
inside = {p for p in opened if not p.startswith(str(bundle))}
assert not inside, inside
print("quiet")
"""


def test_loading_runs_nothing_and_asks_no_network(bundle):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, bundle],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout == "quiet\n", done.stderr
