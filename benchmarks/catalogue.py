"""A catalogue of a million items: what each question and each batch costs.

    python benchmarks/catalogue.py [--items 1000000] [--folder DIR] [--database URL]

Rows go straight through ``Catalogue.apply``, a thousand to a batch, as the writer gives them; every
question is asked of an open catalogue by the functions that the commands use. ``--database``: an
empty PostgreSQL database for the same, ``postgresql://USER@HOST:PORT/DB``, password as libpq finds
it; without one PostgreSQL is not measured. Commands are run in a vault with ten items of its own
whose catalogue knows the others, too, as those of another log.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from sections import put_section

HERE = Path(__file__).resolve().parent
PASSPHRASE = "correct horse battery staple"
OTHER_LOG = 7
TURNS = 20
_TURN = count()
BATCH = 1000
ROUNDS = 7
PREFIX = "BENCH"
_WORDS = 4000
_SYLLABLES = "ka ri to mon shwe hpa lin da nu be aung san thi ha myo ku la ye no pan".split()
_BURMESE = ("မြို့ ကျောင်း လမ်း ရဲ စစ် ဆေး ရုံ ရွာ မီး လောင် ဓာတ် ပုံ သက် သေ ခံ ဖမ်း ဆီး ပစ် ခတ် သေ ဆုံး").split()


class Material:
    """Items that look like those of a vault; the same for the same number."""

    def __init__(self) -> None:
        generator = random.Random(7)
        self.words = ["".join(generator.choices(_SYLLABLES, k=3)) for _ in range(_WORDS)]
        self.burmese = ["".join(generator.choices(_BURMESE, k=2)) for _ in range(400)]
        states = [f"MMR{n:03d}" for n in range(1, 19)]
        self.places = [f"{generator.choice(states)}{n:03d}" for n in range(1, 331)]

    def item(self, number: int) -> tuple[dict[str, Any], list[str]]:
        from evidence_vault.core.searchkey import stored_keys

        g = random.Random(number)
        day = f"{2021 + number * 5 // 1_000_000}-{g.randint(1, 12):02d}-{g.randint(1, 28):02d}"
        name = f"IMG_{day.replace('-', '')}_{g.randrange(240000):06d}.jpg"
        if g.random() < 0.2:
            name = f"{g.choice(self.burmese)} {g.choice(self.burmese)}-{number % 900}.mp4"
        title = self._text(g, 4) if g.random() < 0.5 else None
        description = self._text(g, 14) if g.random() < 0.4 else None
        date = g.choice([day, day[:7], f"{day}T10:00", f"{day[:7]}-01/{day[:7]}-28", None])
        place = g.choice([g.choice(self.places), f"near {g.choice(self.words)}", None])
        row = {
            "id": f"{PREFIX}-{number:07d}",
            "sha256": f"{g.getrandbits(256):064x}",
            "sha512": f"{g.getrandbits(512):0128x}",
            "size": g.randrange(10_000_000),
            "format": "image/jpeg",
            "extension": "jpg",
            "accession": f"{PREFIX}-A{number // 2500:05d}",
            "name": name,
            "key_name": stored_keys(name),
            "path": f"folder/{name}",
            "recorded_at": f"2026-01-{1 + number * 28 // 10_000_000:02d}T00:00:00Z",
            "device_time": None,
            "has_location": False,
            "occurred_at": date,
            "place": place,
            "source_code": f"S-{g.randrange(997)}",
            "collector_code": None,
            "language": g.choice(["my", "en"]),
            "title": title,
            "description": description,
            "classification": "confidential",
            "key_place": stored_keys(place),
            "key_title": stored_keys(title),
            "key_description": stored_keys(description),
        }
        return row, [f"C-{number // 4000}"] + (["C-WIDE"] if g.random() < 0.2 else [])

    def _text(self, g: random.Random, words: int) -> str:
        if g.random() < 0.4:
            return "".join(g.choices(self.burmese, k=words))
        return " ".join(g.choices(self.words, k=words))


def batches(material: Material, start: int, end: int) -> Iterator[tuple[Any, Any, int]]:
    from evidence_vault.log.catalogue import EntryRow, IndexRows

    for first in range(start, end, BATCH):
        rows, index = [], IndexRows()
        last = min(first + BATCH, end)
        for number in range(first, last):
            row, cases = material.item(number)
            leaf = number.to_bytes(32, "big")
            members = [(row["id"], "origin", 0)]
            rows.append(EntryRow(number, leaf, first, "ingested", row["recorded_at"], members))
            index.items.append(row)
            index.cases += [(case, row["id"]) for case in cases]
            arrival = {"path_key": row["sha512"][:64], "sha256": row["sha256"], "id": row["id"]}
            index.arrivals.append(arrival)
        yield rows, index, last


def fill(catalogue: Any, material: Material, start: int, end: int) -> list[float]:
    """Seconds of each batch; making the material is left out."""
    from evidence_vault.core.merkle import Frontier

    spent = []
    for rows, index, size in batches(material, start, end):
        frontier = Frontier(size, [b"\x00" * 32] * size.bit_count())
        begun = time.perf_counter()
        catalogue.apply(rows, frontier, index)
        spent.append(time.perf_counter() - begun)
    return spent


def questions(material: Material, items: int) -> dict[str, Callable[[Any], Any]]:
    middle, late = f"{PREFIX}-{items // 2:07d}", f"{PREFIX}-{items - 30:07d}"
    row, cases = material.item(items * 3 // 4)
    rare = material.item(items // 3)[0]
    pair = material.burmese[3] + material.burmese[9]

    def asked(**conditions: Any) -> Callable[[Any], Any]:
        from evidence_vault.vault import places

        texts = {k: conditions[k] for k in ("name", "text", "place") if k in conditions}
        spellings = {kind: places.search_keys(value) for kind, value in texts.items()}
        meant = places.candidates(conditions.get("place", "")) if "place" in conditions else ()
        codes = places.with_all_within(meant)
        return lambda c: c.search(limit=50, spellings=spellings, pcodes=codes, **conditions)

    return {
        "list, first page": lambda c: c.find(limit=50),
        "list, a page in the middle, --after": lambda c: c.find(limit=50, after=middle),
        "list, a page in the middle, --offset": lambda c: c.find(limit=50, offset=items // 2),
        "list, the last page, --offset": lambda c: c.find(limit=50, offset=items - 50),
        "how many items": lambda c: c.count_items(),
        "one item": lambda c: (c.describe(middle), c.home(middle), c.history(middle)),
        "digest, 64 digits": asked(digest=row["sha256"]),
        "digest, 8 digits of SHA-512": asked(digest=row["sha512"][:8]),
        "accession": asked(accession=row["accession"]),
        "case of 4,000 items": asked(case=cases[0]),
        "case of 200,000 items": asked(case="C-WIDE"),
        "case of 200,000 items, near the end": asked(case="C-WIDE", after=late),
        "case that does not exist": asked(case="C-NONE"),
        "source": asked(source_code=row["source_code"]),
        "place by code": asked(place=material.places[5]),
        "place, a state with all within": asked(place="MMR013"),
        "place by name in every spelling": asked(place="Hpakant"),
        "date, one day": asked(date="2023-05-17"),
        "date, one month": asked(date="2023-05"),
        "date, three years": asked(date="2021/2023"),
        "name, one item": asked(name=rare["name"]),
        "name, common part": asked(name="IMG_2023"),
        "name, nothing found": asked(name="IMG_20991332_000"),
        "text, two words of one item": asked(text=(rare["title"] or "x y")[:24]),
        "text, one common word": asked(text=material.words[17]),
        "text, Burmese, common": asked(text=material.burmese[3]),
        "text, Burmese, rare": asked(text=pair + material.burmese[1]),
        "text, a place with its spellings": asked(text="Hpakant"),
        "text, one character that many have": asked(text="a"),
        "text, one character that none has": asked(text="☂"),
        "text, two characters": asked(text="zq"),
        "text, nothing found": asked(text="lin shwe qq aung"),
        "text that no item has, of letters that many have": asked(text="kari kari kari kari"),
        "text and case": asked(text=material.words[17], case=cases[0]),
        "text, case, date, none together": asked(
            text=material.words[17], case=cases[0], date="2021-01"
        ),
    }


def ask(catalogue: Any, material: Material, items: int) -> list[dict[str, Any]]:
    found = []
    for name, question in questions(material, items).items():
        spent = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            answer = question(catalogue)
            spent.append(1000 * (time.perf_counter() - begun))
        rows = len(answer) if isinstance(answer, list) else None
        found.append(
            {
                "name": name,
                "rows": rows,
                "first": spent[0],
                "median": statistics.median(spent),
                "best": min(spent),
            }
        )
    return found


# -- a batch, an empty catalogue and a full one taking turns -------------------------------------


def compare(full: Any, empty: Any, material: Material, items: int) -> tuple[float, float]:
    """Milliseconds an item, median of the batches: in the full one, in the empty one."""
    spent: tuple[list[float], list[float]] = ([], [])
    for turn in range(TURNS):
        first = turn * BATCH
        spent[0].extend(fill(full, material, items + first, items + first + BATCH))
        spent[1].extend(fill(empty, material, first, first + BATCH))
    return statistics.median(spent[0]), statistics.median(spent[1])


# -- a vault whose catalogue is big --------------------------------------------------------------


def commands(folder: Path, sources: Path) -> list[dict[str, Any]]:
    """Milliseconds of what the commands do, start of the program and passphrase left out."""
    from evidence_vault.vault import queries
    from evidence_vault.vault.checking import log_status
    from evidence_vault.vault.exits import get_item
    from evidence_vault.vault.ingest import IngestRequest, ingest
    from evidence_vault.vault.opening import open_vault

    with open_vault(folder, lambda: PASSPHRASE) as vault:
        keyring = vault.keyring
        item = vault.catalogue.search(name="first-0")[0]["id"]

    def taken_in(vault: Any) -> None:
        source = sources / f"more-{next(_TURN)}"
        write(source, f"{source.name}-")
        ingest(vault, IngestRequest([os.fsencode(source)]))

    def got(vault: Any) -> None:
        get_item(vault, item, sources / f"got-{next(_TURN)}")

    asked: dict[str, Callable[[Any], Any]] = {
        "`list --limit 50`": lambda v: queries.list_items(v, limit=50),
        "`search --name first --limit 50`": lambda v: queries.search_items(
            v, name="first", limit=50
        ),
        "`show ITEM`": lambda v: queries.show_item(v, item),
        "`history ITEM`": lambda v: queries.history(v, item),
        "`get ITEM`": got,
        "`log status`": log_status,
        "`ingest` of ten files": taken_in,
    }
    found = []
    for name, run in asked.items():
        spent = []
        for _ in range(ROUNDS):
            with open_vault(folder, lambda: PASSPHRASE) as vault:
                vault.adopt_keyring(keyring)
                begun = time.perf_counter()
                run(vault)
                spent.append(1000 * (time.perf_counter() - begun))
        found.append({"name": name, "median": statistics.median(spent)})
    return found


def write(folder: Path, name: str) -> None:
    folder.mkdir()
    for number in range(10):
        (folder / f"{name}{number}.txt").write_text(f"{name} {number}")


def make_vault(folder: Path, sources: Path, database: str | None) -> None:
    from evidence_vault.vault.creation import create_vault
    from evidence_vault.vault.ingest import IngestRequest, ingest
    from evidence_vault.vault.opening import open_vault

    create_vault(
        folder,
        org="Bench",
        passphrase=PASSPHRASE,
        no_recovery=True,
        plaintext=True,
        database=database,
    )
    sources.mkdir()
    write(sources / "first", "first-")
    with open_vault(folder, lambda: PASSPHRASE) as vault:
        ingest(vault, IngestRequest([os.fsencode(sources / "first")]))


# -- all of it, on one database --------------------------------------------------------------------


def measure(folder: Path, items: int, database: str | None) -> dict[str, Any]:
    from evidence_vault.log.catalogue import Catalogue
    from evidence_vault.vault.opening import open_vault

    material, vault_folder, sources = Material(), folder / "vault", folder / "sources"
    folder.mkdir()
    make_vault(vault_folder, sources, database)
    before = commands(vault_folder, sources)
    print("commands, empty", before, file=sys.stderr, flush=True)
    with open_vault(vault_folder, lambda: PASSPHRASE) as vault:
        catalogue = vault.catalogue
        own = catalogue.frontier().size
        catalogue.add_log(OTHER_LOG)
        begun = time.perf_counter()
        spent = fill(catalogue, material, 0, items)
        print(f"filled in {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
        size = settled(catalogue, database) / (items + own)
        place = folder / "empty.db" if database is None else database
        empty = Catalogue.create(place, OTHER_LOG, schema="bench_empty")
        full, alone = compare(catalogue, empty, material, items)
        empty.close()
    with open_vault(vault_folder, lambda: PASSPHRASE) as vault:
        questions = ask(vault.catalogue, material, items)
    after = commands(vault_folder, sources)
    return {
        "after": after,
        "before": before,
        "built": items / sum(spent),
        "empty": alone,
        "full": full,
        "questions": questions,
        "size": size,
    }


def settled(catalogue: Any, database: str | None) -> float:
    """Bytes of the database, once it has done what it does in the background anyway."""
    with catalogue._session() as session:
        connection = session.connection()
        if database is None:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return float(pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one())
        raw = connection.connection.driver_connection
        session.rollback()
        raw.autocommit = True
        raw.execute("VACUUM ANALYZE")
        bytes_ = raw.execute("SELECT pg_database_size(current_database())").fetchone()[0]
        raw.autocommit = False
        return float(bytes_)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--database", default=None)
    parser.add_argument("--only", choices=("sqlite", "postgresql"), default=None)
    parser.add_argument("--keep", type=Path, help="figures of the databases so far, JSON")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    if arguments.keep and arguments.keep.is_file():
        found = json.loads(arguments.keep.read_text())
    for name, database in (("sqlite", None), ("postgresql", arguments.database)):
        skipped = name == "postgresql" and database is None
        if skipped or arguments.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory(prefix="catalogue-", dir=arguments.folder) as folder:
            os.environ["EVIDENCE_VAULT_STATE"] = str(Path(folder) / "state")
            found[name] = measure(Path(folder) / "bench", arguments.items, database)
        if arguments.keep:
            arguments.keep.write_text(json.dumps(found, indent=1))
    put_section("A catalogue of", told(found, arguments.items))


def told(found: dict[str, Any], items: int) -> list[str]:
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    there = [name for name in names if name in found]
    heads = " | ".join(names[name] for name in there)

    def row(words: str, *cells: str) -> str:
        return f"| {words} | {' | '.join(cells)} |"

    def each(how: Callable[[dict[str, Any]], str]) -> list[str]:
        return [how(found[name]) for name in there]

    lines = [
        f"## A catalogue of {items:,} items",
        "",
        f"Made by `python benchmarks/catalogue.py` on {time.strftime('%Y-%m-%d', time.gmtime())}: "
        f"{os.cpu_count()} cores ({platform.processor() or platform.machine()}), "
        f"{platform.system()}, Python {platform.python_version()}"
        f"{'' if 'postgresql' in found else '; PostgreSQL was not measured'}. Names, titles and "
        "descriptions in Latin and Burmese letters; half of the items have a title, four of ten a "
        f"description. Medians of {ROUNDS}; pages of 50.",
        "",
        f"| measure | {heads} | goal |",
        f"|---|{'---|' * len(there)}---|",
        row("a batch of 1,000, each item, full", *each(lambda f: f"{f['full']:.3f} ms"), ""),
        row("the same, empty, taking turns", *each(lambda f: f"{f['empty']:.3f} ms"), ""),
        row("ratio", *each(lambda f: f"{f['full'] / f['empty']:.2f}"), "≤ 1.5"),
        row("size of the database, each item", *each(lambda f: f"{f['size']:,.0f} bytes"), ""),
        row(
            "slowest question below",
            *each(lambda f: f"{max(q['median'] for q in f['questions']):.0f} ms"),
            "≤ 50 ms",
        ),
        "",
        f"| question | items on the page | {heads} |",
        f"|---|---|{'---|' * len(there)}",
    ]
    for at, question in enumerate(found[there[0]]["questions"]):
        rows = "" if question["rows"] is None else str(question["rows"])
        cells = each(lambda f, at=at: f"{f['questions'][at]['median']:.1f} ms")
        lines.append(row(question["name"], rows, *cells))
    both = " | ".join(f"{names[name]}, empty | {names[name]}, full" for name in there)
    lines += ["", f"| command, without start and passphrase | {both} |"]
    lines.append(f"|---|{'---|---|' * len(there)}")
    for at, command in enumerate(found[there[0]]["before"]):
        cells = [
            f"{found[name][when][at]['median']:.0f} ms"
            for name in there
            for when in ("before", "after")
        ]
        lines.append(row(command["name"], *cells))
    return [*lines, ""]


if __name__ == "__main__":
    main()
