"""Sealed texts: readable with their key, at their place, and nowhere else."""

import base64

import pytest

from connectors.delivery.sealing import Key, Keys, KeyUnusable, SealBroken, key_id
from schemas.fields import is_sealed

SECRET = b"Frau Muster schuldet"


def test_what_was_sealed_opens_at_its_place_alone() -> None:
    keys = Keys([Key.new()])
    sealed = keys.seal(SECRET, "acme/C-1")
    assert is_sealed(sealed)
    assert keys.open(sealed, "acme/C-1") == SECRET
    with pytest.raises(SealBroken, match="another place"):
        keys.open(sealed, "acme/C-2")


def test_the_same_text_is_never_sealed_alike() -> None:
    keys = Keys([Key.new()])
    assert keys.seal(SECRET, "p") != keys.seal(SECRET, "p")


def test_two_keys_open_and_the_first_seals() -> None:
    old, new = Key.new(), Key.new()
    before = Keys([old]).seal(SECRET, "p")
    both = Keys([new, old])
    assert (both.open(before, "p"), key_id(both.seal(SECRET, "p"))) == (SECRET, new.id)
    with pytest.raises(SealBroken, match="not at hand"):
        Keys([new]).open(before, "p")


def test_a_changed_text_does_not_open() -> None:
    keys = Keys([Key.new()])
    head, key, body = keys.seal(SECRET, "p").split(".")
    flipped = body[:30] + ("A" if body[30] != "A" else "B") + body[31:]
    with pytest.raises(SealBroken):
        keys.open(".".join((head, key, flipped)), "p")


@pytest.mark.parametrize("text", ["", "Frau Muster", "v1..", "v1.0123456789abcdef.A", "v1.0123456789abcdef.AAAA"])
def test_what_is_no_sealed_text_is_refused_in_words(text: str) -> None:
    key = Key.of(bytes(32))
    with pytest.raises(SealBroken):
        Keys([key]).open(text.replace("0123456789abcdef", key.id), "p")


@pytest.mark.parametrize("text", ["", "geheim-geheim", base64.b64encode(b"short").decode(), "ü" * 44])
def test_a_bad_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(KeyUnusable) as told:
        Key.parse(text)
    assert not text or text not in str(told.value)


def test_a_key_is_read_as_it_was_written_and_shows_nothing_of_itself() -> None:
    key = Key.new()
    assert Key.parse(key.text + "\n") == key
    assert key.text not in repr(key)
    assert str(key.raw) not in repr(key)
