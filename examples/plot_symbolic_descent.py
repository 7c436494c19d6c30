"""
Where does gradient descent end on a function of your own?
==========================================================

At a minimum, if there is one that way. A function without one is descended for ever, one with a domain may be left by
too long a step, and every path says in a sentence how it ended. The function is typed as text
(:class:`~gdlearn.symbolic.SymbolicFunction`), its gradient found by rules.
"""

# %%
# A function without a minimum
# ----------------------------
# f = x²y + sin(xy) has a saddle at the origin, where ∇f = 0 without a minimum. From (1, 1) the steps come to a valley
# in which f falls towards −1 as y grows, and reaches it nowhere. On the other side of the saddle f has no bound: each
# step is longer than the last, until f overflows.

import matplotlib.pyplot as plt

from gdlearn.inspection import DescentPathDisplay, LossCurveDisplay
from gdlearn.symbolic import SymbolicFunction

f = SymbolicFunction("x**2*y + sin(x*y)")
print(f"∂f/∂x = {f.partials['x']}, ∂f/∂y = {f.partials['y']}\n")
valley, fall = f.descend([1.0, 1.0], 0.1), f.descend([1.0, -0.2], 0.1)
print(valley)
print()
print(fall)
DescentPathDisplay.from_function(f, [valley, fall], names=["from (1, 1)", "from (1, −0.2)"], ylim=(-1.5, 2.5))

# %%
# A domain with an edge
# ---------------------
# g = x² + y² − ln x is defined for x > 0 only and has its minimum at x = 1/√2, y = 0. From (3, 1) the rate 0.1 gets
# there. With 0.6 the first step would land beyond the edge: the path ends at the last point inside, and says why. The
# line search refuses every step that does not reduce g, and with them all that leave the domain.

g = SymbolicFunction("x**2 + y**2 - ln(x)")
paths = [g.descend([3.0, 1.0], rate) for rate in (0.1, 0.6, "backtracking")]
for path in paths:
    print(f"\n{path.message}")
DescentPathDisplay.from_function(g, paths, xlim=(-0.6, 3.6))

# %%
# The same by number of steps
# ---------------------------
# How far g is above its minimum, (1 + ln 2)/2. A fixed rate approaches it by the same factor at every step.

LossCurveDisplay.from_paths([paths[0], paths[2]], minimum=g([0.5**0.5, 0.0]))

# %%
# A rate that is too large
# ------------------------
# Near a minimum with largest curvature L a fixed rate is stable below 2/L. Above it every step leads farther away,
# until f overflows; the message estimates L where f began to rise.

rosenbrock = SymbolicFunction("(1 - x)**2 + 100*(y - x**2)**2")
print(f"\n{rosenbrock.descend([-1.2, 1.0], 0.1).message}")
print(f"\n{rosenbrock.descend([-1.2, 1.0], 'backtracking', max_iter=20_000).message}")
plt.show()
