"""Smooth outlines: sampled Bézier curves, mirrored halves, offsets."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_MIRROR = np.array([-1.0, 1.0])


@lru_cache(maxsize=16)
def _bernstein(num_points: int) -> NDArray[np.float64]:
    t = np.linspace(0, 1, num_points)
    s = 1 - t
    return np.stack([s**3, 3 * s**2 * t, 3 * s * t**2, t**3], axis=1)


def curve(*controls: tuple[float, float], num_points: int = 10) -> Points:
    """Return points along the cubic Bézier curve of four control points."""
    path: Points = _bernstein(num_points) @ np.array(controls)
    return path


def points(*given: tuple[float, float]) -> Points:
    """Return points as an array."""
    return np.array(given, dtype=np.float64)


def moved(outline: Points, x: float, y: float) -> Points:
    """Return an outline, or one point, moved."""
    placed: Points = outline + np.array([x, y])
    return placed


def mirrored(outline: Points) -> Points:
    """Return the outline on the other side of the centre line."""
    other_side: Points = outline * _MIRROR
    return other_side


def start_of(path: Points, length: float) -> Points:
    """Return the first part of a path, up to a length along it."""
    run = np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    if run[-1] <= length:
        return path
    end = [np.interp(length, run, path[:, 0]), np.interp(length, run, path[:, 1])]
    return np.concatenate([path[run < length], [end]])


def resampled(path: Points, num_points: int) -> Points:
    """Return a path as evenly spaced points."""
    run = np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    at = np.linspace(0, run[-1], num_points)
    return np.stack([np.interp(at, run, path[:, 0]), np.interp(at, run, path[:, 1])], axis=1)


def outwards(path: Points) -> Points:
    """Return the unit normals of a right-hand neckline edge, pointing away from the opening."""
    along = np.gradient(path, axis=0)
    normal = np.stack([along[:, 1], -along[:, 0]], axis=1)
    lengths = np.maximum(np.hypot(normal[:, 0], normal[:, 1]), 1e-6)
    unit: Points = normal / lengths[:, None]
    return unit
