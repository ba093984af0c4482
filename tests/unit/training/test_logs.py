"""Curves go on without a row twice and without a torn row."""

from __future__ import annotations

from stratus.training.logs import CsvLog, cut_after


def test_groups_are_files_and_rows_are_on_disk_at_once(tmp_path):
    log = CsvLog(tmp_path / "logs")
    log.log_metrics({"train/loss": 2.5, "train/rate": 0.1, "validation/loss": 3.0}, 4)
    log.log_metrics({"train/loss": 2.0, "train/rate": 0.2}, 8)
    assert (tmp_path / "logs/train.csv").read_text() == "step,loss,rate\n4,2.5,0.1\n8,2.0,0.2\n"
    assert (tmp_path / "logs/validation.csv").read_text() == "step,loss\n4,3.0\n"


def test_rows_after_the_checkpoint_and_torn_ones_are_cut(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("step,loss\n5,1.0\n10,2.0\n15,3.0\n2")
    cut_after(tmp_path, 10)
    assert path.read_text() == "step,loss\n5,1.0\n10,2.0\n"


def test_a_file_without_a_whole_header_gets_one(tmp_path):
    for torn in ("", "step,lo"):
        path = tmp_path / "train.csv"
        path.write_text(torn)
        cut_after(tmp_path, 10)
        CsvLog(tmp_path).log_metrics({"train/loss": 1.0}, 1)
        assert path.read_text() == "step,loss\n1,1.0\n"
        path.unlink()
