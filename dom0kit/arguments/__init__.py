"""Arguments of command lines: the parser and its errors, and types that refuse nonsense before any work begins.

Each type, given to ``add_argument(type=...)``, raises :class:`argparse.ArgumentTypeError` with one sentence, and a hint after
:data:`dom0kit.arguments.parser.HINT` where it knows one.
"""
