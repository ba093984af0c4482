"""Differentiable laws of thermodynamics with their units, and derivatives of energies by strain.

All of thermodynamics is of a crystal of fixed volume: heat capacities are C_v, and pressure-volume
work is left out. The equations are in ``docs/explanation/thermodynamics.md``. This room knows torch
and nothing else.
"""
