"""The sample that the package carries: its files, and the result that it must give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from siting.sources.reference import data_folder
from siting.sources.shipped import read_expected_results
from siting.study.projects import Study, StudyOptions
from siting.tables import AccessStatus

_COMPARED = ["geocode_status", "geocode_reason", "code_insee", "commune_check"]

DEMO_TERRITORIES = {"93": "ssd-avp-2025", "51": None}  # département -> call compared, if any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The sample territory: projects, OpenStreetMap extract, expected result."""

    projects: Path
    osm: Path
    expected: Path

    @property
    def options(self) -> StudyOptions:
        """Options of the study of the sample."""
        return StudyOptions(osm=(self.osm,), call="pvd-fabrique-2021")


def sample() -> Sample:
    """Return the sample that the package carries: Monaco and the French communes around it."""
    folder = data_folder() / "sample"
    return Sample(
        projects=folder / "projets.csv",
        osm=folder / "monaco.osm.pbf",
        expected=folder / "attendu.toml",
    )


def unexpected(study: Study, expected: Path) -> list[str]:
    """
    Compare the study of the sample with what it must give; return the differences in French.

    Compared site by site: status and reason of the position, commune, check of the commune,
    and if the network is reached. Distances are not: a new release may refine them.
    """
    wanted = read_expected_results(expected)
    first = study.access.groupby(level="site_id", sort=False)["access_status"].first()
    is_off = first.isin([AccessStatus.OFF_NETWORK, AccessStatus.NO_LOCATION])
    found = study.sites[_COMPARED].astype("str").fillna("").assign(is_measured=~is_off)
    got = {str(site_id): row for site_id, row in found.to_dict("index").items()}
    differences = [
        f"{site_id}, {name} : {got[site_id][name]} au lieu de {value}"
        for site_id, row in wanted.items()
        for name, value in row.items()
        if site_id in got and got[site_id][name] != value
    ]
    if list(got) != list(wanted):
        differences.append(f"sites : {', '.join(got)} au lieu de {', '.join(wanted)}")
    return differences
