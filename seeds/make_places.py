"""Makes seeds/places/myanmar.csv from the lists of codes and spellings; see seeds/places/README.md.

python seeds/make_places.py FOLDER      FOLDER holds the myanmar_*.csv and burmese_*.csv lists
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

OUT = Path(__file__).resolve().parent / "places" / "myanmar.csv"
COLUMNS = ["pcode", "kind", "name_en", "name_my", "spellings", "within"]


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def spellings(folder: Path) -> dict[str, list[str]]:
    """Other spellings by P-code: variants in public data, and both columns of the pairs."""
    found: dict[str, list[str]] = {}
    for row in rows(folder, "burmese_name_variants.csv"):
        found.setdefault(row["pcode"], []).extend(row["variants_seen_in_public_data"].split("|"))
    for row in rows(folder, "burmese_zawgyi_unicode_pairs.csv"):
        found.setdefault(row["pcode"], []).extend((row["unicode"], row["zawgyi"]))
    return found


def places(folder: Path) -> list[dict[str, str]]:
    """Every place as a row of the output."""
    made = []
    for row in rows(folder, "myanmar_states_regions.csv"):
        made.append({**row, "kind": "state or region", "within": ""})
    for row in rows(folder, "myanmar_districts.csv"):
        kind = "district" if row["kind"] == "district" else "self-administered area"
        made.append({**row, "kind": kind, "within": row["sr_pcode"]})
    for row in rows(folder, "myanmar_townships.csv"):
        above = f"{row['district_pcode']}|{row['sr_pcode']}"
        made.append({**row, "kind": "township", "within": above})
    for row in rows(folder, "myanmar_townships_historical.csv"):
        above = f"{row['district_pcode_2014']}|{row['pcode'][:6]}"
        made.append({**row, "kind": "former township", "within": above})
    return made


def main(folder: Path) -> None:
    others = spellings(folder)
    made = places(folder)
    for row in made:
        names = dict.fromkeys(others.get(row["pcode"], []))
        row["spellings"] = "|".join(n for n in names if n not in ("", row["name_my"]))
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(made, key=lambda row: row["pcode"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
