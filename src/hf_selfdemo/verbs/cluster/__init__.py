"""`runner: ray`: the workers of a Ray cluster make the calls of a command.

connection   join the cluster, and check every node before any call is paid for
stage        one stage of Ray Data: stateful actors process blocks of rows
writing      the work of the actors for demonstrate, and searching
answering    the work of the actors for evaluate
runner       run these stages, and collect the calls in the generation cache of the run

Workers only fill caches. Then the command runs in one process as usual and finds every call in its cache, so it writes
the same files. Ray schedules, restarts workers and repeats blocks.
"""
