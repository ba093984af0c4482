"""The suites of the encoders of the package: what each of them claims."""

from __future__ import annotations

from stratus.crystals.facets import Facet
from stratus.testing.claims import Claim, usual_claims
from stratus.testing.encoder_suite import EncoderSuite


def own_suites(seed: int = 0) -> list[EncoderSuite]:
    """Return the suite of each encoder of the package, of its preset ``nano``.

    The atom transformer comes in its three geometries: the published one is told coordinates and
    the order of atoms, and so claims what of a crystal does not depend on either; nearest images
    change with a supercell, and where another image is nearest, forces jump.

    CGCNN comes twice: with the twelve nearest neighbours, as it was published, and with all within
    the cutoff, at which their messages fade; EquiformerV2 likewise. Its layers in the frame of an
    edge keep no parity, so it tells mirror images apart.

    Args:
        seed: of weights, crystals and the ways in which they are rewritten.
    """
    of_strings, of_atoms = usual_claims(Facet.SCOPE), usual_claims(Facet.ATOMS)
    of_elements = of_strings - {Claim.POLYMORPHS} | {Claim.REFLECTION, Claim.SMOOTH}
    of_nearest = of_atoms - {Claim.SMOOTH, Claim.SMOOTH_GRADIENTS}
    all_fading = {"max_neighbours": None, "fading": True}
    of_coordinates = of_atoms - {
        *(Claim.ORDER, Claim.TRANSLATION, Claim.ROTATION, Claim.REFLECTION, Claim.CELL),
        *(Claim.SUPERCELL, Claim.ISOLATED, Claim.SEPARATION),
    }
    of_images = of_atoms - {
        *(Claim.SUPERCELL, Claim.SMOOTH_GRADIENTS, Claim.ISOLATED, Claim.SEPARATION)
    }
    return [
        EncoderSuite("atom_transformer", claims=of_images, seed=seed),
        EncoderSuite(
            "atom_transformer",
            values={"geometry": "neighbours"},
            claims=of_atoms,
            name="atom_transformer, neighbours",
            seed=seed,
        ),
        EncoderSuite(
            "atom_transformer",
            values={"geometry": "absolute", "element_properties": False},
            claims=of_coordinates,
            name="atom_transformer, absolute",
            seed=seed,
        ),
        EncoderSuite("cloud", claims=of_strings, seed=seed),
        EncoderSuite("orbit-set", claims=of_strings, seed=seed),
        EncoderSuite("roost", claims=of_elements, seed=seed),
        EncoderSuite("bond-graph", claims=of_atoms, seed=seed),
        EncoderSuite("cgcnn", claims=of_nearest, seed=seed),
        EncoderSuite("cgcnn", values=all_fading, claims=of_atoms, name="cgcnn, fading", seed=seed),
        EncoderSuite("equiformer_v2", claims=of_nearest - {Claim.REFLECTION}, seed=seed),
        EncoderSuite(
            "equiformer_v2",
            values={**all_fading, "cutoff_a": 5.0},
            claims=of_atoms - {Claim.REFLECTION},
            name="equiformer_v2, fading",
            seed=seed,
        ),
        EncoderSuite("megnet", claims=of_nearest - {Claim.SEPARATION}, seed=seed),
        EncoderSuite(
            "megnet",
            values=all_fading,
            claims=of_atoms - {Claim.SEPARATION},
            name="megnet, fading",
            seed=seed,
        ),
        EncoderSuite("gala", claims=of_nearest, seed=seed),
        EncoderSuite(
            "gala",
            values={**all_fading, "cutoff_a": 4.5},
            claims=of_atoms,
            name="gala, fading",
            seed=seed,
        ),
        EncoderSuite("egnn", claims=of_atoms, seed=seed),
        EncoderSuite("fcn", claims=of_atoms, seed=seed),
        EncoderSuite("schnet", claims=of_atoms, seed=seed),
    ]
