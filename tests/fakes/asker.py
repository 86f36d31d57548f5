"""Questions to the fake geocoder, and the places that its own tests ask for."""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from fakes.control import FakeBan
from fakes.index import Place, Town

PANTIN = Town(
    citycodes=("93055",), postcode="93500", city="Pantin", context="93, Seine-Saint-Denis"
)
PIERREFITTE = Town(
    citycodes=("93066", "93059"),
    postcode="93380",
    city="Saint-Denis",
    oldcitycode="93059",
    oldcity="Pierrefitte-sur-Seine",
)
PARIS_2 = Town(
    citycodes=("75102", "75056"),
    postcode="75002",
    city="Paris",
    district="Paris 2e Arrondissement",
)
AJACCIO = Town(citycodes=("2A004",), postcode="20000", city="Ajaccio")
REUNION = Town(citycodes=("97411",), postcode="97400", city="Saint-Denis")
CARNOT = Place(name="Rue Carnot", housenumber="12", town=PANTIN, lon=2.4, lat=48.89)
PLACES = [
    CARNOT,
    Place(name="Rue Carnot", housenumber="12 bis", town=PANTIN, lon=2.4001, lat=48.89),
    Place(name="Rue Carnot", kind="street", town=PANTIN, lon=2.401, lat=48.891, importance=0.6),
    Place(name="Pantin", kind="municipality", town=PANTIN, lon=2.41, lat=48.89),
    Place(name="Les Quatre Vents", kind="locality", town=PANTIN, lon=2.42, lat=48.9),
    Place(name="Rue Carnot", housenumber="12", town=PIERREFITTE, lon=2.36, lat=48.96),
    Place(name="Rue de la Paix", housenumber="4", town=PARIS_2, lon=2.331, lat=48.869),
    Place(name="Cours Napoléon", housenumber="9", town=AJACCIO, lon=8.738, lat=41.92),
    Place(name="Rue de Paris", housenumber="5", town=REUNION, lon=55.45, lat=-20.88),
]
TABLE = "id,q\n1,12 rue carnot pantin\n2,les quatre vents\n3,4 rue de la paix\n"


class Asker:
    """Ask one server."""

    def __init__(self, session: requests.Session, fake: FakeBan) -> None:
        self.session = session
        self.fake = fake

    def got(self, path: str, params: Mapping[str, str] | None = None) -> requests.Response:
        url = self.fake.url + path
        return self.session.get(url, params=params, timeout=5, allow_redirects=False)

    def labels(self, path: str, params: Mapping[str, str]) -> list[str]:
        answer = self.got(path, params)
        assert answer.status_code == 200, answer.text
        return [feature["properties"]["label"] for feature in answer.json()["features"]]

    def best(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        feature: dict[str, Any] = self.got(path, params).json()["features"][0]
        return feature

    def posted(
        self, path: str, table: bytes | str, fields: list[tuple[str, str]] | None = None
    ) -> requests.Response:
        content = table.encode() if isinstance(table, str) else table
        files = {"data": ("adresses.csv", content)}
        return self.session.post(self.fake.url + path, data=fields, files=files, timeout=20)

    def rows(
        self, path: str, table: bytes | str, fields: list[tuple[str, str]] | None = None
    ) -> list[dict[str, str]]:
        answer = self.posted(path, table, fields)
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))

    def statuses(self, n_asked: int, path: str = "/search?q=rue") -> list[int]:
        return [self.got(path).status_code for _ in range(n_asked)]


@contextmanager
def asking(fake: FakeBan) -> Iterator[Asker]:
    """Ask this server for a while, whatever proxy the computer has."""
    with requests.Session() as session:
        session.trust_env = False
        yield Asker(session, fake)
