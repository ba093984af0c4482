"""How figures are saved, and that nothing of the caller's matplotlib is touched."""

from __future__ import annotations

import subprocess
import sys

import matplotlib as mpl
import pytest

from stratus.errors import InputError
from stratus.plots.figure import drawing, save_figure, with_unit
from stratus.plots.parity import parity


def draw(name="gap $E_g$"):
    return parity([1, 2, 3], [1.1, 2.5, 2.8], name=name, unit="eV", interval=([0] * 3, [3] * 3))


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_same_data_give_the_same_bytes(tmp_path, ending):
    one, two, again = (tmp_path / f"{name}.{ending}" for name in ("one", "two", "again"))
    figure = draw()
    save_figure(figure, one)
    save_figure(figure, two)
    save_figure(draw(), again)
    assert one.read_bytes() == two.read_bytes() == again.read_bytes()
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert one.read_bytes().startswith(starts[ending])


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_file_holds_no_time_and_no_version(tmp_path, ending):
    save_figure(draw(), tmp_path / f"f.{ending}")
    held = (tmp_path / f"f.{ending}").read_bytes()
    for word in (b"CreationDate", b"<dc:date>", b"Software", mpl.__version__.encode()):
        assert word not in held


def test_nothing_is_left_when_saving_fails(tmp_path):
    figure = draw()

    def fail(*_args, **_keys):
        (path,) = _args
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    (tmp_path / "f.png").write_bytes(b"old")
    figure.savefig = fail
    with pytest.raises(InputError, match="No space left"):
        save_figure(figure, tmp_path / "f.png")
    assert [p.name for p in tmp_path.iterdir()] == ["f.png"]
    assert (tmp_path / "f.png").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["f.jpg", "f"])
def test_another_ending_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"write \.png, \.svg or \.pdf"):
        save_figure(draw(), tmp_path / name)


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="a folder that is there"):
        save_figure(draw(), tmp_path / "no" / "f.png")


def test_settings_of_the_caller_neither_change_nor_are_changed(tmp_path):
    save_figure(draw(), tmp_path / "before.png")
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red"}):
        held = dict(mpl.rcParams)
        save_figure(draw(), tmp_path / "after.png")
        assert dict(mpl.rcParams) == held
    assert (tmp_path / "before.png").read_bytes() == (tmp_path / "after.png").read_bytes()


def test_pyplot_is_not_loaded():
    code = (
        "import sys\n"
        "from stratus.plots import calibration, embedding_map, learning_curves, parity\n"
        "parity.parity([1, 2], [1, 2], name='x')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_dollar_sign_is_a_dollar_sign(tmp_path):
    figure = draw("price $ of $x$")
    [axes] = figure.axes
    assert axes.get_title(loc="left").startswith(r"price \$ of \$x\$")
    save_figure(figure, tmp_path / "f.png")


def test_an_axis_has_a_unit_where_there_is_one():
    assert with_unit("gap", "eV") == "gap (eV)"
    assert with_unit("index", "") == "index"


def test_an_error_while_drawing_leaves_the_settings_alone():
    held = dict(mpl.rcParams)
    with pytest.raises(ZeroDivisionError), drawing():
        raise ZeroDivisionError
    assert dict(mpl.rcParams) == held
