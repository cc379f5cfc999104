"""A Kafka in memory that speaks Kafka's protocol: logs, groups and transactions as far as the product relies on them."""
