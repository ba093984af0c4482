"""The suite of encoders: ours hold what they claim, and every claim can be broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stratus.crystals.facets import Facet
from stratus.encoders.table import ARCHITECTURES
from stratus.errors import InputError, StratusError
from stratus.testing import Claim, EncoderSuite, own_suites, report, usual_claims

NAMES = [suite.name for suite in own_suites()]
OF_POSITIONS = {Claim.SMOOTH_GRADIENTS, Claim.GRADIENTS}


@pytest.fixture(scope="module")
def suites():
    return {suite.name: suite for suite in own_suites()}


@pytest.fixture(scope="module")
def found(suites):
    return {name: suite.measurements() for name, suite in suites.items()}


def test_every_encoder_of_the_package_has_a_suite(suites):
    assert len(suites) == len(NAMES)
    assert {suite.probe.architecture.name for suite in suites.values()} == set(ARCHITECTURES)


@pytest.mark.parametrize("name", NAMES)
def test_an_encoder_of_the_package_holds_what_it_claims(found, name):
    assert not [str(one) for one in found[name] if one.broken]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_claimed_is_measured_and_shown(found, suites, name):
    measured = {one.claim: one for one in found[name]}
    assert list(measured) == list(Claim)
    assert {claim for claim, one in measured.items() if one.claimed} == suites[name].claims
    assert report(found[name]).count("not claimed") == len(set(Claim) - suites[name].claims)


def test_what_an_encoder_does_not_claim_does_not_hold_but_for_positions_it_does_not_read(found):
    unclaimed = {
        (one.encoder, one.claim): one for of in found.values() for one in of if not one.claimed
    }
    without = {key for key, one in unclaimed.items() if one.detail.startswith("no positions")}
    assert without == {
        (name, claim) for name in ("cloud", "orbit-set", "roost") for claim in OF_POSITIONS
    }
    assert not [str(one) for key, one in unclaimed.items() if key not in without and one.holds]


def test_strings_give_the_same_vector_bit_for_bit_however_a_crystal_is_written(found):
    ways = [Claim.ORDER, Claim.TRANSLATION, Claim.ROTATION, Claim.CELL, Claim.SUPERCELL]
    for name in ("cloud", "orbit-set", "roost"):
        assert [one.value for one in found[name] if one.claim in ways] == [0.0] * len(ways)


def test_a_small_encoder_without_a_fault_holds_every_claim(faulty):
    suite = EncoderSuite(faulty.name)
    assert suite.claims == set(Claim) == usual_claims(Facet.ATOMS)
    assert len(suite.check()) == len(Claim)


@pytest.mark.parametrize("claim", Claim)
def test_a_fault_is_found_by_its_claim(faulty, claim):
    suite = EncoderSuite(faulty, values={"fault": claim.value}, name="broken")
    found = suite.measure(claim)
    assert found.claimed
    assert found.broken
    only = EncoderSuite(faulty, values={"fault": claim.value}, claims=set(Claim) - {claim})
    assert not only.measure(claim).broken


@pytest.mark.parametrize("claim", [Claim.ROTATION, Claim.REFLECTION])
def test_vectors_that_do_not_turn_with_the_crystal_are_found(faulty, claim):
    assert EncoderSuite(faulty).measure(claim).holds
    assert EncoderSuite(faulty, values={"vectors": "wrong"}).measure(claim).broken


def test_a_broken_claim_is_said_with_its_number(faulty):
    with pytest.raises(StratusError, match=r"faulty: order of atoms: [0-9.e+-]+ \(largest change"):
        EncoderSuite(faulty, values={"fault": "order of atoms"}).check()


def test_what_is_no_number_breaks_a_claim(faulty):
    found = EncoderSuite(faulty, values={"fault": "isolated atom"}).measure(Claim.ISOLATED)
    assert found.value == float("inf")


def test_an_encoder_that_is_not_in_the_table_is_not_saved_and_that_is_said(faulty):
    outside = replace(faulty, name="unheard-of")
    found = EncoderSuite(outside).measure(Claim.BUNDLE)
    assert found.broken
    assert "there is no architecture 'unheard-of'" in found.detail


def test_an_encoder_or_a_preset_that_is_not_there_is_refused_with_the_close_ones():
    with pytest.raises(InputError, match="did you mean cgcnn"):
        EncoderSuite("cgcn")
    with pytest.raises(InputError, match="did you mean nano"):
        EncoderSuite("cgcnn", preset="nan")
    with pytest.raises(InputError, match="the config of cgcnn: cutoff_a"):
        EncoderSuite("cgcnn", values={"cutoff_a": -1})
