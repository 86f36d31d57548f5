"""Put files in place so that a reader finds each of them whole: the old one or the new one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from siting.errors import OutputError

MANIFEST = "manifest.json"
_TO_REVIEW = "to_review."  # what a person fills in
_STAGING = ".siting-"  # prefix of the temporary folder; one left by a crash is not a result


def check_folder(out: Path, *, overwrite: bool) -> None:
    """
    Refuse an output folder that holds something, or that cannot be written; write nothing.

    Raises
    ------
    OutputError
        `out` is a file, is not empty and `overwrite` is false, its place is read-only, or a
        person filled in the rows to review that it holds.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} est un fichier ; donnez un dossier avec --out.")
    if out.is_dir() and not overwrite:
        held = _held(out)
        if held:
            raise OutputError(
                f"Le dossier {out} n'est pas vide (il contient par exemple {held[0]}). "
                "Donnez un autre dossier avec --out, ou ajoutez --overwrite pour remplacer "
                "les résultats qu'il contient ; vos autres fichiers ne seront pas touchés."
            )
    place = out
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise OutputError(f"{place} est un fichier : {out} ne peut pas y être créé.")
    if not os.access(place, os.W_OK):
        raise OutputError(
            f"Impossible d'écrire dans {place} : dossier protégé. "
            "Choisissez-en un autre avec --out."
        )
    require_unfilled(out / MANIFEST, start=_TO_REVIEW)


def require_unfilled(manifest: Path, *, start: str) -> None:
    """
    Refuse to replace a file that a person filled in, where the former run left it.

    Parameters
    ----------
    manifest
        That of the former run, beside its results; none there means no former run.
    start
        First signs of the names of the files to fill in.

    Raises
    ------
    OutputError
        One of them is no more as the run wrote it; the message says to give it another name.
    """
    for name, digest in _outputs(manifest).items():
        path = manifest.with_name(name)
        if name.startswith(start) and path.is_file() and _sha256(path) != digest:
            raise OutputError(
                f"{path} a été rempli ou modifié depuis, et serait remplacé. Donnez-lui un autre "
                f"nom (par exemple rempli-{path.name}), puis relancez avec --reviewed et ce nom."
            )


def write_folder(out: Path, files: Mapping[str, bytes], *, overwrite: bool) -> None:
    """
    Write result files in a folder, each whole or not at all.

    Everything is first written to disk in a temporary folder inside `out` (hence on the same
    disk), then moved file by file, the manifest last. Files of the user are not touched. A
    result of the former run that this run no longer gives (told by the former manifest, and
    unchanged since) is removed, so that results of two runs are never mixed.

    Parameters
    ----------
    out
        Folder, made if needed.
    files
        Content by relative path, with ``/``.
    overwrite
        If results already there are replaced; otherwise the folder must be empty.

    Raises
    ------
    OutputError
        As `check_folder`; a name that leaves the folder; a file open in another program; a
        full disk.
    """
    check_folder(out, overwrite=overwrite)
    for name in files:
        _require_inside(name)
    ordered = sorted(files, key=lambda name: (name == MANIFEST, name))
    try:
        out.mkdir(parents=True, exist_ok=True)
        for left in out.glob(f"{_STAGING}*"):
            shutil.rmtree(left, ignore_errors=True)
        stale = _former_results(out / MANIFEST, files)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=out))
        for name in ordered:
            _write_through(staging / name, files[name])
        for path in stale:
            path.unlink()
        for name in ordered:
            _move(staging / name, out / name)
        shutil.rmtree(staging)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"Impossible d'écrire les résultats dans {out} : {error.strerror or error}. "
            "Vérifiez la place libre et les droits sur le dossier."
        ) from error


def check_file(path: Path, *, overwrite: bool) -> None:
    """
    Refuse an output file that exists, or that is a folder; write nothing.

    Raises
    ------
    OutputError
        `path` is a folder, or exists and `overwrite` is false.
    """
    if path.is_dir():
        raise OutputError(f"{path} est un dossier ; donnez un nom de fichier avec --out.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} existe déjà ; ajoutez --overwrite pour le remplacer.")


def check_beside(path: Path, *, starts: Sequence[str], overwrite: bool) -> None:
    """
    Refuse the files that are to stand beside an output file, as `check_file` does.

    Parameters
    ----------
    path
        The output file.
    starts
        What follows its stem in their names.
    overwrite
        If they are replaced.

    Raises
    ------
    OutputError
        As `check_file`.
    """
    if path.parent.is_dir():
        for found in sorted(path.parent.iterdir()):
            if found.name.startswith(tuple(f"{path.stem}{start}" for start in starts)):
                check_file(found, overwrite=overwrite)


def write_file(path: Path, content: bytes, *, overwrite: bool) -> None:
    """
    Write one result file, whole or not at all.

    Raises
    ------
    OutputError
        The file exists and `overwrite` is false, is open in another program, or cannot be
        written.
    """
    check_file(path, overwrite=overwrite)
    temporary = path.with_name(f"{_STAGING}{os.getpid()}-{path.name}")
    try:
        _write_through(temporary, content)
        _move(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"Impossible d'écrire {path} : {error.strerror or error}. "
            "Vérifiez la place libre et les droits sur le dossier."
        ) from error


def remove_results(
    manifest: Path, *, start: str, replaced: Container[str], spared: Container[Path]
) -> None:
    """
    Remove results of the former run that this one does not give, so that they are never mixed.

    What was changed since stays, and so does what is open in another program.

    Parameters
    ----------
    manifest
        That of the former run, beside its results; none there means no former run.
    start
        First signs of the names of these results.
    replaced
        Names of the results that this run gives.
    spared
        Files that stay, as absolute paths.

    Raises
    ------
    OutputError
        A name in the manifest leaves the folder.
    """
    for path in _former_results(manifest, replaced):
        if path.name.startswith(start) and path.resolve() not in spared:
            with suppress(OSError):
                path.unlink()


def _held(out: Path) -> list[str]:
    try:
        names = sorted(path.name for path in out.iterdir())
    except PermissionError as error:
        raise OutputError(f"Le dossier {out} ne peut pas être lu : vérifiez vos droits.") from error
    return [name for name in names if not name.startswith(_STAGING)]


def _require_inside(name: str) -> None:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise OutputError(f"Le nom de fichier {name!r} sort du dossier des résultats.")


def _write_through(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, target)  # noqa: PTH105 - the documented atomic call
    except PermissionError as error:
        raise OutputError(
            f"{target} ne peut pas être remplacé : il est sans doute ouvert dans un autre "
            "programme (Excel, LibreOffice, QGIS). Fermez-le et relancez la commande avec "
            "--overwrite."
        ) from error


def _former_results(manifest: Path, replaced: Container[str]) -> list[Path]:
    """Return the results of the former run, unchanged since, that nothing replaces."""
    stale = []
    for name, digest in _outputs(manifest).items():
        if name in replaced:
            continue
        _require_inside(name)
        path = manifest.parent / name
        if path.is_file() and _sha256(path) == digest:
            stale.append(path)
    return stale


def _outputs(manifest: Path) -> dict[str, str]:
    """Return the SHA-256 of the results of a run, by name; none without a manifest."""
    try:
        outputs = json.loads(manifest.read_bytes())["outputs"]
        return {str(name): str(digest) for name, digest in outputs.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
