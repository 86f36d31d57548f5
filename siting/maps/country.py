"""The map of the country, or of many départements: how many communes of each are in evidence."""

from __future__ import annotations

from collections.abc import Mapping

import folium
import geopandas as gpd
import pandas as pd
import shapely

from siting.labels import count_text, counted
from siting.maps.areas import StyledAreas, areas_map
from siting.maps.page import MapNotes, drawn_bounds
from siting.maps.territory import CREDIT, territory_theme
from siting.tables import COMMUNES, COVERAGE

# Beyond so many communes a page takes long to open, and no outline can be told from the next.
MOST_COMMUNES = 3_000

_TOLERANCE_M = 500.0  # of simplification before outlines are joined: a pixel of the country


def country_map(
    communes: gpd.GeoDataFrame,
    coverage: pd.DataFrame,
    *,
    place: str,
    departements: Mapping[str, str],
    notes: MapNotes,
) -> folium.Map:
    """
    Map départements by the share of their communes that a map of each would show in evidence.

    Two classes of as many départements each, among those that have some; the legend tells the
    share between them. The same words as for one département say what is counted.

    Parameters
    ----------
    communes, coverage
        Tables COMMUNES and COVERAGE, of the same communes.
    place
        Name of the territory, in French.
    departements
        Names by code.
    notes
        Sources and remarks.

    Raises
    ------
    DataError
        A table breaks its contract.
    """
    held = gpd.GeoDataFrame(COMMUNES.conform(communes))
    theme = territory_theme(held.join(COVERAGE.conform(coverage)))
    by_departement = held.groupby("code_dep")
    is_strong = (theme.style == "strong").groupby(held["code_dep"])
    table = pd.DataFrame(
        {
            "n_communes": by_departement.size(),
            "n_strong": is_strong.sum(),
            "people_65": by_departement["population_65"].sum(min_count=1),
        }
    )
    share = table["n_strong"] / table["n_communes"]
    some = share[table["n_strong"] > 0]
    limit = float(some.median()) if len(some) else 0.0
    style = pd.Series("partial", index=table.index).mask(share > limit, "strong")
    style = style.mask(table["n_strong"] == 0, "calm")
    style = style.mask((theme.style == "unknown").groupby(held["code_dep"]).all(), "unknown")
    what = theme.styles["strong"]
    half = f"{100 * limit:.1f} %".replace(".", ",")
    outlines = _outlines(held, departements)
    return areas_map(
        StyledAreas(
            areas=outlines,
            styles={
                "strong": f"plus de {half} des communes : {what}",
                "partial": f"au moins une, {half} au plus",
                "calm": "aucune",
                "unknown": theme.styles["unknown"],
            },
            style=style,
            columns=("Communes", f"Communes : {what}", "Part", "65 ans et plus"),
            cells={
                code: (
                    count_text(int(row["n_communes"])),
                    count_text(int(row["n_strong"])),
                    f"{100 * row['n_strong'] / row['n_communes']:.1f} %".replace(".", ","),
                    "sans donnée"
                    if pd.isna(row["people_65"])
                    else count_text(int(row["people_65"])),
                )
                for code, row in table.iterrows()
            },
            kind="Département",
            caption="Les départements de la carte, les plus concernés d'abord.",
            credit=CREDIT,
            bounds=_mainland(outlines),
            remark=f"{counted(len(held), 'commune')} ; le détail est dans communes.csv.",
        ),
        title=f"{place} : {theme.title}",
        notes=notes,
    )


def _outlines(communes: gpd.GeoDataFrame, departements: Mapping[str, str]) -> gpd.GeoDataFrame:
    """Join the outlines of the communes of each département, simplified for a screen."""
    drawn = communes[communes.geometry.notna()].to_crs(3857)
    shapes = {
        code: shapely.make_valid(shapely.union_all(group.geometry.to_numpy(), grid_size=1.0))
        for code, group in drawn.groupby("code_dep")
    }
    outlines = {code: shapely.simplify(shape, _TOLERANCE_M) for code, shape in shapes.items()}
    codes = sorted(communes["code_dep"].unique())
    layer = gpd.GeoDataFrame(
        {"nom": [departements.get(code, code) for code in codes]},
        index=codes,
        geometry=[outlines.get(code) for code in codes],
        crs=3857,
    )
    return gpd.GeoDataFrame(layer.to_crs(4326))


def _mainland(outlines: gpd.GeoDataFrame) -> tuple[float, float, float, float] | None:
    """Return the bounds of what is not overseas; of all when all is."""
    is_near = ~outlines.index.str.startswith(("97", "98"))
    shown = outlines[is_near] if is_near.any() else outlines
    return drawn_bounds(shown.geometry.to_numpy())
