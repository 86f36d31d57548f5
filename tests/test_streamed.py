"""Many sites, batch by batch: the same rows as at once, and whole files or none."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from conftest import points
from test_access import CATEGORIES, RULE, services

from siting.access import accessibility
from siting.errors import OutputError
from siting.network import WalkNetwork
from siting.study import streamed
from siting.study.streamed import write_access
from siting.tables import ACCESS, REACH


def test_batches_give_the_rows_of_one_measure(
    village: WalkNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed, "BATCH", 2)
    places = {
        "b": (0.0, 0.0),
        "a": (100.0, 30.0),
        "none": None,
        "off": (-900.0, 0.0),
        "z": (390.0, 9.0),
    }
    sites = points(places, "site_id")
    shops = services({"node/2": (100, 0), "node/1": (300, 0)})
    done: list[int] = []
    n_rows = write_access(
        sites,
        shops,
        village,
        categories=CATEGORIES,
        rule=RULE,
        out=tmp_path,
        on_progress=done.append,
    )
    # 5 sites, 2 categories, 3 ranks and 3 times
    assert n_rows == {"access": 30, "reach": 30}
    assert sum(done) == 3  # the others are nowhere
    at_once = accessibility(sites, shops, village, categories=CATEGORIES, rule=RULE)
    for table, expected in ((ACCESS, at_once.access), (REACH, at_once.reach)):
        read = pd.read_parquet(tmp_path / f"{table.name.lower()}.parquet")
        pd.testing.assert_frame_equal(table.conform(read), expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["access.parquet", "reach.parquet"]


def test_files_that_exist_are_kept(village: WalkNetwork, tmp_path: Path) -> None:
    sites, shops = points({"s": (0, 0)}, "site_id"), services({"node/1": (100, 0)})
    (tmp_path / "reach.parquet").write_text("mine")
    with pytest.raises(OutputError, match="existe déjà"):
        write_access(sites, shops, village, categories=CATEGORIES, rule=RULE, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["reach.parquet"]
    assert (tmp_path / "reach.parquet").read_text() == "mine"


def test_no_site_is_nothing_to_write(village: WalkNetwork, tmp_path: Path) -> None:
    sites, shops = points({}, "site_id"), services({"node/1": (100, 0)})
    with pytest.raises(OutputError, match="rien à écrire"):
        write_access(sites, shops, village, categories=CATEGORIES, rule=RULE, out=tmp_path)
