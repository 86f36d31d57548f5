"""The reference files shipped with the package, and the manifest that describes them."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from siting.errors import DataError
from siting.provenance import Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One file of the reference data, as the manifest describes it."""

    file: str
    title: str
    producer: str
    package: str
    url: str
    licence: str
    attribution: str
    vintage: str
    retrieved_on: str
    n_rows: int
    sha256: str


def data_folder() -> Path:
    """
    Return the folder of the shipped data: inside the package, or beside it in a checkout.

    Raises
    ------
    DataError
        If the manifest of the reference data is in neither.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "data", package.parent / "data"):
        if (folder / "reference" / "manifest.toml").is_file():
            return folder
    raise DataError(
        "Les données de référence (communes, contours...) sont absentes de l'installation : "
        "réinstallez siting, par exemple avec « pip install --force-reinstall siting »."
    )


def reference_manifest() -> dict[str, Layer]:
    """
    Return the layers of the reference data, by name, in the order of the manifest.

    Raises
    ------
    DataError
        If the manifest is absent or damaged.
    """
    path = data_folder() / "reference" / "manifest.toml"
    try:
        layers = tomllib.loads(path.read_text(encoding="utf-8"))["layers"]
        return {name: Layer(**facts) for name, facts in layers.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged_file(path) from error


def reference_layer(name: str) -> Layer:
    """
    Return the description of one layer.

    Raises
    ------
    DataError
        If there is no such layer.
    """
    layers = reference_manifest()
    if name not in layers:
        raise DataError(
            f"Couche de référence inconnue : « {name} ». Couches : {', '.join(layers)}."
        )
    return layers[name]


def layer_path(name: str) -> Path:
    """Return where the file of a layer is installed."""
    return data_folder() / reference_layer(name).file


def read_expected_results(path: Path) -> dict[str, dict[str, object]]:
    """Read what the study of the sample must give: values by site and column."""
    sites: dict[str, dict[str, object]] = tomllib.loads(path.read_text(encoding="utf-8"))["site"]
    return sites


def damaged_file(path: Path) -> DataError:
    """Return the error that tells the user that a shipped file cannot be used."""
    return DataError(
        f"Le fichier de référence {path.name} est absent ou abîmé : réinstallez siting. "
        "La commande « siting data » dit l'état de chaque fichier."
    )


def read_reference_csv(name: str) -> pd.DataFrame:
    """
    Read a layer that is a table: every column as text, an empty cell as an empty text.

    Raises
    ------
    DataError
        If the file is absent, unreadable, or has not the number of rows of the manifest.
    """
    path = layer_path(name)
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False, engine="pyarrow")
    except (OSError, ValueError) as error:
        raise damaged_file(path) from error
    if len(table) != reference_layer(name).n_rows:  # a file cut short still reads as a table
        raise damaged_file(path)
    return table


def layer_provenance(layer: str) -> Provenance:
    """
    Return the origin of one layer, as written in the manifest.

    Raises
    ------
    DataError
        If there is no such layer.
    """
    found = reference_layer(layer)
    return Provenance(
        source=f"{found.producer} : {found.title}",
        url=found.url,
        licence=found.licence,
        attribution=found.attribution,
        retrieved_on=found.retrieved_on,
        data_timestamp=found.vintage,
        sha256=found.sha256,
        note=found.package,
    )


def reference_layers() -> pd.DataFrame:
    """
    Return what reference data is installed and whether each file is the published one.

    Returns
    -------
    layers
        One row per `layer`: `title`, `file`, `n_rows`, `vintage`, `licence`, `origin`
        (producer and package), `is_intact` (its SHA-256 is the manifest's).

    Raises
    ------
    DataError
        If the manifest is absent or damaged.
    """
    folder = data_folder()
    rows = [
        {
            "layer": name,
            "title": layer.title,
            "file": layer.file,
            "n_rows": layer.n_rows,
            "vintage": layer.vintage,
            "licence": layer.licence,
            "origin": " ; ".join(filter(None, (layer.producer, layer.package))),
            "is_intact": _sha256(folder / layer.file) == layer.sha256,
        }
        for name, layer in reference_manifest().items()
    ]
    return pd.DataFrame(rows).set_index("layer")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
