"""Download of the official file of a layer: from the API of data.gouv.fr, or from an address.

Nothing that comes is trusted before it is read: its size is bounded, its place and its sum are
those that were announced, and a web page is no data.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from siting.errors import BadAnswer, OptionError
from siting.sources.hosts import is_own_host
from siting.sources.http import HttpAnswer, HttpClient, RetryRule
from siting.sources.layer_kinds import LayerKind

_SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".geojson", ".json", ".gpkg", ".zip")
_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|\?xml|head|body)\b", re.IGNORECASE)
_NAMED = re.compile(r"filename\*?=(?:UTF-8'')?\"?([^\";]+)", re.IGNORECASE)
_ZIP, _SQLITE, _GZIP = b"PK\x03\x04", b"SQLite format 3\x00", b"\x1f\x8b"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SUMS = ("md5", "sha1", "sha256")
_MEGABYTE = 1_000_000
_RATE_PER_S = 1.0
# The lasting address of a file of data.gouv.fr, which sends to where the file is today: its API
# says where, and the sum of the file.
_LASTING = re.compile(r"(https?://[^/]+)/(?:[a-z]{2}/|api/1/)?datasets/r/([0-9a-f-]{36})/?")
_DATA_GOUV_FILES = "static.data.gouv.fr"
_FILE_TOTAL_S = 900.0
_Json = Any  # what the API holds: nothing is sure of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """
    A file that was downloaded.

    `changed_on` is the ISO day on which its producer last changed it, "" when not told;
    `is_sum_checked` tells if a sum was announced, and is that of the file.
    """

    name: str
    content: bytes
    url: str
    changed_on: str = ""
    is_sum_checked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resource:
    url: str
    changed_on: str = ""
    sum_kind: str = ""
    sum_value: str = ""


def download_layer(
    kind: LayerKind, *, url: str | None = None, allow_private: bool = False
) -> Download:
    """
    Download the file of a layer.

    Parameters
    ----------
    kind
        The layer, with its official address.
    url
        Address of the file itself, instead of the official one.
    allow_private
        If the server may stand in a private network; this computer always may.

    Raises
    ------
    OptionError
        The layer has no official address, or the one given cannot be used.
    SourceError
        The server cannot be reached, refuses, or gives something else than the file: a web
        page, a file too large, of another sum, in another place than those of the layer.
    """
    if url is None and not kind.is_online:
        raise OptionError(
            f"La couche « {kind.name} » n'a pas d'adresse officielle connue : téléchargez le "
            f"fichier ({kind.page}), puis siting data import {kind.name} FICHIER."
        )
    lasting = None if url is None else _LASTING.fullmatch(url.strip())
    if lasting is not None:
        api = f"{lasting[1]}/api/2/datasets/resources/{lasting[2]}/"
        resource = _named_by_api(api, kind, allow_private=allow_private)
    elif url is None and kind.dataset:
        resource = _chosen_of_dataset(kind, allow_private=allow_private)
    else:
        resource = _Resource(url=url or kind.url)
    client = _client(resource.url, kind, allow_private=allow_private)
    answer = client.fetch_file(_path(resource.url))
    return _unpacked(_checked(answer, resource, kind), kind)


def _advice(kind: LayerKind) -> str:
    return (
        f"Vous pouvez télécharger le fichier vous-même ({kind.page}), puis : "
        f"siting data import {kind.name} FICHIER ; ou donner une autre adresse avec --url."
    )


def _client(url: str, kind: LayerKind, *, allow_private: bool) -> HttpClient:
    parts = urlsplit(url)
    return HttpClient(
        f"{parts.scheme}://{parts.netloc}",
        advice=_advice(kind),
        rate_per_s=_RATE_PER_S,
        rule=RetryRule(
            largest_answer_bytes=kind.largest_mb * _MEGABYTE, file_total_s=_FILE_TOTAL_S
        ),
        allow_private=allow_private,
    )


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _named_by_api(api: str, kind: LayerKind, *, allow_private: bool) -> _Resource:
    """Ask the API where a file is, and refuse one that lies in an unexpected place."""
    document = _client(api, kind, allow_private=allow_private).fetch_json(_path(api), {})
    found = _resource_of(document.get("resource") if isinstance(document, dict) else None)
    if found is None:
        raise BadAnswer(f"data.gouv.fr ne connaît plus ce fichier. {_advice(kind)}", url=api)
    return _in_known_place(found[1], api, kind)


def _chosen_of_dataset(kind: LayerKind, *, allow_private: bool) -> _Resource:
    """Ask the API which file is that of the layer, and refuse one in an unexpected place."""
    client = _client(kind.dataset, kind, allow_private=allow_private)
    document = client.fetch_json(_path(kind.dataset), {})
    resources = document.get("resources") if isinstance(document, dict) else None
    found = [one for one in map(_resource_of, resources or []) if one is not None]
    named = [one for identity, one in found if kind.resource and identity == kind.resource]
    if not named and kind.file:
        like = [one for _, one in found if re.fullmatch(kind.file, _file_name(one.url))]
        named = sorted(like, key=lambda one: (one.changed_on, one.url))[-1:]
    if not named:
        raise BadAnswer(
            f"Le fichier de « {kind.title} » n'est plus parmi ceux de {kind.page}. {_advice(kind)}",
            url=kind.dataset,
        )
    return _in_known_place(named[0], kind.dataset, kind)


def _resource_of(one: _Json) -> tuple[str, _Resource] | None:
    if not isinstance(one, dict) or not isinstance(one.get("url"), str):
        return None
    given = one.get("checksum")
    announced: Mapping[str, _Json] = given if isinstance(given, dict) else {}
    day = _DAY.match(str(one.get("last_modified") or ""))
    return str(one.get("id") or ""), _Resource(
        url=one["url"],
        changed_on=day[0] if day else "",
        sum_kind=str(announced.get("type") or "").lower(),
        sum_value=str(announced.get("value") or "").lower(),
    )


def _in_known_place(resource: _Resource, api: str, kind: LayerKind) -> _Resource:
    """Refuse an address outside of the hosts of the layer; a test server is its own place."""
    host, asked = urlsplit(resource.url).hostname or "", urlsplit(api).hostname or ""
    hosts = dict.fromkeys([*kind.hosts, _DATA_GOUV_FILES])
    if host in hosts or (host == asked and is_own_host(asked)):
        return resource
    raise BadAnswer(
        f"L'adresse annoncée pour « {kind.title} » ({host or resource.url}) n'est pas celle d'un "
        f"serveur attendu ({', '.join(hosts)}) : rien n'est téléchargé. {_advice(kind)}",
        url=api,
    )


def _checked(answer: HttpAnswer, resource: _Resource, kind: LayerKind) -> Download:
    """Refuse what is empty, a web page, or another file than the one announced."""
    content = answer.body
    shown = _shown_place(resource.url)
    if not content.strip():
        raise BadAnswer(f"Le fichier reçu de {shown} est vide. {_advice(kind)}", url=shown)
    if _PAGE.match(content) or "text/html" in answer.headers.get("Content-Type", "").lower():
        raise BadAnswer(
            f"Ce qui a été reçu de {shown} est une page web, et non un fichier de données (page de "
            f"connexion, de panne ou de présentation). {_advice(kind)}",
            url=shown,
        )
    is_sum_checked = resource.sum_kind in _SUMS
    if is_sum_checked:
        digest = hashlib.new(resource.sum_kind, content, usedforsecurity=False).hexdigest()
        if digest != resource.sum_value:
            raise BadAnswer(
                f"Le fichier reçu de {shown} n'est pas celui qui est annoncé (somme "
                f"{resource.sum_kind} différente) : téléchargement coupé, ou fichier remplacé "
                f"entre-temps. Recommencez. {_advice(kind)}",
                url=shown,
            )
    return Download(
        name=_named(answer, resource.url, content),
        content=content,
        url=shown,
        changed_on=resource.changed_on,
        is_sum_checked=is_sum_checked,
    )


def _shown_place(url: str) -> str:
    """Return an address without what may be secret in it: parameters, fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]


def _named(answer: HttpAnswer, url: str, content: bytes) -> str:
    """Name the file as its server does, its suffix being that of what it holds."""
    given = _NAMED.search(answer.headers.get("Content-Disposition", ""))
    name = unquote(given[1].strip()) if given else _file_name(url)
    name = name.replace("\\", "/").rpartition("/")[2]
    if name.lower().endswith((*_SUFFIXES, ".json.gz")):
        return name
    return (name or "fichier") + _suffix_of(content)


def _suffix_of(content: bytes) -> str:
    if content.startswith(_ZIP):
        names = _member_names(content)
        return ".xlsx" if "xl/workbook.xml" in names else ".zip"
    if content.startswith(_SQLITE):
        return ".gpkg"
    if content.startswith(_GZIP):
        return ".json.gz"
    return ".geojson" if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else ".csv"


def _member_names(content: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist()
    except zipfile.BadZipFile:
        return []


def _unpacked(found: Download, kind: LayerKind) -> Download:
    """Take the file of the layer out of its archive, when it is in one."""
    if not found.name.lower().endswith(".zip"):
        return found
    largest = kind.largest_mb * _MEGABYTE
    try:
        with zipfile.ZipFile(io.BytesIO(found.content)) as archive:
            members = [one for one in archive.infolist() if _is_wanted(one.filename, kind)]
            if len(members) != 1:
                raise BadAnswer(
                    f"L'archive {found.name} ne contient pas un seul fichier qui convienne à "
                    f"« {kind.title} ». {_advice(kind)}",
                    url=found.url,
                )
            with archive.open(members[0]) as file:
                content = file.read(largest + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, BadAnswer):
            raise
        raise BadAnswer(
            f"L'archive {found.name} est abîmée ou incomplète. {_advice(kind)}", url=found.url
        ) from error
    if len(content) > largest:
        raise BadAnswer(
            f"Le fichier de l'archive {found.name} est démesuré. {_advice(kind)}", url=found.url
        )
    return Download(
        name=members[0].filename.rpartition("/")[2],
        content=content,
        url=found.url,
        changed_on=found.changed_on,
        is_sum_checked=found.is_sum_checked,
    )


def _is_wanted(member: str, kind: LayerKind) -> bool:
    name = member.rpartition("/")[2]
    if kind.member:
        return name == kind.member
    return name.lower().endswith(_SUFFIXES[:-1])
