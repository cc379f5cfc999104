"""Ids follow from what they name (`escalation.md` 7)."""

from uuid import NAMESPACE_DNS, uuid5

from schemas import ids


def test_the_namespace_is_the_products() -> None:
    assert uuid5(NAMESPACE_DNS, "mahnlauf") == ids.NAMESPACE


def test_ids_are_uuid5_of_the_written_name() -> None:
    key = ids.contract_key("acme", "C/1")
    assert ids.handover_id(key, 1, 2) == str(uuid5(ids.NAMESPACE, "acme/C/1/1/2"))
    assert ids.output_id(key, 3, "notice.reminder", 4) == str(uuid5(ids.NAMESPACE, "acme/C/1/3/notice.reminder/4"))
