"""What no test would notice: small edits of the package, made one at a time: ``python -m tests.mutation``.

Of the tools there are, mutmut runs its tests with pytest alone, and cosmic-ray edits the files in place and runs the
same command for each edit.  Here an edit is in the memory of the process that runs the tests, and the tests are those
that reach the line: a mutant takes seconds, and nothing else notices.
"""
