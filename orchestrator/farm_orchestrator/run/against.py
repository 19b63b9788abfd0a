"""`--against` and `--changed`: which past a run is asked about, and which old files it measures again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.errors import FarmError, StoreError, UsageError
from farm_orchestrator.model import Json, Variant
from farm_orchestrator.plan import NO_PASTS, Old, Pasts, one_file, unchanged, without_needed
from farm_orchestrator.run.goods import FIRST_NIGHT, LAST_GOOD, NAMED, Goods, Key, check_agreed, goods, is_good
from farm_orchestrator.run.seen import before, last_seen, measured
from farm_orchestrator.store.hellos import unsupported
from farm_orchestrator.store.postgres import is_postgres
from farm_reports.bounds import UNCHANGED
from farm_reports.tables import PAST
from farm_reports.words import listed

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.request import Request
    from farm_orchestrator.store import Artefacts, LastGood, Store
    from farm_orchestrator.variants import Refused

ANY = ""  # the point of an old file that may be held against a cell at any


class NothingLeft(FarmError):
    """Every cell is what was good last: there is nothing to measure, and nothing is wrong."""


@dataclass(frozen=True)
class Was:
    """What a cell was, as its run stored it."""

    variant: Variant
    run: str
    moved: float = 0.0


@dataclass(frozen=True)
class Kept:
    """What the store knows of the past that was asked for. `was`: by (board, variant, point), or any point.

    `about`: what results.json says of it. `good`: what was good last, or in the run that was named, by cell,
    `before` and `now` the fingerprints of its board, where unchanged cells are to be left out, `seen` when the board was
    last seen. `missing`: files that are gone, and why. `differ`: the schedules of cells that are good as another file by
    each of them, where it matters which.
    """

    text: str | None
    about: Json
    was: Mapping[Key, Was]
    good: Mapping[Key, LastGood]
    before: Mapping[Key, str | None]
    now: Mapping[str, str | None]
    missing: Mapping[str, str] = field(default_factory=dict)
    changed: bool = False
    seen: Mapping[str, float] = field(default_factory=dict)
    differ: Mapping[Key, Sequence[str]] = field(default_factory=dict)

    def of(self, key: Key) -> Was | None:
        return self.was.get(key) or self.was.get((*key[:2], ANY))


def read(request: Request, settings: Settings, boards: Sequence[Json], names: Sequence[str]) -> Kept | None:
    """None where neither is asked for, and of a night that is the first. Raises UsageError where there is no such past."""
    if request.against is None and not request.changed:
        return None
    if not _there(settings):
        if request.schedule is not None:
            return None
        if request.against is None:
            return Kept(None, {}, {}, {}, {}, {}, changed=True)
        raise UsageError(
            f"--against {request.against}: no run is stored here yet",
            mend="farm run --variants DIR makes one; last-good: " + FIRST_NIGHT,
        )
    with stored.Store.open(settings.store) as store:
        here = [str(board["name"]) for board in boards]
        good = goods(request, store, here)
        if request.schedule is not None and not any(each.variant in names for each in good.rows):
            return None
        found = _read(request, store, boards, names, good)
        return replace(found, missing=_missing(found.was, stored.open_artefacts(store, settings.home / "cas")))


def _there(settings: Settings) -> bool:
    """A file is not made by asking."""
    return is_postgres(settings.store) or stored.database_path(settings.store).exists()


def _read(request: Request, store: Store, boards: Sequence[Json], names: Sequence[str], good: Goods) -> Kept:
    here = [str(board["name"]) for board in boards]
    about, was = _past(request.against, store, good, here, names)
    differ = good.differ if is_good(request.against) else {}
    if not request.changed:
        return Kept(request.against, about, was, {}, {}, {}, differ=differ)
    rows = good.rows
    if request.against is not None and not is_good(request.against):
        rows = measured(store, str(about["id"]))
    now, seen = last_seen(store, boards)
    known = {each.key: each for each in rows}
    return Kept(request.against, about, was, known, before(store, rows), now, changed=True, seen=seen, differ=differ)


def _past(
    text: str | None, store: Store, good: Goods, boards: Sequence[str], names: Sequence[str]
) -> tuple[Json, dict[Key, Was]]:
    if text is None:
        return {}, {}
    if is_good(text):
        mine = good.of(names, text, boards)
        was, newest = _of_good(store, mine), max(mine, key=lambda each: each.moved).run
        return {**_about(store, newest), "name": good.name}, was
    run = stored.find_run(store, text)
    _check_complete(store, run)
    return _about(store, run), _of_run(store, run, boards, names)


def _about(store: Store, run: str) -> Json:
    from farm_orchestrator.tabled import moment

    row = stored.load_run(store, run)
    git = row.facts.get("git") or {}
    return {"id": run, "name": row.name, "created": moment(row.created), "sha": git.get("sha")}


def _check_complete(store: Store, run: str) -> None:
    if stored.load_run(store, run).word is None:
        raise UsageError(
            f"--against {run}: that run is not complete, so nobody knows what it was worth",
            mend=f"farm run --resume {run}, or name another: `farm runs` lists them",
        )


def _of_run(store: Store, run: str, boards: Sequence[str], names: Sequence[str]) -> dict[Key, Was]:
    """The files of a run, on the boards and of the variants that this one has too."""
    parts = [row.part for row in stored.part_rows(store, run)]
    failed = {(cell.board, cell.variant) for cell in stored.cells(store, run) if cell.state == "failed"}
    failed |= unsupported(store, run)
    found = {
        (part.name, variant.name, ANY): Was(variant, run)
        for part in parts
        for variant in part.variants
        if part.name in boards and variant.name in names and (part.name, variant.name) not in failed
    }
    if not found:
        theirs = sorted({variant.name for part in parts for variant in part.variants})
        raise UsageError(
            f"--against {run}: it measured nothing that this run has; there were {listed(theirs, NAMED)} on "
            f"{listed([part.name for part in parts], NAMED)}",
            mend="name a run of the same variants on the same boards: `farm runs` lists them",
        )
    return found


def _of_good(store: Store, good: Sequence[LastGood]) -> dict[Key, Was]:
    """Each row's file, as the run stored it in which it was good."""
    runs = {each.run: stored.part_rows(store, each.run) for each in good}
    found: dict[Key, Was] = {}
    for each in good:
        known = [row.part for row in runs[each.run] if row.part.name == each.board]
        held = [variant for part in known for variant in part.variants if variant.sha256 == each.sha256]
        if not held:
            raise UsageError(
                f"--against {LAST_GOOD}: {each.variant} on {each.board} was last good in run {each.run}, which is no longer stored",
                mend="`farm nightly run NAME` makes another; `farm runs prune` leaves what was good last alone",
            )
        found[each.key] = Was(held[0], each.run, each.moved)
    return found


@dataclass(frozen=True)
class Chosen:
    """`facts`: of the run, for its report; None without a past. `changed`: whether unchanged cells were to be left out;
    `seen`: when their boards were.
    """

    pasts: Pasts = NO_PASTS
    facts: Json | None = None
    changed: bool = False
    seen: Mapping[str, float] = field(default_factory=dict)


def choose(
    kept: Kept | None,
    points: Mapping[str, Sequence[str]],
    variants: Sequence[Variant],
    baseline: str,
    refused: Sequence[Refused] = (),
) -> Chosen:
    """Which old files are measured beside which cells. Raises UsageError for one that is gone.

    `refused`: variants that run nowhere; what was measured of them is nowhere either, and the judge asks for it.
    """
    if kept is None:
        return Chosen()
    cells = {
        (board, variant.name, point): variant for board, at in points.items() for point in at for variant in variants
    }
    check_agreed(kept.text or "", {key: who for key, who in kept.differ.items() if key in cells})
    skipped = _skipped(kept, cells, baseline)
    was = {key: found for key in cells if (found := kept.of(key)) is not None and key not in skipped}
    same = {key: Old(found.variant, found.run) for key, found in was.items() if _same(found, cells[key])}
    moved = {key: found.moved for key, found in was.items()}
    other = {key: Old(_beside(found, cells[key]), found.run) for key, found in was.items() if key not in same}
    old, apart = one_file(other, moved)
    _check_there(old, kept.missing)
    absent = {key: _absent(kept, key) for key in cells if kept.text and key not in was and key not in skipped}
    pasts = Pasts(old, same, {**absent, **apart}, skipped)
    if not kept.text:
        return Chosen(pasts, None, kept.changed, kept.seen)
    lost = [(board, each.name, point) for board, at in points.items() for point in at for each in refused]
    broken = {key: Old(found.variant, found.run) for key in lost if (found := kept.of(key)) is not None}
    names = {*(each.name for each in variants), *(each.name for each in refused)}
    return Chosen(pasts, _facts(kept, {**old, **same, **broken}, pasts.without, names), kept.changed, kept.seen)


def _same(found: Was, variant: Variant) -> bool:
    return found.variant.sha256 == variant.sha256


def _skipped(kept: Kept, cells: Mapping[Key, Variant], baseline: str) -> dict[Key, str]:
    digests = {key: variant.sha256 for key, variant in cells.items()}
    good = {key: each.sha256 for key, each in kept.good.items()}
    found = unchanged(digests, good, kept.now, kept.before)
    left = without_needed(found, list(cells), baseline)
    return {key: f"{UNCHANGED}run {kept.good[key].run}" for key in cells if key in left}


def _beside(found: Was, variant: Variant) -> Variant:
    """The old file as it is measured now: under its own name, with the inputs and the rows of today's."""
    return replace(
        found.variant, name=variant.name + PAST, feeds=variant.feeds, dataset=variant.dataset, findings=(),
        golden=None, parent=variant.parent,
    )  # fmt: skip


def _check_there(old: Mapping[Key, Old], missing: Mapping[str, str]) -> None:
    for (_, name, _), each in old.items():
        why = next((missing[sha256] for sha256 in _files(each.variant) if sha256 in missing), None)
        if why is not None:
            raise UsageError(
                f"--against: the old file of {name} from run {each.run} is gone: {why}",
                mend=f"measure the old .onnx of {name} once more and name that run, or hold the finished runs against "
                f"each other: farm compare {each.run} RUN",
            )


def _missing(was: Mapping[Key, Was], artefacts: Artefacts) -> dict[str, str]:
    """Of the files behind them those that cannot be had, and why."""
    found: dict[str, str] = {}
    for sha256 in dict.fromkeys(each for one in was.values() for each in _files(one.variant)):
        try:
            artefacts.get(sha256)
        except StoreError as error:
            found[sha256] = error.text
    return found


def _files(variant: Variant) -> list[str]:
    return [file.sha256 for file in variant.files]


def _absent(kept: Kept, key: Key) -> str:
    board, name, _ = key
    there = {(each[0], each[1]) for each in kept.was}
    past = "what was last good" if is_good(kept.text) else f"run {kept.about['id']}"
    if (board, name) in there:
        return f"{past} has no such point"
    if any(each[0] == board for each in there):
        return f"{past} has no file of {name} that could run here"
    return f"{past} has nothing of this board"


def _facts(kept: Kept, was: Mapping[Key, Old], without: Mapping[Key, str], names: Collection[str]) -> Json:
    gone = sorted({(key[0], key[1]) for key in kept.was if key[1] not in names})
    return {
        "asked": kept.text,
        "about": {
            **kept.about,
            "gone": [
                {"board": board, "variant": name, "point_key": "", "reason": "the variant is not part of this run"}
                for board, name in gone
            ],
        },
        "old": [
            {**_place(key), "sha256": old.variant.sha256, "bytes": old.variant.bytes, "run": old.run}
            for key, old in was.items()
        ],
        "without": [{**_place(key), "reason": why} for key, why in without.items()],
    }


def _place(key: Key) -> Json:
    return dict(zip(("board", "variant", "point"), key, strict=True))


def told(chosen: Chosen) -> list[str]:
    """What a person is told before anything starts."""
    pasts, facts = chosen.pasts, chosen.facts
    if facts is None:
        return _left_out(chosen)
    past = facts["about"]["name"] or facts["about"]["id"]
    files = sorted({name for _, name, _ in pasts.old})
    kept = sorted({name for _, name, _ in pasts.same} - set(files))
    lines = [f"against {past}: {_again(files)}"]
    if kept:
        lines.append(f"the very file of then, so not measured twice: {listed(kept, NAMED)}")
    for why in dict.fromkeys(pasts.without.values()):
        names = sorted({f"{name} on {board}" for (board, name, _), each in pasts.without.items() if each == why})
        lines.append(f"without a past: {listed(names, NAMED)} ({why})")
    return [*lines, *_left_out(chosen)]


def check_held(chosen: Chosen) -> None:
    """Raises UsageError where no cell has the past that was asked for: nothing could be told of any."""
    if chosen.facts is None or chosen.facts["old"] or chosen.pasts.skipped:
        return
    whys = dict.fromkeys(chosen.pasts.without.values())
    raise UsageError(
        f"--against {chosen.facts['asked']}: no cell of this run has a past: {'; '.join(whys)}",
        mend="name a run of the same variants, boards and points, or leave --against out",
    )


def check_left(cells: int, chosen: Chosen) -> None:
    """Raises NothingLeft where all cells are left out."""
    if cells and len(chosen.pasts.skipped) == cells:
        runs = sorted({why.removeprefix(UNCHANGED) for why in chosen.pasts.skipped.values()})
        count = "the one cell is" if cells == 1 else f"all {cells} cells are"
        named = chosen.facts is not None and not is_good(chosen.facts["asked"])
        raise NothingLeft(
            f"nothing to measure: {count} what {'was measured' if named else 'was good last'} ({listed(runs, NAMED)}): "
            f"the same file, point and board, {_seen(chosen)}",
            mend="without --changed everything is measured",
        )


def _again(files: Sequence[str]) -> str:
    if not files:
        return "no file has changed since then"
    many = len(files) > 1
    return (
        f"the old file{'s' if many else ''} of {listed(files, NAMED)} run{'' if many else 's'} again in the same blocks"
    )


def _left_out(chosen: Chosen) -> list[str]:
    if chosen.changed and not chosen.pasts.skipped:
        return ["no cell is what it was, so everything is measured"]
    by_run: dict[str, int] = {}
    for why in chosen.pasts.skipped.values():
        by_run[why] = by_run.get(why, 0) + 1
    return [
        f"{count} cell{'s' if count > 1 else ''} not measured: {why}, {_seen(chosen)}" for why, count in by_run.items()
    ]


def _seen(chosen: Chosen) -> str:
    """What a board is now nobody has asked it."""
    from farm_orchestrator.tabled import moment

    at = [chosen.seen[board] for board in {board for board, _, _ in chosen.pasts.skipped}]
    if len(at) == 1:
        return f"as the board was when it was last seen at {moment(at[0])}"
    return f"as the boards were when they were last seen, the first at {moment(min(at))}"
