"""The running worker: the engine inside a Faust app, with its pages, its clock and its metrics.

`shell.run_worker(config, processor, describe)` runs it; `config.engine_config` names the product's topics to the engine. No rule is decided
here and no record of the product written but the clock's ticks.
"""
