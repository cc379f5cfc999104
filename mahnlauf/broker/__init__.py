"""A Kafka broker for a laptop, the demo and the tests: one KRaft node on loopback, from jars or, where there is no Java, in Docker."""
