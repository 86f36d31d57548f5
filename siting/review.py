"""What a person is asked to look at: one row a site, with the places they can choose from."""

from __future__ import annotations

import pandas as pd

from siting.labels import LABELS
from siting.tables import SITE_ID, Column, GeocodeReason, GeocodeStatus, Precision, Table

N_PROPOSED = 3  # candidates shown to a person: more are not read
AS_GIVEN = "coordonnées de votre fichier"  # proposed when the row has coordinates, not an address

_SURE = (GeocodeStatus.OK, GeocodeStatus.PROVIDED)


def _proposed(number: int) -> tuple[Column, ...]:
    return (
        Column(f"proposition_{number}", "text", "address proposed"),
        Column(f"lon_{number}", "number", "its longitude", "degree"),
        Column(f"lat_{number}", "number", "its latitude", "degree"),
        Column(f"commune_{number}", "text", "its commune and INSEE code"),
        Column(f"score_{number}", "number", "score of the geocoder, for sorting only", "0-1"),
    )


# Columns have French names: a planner reads them, and fills the last five in.
REVIEW = Table(
    "REVIEW",
    (SITE_ID,),
    (
        Column("ligne", "integer", "row in the user's file, the header being row 1"),
        Column("nom", "text", "name of the project"),
        Column("adresse", "text", "address as given"),
        Column("commune_declaree", "text", "postal code, commune and INSEE code as given"),
        Column("motif", "text", "why a person must look at the site, in French"),
        Column("statut", "text", "worth of the position, in French"),
        Column("adresse_envoyee", "text", "text that was sent to the geocoder"),
        *(column for number in range(1, N_PROPOSED + 1) for column in _proposed(number)),
        Column("choix", "text", "to fill in: number of a proposal, or `aucune`"),
        Column("lon_retenue", "number", "to fill in: longitude", "degree"),
        Column("lat_retenue", "number", "to fill in: latitude", "degree"),
        Column("adresse_corrigee", "text", "to fill in: address to look for instead"),
        Column("remarque", "text", "to fill in: for people, not read"),
    ),
)


def needs_attention(sites: pd.DataFrame) -> pd.Series:
    """
    Tell which rows of SITES someone must look at: their position is not sure, or missing.

    A row that a person settled needs no one else, even without position.
    """
    is_sure = sites["geocode_status"].isin(_SURE)
    is_elsewhere = sites["geocode_reason"] == GeocodeReason.COMMUNE_MISMATCH
    return (~is_sure | is_elsewhere) & (sites["geocode_reason"] != GeocodeReason.REVIEWED)


def review_rows(
    projects: pd.DataFrame, sites: pd.DataFrame, requests: pd.DataFrame, candidates: pd.DataFrame
) -> pd.DataFrame:
    """
    Lay out the sites that a person must look at, with what they can choose from.

    The first three candidates are proposed, best first; the middle of a commune is not, for
    it is no position. A site with a position and no candidate (coordinates in another commune
    than declared) has that position to confirm.

    Parameters
    ----------
    projects
        Table `PROJECTS` as read, before `with_review`.
    sites
        Table `SITES` of these projects, in its final state.
    requests, candidates
        Tables `GEOCODING` and `CANDIDATES` of the same run.

    Returns
    -------
    review
        Table `REVIEW`, in the order of `sites`; the columns to fill in are empty.
    """
    shown = sites[needs_attention(sites)]
    given = projects.reindex(shown.index)
    body = pd.DataFrame(
        {
            "ligne": given["row_number"],
            "nom": given["label"],
            "adresse": given["address"],
            "commune_declaree": declared_places(given),
            "motif": shown["geocode_reason"].map(LABELS[GeocodeReason]),
            "statut": shown["geocode_status"].map(LABELS[GeocodeStatus]),
            "adresse_envoyee": requests["query_sent"].reindex(shown.index),
        },
        index=shown.index,
    )
    wide = _side_by_side(_proposals(shown, candidates))
    return REVIEW.conform(body.join(wide).reindex(columns=REVIEW.column_names))


def _proposals(shown: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """List what is proposed: `site_id`, `number`, then the fields of a proposal."""
    is_place = candidates["kind"].isin(
        [Precision.HOUSENUMBER, Precision.STREET, Precision.LOCALITY]
    )
    found = candidates[is_place].reset_index().sort_values("rank", kind="stable")
    found = found[found["site_id"].isin(shown.index)]
    alone = shown[~shown.index.isin(found["site_id"])]
    alone = alone[~(alone.geometry.isna() | alone.geometry.is_empty)]
    is_given = alone["geocode_status"] == GeocodeStatus.PROVIDED
    standing = pd.DataFrame(
        {
            "site_id": alone.index,
            "label": alone["matched_label"].mask(is_given, AS_GIVEN).fillna(AS_GIVEN),
            "lon": alone.geometry.x,
            "lat": alone.geometry.y,
            "code_insee": alone["code_insee"],
            "commune": alone["commune"],
            "score": alone["geocode_score"],
        }
    )
    listed = pd.concat([found[standing.columns], standing], ignore_index=True)
    code = "(" + listed["code_insee"] + ")"
    return pd.DataFrame(
        {
            "site_id": listed["site_id"],
            "number": listed.groupby("site_id").cumcount() + 1,
            "proposition": listed["label"],
            "lon": listed["lon"],
            "lat": listed["lat"],
            "commune": listed["commune"].str.cat(code, sep=" ", na_rep="").str.strip(),
            "score": listed["score"],
        }
    )


def _side_by_side(proposals: pd.DataFrame) -> pd.DataFrame:
    """Give each site one row: `proposition_1`, `lon_1`... up to `N_PROPOSED`."""
    keyed = proposals.set_index("site_id")
    parts = [
        keyed[keyed["number"] == number].drop(columns="number").add_suffix(f"_{number}")
        for number in range(1, N_PROPOSED + 1)
    ]
    return pd.concat(parts, axis="columns")


def declared_places(projects: pd.DataFrame) -> pd.Series:
    """
    Write the commune as given, with both its codes: 93140 Bondy (INSEE 93010).

    Words stand beside a code that is alone, so that a spreadsheet keeps its zeros.
    """
    given = projects[["code_postal", "commune", "code_insee"]].fillna("")
    texts = [_place(*row) for row in given.itertuples(index=False, name=None)]
    return pd.Series(texts, index=projects.index, dtype="str")


def _place(code_postal: str, commune: str, code_insee: str) -> str:
    insee = f"(INSEE {code_insee})" if code_insee else ""
    name = commune if commune or not code_postal else "(code postal)"
    return " ".join(filter(None, (code_postal, name, insee)))
