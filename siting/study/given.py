"""What the user gives beside the data, as sources: the call and the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from siting.provenance import Provenance
from siting.rule_packs import RulePack


def call_sources(pack: RulePack | None, sha256: str) -> list[Provenance]:
    """Return the call as a source beside the data, with the sum of the file that describes it."""
    if pack is None:
        return []
    return [
        Provenance(
            source=f"Appel {pack.id} : {pack.title}",
            url=pack.url,
            licence="cité par courts extraits",
            attribution=pack.issuer,
            data_timestamp=pack.published,
            sha256=sha256,
            note=pack.source,
        )
    ]


def inventory_sources(inventory: Mapping[str, str]) -> list[Provenance]:
    """Return files of inventory, given with their sums, as sources beside the data."""
    return [
        Provenance(
            source=f"Inventaire des habitats inclusifs, fichier {Path(path).name}",
            licence="fichier fourni par l'utilisateur",
            attribution="",
            sha256=sha256,
        )
        for path, sha256 in inventory.items()
    ]
