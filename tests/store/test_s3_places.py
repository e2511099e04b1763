"""Places in object storage: one spelling, no secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.core.placement import COMPLIANCE, GOVERNANCE, LAST_DATE
from evidence_vault.errors import UsageError
from evidence_vault.store.s3place import (
    Place,
    demand_date,
    format_place,
    is_url,
    parse_place,
    retain_until,
)

WORDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", fullmatch=True)
PLACES = st.builds(
    lambda bucket, prefix, host, region, profile, lock: Place(
        bucket, prefix, host and f"https://{host}", region, profile, *(lock or (None, 0))
    ),
    st.from_regex(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", fullmatch=True),
    st.just("") | st.from_regex(r"[A-Za-z0-9_-]{1,9}(/[A-Za-z0-9_-]{1,9}){0,3}", fullmatch=True),
    st.none() | st.from_regex(r"[a-z0-9.-]{1,20}(:[1-9][0-9]{0,4})?", fullmatch=True),
    st.none() | WORDS,
    st.none() | WORDS,
    st.none() | st.tuples(st.sampled_from([COMPLIANCE, GOVERNANCE]), st.integers(1, 20000)),
)


@given(PLACES)
def test_a_place_written_is_the_place_read(place: Place) -> None:
    text = format_place(place)
    assert is_url(text)
    assert parse_place(text) == place
    assert format_place(parse_place(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "s3://",
        "s3://b",
        "s3://Bucket",
        "https://bucket",
        "s3://bucket/",
        "s3://bucket/../other",
        "s3://bucket/a//b",
        "s3://bucket?",
        "s3://bucket?region",
        "s3://bucket?region=",
        "s3://bucket?region=a&region=b",
        "s3://bucket?zone=a",
        "s3://bucket?endpoint=ftp://host",
        "s3://bucket?endpoint=https://host/path",
        "s3://bucket?endpoint=https://host:0",
        "s3://bucket?endpoint=https%3A%2F%2Fhost",
        "s3://bucket?lock=compliance",
        "s3://bucket?days=3",
        "s3://bucket?lock=strict&days=3",
        "s3://bucket?lock=compliance&days=0",
        "s3://bucket?lock=compliance&days=+3",
        "s3://bucket?lock=compliance&days=3_0",
        "s3://bucket#fragment",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_place(text)
    assert caught.value.code == "E-PLACE"


@pytest.mark.parametrize(
    "text",
    [
        "s3://AKIASECRET:hunter2secret@bucket",
        "s3://bucket?endpoint=https://AKIASECRET:hunter2secret@host",
        "s3://bucket?aws_secret_access_key=hunter2secret",
        "s3://bucket?hunter2secret=1",
        "s3://bucket?HUNTER2SECRET",
        "s3://bucket?profile=hunter2secret/AKIASECRET+",
    ],
)
def test_credentials_in_a_place_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_place(text)
    said = f"{caught.value.message} {caught.value.hint}"
    assert "AKIA" not in said and "hunter2secret=1" not in said and "HUNTER2" not in said


def test_a_date_that_would_wrap_around_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        parse_place("s3://bucket?lock=compliance&days=40000")
    assert caught.value.code == "E-LOCK-DATE"
    with pytest.raises(UsageError):
        demand_date("2107-01-01T00:00:00Z")
    demand_date(LAST_DATE)
    assert retain_until(1) < LAST_DATE
