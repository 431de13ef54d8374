"""Multinomial logistic regression, many problems over one matrix at once. NumPy only.

Cross-validation over folds and strengths asks for some twenty fits of the same rows. Fitted together, each
pass over the matrix serves all of them, which is what a memory-bound product needs. Method: L-BFGS (Nocedal
and Wright, Numerical Optimization, 2nd ed., algorithm 7.5) with Armijo backtracking, one step length per
problem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

_MEMORY = 8
_ARMIJO = 1e-4
_HALVINGS = 12
_SMALL_GRADIENT = 1e-5


@dataclass(frozen=True)
class Problems:
    """`x` (n, d) shared rows, `y` (n,) classes, `weights` (p, n) summing to one per problem, `l2` (p,)."""

    x: Matrix
    y: NDArray[np.int64]
    weights: Matrix
    l2: Matrix
    classes: int

    def evaluate(self, theta: Matrix, which: NDArray[np.int64]) -> tuple[Matrix, Matrix]:
        """Loss (k,) and gradient (k, d + 1, c) of the problems `which` at `theta` (k, d + 1, c).

        Loss: weighted mean cross-entropy + l2 / 2 * |weights|^2, the bias free.
        """
        count, width = len(which), self.x.shape[1]
        flat = theta[:, :width].transpose(1, 0, 2).reshape(width, count * self.classes)
        logits = (self.x @ flat).reshape(-1, count, self.classes) + theta[:, width]
        logits -= logits.max(2, keepdims=True)
        rows = np.arange(len(self.y))
        true_logits = logits[rows, :, self.y]
        np.exp(logits, out=logits)
        total = logits.sum(2)
        weights = self.weights[which].T
        loss = (weights * (np.log(total) - true_logits)).sum(0)
        logits *= (weights / total)[:, :, None]
        logits[rows, :, self.y] -= weights
        gradient = np.empty_like(theta)
        products = self.x.T @ logits.reshape(len(self.y), count * self.classes)
        gradient[:, :width] = products.reshape(width, count, self.classes).transpose(1, 0, 2)
        gradient[:, width] = logits.sum(0)
        l2 = self.l2[which]
        loss += 0.5 * l2 * np.einsum("kdc,kdc->k", theta[:, :width], theta[:, :width])
        gradient[:, :width] += l2[:, None, None] * theta[:, :width]
        return loss.astype(np.float32), gradient


class Fitter:
    """The state of the descent, so that it can be run in stages and looked at in between."""

    def __init__(self, problems: Problems) -> None:
        count = len(problems.l2)
        self.problems = problems
        self.theta = np.zeros((count, problems.x.shape[1] + 1, problems.classes), np.float32)
        self.loss, self._gradient = problems.evaluate(self.theta, np.arange(count))
        self._moves: list[tuple[Matrix, Matrix, Matrix]] = []  # (step, change of gradient, 1 / their product)
        self._active = np.ones(count, bool)

    def run(self, iterations: int, check: Callable[[], None] | None = None) -> None:
        """Up to `iterations` steps for each problem that has not come to rest. `check` runs after each."""
        for _ in range(iterations):
            if not self._active.any():
                return
            self._step()
            if check:
                check()

    def _step(self) -> None:
        direction = self._direction()
        slope = _dot(direction, self._gradient)
        uphill = slope >= 0
        direction[uphill] = -self._gradient[uphill]
        slope[uphill] = -_dot(self._gradient[uphill], self._gradient[uphill])
        theta, loss, gradient = self._search(direction, slope)
        step, change = theta - self.theta, gradient - self._gradient
        product = _dot(step, change)
        usable = product > 1e-12
        inverse = np.where(usable, 1 / np.where(usable, product, 1), 0).astype(np.float32)
        self._moves = [*self._moves[-_MEMORY + 1 :], (step, change, inverse)]
        resting = (self.loss - loss) < 1e-6 * np.maximum(self.loss, 1e-3)
        resting |= np.abs(gradient).max((1, 2)) < _SMALL_GRADIENT
        self.theta, self.loss, self._gradient = theta, loss, gradient
        self._active &= ~resting

    def _direction(self) -> Matrix:
        """The two-loop recursion, for all problems side by side."""
        q = self._gradient.copy()
        factors = []
        for step, change, inverse in reversed(self._moves):
            factor = inverse * _dot(step, q)
            q -= factor[:, None, None] * change
            factors.append(factor)
        if self._moves:
            step, change, inverse = self._moves[-1]
            square = _dot(change, change)
            scale = np.where(inverse > 0, _dot(step, change) / np.maximum(square, 1e-30), 1)
        else:
            scale = 1 / np.maximum(np.sqrt(_dot(q, q)), 1e-12)
        q *= scale[:, None, None]
        for (step, change, inverse), factor in zip(self._moves, reversed(factors), strict=True):
            back = inverse * _dot(change, q)
            q += (factor - back)[:, None, None] * step
        return -q

    def _search(self, direction: Matrix, slope: Matrix) -> tuple[Matrix, Matrix, Matrix]:
        """Halve each active problem's step until its loss falls enough; a problem that cannot move stays."""
        theta, loss, gradient = self.theta.copy(), self.loss.copy(), self._gradient.copy()
        waiting = np.flatnonzero(self._active)
        length = 1.0
        for _ in range(_HALVINGS):
            trial = self.theta[waiting] + np.float32(length) * direction[waiting]
            new_loss, new_gradient = self.problems.evaluate(trial, waiting)
            good = new_loss <= self.loss[waiting] + _ARMIJO * length * slope[waiting]
            chosen = waiting[good]
            theta[chosen], loss[chosen], gradient[chosen] = trial[good], new_loss[good], new_gradient[good]
            waiting = waiting[~good]
            if not len(waiting):
                break
            length /= 2
        return theta, loss, gradient


def probabilities(x: Matrix, theta: Matrix) -> Matrix:
    """(n, d) and (d + 1, c) -> (n, c)."""
    return softmax(x @ theta[:-1] + theta[-1])


def softmax(logits: Matrix) -> Matrix:
    """Row by row, (n, c) -> (n, c)."""
    exponent = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(exponent / exponent.sum(1, keepdims=True), np.float32)


def _dot(a: Matrix, b: Matrix) -> Matrix:
    return np.asarray(np.einsum("kdc,kdc->k", a, b), np.float32)
