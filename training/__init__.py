"""How the embedded models were made: the synthetic world, training commands, evaluation.

Nothing outside `training/` and `bench/` may import from here.
"""
