"""Pre-training by denoising: resumed as if never interrupted, and a start for fine-tuning."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase import Atoms
from ase.io import write

from stratus.corpora.decontaminate import decontaminate
from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.tables.folds import kfold
from stratus.corpora.tables.reading import read_labelled
from stratus.crystals.facets import Facet
from stratus.errors import InputError, ResumeError
from stratus.models.loading import load_model
from stratus.tasks.task import make_task
from stratus.training.denoise import denoise, overfit_denoising
from stratus.training.events import Stepped
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.run import finetune
from stratus.training.options import make_options

RESULT = ("metrics.json", "bundle/weights.safetensors", "logs/train.csv", "logs/validation.csv")
TINY = {
    "objective": "denoising",
    "preset": "nano",
    "epochs": 2,
    "batch_size": 8,
    "log_every": 1,
    "checkpoint_every": 2,
    "fractions": [0.6, 0.2, 0.2],
    "accelerator": "cpu",
    "precision": "32",
}


class Stop(Exception):  # noqa: N818 - it is no error
    """Stands for Ctrl-C: it comes between two steps."""


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    rng = np.random.default_rng(0)
    metals = ("Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ti", "Mn", "Fe", "Ni", "Zn")
    crystals = []
    for k in range(36):
        metal, other = metals[k % 12], ("O", "S", "Cl")[k // 12]
        atoms = Atoms([metal, other], [[0, 0, 0], [2.1, 2.1, 2.1]], cell=np.eye(3) * 4.2, pbc=True)
        atoms.rattle(0.03, seed=k)
        atoms.info["heat"] = float(rng.normal())
        crystals.append(atoms)
    path = tmp_path_factory.mktemp("frames") / "frames.extxyz"
    write(path, crystals)
    return path


@pytest.fixture(scope="module")
def straight(frames, tmp_path_factory):
    run = tmp_path_factory.mktemp("straight") / "run"
    denoise(frames, run, make_options(TINY))
    return run


@pytest.mark.parametrize("step", [1, 3, 5])
def test_a_run_resumed_ends_as_one_that_was_never_interrupted(frames, straight, tmp_path, step):
    def stop(event: object) -> None:
        if isinstance(event, Stepped) and event.step == step:
            raise Stop

    run = tmp_path / "run"
    with pytest.raises(Stop):
        denoise(frames, run, make_options(TINY), on_progress=stop)
    denoise(frames, run, make_options(TINY), resume=True)
    for name in RESULT:
        assert (run / name).read_bytes() == (straight / name).read_bytes(), name


def test_a_finished_run_gives_its_result_again_and_another_noise_is_refused(frames, straight):
    summary = denoise(frames, straight, make_options(TINY), resume=True)
    assert summary.encoder == "bond-graph"
    assert sum(summary.rows.values()) == 36
    assert 0 < summary.loss < 3
    other = make_options(TINY, {"denoising": {"noise_a": 0.2}})
    with pytest.raises(ResumeError, match="denoising"):
        denoise(frames, straight, other, resume=True)


def test_its_bundle_is_a_start_for_fine_tuning(frames, straight):
    model = load_model(str(straight / "bundle"))
    assert model.architecture == "bond-graph"
    table = read_labelled(frames, ["heat"], facets=(Facet.ATOMS,))
    options = make_finetune_options({"epochs": 1, "members": 1})
    folds = kfold(table, 3, 0)[:1]
    done = finetune(table, folds, [make_task({"column": "heat"})], options, model=model)
    assert done.start.architecture == "bond-graph"
    assert done.folds[0].fitted[0].epochs == 1


def test_a_few_crystals_can_be_learned_by_heart(frames):
    options = make_options(TINY, {"epochs": 60, "learning_rate": 5e-3, "batch_size": 4})
    found = overfit_denoising([frames], 4, options)
    assert found.losses[-1] < 0.5 * found.before


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"encoder": "orbit-set"}, "orbit-set cannot be pre-trained by denoising"),
        ({"masking": {"ratio": 0.3}}, "masking is of masked tokens"),
        ({"mixture": {"temperature": 2}}, "mixture is of masked tokens"),
        ({"train_share": 0.5}, "train_share is of masked tokens"),
        ({"objective": "masked-tokens", "denoising": {"noise_a": 0.2}}, "denoising displaces"),
        ({"objective": "masked-tokens", "encoder": "cgcnn"}, "cannot be pre-trained on masked"),
        ({"objective": "barlow"}, "objective cannot be 'barlow'"),
    ],
)
def test_what_does_not_fit_the_objective_is_one_sentence(values, sentence):
    with pytest.raises(InputError, match=sentence):
        make_options({"objective": "denoising", **values})


def test_a_table_without_atoms_is_refused_and_nothing_is_left(table, tmp_path):
    with pytest.raises(InputError, match="has no crystal with atoms"):
        denoise(table, tmp_path / "run", make_options(TINY))
    assert not (tmp_path / "run" / "options.yaml").exists()


def test_energies_of_other_formulas_first_and_then_the_property(frames, tmp_path):
    both, few, others = (tmp_path / f"{name}.parquet" for name in ("both", "few", "others"))
    encode_corpus([str(frames)], both, EncodeOptions(keep=(Facet.SCOPE, Facet.ATOMS), workers=0))
    rows = pq.read_table(both)
    pq.write_table(rows.slice(0, 15), few)
    done = decontaminate(both, [few], others, by=["formula"])
    assert done.rows_out == 21
    left = pq.read_table(others)
    pq.write_table(left.append_column("energy", pa.array(np.arange(21.0))), others)
    options = make_finetune_options({"epochs": 1, "preset": "nano", "members": 1})
    model = None
    for path, column in ((others, "energy"), (few, "heat")):
        table = read_labelled(path, [column], facets=(Facet.ATOMS,))
        assert table.has_atoms
        folds = kfold(table, 3, 0)[:1]
        result = finetune(table, folds, [make_task({"column": column})], options, model=model)
        result.save(tmp_path / column)
        model = load_model(str(tmp_path / column))
        options = make_finetune_options({"epochs": 1, "members": 1})
    assert result.start.architecture == "bond-graph"
    assert result.start.seen is not None
