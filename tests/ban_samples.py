"""A small département as BAN publishes it: rows of its files, to write and to spoil."""

import csv
import gzip
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

COLUMNS = (
    *("id", "id_fantoir", "numero", "rep", "nom_voie", "code_postal", "code_insee"),
    *("nom_commune", "code_insee_ancienne_commune", "nom_ancienne_commune", "x", "y", "lon"),
    *("lat", "type_position", "alias", "nom_ld", "libelle_acheminement", "nom_afnor"),
    *("source_position", "source_nom_voie", "certification_commune", "cad_parcelles"),
)
LOCALITY_COLUMNS = (
    *("id", "nom_lieu_dit", "code_postal", "code_insee", "nom_commune"),
    *("code_insee_ancienne_commune", "nom_ancienne_commune", "x", "y", "lon", "lat"),
    *("source_position", "source_nom_voie"),
)
SAINT_DENIS = {"code_insee": "93066", "nom_commune": "Saint-Denis", "code_postal": "93200"}
PIERREFITTE = SAINT_DENIS | {
    "code_postal": "93380",
    "code_insee_ancienne_commune": "93059",
    "nom_ancienne_commune": "Pierrefitte-sur-Seine",
}
PARIS_2 = {
    "code_insee": "75102",
    "nom_commune": "Paris 2e Arrondissement",
    "code_postal": "75002",
}

Row = Mapping[str, str]


def address(
    number: str, street: tuple[str, str], lon_lat: tuple[float, float], place: Row
) -> dict[str, str]:
    """One row: `12` or `62 bis`, the identifier and name of the street, the place."""
    digits, _, suffix = number.partition(" ")
    parts = (street[0], digits.zfill(5), *filter(None, (suffix,)))
    return {
        "id": "_".join(parts),
        "numero": digits,
        "rep": suffix,
        "nom_voie": street[1],
        "lon": str(lon_lat[0]),
        "lat": str(lon_lat[1]),
        **place,
    }


REPUBLIQUE = ("93066_7890", "Rue de la République")
PRES = ("93066_7000", "Chemin des Prés")
ADDRESSES = [
    address("1", REPUBLIQUE, (2.351, 48.935), SAINT_DENIS),
    address("12", REPUBLIQUE, (2.352, 48.935), SAINT_DENIS),
    address("62", REPUBLIQUE, (2.354, 48.935), SAINT_DENIS),
    address("62 bis", REPUBLIQUE, (2.355, 48.935), SAINT_DENIS),
    address("5", ("93066_6780", "Rue de Paris"), (2.354, 48.930), SAINT_DENIS),
    address("5", ("93059_6781", "Rue de Paris"), (2.360, 48.965), PIERREFITTE),
    address("7", ("93059_6781", "Rue de Paris"), (2.361, 48.965), PIERREFITTE),
    address("3", PRES, (2.370, 48.940), SAINT_DENIS | {"nom_ld": "Les Quatre Vents"}),
    address("4", ("75102_7061", "Rue de la Paix"), (2.331, 48.869), PARIS_2),
]
LOCALITIES = [
    {"id": "93066_b012", "nom_lieu_dit": "Le Moulin Neuf", "lon": "2.38", "lat": "48.95"}
    | SAINT_DENIS
]


def table(rows: Iterable[Row], *, columns: Iterable[str] = COLUMNS, delimiter: str = ";") -> str:
    """Write rows as the export does."""
    output = io.StringIO()
    writer = csv.DictWriter(
        output, [*columns], restval="", delimiter=delimiter, lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return output.getvalue()


def ban_files(folder: Path) -> list[Path]:
    """Write the addresses, compressed, and the lieux-dits."""
    paths = [folder / "adresses-93.csv.gz", folder / "lieux-dits-93-beta.csv"]
    paths[0].write_bytes(gzip.compress(table(ADDRESSES).encode()))
    paths[1].write_text(table(LOCALITIES, columns=LOCALITY_COLUMNS), encoding="utf-8")
    return paths
