"""The launcher: a process that gives up what a parser does not need, then becomes the parser.

Code run between fork and exec is unsafe with threads, so limits are set by a fresh Python that
runs nothing else: ``python -I -S -c … launch(…)``. It imports the standard library alone and, of
this program, only the modules of this folder. :mod:`evidence_vault.capture.confine` starts it.
"""
