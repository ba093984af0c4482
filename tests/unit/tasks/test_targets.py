"""Targets from files, Python and words: one grammar, layer over layer; well-known names fill in."""

from __future__ import annotations

import pytest

from stratus.errors import InputError
from stratus.tasks.by import ByHead, ByLaw
from stratus.tasks.quantities import _table, quantity
from stratus.tasks.targets import (
    in_columns,
    make_tasks,
    merge_targets,
    parse_target,
    with_classes,
)
from stratus.tasks.task import make_task
from stratus.training.finetune.options import FinetuneOptions, make_finetune_options


def test_later_layers_add_targets_and_go_over_those_of_the_same_name():
    merged = merge_targets(
        [{"column": "gap", "unit": "eV", "by": {"layers": 2}, "loss": "mse"}, "heat:J"],
        ["gap:meV", "other"],
        {"gap": {"by": {"dropout": 0.0}}, "*": {"weight": 2.0}},
    )
    gap, heat, other = make_tasks(merged)
    assert (gap.unit, gap.loss, gap.by) == ("meV", "mse", ByHead(layers=2, dropout=0.0))
    assert (heat.unit, other.unit) == ("J", "")
    assert {task.weight for task in (gap, heat, other)} == {2.0}


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([["gap", "gap:eV"]], "two targets are called gap"),
        ([["gap"], {"gep": {"loss": "mse"}}], "there is no target 'gep'; did you mean gap"),
        ([["gap"], {"gap": 3}], "tasks.gap is 3; write such as tasks.gap.loss=huber"),
        (["gap"], "tasks are a list such as"),
        ([[3]], "a target is a mapping such as"),
        ([[{"unit": "eV"}]], "a target has no column"),
    ],
)
def test_what_is_no_target_is_one_sentence(layers, said):
    with pytest.raises(InputError) as refused:
        merge_targets(*layers)
    assert said in str(refused.value)


def test_options_take_targets_as_texts_mappings_and_tasks():
    made = make_task({"column": "band_gap", "unit": "meV"})
    options = FinetuneOptions(tasks=["heat:J/K", {"column": "metal", "kind": "binary"}, made])
    assert [task.name for task in options.tasks] == ["heat", "metal", "band_gap"]
    assert options.tasks[1].loss == "cross_entropy"
    assert options.tasks[2] == made  # a task is as it was made: nothing is filled in
    again = make_finetune_options(options.model_dump(mode="json"))
    assert again == options
    with pytest.raises(InputError, match="no loss 'hubber'"):
        make_finetune_options({"tasks": ["gap"]}, {"tasks": {"gap": {"loss": "hubber"}}})


def test_a_law_is_of_quantities_at_temperatures_and_sets_its_head():
    cv, gap = make_tasks(
        merge_targets(["cv@300K:J/mol/K", "gap:eV"], {"cv@300K": {"by": {"layers": 0}}}), "debye"
    )
    by = ByLaw(law="debye", quantity="cv", temperature_k=300.0, layers=0)
    assert (cv.by, cv.per, gap.by) == (by, "atom", ByHead())
    assert in_columns([cv], ["cv", "id"])[0].column == "cv"
    assert in_columns([cv], None) == (cv,)
    with pytest.raises(InputError, match="no target is one"):
        make_tasks(["gap:eV"], "debye")


def test_classes_are_those_of_the_table_where_none_are_named():
    phase, metal = make_task({"column": "p", "kind": "multiclass"}), make_task({"column": "m"})
    classes = {"p": ("a", "b", "c")}
    found, same = with_classes([phase, metal], classes)
    assert (found.classes, found.outputs, same) == (("a", "b", "c"), 3, metal)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("energy", {"unit": "eV", "per": "cell", "of": "crystal", "shape": ()}),
        ("energy:eV/atom", {"unit": "eV/atom", "per": "crystal"}),
        ("energy:eV/cell", {"per": "cell"}),
        ("forces", {"unit": "eV/Å", "of": "atom", "shape": (3,)}),
        ("forces:eV/Angstrom", {"unit": "eV/Angstrom", "of": "atom"}),
        ("stress", {"unit": "eV/Å^3", "of": "crystal", "shape": (3, 3)}),
        ("band_gap", {"unit": "eV", "minimum": 0.0}),
        ("gap pbe:meV", {"unit": "meV", "minimum": 0.0}),
        ("is_metal", {"kind": "binary", "unit": "", "loss": "cross_entropy"}),
        ("last phdos peak:cm^-1", {"unit": "cm^-1", "minimum": 0.0}),
        ("e_form:eV/atom", {"per": "crystal"}),
        ("gap", {"unit": "", "minimum": None}),
    ],
)
def test_a_well_known_name_knows_its_unit_and_more(text, fields):
    task = parse_target(text)
    assert {name: getattr(task, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("band_gap:GPa", "band_gap is called as band_gap is, which is in eV, meV, not in GPa"),
        ("is_metal:eV", "which is a pure number, not in eV"),
        ("forces:eV", "which is in eV/Å, meV/Å, not in eV"),
        ("e_form", "e_form is of an atom in some tables, of a formula unit or of a cell"),
        ("cv:J/mol/K", "say per (atom, formula or cell), such as --set tasks.cv.per=cell"),
        ("virial_stress", "virial_stress has no unit of its own: say which of eV/Å^3, GPa, kbar"),
    ],
)
def test_a_unit_that_does_not_fit_or_is_not_declared_is_refused(text, said):
    with pytest.raises(InputError) as refused:
        parse_target(text)
    assert said in str(refused.value)


def test_what_is_said_of_a_well_known_name_holds():
    assert parse_target("band_gap", minimum=None).minimum is None
    assert parse_target("e_form:eV", per="cell").per == "cell"
    assert parse_target("band_gap", kind="binary").unit == ""


def test_every_quantity_can_be_a_task_and_stands_in_the_documentation(repo_root):
    page = (repo_root / "docs/reference/tasks.md").read_text(encoding="utf-8")
    for name, known in _table().items():
        assert quantity(name) is known
        assert f"`{name}`" in page, name
        unit = known.units[0] if known.units else ""
        task = parse_target(f"{name}:{unit}", **({"per": "cell"} if known.declare == "per" else {}))
        assert task.kind == known.defaults["kind"]
