"""The whole chain on one machine: a Kafka, a worker, a connector and an agency's sandbox, over simulated days of the past.

- `cases`: what is published: the generated stories, or a file with what the chain needs besides.
- `chain`: the processes, and that none of them is left.
- `quiet`: waiting until everybody has done what there is to do.
- `watching`: what goes by on the output topics.
- `display`: how that is shown.
- `history`: the path of one contract, for a person.
- `demo`: all of it, day after day.
"""
