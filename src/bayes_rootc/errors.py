"""Named errors. Each message says where, which value, and what would be right."""

from __future__ import annotations


class RootcError(Exception):
    """Base of every error that a user can cause and mend; the commands end with exit code 2."""


class UnitError(RootcError):
    """A physical value lies outside the range in which it has a meaning."""


class SpecError(RootcError):
    """A model file (``models/*.toml``) has an unknown key, a wrong value, or cannot be read."""


class DataError(RootcError):
    """An input table cannot be read or holds impossible values."""


class AtmosphereError(RootcError):
    """An unknown zone, or a year for which no atmospheric radiocarbon is known."""


class FetchError(RootcError):
    """A download failed or its checksum is wrong."""


class WriteError(RootcError):
    """A result could not be written; nothing half-written is left behind."""


class RunError(RootcError):
    """A stored run is missing, unreadable, or belongs to another spec or other data."""


class SamplingError(RootcError):
    """The sampler could not start or left no usable draws."""


class SamplingInterrupted(RootcError):
    """The user stopped the sampler; the draws made so far are kept as a partial run."""

    exit_code = 130
