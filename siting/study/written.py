"""Put a study on disk: its files and the manifest that says how they were made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from siting.errors import OutputError
from siting.export import (
    Run,
    check_beside,
    check_file,
    manifest_bytes,
    remove_results,
    require_unfilled,
    write_file,
    write_folder,
)
from siting.export.manifest import Parameter
from siting.study.area_report import AreaReport, area_report_files
from siting.study.files import geocoding_files, study_files, territory_files
from siting.study.locate import Located
from siting.study.projects import Study
from siting.study.territory import TerritoryStudy

MANIFEST = "manifest.json"
MANIFEST_SUFFIX = ".manifest.json"
_BESIDE = (".geocoding.", ".to_review.", MANIFEST_SUFFIX)  # what a geocoding leaves beside


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """
    How a run was asked for, as its manifest tells it.

    Parameters
    ----------
    command
        Words of the command.
    parameters
        Value of each option, defaults included.
    started_at
        When it began, with its time zone.
    """

    command: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    started_at: datetime

    @classmethod
    def now(cls, *command: str, parameters: Mapping[str, Parameter]) -> Invocation:
        """Return an invocation that begins now."""
        return cls(command=command, parameters=parameters, started_at=datetime.now(UTC))


def write_study(study: Study, out: Path, *, invocation: Invocation, overwrite: bool) -> list[str]:
    """
    Write the files of a study in a folder, each whole or not at all; return their names.

    Raises
    ------
    OutputError
        The folder is not empty and `overwrite` is false, or cannot be written.
    """
    return _write(study, study_files(study), out, invocation=invocation, overwrite=overwrite)


def write_territory(
    study: TerritoryStudy, out: Path, *, invocation: Invocation, overwrite: bool
) -> list[str]:
    """
    Write the files of a territory study in a folder; return their names.

    Raises
    ------
    OutputError
        The folder is not empty and `overwrite` is false, or cannot be written.
    """
    return _write(study, territory_files(study), out, invocation=invocation, overwrite=overwrite)


def write_area_report(
    found: AreaReport, out: Path, *, invocation: Invocation, overwrite: bool
) -> list[str]:
    """
    Write the files of a report on an area in a folder; return their names.

    Raises
    ------
    OutputError
        The folder is not empty and `overwrite` is false, or cannot be written.
    """
    return _write(found, area_report_files(found), out, invocation=invocation, overwrite=overwrite)


def check_geocoding(out: Path, *, overwrite: bool) -> None:
    """
    Refuse to write a geocoding where files of these names exist; write nothing.

    Raises
    ------
    OutputError
        One of them is a folder, or exists and `overwrite` is false; a person filled in the
        rows to review that are there.
    """
    check_file(out, overwrite=overwrite)
    check_beside(out, starts=_BESIDE, overwrite=overwrite)
    require_unfilled(out.with_suffix(MANIFEST_SUFFIX), start=f"{out.stem}.to_review.")


def write_geocoding(
    located: Located, out: Path, *, invocation: Invocation, overwrite: bool
) -> list[str]:
    """
    Write the files of a geocoding beside its main file `out`; return the names of the others.

    Rows to review that the former run of this name left are removed when this one has none, but
    for a file that a person has changed since, or that this run reads.

    Raises
    ------
    OutputError
        One of them exists and `overwrite` is false, or cannot be written.
    """
    files = geocoding_files(located, stem=out.stem, suffix=out.suffix.lower())
    run = Run(
        command=invocation.command,
        parameters=invocation.parameters,
        inputs=located.inputs,
        sources=located.sources,
        counts=located.counts,
        started_at=invocation.started_at,
        finished_at=datetime.now(UTC),
    )
    name = out.with_suffix(MANIFEST_SUFFIX).name
    written = {**files, name: manifest_bytes(run, outputs=files)}
    _spare_inputs(located.inputs, written, out.parent)
    for path in written:
        check_file(out.with_name(path), overwrite=overwrite)
    remove_results(
        out.with_name(name),
        start=f"{out.stem}.to_review.",
        replaced=written,
        spared={Path(path).resolve() for path in located.inputs},
    )
    for path, content in written.items():
        write_file(out.with_name(path), content, overwrite=overwrite)
    return [path for path in written if path != out.name]


def _write(
    study: Study | TerritoryStudy | AreaReport,
    files: Mapping[str, bytes],
    out: Path,
    *,
    invocation: Invocation,
    overwrite: bool,
) -> list[str]:
    run = Run(
        command=invocation.command,
        parameters=invocation.parameters,
        inputs=study.inputs,
        sources=study.sources,
        counts=study.counts,
        started_at=invocation.started_at,
        finished_at=datetime.now(UTC),
    )
    _spare_inputs(study.inputs, [*files, MANIFEST], out)
    manifest = {MANIFEST: manifest_bytes(run, outputs=files)}
    write_folder(out, {**files, **manifest}, overwrite=overwrite)
    return [*files, MANIFEST]


def _spare_inputs(inputs: Iterable[str], names: Iterable[str], out: Path) -> None:
    """Refuse to write a result over a file that the study was made from."""
    written = {(out / name).resolve() for name in names}
    for path in inputs:
        if Path(path).resolve() in written:
            raise OutputError(
                f"{path}, que l'étude lit, serait remplacé par un résultat du même nom. "
                "Donnez un autre dossier avec --out."
            )
