"""Images of one's own, from a path to a data set.

Reading: ``read`` opens what a path holds, with ``folder``, ``numpy_files`` and ``parquet`` (its
columns in ``parquet_columns``). Files of images are decoded in ``pictures`` and collected in
``stack``; ``arrays`` reads arrays. Both end in ``images``, by way of ``levels``, ``labels`` and
``parts``. ``limits`` is what a file may ask for.

From there: ``splitting`` divides and digests, and ``load`` puts all together for
``genbench.data``. ``names`` and ``registry`` are what own data are called.

Looking: ``describe`` tells what was read, ``checks`` (with ``near`` and ``jpeg``) what will hurt
later. ``export`` writes what can be read again.
"""
