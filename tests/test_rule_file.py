from pathlib import Path

import pytest

from siting.errors import DataError
from siting.matching import GeocodeRule
from siting.sources.rule_file import read_rule, rule_sha256


def rule_of(tmp_path: Path, text: str) -> GeocodeRule:
    path = tmp_path / "seuils.toml"
    path.write_text(text, encoding="utf-8")
    return read_rule(path)


def test_what_is_not_given_keeps_its_value(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, "ok_score = 0.9\nambiguous_m = 100\n")
    assert (rule.ok_score, rule.ambiguous_m) == (0.9, 100.0)
    assert rule.ok_score_same_street == GeocodeRule().ok_score_same_street
    assert rule_of(tmp_path, "") == GeocodeRule()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("score_ok = 0.9", "« score_ok » n'est pas un seuil"),
        ("ok_score = 1.5", "ok_score = 1.5 n'est pas entre 0 et 1"),
        ("ok_score = nan", "entre 0 et 1"),
        ("ok_score = true", "entre 0 et 1"),
        ('ok_score = "0.9"', "entre 0 et 1"),
        ("ambiguous_m = -1", "entre 0 et 10000"),
        ("ok_score = 0.5", "il faut rejected_score"),
        ("ok_score", "pas un fichier TOML"),
    ],
)
def test_bad_thresholds_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        rule_of(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="n'existe pas"):
        read_rule(tmp_path / "seuils.toml")


def test_the_file_is_told_by_its_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "seuils.toml"
    path.write_bytes(b"")
    assert rule_sha256(path).startswith("e3b0c442")  # of no byte at all
