"""What an encoder must hold, measured: for authors of encoders.

``EncoderSuite("cgcnn").check()`` raises if an encoder breaks a claim, and :func:`report` shows what
was measured of each, claimed or not.
"""

from stratus.testing.claims import Claim, usual_claims
from stratus.testing.encoder_suite import EncoderSuite
from stratus.testing.measurement import Measurement, report
from stratus.testing.own_suites import own_suites

__all__ = ["Claim", "EncoderSuite", "Measurement", "own_suites", "report", "usual_claims"]
