"""Studies: computations that each answer one question of the lecture notes, with exact checks.

To add one, write a function of (options, setting) that returns :class:`Findings`, decorate it with
``@study``, and import its module here. Suites name it under ``[[study]]``.
"""

import genbench.studies.amortisation_gap
import genbench.studies.bits
import genbench.studies.collapse
import genbench.studies.disentanglement
import genbench.studies.elbo_identities
import genbench.studies.gradient_variance
import genbench.studies.hidden_pixels
import genbench.studies.kl_examples
import genbench.studies.minibatch_gradients
import genbench.studies.optimal_discriminator
import genbench.studies.polynomial_evidence
import genbench.studies.proposals
import genbench.studies.topics
import genbench.studies.vanishing_gradient
import genbench.studies.weights  # noqa: F401  the imports register the studies
from genbench.studies.study import Findings, NoOptions, Setting, Study, StudyCheck, studies, study

__all__ = ["Findings", "NoOptions", "Setting", "Study", "StudyCheck", "studies", "study"]
