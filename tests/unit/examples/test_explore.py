"""The script for data people, on two short pieces of each kind."""

import csv
from pathlib import Path

import pytest

from examples.explore import auroc, main


def test_it_loads_plots_trains_and_compares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--out", str(tmp_path), "--pieces", "2", "--seconds", "14"]
    main(options)
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()] == ["toy", "clock-5", "ensemble-5"]
    assert (tmp_path / "spectra.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["is_ai"] for row in rows] == ["False", "False", "True", "True"]
    for name in ("toy", "clock-5", "ensemble-5"):
        human, ai = ([float(row[name]) for row in rows if row["is_ai"] == is_ai]
                     for is_ai in ("False", "True"))  # fmt: skip
        assert min(ai) > max(human), name
        assert auroc(human, ai) == 1.0
    with pytest.raises(SystemExit):
        main(["one.wav", *options])


def test_the_area_counts_ties_as_half() -> None:
    assert auroc([0.0, 1.0], [1.0]) == 0.75
    assert auroc([1.0], [0.0]) == 0.0
