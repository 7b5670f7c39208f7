"""Prints the polynomials of math.h that are not Taylor's: near-minimax by Chebyshev interpolation with 60 digits (mpmath)."""

import mpmath as mp

mp.mp.dps = 60


def show(name: str, f, low, high, degree: int) -> None:
    coefficients, error = mp.chebyfit(f, [low, high], degree + 1, error=True)
    print(f"{name}: degree {degree}, error 2^{mp.nstr(mp.log(error, 2), 4)}")
    for k, c in enumerate(reversed(coefficients)):
        print(f"    x^{k}: {float(c).hex()}")


half_ln2 = mp.log(2) / 2 * (1 + mp.mpf(2) ** -20)
show("(exp(r) - 1 - r) / r^2", lambda r: (mp.expm1(r) - r) / r**2 if abs(r) > 1e-15 else mp.mpf(1) / 2, -half_ln2, half_ln2, 6)
show("atanh(sqrt z) / sqrt z, z <= 1/9", lambda z: mp.atanh(mp.sqrt(z)) / mp.sqrt(z) if z else mp.mpf(1), 0, mp.mpf(1) / 9, 6)
show("f32: (exp(r) - 1 - r) / r^2", lambda r: (mp.expm1(r) - r) / r**2 if abs(r) > 1e-15 else mp.mpf(1) / 2, -half_ln2, half_ln2, 4)
show("f32: log1p(e) / e, e <= 1", lambda e: mp.log1p(e) / e if e else mp.mpf(1), 0, 1, 9)
