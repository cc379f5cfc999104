"""What a worker's /metrics say, summed over labels that nobody asked for."""

from collections import Counter
from collections.abc import Iterable
from typing import Self

from prometheus_client.parser import text_string_to_metric_families


class Figures:
    """Samples by name and labels."""

    def __init__(self) -> None:
        self._samples: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()

    @classmethod
    def read(cls, page: str) -> Self:
        found = cls()
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                found._samples[sample.name, frozenset(sample.labels.items())] += sample.value  # type: ignore[assignment]
        return found

    @classmethod
    def together(cls, many: Iterable[Self]) -> Self:
        """The sum of those of several processes."""
        found = cls()
        for one in many:
            found._samples.update(one._samples)
        return found

    def total(self, name: str, **labels: str) -> int:
        """The sum of `mahnlauf_<name>` over all samples that have these labels."""
        wanted = labels.items()
        return int(sum(value for (found, has), value in self._samples.items() if found == f"mahnlauf_{name}" and wanted <= set(has)))

    def labels(self, name: str, label: str) -> set[str]:
        """The values that `label` has in the samples of `mahnlauf_<name>`."""
        return {dict(has)[label] for found, has in self._samples if found == f"mahnlauf_{name}"}

    def transactions(self) -> str:
        """Committed, aborted and fenced, in words."""
        return ", ".join(f"{self.total('transactions_total', outcome=outcome)} {outcome}" for outcome in ("committed", "aborted", "fenced"))
