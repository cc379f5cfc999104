"""The agencies, one folder each with the same file names. An agency knows `connectors.delivery.agency` and nothing of another agency."""
