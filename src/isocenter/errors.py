"""Every fault a user can cause, by name.

    IsocenterError                 exit 1: a fault in the data or the request
    ├── InputError                 what was given cannot be read
    │   ├── MissingPath            no such file or folder
    │   ├── EmptyInput             a folder or table that holds nothing usable
    │   ├── UnknownFormat          a kind of file that is not read (yet)
    │   ├── UnreadableFile         truncated, damaged or zero bytes
    │   ├── UnsafeFile             holds code or objects, never loaded
    │   ├── OpaqueMatlab           MATLAB variables that are not read: struct, datetime, objects
    │   ├── BadShape               arrays of the wrong number of dimensions or lengths
    │   ├── BadValues              infinite or empty features, scores that are no probabilities
    │   ├── BadGeometry            slices or masks that do not fit together
    │   ├── EmptyRegion            a mask that marks nothing, or nothing that can be used
    │   ├── TooManyLevels          bins so narrow that texture has no meaning
    │   └── TooManyVoxels          a new grid so fine that it fits in no memory
    ├── LabelError                 the table of labels
    │   ├── UnknownColumn          a column that is not there
    │   ├── NoTarget               no column to predict, or several to choose from
    │   ├── NoMatch                labels that belong to none of the files
    │   │   └── UnusedRow          one row of them: neither a case nor an image was found
    │   ├── LostZeros              ids read as numbers: 007 became 7
    │   ├── AmbiguousId            one id, several files, no role declared
    │   ├── ConflictingRows        one id, different contents
    │   └── BadTarget              one class only, or values that do not suit the task
    ├── CohortError                the cohort cannot carry what was asked
    │   ├── TooFewPatients         fewer patients than parts or folds need
    │   ├── TooManyExcluded        above the limit of excluded cases
    │   ├── CriterionNotMet        no threshold reaches what --decide asks for
    │   ├── NothingLeft            filters or selection that remove every feature
    │   └── PatientInTwoParts      a split that separates images of a patient
    ├── ModelError                 a saved model
    │   ├── DamagedBundle          not a bundle, or a member that fails its SHA-256
    │   ├── InputDoesNotFit        other features, modality, dimensions or values
    │   └── SeenInTraining         a test case that the model has learned from
    ├── ProjectError               the project folder
    │   ├── OtherVersion           written by a version that lays things out otherwise
    │   ├── MissingStep            an earlier step has not been run
    │   ├── OtherStudy             holds the study of something else
    │   └── NotWritable            full or read-only disk
    └── UsageError                 exit 2: an option or name that does not exist
        └── MissingExtra           an optional dependency that is not installed

A message says what, where and what to do next. Per-case faults do not stop a run: they become
`Fault` rows, and the counts reconcile (found = used + excluded + unlabelled).
"""

from __future__ import annotations

from dataclasses import dataclass


class IsocenterError(Exception):
    """A fault in the data or the request; `str(error)` is the message with its remedy."""

    exit_code = 1

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what} {remedy}".strip())
        self.what = what
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[IsocenterError], tuple[str, str]]:
        return type(self), (self.what, self.remedy)


class InputError(IsocenterError):
    """What was given cannot be read."""


class MissingPath(InputError):
    """No such file or folder."""


class EmptyInput(InputError):
    """A folder or table that holds nothing usable."""


class UnknownFormat(InputError):
    """A kind of file that is not read."""


class UnreadableFile(InputError):
    """Truncated, damaged or zero bytes."""


class UnsafeFile(InputError):
    """Holds code or objects; never loaded."""


class OpaqueMatlab(InputError):
    """MATLAB variables that are not read: struct, datetime, objects of classes; Octave's own formats."""


class BadShape(InputError):
    """Arrays of the wrong number of dimensions, or of lengths that differ."""


class BadValues(InputError):
    """Infinite features, features without a value, or scores that are no probabilities."""


class BadGeometry(InputError):
    """Slices or masks that do not fit together in space."""


class EmptyRegion(InputError):
    """A mask that marks no voxel, or none that is left after interpolation and re-segmentation."""


class TooManyLevels(InputError):
    """Bins so narrow that the texture of a region has more grey levels than can be counted."""


class TooManyVoxels(InputError):
    """A new grid so fine, around a region so large, that its voxels fit in no memory."""


class LabelError(IsocenterError):
    """A fault in the table of labels."""


class UnknownColumn(LabelError):
    """A column that is not there."""


class NoTarget(LabelError):
    """No column to predict, or several to choose from."""


class NoMatch(LabelError):
    """Labels that belong to none of the files."""


class UnusedRow(NoMatch):
    """A row of labels that belongs to none of the files, or has no id: neither a case nor an image was found."""


class LostZeros(LabelError):
    """Ids that were read as numbers: 007 became 7."""


class AmbiguousId(LabelError):
    """One id, several files, no role declared."""


class ConflictingRows(LabelError):
    """One id, rows with different contents."""


class BadTarget(LabelError):
    """One class only, or values that do not suit the task."""


class CohortError(IsocenterError):
    """The cohort cannot carry what was asked."""


class TooFewPatients(CohortError):
    """Fewer patients than the parts or folds need."""


class TooManyExcluded(CohortError):
    """Above the limit of excluded cases."""


class CriterionNotMet(CohortError):
    """No threshold reaches what was asked of it."""


class NothingLeft(CohortError):
    """Filters or selection that remove every feature."""


class PatientInTwoParts(CohortError):
    """A split that separates the images of one patient."""


class ModelError(IsocenterError):
    """A fault of a saved model, or of what it was asked to predict."""


class DamagedBundle(ModelError):
    """Not a bundle, or a member that fails its SHA-256."""


class InputDoesNotFit(ModelError):
    """Other features, modality, dimensions or values than the model was trained on."""


class SeenInTraining(ModelError):
    """A case of an external test that the model has learned from."""


class ProjectError(IsocenterError):
    """A fault of the project folder."""


class OtherVersion(ProjectError):
    """A project folder of a version that lays things out otherwise."""


class MissingStep(ProjectError):
    """An earlier step has not been run."""


class NotWritable(ProjectError):
    """A full or read-only disk."""


class OtherStudy(ProjectError):
    """A project folder that holds the study of something else."""


class UsageError(IsocenterError):
    """An option or a name that does not exist."""

    exit_code = 2


class MissingExtra(UsageError):
    """An optional dependency that is not installed."""


REQUESTED = "ExcludedByRequest"  # code of a Fault for what the user left out by name


@dataclass(frozen=True, slots=True)
class Fault:
    """One item left out, and why: a row of the table of excluded cases.

    where: case id, file or table row; code: the error's class name, e.g. "UnreadableFile";
    reason: what is wrong; remedy: what to do next; label: its class, where known, so that a
    difference between classes in what is left out can be seen.
    """

    where: str
    code: str
    reason: str
    remedy: str = ""
    label: str | None = None

    @property
    def of_row(self) -> bool:
        """Whether it is about a row of a table that no case came from, so that no case is lost."""
        return self.code == UnusedRow.__name__

    @classmethod
    def of(cls, where: str, error: IsocenterError, label: str | None = None) -> Fault:
        """The error of one case or file as a fault, by the name of its class."""
        return cls(where, type(error).__name__, error.what, error.remedy, label)
