"""``stratus finetune``: one command from a table to models, and mistakes before any work."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

import stratus as package
from stratus.cli.app import app
from stratus.encoders.summaries import SUMMARIES
from stratus.encoders.table import ARCHITECTURES
from stratus.physics import debye
from stratus.scope.partial import partial_scope
from stratus.training.finetune.options import make_finetune_options

ELEMENTS = ("Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr", "Ru", "Ir", "Os", "Mo", "W", "Nb", "Ta", "Re")
RUTILE = "i1 bOOO gDDD cDDD | {} 2a {} 4f | {} 2 {} 1 | 6"
COLUMNS = ("id", "scope", "dialect", "n_atoms", "gap [eV]", "heat", "colour", "metal", "set")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "labels.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for k, (a, b) in enumerate((a, b) for a in ELEMENTS for b in ("O", "F", "S")):
            gap = ELEMENTS.index(a) / 5 + len(b)
            labels = ["" if k % 9 == 0 else gap, 6 * gap, ("red", "green")[k % 2], k % 2]
            named = ("test", "train", "val", "train")[k % 4]
            writer.writerow([f"c{k}", RUTILE.format(a, b, b, a), "orbit", 6, *labels, named])
    return path


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "options.yaml"
    sizes = {"hidden": 16, "layers": 1, "heads": 2, "feed_forward": 16}
    path.write_text(yaml.safe_dump({"model": sizes, "epochs": 2, "batch_size": 8}))
    return path


def stratus(*words):
    return CliRunner().invoke(app, ["finetune", *map(str, words)])


def test_a_table_becomes_models_predictions_and_metrics(table, config, tmp_path):
    run = tmp_path / "run"
    targets = ["--target", "gap [eV]:eV", "--target", "heat:J/K"]
    targets += ["--set", "tasks.heat.per=cell", "--target", "colour", "--target", "metal"]
    targets += ["--set", "tasks.colour.kind=multiclass", "--set", "tasks.metal.kind=binary"]
    done = stratus(table, *targets, "-o", run, "--folds", 3, "--config", config, "--epochs", 1)
    assert done.exit_code == 0, done.output
    for said in (
        "45: 45 used, 0 not",
        "gap [eV] 40",
        "fold 2: ",
        "from scratch",
        "MAE (J/K)",
        "0 test rows have",
        "gap [eV]: the 90 % interval holds ",
        "heat: the 90 % interval holds ",
    ):
        assert said in done.output
    for row in ("gap [eV]: test rows of 3 folds", "model", "kernel ridge", "majority class"):
        assert row in done.output
    assert sorted(p.name for p in run.iterdir()) == [
        "MANIFEST.json", "calibration.json", "card.yaml", "domain.json", "metrics.json",
        "model.json", "options.yaml", "predictions.csv", "seen.safetensors", "vocabulary.json",
        "weights.safetensors",
    ]  # fmt: skip
    with (run / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 45
    assert len({(row["id"], row["target"]) for row in rows}) == len(rows)
    assert {row["prediction"] for row in rows if row["target"] == "colour"} <= {"red", "green"}
    assert sum(row["label"] == "" for row in rows) == 5
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["options"]["epochs"] == 1
    model = package.load(run).model
    assert [member.group for member in model.members] == ["0", "1", "2"]
    assert model.heads["heat"].normaliser.per_atom
    assert model.metrics == metrics


def test_a_column_of_splits_is_taken_and_a_model_is_learned_from_again(table, config, tmp_path):
    words = [table, "--target", "heat", "--split", "set", "-q"]
    first = stratus(*words, "-o", tmp_path / "one", "--config", config)
    assert (first.exit_code, first.output) == (0, "")
    bundle = tmp_path / "one"
    more = ["--model", bundle, "--epochs", 1]
    for setting in ("keep_heads=true", "members=2", "train_share=0.5"):
        more += ["--set", setting]
    again = stratus(*words, "-o", tmp_path / "two", *more)
    assert (again.exit_code, again.output) == (0, "")
    metrics = json.loads((tmp_path / "two/metrics.json").read_text())
    assert metrics["start"] == package.load(bundle).card.name
    assert metrics["folds"][0]["rows"] == {"train": 11, "validation": 11, "test": 12}
    assert metrics["options"]["train_share"] == 0.5
    model = package.load(tmp_path / "two").model
    assert [member.group for member in model.members] == ["official", "official"]
    before = package.load(bundle).model.heads["heat"].normaliser
    assert {member.heads["heat"].normaliser for member in model.members} == {before}


def test_several_shares_of_the_training_rows_are_a_learning_curve(table, config, tmp_path):
    words = [table, "--target", "heat", "--split", "set", "--epochs", 1, "--config", config]
    done = stratus(*words, "-o", tmp_path / "one", "--set", "train_share=[0.5, 1]")
    assert done.exit_code == 0, done.output
    assert "fold official (0.5 of the rows): train 11" in done.output
    assert "heat by the share of the training rows" in done.output
    curve = json.loads((tmp_path / "one/metrics.json").read_text())["shares"]
    assert [(one["share"], one["rows"]) for one in curve] == [(0.5, [11]), (1, [22])]
    for one in curve:
        assert f"{one['tasks']['heat']['model']['mae']['mean']:.4g}" in done.output


CIF = (
    "data_x\n_cell_length_a 5\n_cell_length_b 5\n_cell_length_c 5\n_cell_angle_alpha 90\n"
    "_cell_angle_beta 90\n_cell_angle_gamma 90\n_space_group_IT_number 1\nloop_\n"
    "_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    "{} 0 0 0\n{} 0.5 0.5 0.5\n"
)
OPENED: list[str] = []
"""Every path that Python opened since the test below has begun."""


def test_the_file_of_labels_is_opened_once(config, tmp_path):
    """A label goes forward only: from the file through the workers to the fit."""
    path = tmp_path / "labelled.csv"
    pairs = [(a, b) for a in ELEMENTS[:8] for b in ("O", "F", "S")]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "cif", "cv@300K", "set"])
        for k, (a, b) in enumerate(pairs):
            row = [f"c{k}", CIF.format(a, b), 15 + k / 3, ("test", "train", "val", "train")[k % 4]]
            writer.writerow(row)
    sys.addaudithook(lambda event, of: OPENED.append(str(of[0])) if event == "open" else None)
    words = ["--target", "cv@300K:J/mol/K", "--set", "law=debye", "--split", "set", "-q"]
    done = stratus(path, *words, "-o", tmp_path / "run", "--config", config)
    assert (done.exit_code, done.output) == (0, "")
    assert OPENED.count(str(path)) == 1
    assert not [name for name in OPENED if name.endswith(".parquet")]  # no table of their own


def test_a_simple_model_that_did_not_learn_from_all_rows_says_so(
    table, config, tmp_path, monkeypatch
):
    monkeypatch.setattr("stratus.training.kernel_ridge.KERNEL_ROWS", 10)
    words = [table, "--target", "heat", "--split", "set", "--config", config]
    done = stratus(*words, "-o", tmp_path / "run")
    said = "kernel ridge on composition learned from 10 of 22 rows in fold official"
    assert said in done.output
    [fold] = json.loads((tmp_path / "run/metrics.json").read_text())["folds"]
    capped = {"kernel ridge on composition": {"of": 22, "most": 10, "each": ""}}
    assert fold["capped"] == {"heat": capped}
    assert "gradient boosting on element properties" in fold["scores"]["heat"]


def first_line(done) -> str:
    return done.output.splitlines()[0]


def test_the_bundled_weights_are_the_start_unless_none_is_said(table, tmp_path):
    words = [table, "--target", "heat", "--folds", 2, "--epochs", 1]
    done = stratus(*words, "-o", tmp_path / "one")
    assert done.exit_code == 0, done.output
    assert first_line(done) == "encoder     orbit-set, from the model stratus-bundled"
    bundled = package.load("bundled").model
    texts = [partial_scope(f"{a}{b}2") for a in ELEMENTS for b in ("F", "O", "S")]
    formulas = {text.split(" | ")[2] for text in texts}
    seen = bundled.seen.count(formulas)
    assert 0 < seen < 45
    assert f"formulas    45, of which stratus-bundled has seen {seen}; errors of" in done.output
    metrics = json.loads((tmp_path / "one/metrics.json").read_text())
    assert metrics["start"] == "stratus-bundled"
    assert metrics["formulas"] == {"table": 45, "seen": seen}
    model = package.load(tmp_path / "one").model
    assert model.seen.count(formulas) == 45
    assert len(model.seen) == len(bundled.seen) + 45 - seen
    assert set(model.domain.targets["heat"].elements) == {*ELEMENTS, "O", "F", "S"}
    fresh = stratus(*words, "-o", tmp_path / "two", "--model", "none")
    assert fresh.exit_code == 0, fresh.output
    assert first_line(fresh) == "encoder     orbit-set, nano, from scratch"
    assert "has seen" not in fresh.output
    metrics = json.loads((tmp_path / "two/metrics.json").read_text())
    assert (metrics["start"], metrics["formulas"]["seen"]) == ("from scratch", 0)
    assert len(package.load(tmp_path / "two").model.seen) == 45


def test_what_the_bundled_model_is_not_is_from_scratch_and_said(table, config, tmp_path):
    words = [table, "--target", "heat", "--folds", 2, "--epochs", 1, "--set", "train_share=0.1"]
    done = stratus(*words, "--config", config, "-o", tmp_path / "one")
    assert done.exit_code == 0, done.output
    assert first_line(done) == (
        "encoder     orbit-set, nano with feed_forward 16, heads 2, hidden 16, layers 1, from "
        "scratch: the model 'stratus-bundled' has feed_forward 512, but the options ask for 16"
    )
    done = stratus(*words, "--encoder", "roost", "-o", tmp_path / "two")
    assert done.exit_code == 0, done.output
    assert first_line(done) == (
        "encoder     roost, nano, from scratch: the model 'stratus-bundled' is of the architecture "
        "orbit-set, but encoder is roost"
    )


def test_nothing_below_a_minimum_is_predicted(table, config, tmp_path):
    words = ["--target", "gap [eV]", "--set", "tasks.gap [eV].minimum=2.4", "--folds", 3, "-q",
             "--set", "tasks.gap [eV].functional=PBE"]  # fmt: skip
    done = stratus(table, *words, "--config", config, "-o", tmp_path / "run")
    assert (done.exit_code, done.output) == (0, "")
    with (tmp_path / "run/predictions.csv").open(newline="") as file:
        predicted = [float(row["prediction"]) for row in csv.DictReader(file)]
    assert min(predicted) == 2.4 < max(predicted)
    text = RUTILE.format("Ti", "O", "O", "Ti")
    model = package.load(tmp_path / "run")
    assert model.predict(text, interval=0.5)["gap [eV]"].lo[0] >= 2.4
    assert model.tasks["gap [eV]"].functional == "PBE"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--target", "heet"], "did you mean heat"),
        (["--target", "heat", "--target", "heat:J"], "two targets are called heat"),
        ([], "there is no target; give one at least"),
        (["--target", "heat", "--set", "tasks.heet.per=cell"], "'heet'; did you mean heat"),
        (["--target", "metal", "--set", "tasks.metal.kind=binery"], "did you mean binary"),
        (["--target", "heat", "--set", "patience"], "'patience' sets nothing; write name=value"),
        (["--target", "heat", "--set", "patiense=3"], "'patiense'; did you mean patience"),
        (["--target", "heat", "--set", "tasks.heat=3"], "write such as tasks.heat.loss=huber"),
        (["--target", "heat", "--set", "tasks.heat.los=l1"], "'los'; did you mean loss"),
        (["--target", "heat", "--set", "tasks.heat.minimum=none"], "minimum cannot be 'none'"),
        (["--target", "heat", "--set", "tasks.heat.of=atom"], "cannot be learned by the encoder"),
        (["--target", "heat", "--lr", "1", "--set", "learning_rate=1"], "by a flag and by --set"),
        (
            [
                "--target",
                "metal",
                "--set",
                "tasks.metal.kind=binary",
                "--set",
                "tasks.metal.minimum=0",
            ],
            "no minimum",
        ),
        (["--target", "colour"], "'colour'"),
        (["--target", "heat", "--folds", "3", "--split", "set"], "not both"),
        (["--target", "heat", "--model", "nowhere"], "nowhere is not there"),
        (
            ["--target", "heat", "--model", "bundled", "--encoder", "cloud"],
            "the model 'stratus-bundled'",
        ),
        (["--target", "heat", "--encoder", "claud"], "did you mean cloud"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(table, tmp_path, flags, sentence):
    done = stratus(table, "-o", tmp_path / "run", *flags)
    assert done.exit_code == 2, done.output
    assert sentence in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "run").exists()


def test_a_result_that_is_there_is_never_written_over(table, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/mine.txt").write_text("x")
    done = stratus(table, "--target", "heat", "-o", tmp_path / "run")
    assert done.exit_code == 2
    assert "is there already; name a new folder" in done.output


def test_a_wrong_card_is_refused_before_any_work(table, tmp_path):
    card = tmp_path / "card.yaml"
    card.write_text("licence_wieghts: CC0-1.0\n")
    done = stratus(table, "--target", "nothing", "-o", tmp_path / "run", "--card", card)
    assert done.exit_code == 2
    assert "the key 'licence_wieghts' is unknown" in done.output


def test_asking_for_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom stratus.cli.app import app\n"
        "done = CliRunner().invoke(app, ['finetune', '--help'])\n"
        "assert '--set NAME=VALUE' in done.output, done.output\n"
        "assert not {'torch', 'numpy', 'sklearn', 'pyarrow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def heat_capacities(tmp_path):
    """Write a table of Debye solids, with a heat capacity that is called cv alone."""
    path = tmp_path / "heat.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "scope", "dialect", "n_atoms", "cv", "u@100K", "gap", "atoms"])
        for k, (a, b) in enumerate((a, b) for a in ELEMENTS for b in ("O", "F", "S")):
            theta = 300 + 20 * ELEMENTS.index(a) + 50 * len(b)
            heat = 12 * debye.heat_capacity(theta, 300.0).item()
            energy = debye.internal_energy(theta, 100.0).item() / 1000
            labels = [heat, "" if k % 5 == 0 else energy, k, 12]
            writer.writerow([f"c{k}", RUTILE.format(a, b, b, a), "orbit", 6, *labels])
    return path


def test_quantities_at_temperatures_are_learned_by_a_law(heat_capacities, config, tmp_path):
    targets = ["--target", "cv@300K:J/mol/K", "--target", "gap:eV", "--set", "law=debye"]
    targets += ["--set", "tasks.cv@300K.per=cell", "--set", "tasks.cv@300K.atoms=atoms"]
    done = stratus(
        heat_capacities, *targets, "-o", tmp_path / "run", "--folds", 2, "--config", config
    )
    assert done.exit_code == 0, done.output
    for said in (
        "by the law debye",
        "cv@300K: MAE",
        "J/mol/K, cell",
        "ridge on composition",
        "gap",
    ):
        assert said in done.output
    model = package.load(tmp_path / "run").model
    assert list(model.heads) == ["debye", "gap"]
    task = model.tasks["cv@300K"]
    assert (task.column, task.per, task.atoms) == ("cv", "cell", "atoms")
    assert (tmp_path / "run" / "predictions.csv").read_text().count(",cv@300K,") == 45


def test_labels_at_several_temperatures_may_be_absent(heat_capacities, config, tmp_path):
    targets = ["--target", "u@100K:kJ/mol", "--target", "cv@300K:J/mol/K", "--set", "law=mixture"]
    done = stratus(
        heat_capacities, *targets, "-o", tmp_path / "run", "--folds", 2, "--config", config
    )
    assert done.exit_code == 0, done.output
    model = package.load(tmp_path / "run").model
    assert {task.per for task in model.tasks.values()} == {"atom"}
    assert list(model.calibration.curves) == ["u", "cv"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "gap:eV", "--set", "law=debye"], "no target is one"),
        (["--target", "cv@300K:J/mol/K", "--set", "law=deby"], "there is no law 'deby'"),
        (["--target", "cv@300K:kJ/mol", "--set", "law=debye"], "no unit of cv"),
        (
            ["--target", "cv@300K:J/mol/K", "--target", "cv@20K:J/mol/K", "--set", "law=debye"],
            "would both be read from the column 'cv'",
        ),
        (
            ["--target", "cv@300K:J/mol/K", "--set", "law=debye", "--set", "tasks.*.per=mol"],
            "value of per",
        ),
    ],
)
def test_what_no_law_can_learn_is_refused(heat_capacities, tmp_path, words, said):
    done = stratus(heat_capacities, *words, "-o", tmp_path / "run")
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.output.split())
    assert not (tmp_path / "run").exists()


def test_tasks_are_declared_in_a_file_as_on_the_command_line(table, config, tmp_path):
    values = yaml.safe_load(config.read_text()) | {"epochs": 1, "patience": 3}
    declared = [
        {"column": "heat", "unit": "J/K", "per": "cell", "loss": "huber", "weight": 2.0},
        {"column": "colour", "kind": "multiclass", "by": {"layers": 0}},
    ]
    config.write_text(yaml.safe_dump(values | {"tasks": declared}))
    words = ["--folds", 2, "--model", "none", "--config", config, "-q"]
    done = stratus(table, *words, "-o", tmp_path / "file")
    assert (done.exit_code, done.output) == (0, "")
    config.write_text(yaml.safe_dump(values))
    for name in ("heat:J/K", "colour"):
        words += ["--target", name]
    for setting in ("heat.per=cell", "heat.loss=huber", "heat.weight=2", "colour.kind=multiclass",
                    "colour.by.layers=0"):  # fmt: skip
        words += ["--set", f"tasks.{setting}"]
    done = stratus(table, *words, "-o", tmp_path / "words")
    assert (done.exit_code, done.output) == (0, "")
    one, other = (tmp_path / name for name in ("file", "words"))
    for name in ("predictions.csv", "options.yaml", "weights.safetensors", "model.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    task = package.load(one).tasks["colour"]
    assert (task.by.layers, task.classes) == (0, ("green", "red"))
    again = yaml.safe_load((one / "options.yaml").read_text())
    assert make_finetune_options(again).tasks[1] == task


def test_the_help_lists_the_encoders_that_there_are():
    said = stratus("--help").output
    for name in ARCHITECTURES:
        assert f"{name:<10} {SUMMARIES[name]}" in said
    assert set(SUMMARIES) == set(ARCHITECTURES)


def test_the_tutorial_runs(heat_capacities, repo_root, tmp_path):
    page = repo_root / "docs/how-to/tutorial.yaml"
    sizes = "model={hidden: 16, layers: 1, heads: 2, feed_forward: 16}"
    words = ["--config", page, "--epochs", 1, "--set", sizes, "--folds", 2, "-q"]
    done = stratus(heat_capacities, *words, "-o", tmp_path / "run")
    assert (done.exit_code, done.output) == (0, "")
    written = yaml.safe_load((tmp_path / "run/options.yaml").read_text())
    assert set(written) == set(yaml.safe_load(page.read_text()))
    assert (written["epochs"], written["tasks"][0]["unit"]) == (1, "eV")
