"""What is stored of a suite: its table, its records and the folders of its runs; never torch.

Runs write these files; reports, comparisons and the gate read them through
:class:`~genbench.results.suite.StoredSuite`, which is opened once and passed down.
"""
