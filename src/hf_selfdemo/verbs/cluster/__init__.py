"""`runner: ray`: the calls of a verb are made by the workers of a Ray cluster.

connection   join the cluster, and look at every node before anything is paid
stage        one stage of Ray Data: blocks of rows go to stateful actors
writing      what the actors do for demonstrate, and how they search
answering    what they do for evaluate
runner       a verb's calls by these stages, and their way into the run's ledger

Workers only fill ledgers. The verb then runs in one process as always and finds every call in its ledger, so that its
files are the same. Ray alone schedules, restarts workers and repeats blocks.
"""
