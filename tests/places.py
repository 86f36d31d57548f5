"""Tables of projects and of five real communes, small enough to be read, for geocoding tests."""

import pandas as pd

from siting.tables import COMMUNE_HISTORY, COMMUNE_REGISTER, PROJECTS

REGISTER = COMMUNE_REGISTER.conform(
    pd.DataFrame(
        [
            ("93066", "Saint-Denis", "93", "93200;93210;93380"),
            ("93055", "Pantin", "93", "93500"),
            ("93010", "Bondy", "93", "93140"),
            ("51454", "Reims", "51", "51100"),
            ("75056", "Paris", "75", "75001;75002;75003"),
            ("97411", "Saint-Denis", "974", "97400;97490"),
            ("97801", "Saint-Martin", "978", "97150"),
            ("2A004", "Ajaccio", "2A", "20000;20090"),
            ("51108", "Châlons-en-Champagne", "51", "51000"),
        ],
        columns=["code_insee", "nom", "code_dep", "codes_postaux"],
    ).assign(code_epci="", population=1)
)
HISTORY = COMMUNE_HISTORY.conform(
    pd.DataFrame(
        [
            ("93059", "93066", "Pierrefitte-sur-Seine", "deleguee"),
            ("75102", "75056", "Paris 2e Arrondissement", "arrondissement"),
            ("75103", "75056", "Paris 3e Arrondissement", "arrondissement"),
            ("97127", "97801", "", "ancien"),
        ],
        columns=["code_insee_old", "code_insee", "nom", "kind"],
    )
)


def projects(*rows: dict[str, object]) -> pd.DataFrame:
    """Table `PROJECTS` of these rows, columns left out being empty; ids are p1, p2..."""
    body = pd.DataFrame(list(rows), index=range(len(rows)))
    body = body.reindex(columns=[*PROJECTS.column_names])
    body["site_id"] = [f"p{rank}" for rank in range(1, len(rows) + 1)]
    body["row_number"] = range(2, len(rows) + 2)
    return PROJECTS.conform(body)
