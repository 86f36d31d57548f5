"""The user's own walker, read from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from siting.errors import DataError, OptionError
from siting.sources.walker_file import read_walker, walker_sha256

FRAME = """
walker = "deambulateur"
label = "personne avec un déambulateur"
speed_kmh = 2.27
reference = "0,63 m/s : Perry (1992), Gait Analysis"
crossing_s = 0
avoids_unfit = false
restrictions = "fauteuil"
references.crossing_s = "Aucune mesure publiée trouvée"
"""


def test_a_walker_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deambulateur.toml"
    path.write_text(FRAME, encoding="utf-8")
    walker = read_walker(path)
    assert (walker.walker, walker.speed_kmh) == ("deambulateur", 2.27)
    assert walker.minutes(227.0) == pytest.approx(6.0)
    assert len(walker_sha256(path)) == 64


def test_a_wrong_description_says_what_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(FRAME.replace("speed_kmh = 2.27", "vitesse = 2.27"), encoding="utf-8")
    with pytest.raises(OptionError, match="vitesse"):
        read_walker(path)


@pytest.mark.parametrize(
    ("content", "message"), [(FRAME.encode("cp1252"), "UTF-8"), (b"#" * 200_000, "trop gros")]
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "w.toml"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_walker(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.toml"):
        read_walker(tmp_path / "absent.toml")
