"""Errors that the person at the keyboard can put right; each message ends with the next step."""


class UserError(Exception):
    """Base of the errors below: show the message, not a traceback."""


class DeviceError(UserError):
    """P2V_DEVICE or P2V_THREADS asks for something that isn't there."""


class DataMissingError(UserError):
    """A data set, photograph or package isn't on this machine."""


class DataDamagedError(UserError):
    """A file is there but doesn't hold what it should."""


class FetchError(UserError):
    """A download couldn't be finished or didn't pass its checksum."""
