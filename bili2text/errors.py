"""The one error tree. Each class has a stable exit code, each error one line of what and one of what to do.

Bili2TextError            1  failed
├── UsageError            2  the command line or the settings contradict themselves
├── SourceError           3  the input is missing or unusable
│   ├── DownloadError     3  a link did not give us its sound
│   └── MediaError        3  a file holds no sound that can be decoded
├── DependencyError       4  a program or library is missing or too old
├── ModelError            4  a model is missing, incomplete or not what its hash says
├── RuntimeFailure        5  something broke while running
│   ├── OutOfMemory       5  the device has no room for what was planned
│   ├── DeviceFailure     5  the graphics card failed or refused
│   │   └── PrecisionFailure  5  it refuses a precision, or computes nonsense in it
│   └── StorageError      5  the disk is full, or a folder refuses us
├── Incomplete            6  finished, but not everything that was asked for is there
└── Interrupted         130  stopped by the user
"""

from __future__ import annotations


class Bili2TextError(Exception):
    """What happened, for a person; `hint` is what to do about it, or empty."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(Bili2TextError):
    """The command line or the settings contradict themselves."""

    exit_code = 2


class SourceError(Bili2TextError):
    """The input is missing or unusable."""

    exit_code = 3


class DownloadError(SourceError):
    """A link did not give us its sound."""


class MediaError(SourceError):
    """A file holds no sound that can be decoded."""


class DependencyError(Bili2TextError):
    """A program or library is missing or too old."""

    exit_code = 4


class ModelError(Bili2TextError):
    """A model is missing, incomplete or not what its hash says."""

    exit_code = 4


class RuntimeFailure(Bili2TextError):
    """Something broke while running."""

    exit_code = 5


class OutOfMemory(RuntimeFailure):
    """The device has no room for what was planned."""


class DeviceFailure(RuntimeFailure):
    """The graphics card failed or refused."""


class PrecisionFailure(DeviceFailure):
    """The device refuses a precision, or computes nonsense in it: another one may do."""


class StorageError(RuntimeFailure):
    """The disk is full, or a folder refuses us."""


class Incomplete(Bili2TextError):
    """Finished, but not everything that was asked for is there."""

    exit_code = 6


class Interrupted(Bili2TextError):
    """Stopped by the user."""

    exit_code = 130
