"""The user's own categories: what they change, what is refused and on which line, what keeps."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from siting.cli import app
from siting.errors import DataError
from siting.sources.taxonomy_file import chosen_taxonomy
from siting.study import add_area, kept_area, sample
from siting.study.ground import ground_of_area
from siting.taxonomy import own_taxonomy, read_taxonomy
from siting.toml_text import parsed

GARDEN = """\
# what our elders ask for
[[category]]
id = "jardin_partage"
label = "Jardin partagé"
families = ["commerces"]
selectors = [{ leisure = "garden", "garden:type" = "community" }]

[[category]]
id = "boulangerie"
selectors = [
    { shop = "bakery" },
    { shop = "pastry", name = { matches = '\\bpain' } },
]
"""


def own_file(folder: Path, text: str = GARDEN) -> Path:
    path = folder / "nos-services.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_new_category_comes_last_and_a_known_one_is_changed_field_by_field() -> None:
    shipped, own = read_taxonomy(), own_taxonomy(GARDEN, name="nos-services.toml")
    ids = [category.id for category in shipped.categories]
    assert [category.id for category in own.categories] == [*ids, "jardin_partage"]
    bakery = own.category["boulangerie"]
    assert (bakery.label, bakery.counts_for, bakery.bpe) == (
        "Boulangerie",
        ("commerces",),
        ("B207",),
    )
    assert own.categories_of({"leisure": "garden", "garden:type": "community"}) == (
        "jardin_partage",
    )
    assert own.categories_of({"shop": "pastry", "name": "Pains et gâteaux"}) == ("boulangerie",)
    assert own.categories_of({"shop": "pastry"}) == ()
    assert shipped.categories_of({"shop": "pastry"}) == ("boulangerie",)
    # the rest is that of the package: exclusions, prefixes, references
    assert own.excluded({"disused:shop": "bakery"}) == shipped.excluded({"disused:shop": "bakery"})
    assert (own.identity_keys, own.families) == (shipped.identity_keys, shipped.families)


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ('"Jardin partagé"', "Jardin partagé", 4, "n'est pas un fichier TOML"),
        ('families = ["commerces"]', 'families = ["loisirs"]', 5, "familles ['loisirs']"),
        ('families = ["commerces"]', 'families = "commerces"', 5, "liste de textes"),
        ('families = ["commerces"]', "", 2, "champs manquants ['families']"),
        ('id = "boulangerie"', 'id = "Boulangerie"', 9, "lettres minuscules"),
        ('id = "boulangerie"', 'id = "jardin_partage"', 9, "définie deux fois"),
        ('id = "boulangerie"', 'ident = "boulangerie"', 8, "champs manquants ['id']"),
        ('label = "Jardin partagé"', 'libelle = "Jardin partagé"', 4, "champs inconnus"),
        ('label = "Jardin partagé"', "label = 3", 4, "un texte entre guillemets"),
        ("\\bpain", "(pain", 12, "l'expression '(pain' est illisible"),
        ('{ shop = "bakery" },', '{ shop = "*" },', 11, "ne fixe aucune valeur"),
        ('{ shop = "bakery" },', '"bakery",', 11, "entre accolades"),
        ('{ shop = "bakery" },', "{ shop = [1] },", 11, "illisible"),
        ('id = "boulangerie"', 'id = "boulangerie"\nmapping = "bad"', 10, "good ou poor"),
        ('id = "boulangerie"', 'id = "boulangerie"\nis_stop = 1', 10, "true ou false"),
        (
            'id = "boulangerie"',
            'id = "boulangerie"\nmerge_same_name_m = -1',
            10,
            "un nombre de mètres, de 0 à 1000",
        ),
        ('id = "boulangerie"', 'id = "boulangerie"\nis_area_service = true', 8, "à domicile"),
        (
            'id = "boulangerie"',
            'id = "boulangerie"\ncounts_for = ["transports"]',
            10,
            "compte pour ['transports']",
        ),
        ("# what our elders ask for", "identity_keys = []", 1, "champs inconnus"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    before: str, after: str, line: int, message: str
) -> None:
    assert before in GARDEN
    with pytest.raises(DataError) as refused:
        own_taxonomy(GARDEN.replace(before, after, 1), name="nos-services.toml")
    assert str(refused.value).startswith(f"nos-services.toml, ligne {line}")
    assert message in str(refused.value)


def test_lines_are_found_whatever_texts_and_comments_hold() -> None:
    text = '''a.b = 1
# [[list]]
[[list]]
id = "x ["  # ]
many = [{ a = "b" }, { c = "d", e = ["f"] },

  { z = "[[" },
]
long = """
[[list]]
"""
[list.sub]
k = 'v'
[[list]]
"b:c" = [1]
'''
    _, where = parsed(text, name="t")
    expected: dict[tuple[str | int, ...], int] = {
        ("a", "b"): 1,
        ("list", 0): 3,
        ("list", 0, "id"): 4,
        ("list", 0, "many", 1): 5,
        ("list", 0, "many", 2): 7,
        ("list", 0, "long"): 9,
        ("list", 0, "sub", "k"): 13,
        ("list", 1): 14,
        ("list", 1, "b:c", 0): 15,
        ("list", 1, "absent"): 14,  # what holds it
        ("absent",): 1,
    }
    assert {path: where.at(*path).line for path in expected} == expected


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="n'existe pas"):
        chosen_taxonomy(tmp_path / "absent.toml")
    path = tmp_path / "latin1.toml"
    path.write_bytes("# un\n# été\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin1\.toml, ligne 2 .*UTF-8"):
        chosen_taxonomy(path)
    windows = tmp_path / "windows.toml"
    windows.write_bytes(b"\xef\xbb\xbf" + GARDEN.replace("\n", "\r\n").encode())
    assert "jardin_partage" in chosen_taxonomy(windows).category


def test_a_study_counts_own_categories_and_its_manifest_names_their_file(tmp_path: Path) -> None:
    """Parks of Monaco as an own category, measured from one site like the others."""
    tags = 'leisure = "garden", "garden:type" = "community"'
    path = own_file(tmp_path, GARDEN.replace(tags, 'leisure = "park"'))
    projects, out = tmp_path / "projets.csv", tmp_path / "etude"
    projects.write_text("id;lon;lat\nA;7.4246;43.7384\n", encoding="utf-8")
    command = ["study", str(projects), "--osm", str(sample().osm), "--geocoder", "none"]
    command += ["--taxonomy", str(path), "--out", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    access = pd.read_csv(out / "access.csv", sep=None, engine="python").query("rank == 1")
    (park,) = access[access["category"] == "jardin_partage"].to_dict("records")
    assert (park["access_status"], park["families"]) == ("reached", "commerces")
    assert "boulangerie" in set(access["category"])
    assert not {"ssiad", "transport_a_la_demande"} & set(access["category"])
    manifest = json.loads((out / "manifest.json").read_bytes())
    assert manifest["inputs"][str(path)] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_area_of_own_categories_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITING_AREAS", str(tmp_path / "zones"))
    path, other = own_file(tmp_path), tmp_path / "autre.toml"
    osm = [sample().osm]
    kept = add_area("monaco", osm, overwrite=False, with_ferries=False, taxonomy=path)
    shown = kept_area("monaco").area  # it can be shown without its file
    assert shown is not None
    assert shown.own_file == "nos-services.toml"
    advice = r"autre liste de services.*--taxonomy nos-services\.toml, ou reconstruisez-la"
    with pytest.raises(DataError, match=advice):
        ground_of_area(kept.folder, taxonomy=read_taxonomy())
    # renamed, it is the same; changed, it is another one
    other.write_text(GARDEN, encoding="utf-8")
    ground = ground_of_area(kept.folder, taxonomy=chosen_taxonomy(other))
    assert len(ground.services) == len(shown.services)
    other.write_text(GARDEN.replace('"bakery"', '"cheese"'), encoding="utf-8")
    with pytest.raises(DataError, match=advice):
        ground_of_area(kept.folder, taxonomy=chosen_taxonomy(other))
