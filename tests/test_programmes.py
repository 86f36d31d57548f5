"""What official lists say of communes, side by side."""

import geopandas as gpd
import pandas as pd
import shapely

from siting.crs import WGS84
from siting.programmes import commune_lists
from siting.tables import COMMUNES
from siting.territory_layers import DENSITY, PROGRAMME, QPV


def communes() -> gpd.GeoDataFrame:
    rows = [
        {
            **dict.fromkeys(COMMUNES.column_names),
            "code_insee": f"7200{at}",
            "nom": f"Commune {at}",
            "is_pvd": at == 0,
            "geometry": shapely.box(at, 0, at + 1, 1),
        }
        for at in range(3)
    ]
    return gpd.GeoDataFrame(COMMUNES.conform(gpd.GeoDataFrame(rows, crs=WGS84)))


def quarters() -> gpd.GeoDataFrame:
    """One that the file places, one on the border of 0 and 1, one of two, in 1 but for a sliver."""
    rows = [
        ("QP1", "72002", shapely.box(0.1, 0.1, 0.2, 0.2)),
        ("QP2", None, shapely.box(0.8, 0.4, 1.2, 0.6)),
        ("QP3;QP4", None, shapely.box(1.5, 0.1, 2.02, 0.2)),
    ]
    ids, codes, shapes = zip(*rows, strict=True)
    table = {"code_qp": ids, "nom": "", "codes_insee": codes, "vintage": "2024"}
    return gpd.GeoDataFrame(QPV.conform(gpd.GeoDataFrame(table, geometry=list(shapes), crs=WGS84)))


def test_lists_stand_side_by_side() -> None:
    acv = pd.DataFrame({"code_insee": ["72001"], "nom": ["x"], "signed_on": [None]})
    density = pd.DataFrame(
        {
            "code_insee": ["72000", "72001"],
            "density_class": [7, 1],
            "density_label": ["Rural à habitat très dispersé", "Grands centres urbains"],
            "is_rural": [True, False],
        }
    )
    table = commune_lists(
        communes(),
        acv=PROGRAMME.conform(acv),
        villages=None,
        density=DENSITY.conform(density),
        quarters=quarters(),
    )
    assert table["is_pvd"].tolist() == [True, False, False]
    assert table["is_acv"].tolist() == [False, True, False]
    assert table["is_village_avenir"].isna().all()
    assert table["is_rural"].tolist()[:2] == [True, False]
    assert pd.isna(table["is_rural"].iloc[2])
    assert table["n_qpv"].tolist() == [1, 1 + 2, 1]


def test_what_is_not_installed_is_empty() -> None:
    table = commune_lists(communes(), acv=None, villages=None, density=None, quarters=None)
    assert table.drop(columns=["nom", "is_pvd"]).isna().all(axis=None)
