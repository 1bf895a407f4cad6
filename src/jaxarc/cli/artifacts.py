"""``jaxarc artifacts``: the files of an experiment, and whether they are what was logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.listing import fitting_table
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted, size
from jaxarc.errors import TrackingError
from jaxarc.records.artifacts import ArtifactVersion
from jaxarc.replay import ReplaySystem, open_run
from jaxarc.replay.artifacts import RunArtifacts
from jaxarc.storage.artifact_checks import ArtifactFinding

__all__ = ["artifact_facts", "artifacts_words", "print_artifacts"]

_STYLES = {"ok": "green", "removed": "dim", "replaced": "dim", "elsewhere": "dim", "unknown": "yellow"}
_TYPES_SHOWN = 5


def print_artifacts(
    run_name: str,
    name: str | None,
    *,
    type: str | None,
    level: str | None,
    as_json: bool,
    root: str | None,
) -> None:
    """Print the artifacts of a run, or one of them, verified where that is asked for.

    Args:
        run_name: what ``jaxarc.open`` takes.
        name: one artifact; None for all.
        type: only those of this type.
        level: how well files are verified; None for not at all.
        as_json: print one JSON document.
        root: where runs are looked for.

    Raises:
        TrackingError: there is no such artifact or level.
    """
    run = open_run(run_name, root)
    known = run.artifacts()
    chosen = (
        [known.get(name, type=type)]
        if name is not None
        else [each for each in known if type is None or each.type == type]
    )
    findings = known.check(chosen, level) if level is not None else None
    if as_json:
        print_json(_document(run, chosen, level, findings))
    elif name is not None:
        _print_one(terminal(), known, chosen[0], findings)
    else:
        _print_all(terminal(), run, chosen, findings, type)
    if findings is not None and any(finding.is_broken for finding in findings):
        raise typer.Exit(1)


def artifacts_words(known: RunArtifacts) -> str:
    """Return how many artifacts there are, by type, and how large what the run keeps of them is."""
    counts: dict[str, int] = {}
    for each in known:
        if not each.removed:
            counts[each.type] = counts.get(each.type, 0) + 1
    named = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    types = [f"{type} {count:,}" for type, count in named[:_TYPES_SHOWN]]
    if len(named) > _TYPES_SHOWN:
        types.append(f"others {sum(count for _, count in named[_TYPES_SHOWN:]):,}")
    parts = [", ".join(types)] if types else []
    if removed := sum(bool(each.removed) for each in known):
        parts.append(f"{removed:,} removed")
    if copies := known.copied_bytes:
        parts.append(f"copies of {size(copies)}")
    return "; ".join(parts)


def artifact_facts(version: ArtifactVersion, finding: ArtifactFinding | None = None) -> dict[str, Any]:
    """Return what is known of a version, as JSON has it."""
    facts: dict[str, Any] = {
        "id": version.id,
        "type": version.type,
        "number": version.number,
        "checksum": version.checksum,
        "aliases": version.aliases,
        "path": version.path,
        "file": _file(version),
        "kind": version.kind,
        "is_copy": version.is_copy,
        "size": version.size,
        "tags": version.tags,
        "description": version.description,
        "step": version.step,
        "epoch": version.epoch,
        "metrics": version.metrics,
        "lineage": [dict(source) for source in version.lineage],
        "logged": _moment(version).isoformat() if version.timestamp_us else None,
        "removed": version.removed or None,
        "meta": version.meta,
    }
    if finding is not None:
        facts |= {"state": finding.state, "is_broken": finding.is_broken, "words": finding.words}
    return facts


def _document(
    run: ReplaySystem,
    chosen: Sequence[ArtifactVersion],
    level: str | None,
    findings: Sequence[ArtifactFinding] | None,
) -> dict[str, Any]:
    found = findings or [None] * len(chosen)
    return {
        "run": run.name,
        "run_dir": run.run_dir,
        "verified": level,
        "ok": None if findings is None else not any(each.is_broken for each in findings),
        "artifacts": [artifact_facts(each, finding) for each, finding in zip(chosen, found, strict=True)],
    }


def _print_all(
    console: Console,
    run: ReplaySystem,
    chosen: Sequence[ArtifactVersion],
    findings: Sequence[ArtifactFinding] | None,
    type: str | None,
) -> None:
    of_type = f" of type {type}" if type is not None else ""
    if not chosen:
        console.print(Text(f"{run.name} has no artifacts{of_type}"), soft_wrap=True)
        return
    columns: dict[str, Sequence[str | Text]] = {
        "artifact": [Text(each.id, "dim" if each.removed else "") for each in chosen],
        "version": [f"v{each.number}" for each in chosen],
        "digest": [each.version[:8] or "-" for each in chosen],
        "aliases": [Text(", ".join(each.aliases), "bold") for each in chosen],
        "type": [Text(each.type) for each in chosen],
        "size": ["-" if each.size is None else size(each.size) for each in chosen],
        "step": ["-" if each.step is None else f"{each.step:,}" for each in chosen],
        "where": [_where(each) for each in chosen],
    }
    if all(each.step is None for each in chosen):
        del columns["step"]
    if not any(each.aliases for each in chosen):
        del columns["aliases"]
    if findings is not None:
        columns["state"] = [_state(finding) for finding in findings]
    elif any(each.removed for each in chosen):
        columns["state"] = [Text("removed" if each.removed else "", "dim") for each in chosen]
    text = {"artifact", "version", "digest", "aliases", "type", "where", "state"}
    title = f"{run.name}: {counted(len(chosen), 'version')}{of_type}"
    dropped = ["digest", "where", "type", "step"]
    console.print(fitting_table(title, columns, text=text, dropped=dropped), crop=False)
    if findings is not None:
        _print_findings(console, findings)


def _print_findings(console: Console, findings: Sequence[ArtifactFinding]) -> None:
    broken = [finding for finding in findings if finding.is_broken]
    console.print()
    for finding in broken:
        console.print(Text(str(finding), "red"), soft_wrap=True)
    sound = sum(finding.state == "ok" for finding in findings)
    others: dict[str, int] = {}
    for finding in findings:
        if finding.state != "ok":
            others[finding.state] = others.get(finding.state, 0) + 1
    parts = [f"{sound:,} of {counted(len(findings), 'version')} as logged"]
    parts += [f"{count:,} {state}" for state, count in others.items()]
    console.print(Text(", ".join(parts), "red" if broken else "green"))


def _print_one(
    console: Console,
    known: RunArtifacts,
    version: ArtifactVersion,
    findings: Sequence[ArtifactFinding] | None,
) -> None:
    aliases = f"  {', '.join(version.aliases)}" if version.aliases else ""
    console.print(Text.assemble((version.id, "bold"), f"  v{version.number}", (aliases, "bold")))
    size_words = "not known" if version.size is None else f"{version.size:,} bytes"
    facts: list[tuple[str, str]] = [
        ("type", version.type),
        ("file", str(_file(version) or version.path)),
        ("kept as", _kept(version)),
        ("size", size_words),
        ("digest", version.checksum or "none was taken"),
    ]
    if version.timestamp_us:
        facts.append(("logged", f"{_moment(version).astimezone():%Y-%m-%d %H:%M:%S}"))
    if version.step is not None or version.epoch is not None:
        at = (("step", version.step), ("epoch", version.epoch))
        facts.append(("at", ", ".join(f"{what} {value:,}" for what, value in at if value is not None)))
    if version.metrics:
        facts.append(("metrics", _pairs(version.metrics)))
    facts += [
        (name, words)
        for name, words in (
            ("tags", ", ".join(version.tags)),
            ("words", version.description),
            ("more", _pairs(version.meta)),
            ("removed", version.removed),
        )
        if words
    ]
    facts += [("made from", _source(source)) for source in version.lineage]
    facts += [("before that", f"{each.id} {each.name_of_version}") for each in _farther(known, version)]
    for what, words in facts:
        console.print(Text.assemble((f"{what:>12}  ", "bold"), words), soft_wrap=True)
    for finding in findings or ():
        words = f"{finding.state}, {finding.words}" if finding.words else finding.state
        before = (f"{'verified':>12}  ", "bold")
        console.print(Text.assemble(before, (words, _state(finding).style)), soft_wrap=True)


def _farther(known: RunArtifacts, version: ArtifactVersion) -> list[ArtifactVersion]:
    """Return what a version was made from by way of others."""
    direct = {(str(source.get("id")), source.get("version")) for source in version.lineage}
    return [each for each in known.lineage_of(version) if (each.id, each.checksum) not in direct]


def _source(source: Mapping[str, Any]) -> str:
    version = str(source.get("version") or "").removeprefix("sha256:")[:12]
    of_run = f", run {source['run']}" if source.get("run") else ""
    return f"{source.get('id')}{f' ({version})' if version else ''}{of_run}"


def _pairs(values: Mapping[str, Any]) -> str:
    shown = (f"{value:.6g}" if isinstance(value, float) else str(value) for value in values.values())
    return ", ".join(f"{name} {value}" for name, value in zip(values, shown, strict=True))


def _where(version: ArtifactVersion) -> Text:
    if version.is_copy:
        return Text(f"copy of {version.path.rpartition('/')[2]}")
    return Text(version.path)


def _kept(version: ArtifactVersion) -> str:
    if version.kind == "uri":
        return "a reference to another machine"
    if version.is_copy:
        return "a copy in the run, under the digest of its content"
    return "a file of the run" if version.is_in_run else "a reference to a file outside of the run"


def _file(version: ArtifactVersion) -> str | None:
    try:
        return str(version.file)
    except TrackingError:
        return None


def _state(finding: ArtifactFinding) -> Text:
    return Text(finding.state, _STYLES.get(finding.state, "red"))


def _moment(version: ArtifactVersion) -> datetime:
    """Return when it was logged; what is no time of this era is its beginning."""
    try:
        return datetime.fromtimestamp(version.timestamp_us / 1e6, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
